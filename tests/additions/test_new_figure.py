"""A figure is one file: dropped into the folder of figures, it is everywhere."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Kedro = Callable[..., "subprocess.CompletedProcess[str]"]
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


@pytest.fixture
def made(project: Path, kedro: Kedro, tmp_path: Path) -> Path:
    """The results of ``kedro run`` in a copy of the project with one more file."""
    (project / "src/regbench/evaluation/figures/confidence.py").write_text(FIGURE)
    done = kedro("--pipelines=baseline,l2,reporting", "--runner=SequentialRunner")
    assert done.returncode == 0, done.stderr
    assert "confidence" in done.stdout
    return tmp_path / "results"


def test_is_measured_compared_told_and_kept(made: Path) -> None:
    metrics, predictions = [], []
    for seed in (1, 2):
        folder = made / f"07_model_output/baseline/seed_{seed}"
        metrics.append(json.loads((folder / "metrics.json").read_text()))
        answers = pd.read_parquet(folder / "predictions.parquet")
        predictions.append(answers[answers["split"] == "test"]["confidence"].mean())
    confidence = float(np.mean(predictions))
    assert np.mean([of["mean_confidence"] for of in metrics]) == pytest.approx(confidence)
    compared = pd.read_csv(made / "08_reporting/comparison.csv").set_index("technique")
    assert compared.at["baseline", "mean_confidence"] == pytest.approx(confidence)
    assert 0 < compared.at["l2", "mean_confidence"] < 1
    check_report((made / "08_reporting/report.html").read_text(), f"{100 * confidence:.1f}")
    check_markdown((made / "08_reporting/comparison.md").read_text(), f"{100 * confidence:.1f}%")
    history = pd.read_parquet(made / "09_history/history.parquet").set_index("technique")
    assert history.at["baseline", "mean_confidence"] == pytest.approx(confidence)
    page = (made / "09_history/history.html").read_text()
    assert '<th scope="col">confidence, %</th>' in page
    assert f"<td>{100 * confidence:.1f}</td>" in page


def check_report(page: str, figure: str) -> None:
    table = page.partition('id="techniques"')[2].partition("</section>")[0]
    headings = re.findall(r"<button type=\"button\">(.*?)</button>", table)
    assert headings[-1] == "confidence, %"  # behind all others
    (row,) = re.findall(r'<tr class="baseline">(.*?)</tr>', table, re.DOTALL)
    assert re.findall(r"<td.*?>(.*?)</td>", row)[-1] == figure
    assert (
        "<dt>confidence, %</dt><dd>the mean probability of the chosen class on the test images; "
        "lower is better</dd>" in table
    )
    further = page.partition('id="further"')[2].partition("</section>")[0]
    assert "<p>The mean probability of a class on the test images; means over seeds.</p>" in further
    assert len(re.findall(r'<th scope="col">', further)) == 11


def check_markdown(text: str, figure: str) -> None:
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    rows = {line[0].strip(): line for line in lines}
    column = [heading.strip() for heading in lines[0]].index("confidence")
    assert rows["baseline (reference)"][column].strip() == figure
    assert "confidence: the mean probability of the chosen class on the test images" in text
