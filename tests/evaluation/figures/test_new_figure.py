"""A figure is one file: dropped into the folder of figures, it is everywhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

PROJECT = Path(__file__).parents[3]
FIGURE = '''\
"""How sure the network is."""

from regbench.evaluation.figures.base import SHARE, USUAL, Better, Figure, Shown, Trained


def _mean_confidence(trained: Trained) -> float:
    return float(trained.judged_probabilities.max(axis=1).mean())


def _by_class(trained: Trained) -> dict[str, float]:
    shares = trained.judged_probabilities.mean(axis=0)
    return dict(zip(trained.classes, shares.tolist(), strict=True))


FIGURES = (
    Figure(
        name="mean_confidence",
        title="confidence",
        meaning="the mean probability of the chosen class on the {part} images",
        unit=SHARE,
        digits=1,
        better=Better.LOWER,
        compute=_mean_confidence,
        shown=USUAL | Shown.TEXT,
    ),
    Figure(
        name="mean_probability",
        title="mean probability",
        meaning="the mean probability of a class on the {part} images",
        unit=SHARE,
        setting="class",
        compute=_by_class,
        shown=Shown.REPORT,
    ),
)
'''


@pytest.fixture(scope="module")
def made(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of ``kedro run`` in a copy of the project with one more file."""
    copy = tmp_path_factory.mktemp("project")
    without = shutil.ignore_patterns("__pycache__", "local")
    for folder in ("src", "conf"):
        shutil.copytree(PROJECT / folder, copy / folder, ignore=without)
    (copy / "conf/local").mkdir()
    shutil.copy(PROJECT / "pyproject.toml", copy)
    (copy / "src/regbench/evaluation/figures/confidence.py").write_text(FIGURE)
    small = "protocol.epochs=1,protocol.seeds=2,protocol.batch_size=64"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "kedro", "run", "--pipelines=baseline,l2,reporting"),
            *("--runner=SequentialRunner", f"--params=images={small_set},data_root=data,{small}"),
        ],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "confidence" in done.stdout
    return copy / "data"


@pytest.fixture(scope="module")
def confidence(made: Path) -> float:
    """The baseline's, by the images' predictions."""
    found = [
        pd.read_parquet(made / f"07_model_output/baseline/seed_{seed}/predictions.parquet")
        for seed in (1, 2)
    ]
    return float(np.mean([of[of["split"] == "test"]["confidence"].mean() for of in found]))


def test_it_is_measured_and_compared(made: Path, confidence: float) -> None:
    metrics = [
        json.loads((made / f"07_model_output/baseline/seed_{seed}/metrics.json").read_text())
        for seed in (1, 2)
    ]
    assert np.mean([of["mean_confidence"] for of in metrics]) == pytest.approx(confidence)
    compared = pd.read_csv(made / "08_reporting/comparison.csv").set_index("technique")
    assert compared.at["baseline", "mean_confidence"] == pytest.approx(confidence)
    assert 0 < compared.at["l2", "mean_confidence"] < 1


def test_the_report_shows_and_explains_it(made: Path, confidence: float) -> None:
    page = (made / "08_reporting/report.html").read_text()
    table = page.partition('id="techniques"')[2].partition("</section>")[0]
    headings = re.findall(r"<button type=\"button\">(.*?)</button>", table)
    assert headings[-1] == "confidence, %"  # behind all others
    (row,) = re.findall(r'<tr class="baseline">(.*?)</tr>', table, re.DOTALL)
    assert re.findall(r"<td.*?>(.*?)</td>", row)[-1] == f"{100 * confidence:.1f}"
    assert (
        "<dt>confidence, %</dt><dd>the mean probability of the chosen class on the test images; "
        "lower is better</dd>" in table
    )
    further = page.partition('id="further"')[2].partition("</section>")[0]
    assert "<p>The mean probability of a class on the test images; means over seeds.</p>" in further
    assert len(re.findall(r'<th scope="col">', further)) == 11


def test_the_markdown_table_has_it(made: Path, confidence: float) -> None:
    text = (made / "08_reporting/comparison.md").read_text()
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    rows = {line[0].strip(): line for line in lines}
    column = [heading.strip() for heading in lines[0]].index("confidence")
    assert rows["baseline (reference)"][column].strip() == f"{100 * confidence:.1f}%"
    assert "confidence: the mean probability of the chosen class on the test images" in text


def test_the_history_keeps_it(made: Path, confidence: float) -> None:
    history = pd.read_parquet(made / "09_history/history.parquet").set_index("technique")
    assert history.at["baseline", "mean_confidence"] == pytest.approx(confidence)
    page = (made / "09_history/history.html").read_text()
    assert '<th scope="col">confidence, %</th>' in page
    assert f"<td>{100 * confidence:.1f}</td>" in page
