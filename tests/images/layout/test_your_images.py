"""Every command of the page on your own images, on a set as the tree above it shows."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.framework.cli.cli import KedroCLI
from kedro.framework.startup import bootstrap_project
from tests.test_layouts import Case, rows, write

PROJECT = Path(__file__).parents[3]
PAGE = (PROJECT / "docs/your-images.md").read_text("utf-8")
COMMANDS = re.findall(r"^uv run (kedro run .*\bSET\b.*)$", PAGE, re.MULTILINE)

# A set for each command, in the order of the page, and the numbers of images that it gives.
SETS = [
    Case("{cat,dog}/{1-12}.jpg", gives="cat 12, dog 12"),
    Case("{train,val,test}/{cat,dog}/{1-4}.jpg", gives="cat 12, dog 12"),
    Case(
        "images/{1-24}.jpg", {"labels.csv": rows("{n}.jpg,{l}", 24, "filename,label")}, "a 12, b 12"
    ),
    Case(
        "images/{1-24}.png",
        {
            "cells.csv": "".join(
                f"images/{n}.png  {('0.33', '1.0')[n % 2]}  {('mono', 'poly')[n // 2 % 2]}\n"
                for n in range(1, 25)
            )
        },
        "mono 12, poly 12",
    ),
    Case(
        "train/{1-24}.jpg test/{101-103}.jpg",
        {
            "train.csv": rows("{n}.jpg,{l}", 24, "id,category", "01"),
            "sample_submission.csv": "id,category\n101.jpg,0\n102.jpg,0\n103.jpg,0\n",
        },
        "0 12, 1 12",
    ),
    Case("{cat,dog}.{1-12}.jpg", gives="cat 12, dog 12"),
    Case("{north,south}/{cat,dog}/{1-6}.jpg", gives="cat 12, dog 12"),
]


def test_the_page_has_a_command_for_every_layout() -> None:
    assert len(COMMANDS) == len(SETS)


@pytest.mark.parametrize("number", range(len(SETS)))
def test_a_command_reads_its_layout(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = SETS[number]
    path = write(case, tmp_path)
    words = shlex.split(COMMANDS[number].replace("SET", str(path)))[1:]
    words = [f"{word},data_root={tmp_path}" if "--params" in word else word for word in words]
    monkeypatch.chdir(PROJECT)
    bootstrap_project(PROJECT)
    done = CliRunner().invoke(
        KedroCLI(PROJECT), [*words, "--pipelines=data", "--to-outputs=split_index"]
    )
    assert done.exit_code == 0, done.output
    labels = pd.read_parquet(tmp_path / "03_primary/split_index.parquet")["label"]
    counts = labels.value_counts().sort_index()
    assert ", ".join(f"{label} {count}" for label, count in counts.items()) == case.gives
