"""The docs say what the files of regularizers, networks and figures declare."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from regbench.report.every_setting import comments_of
from regbench.report.reference import _DOCS, COMMAND, PAGES, write_pages

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_the_docs_are_what_the_files_declare(name: str) -> None:
    written = (_DOCS / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), f"docs/{name} is of another version: {COMMAND}"


def test_a_regularizer_is_told_with_range_default_and_source() -> None:
    (line,) = (line for line in PAGES["regularizers.md"]().splitlines() if "`dropout`" in line[:14])
    assert "**`rate`** (number > 0 and < 1) = 0.25" in line
    assert "`rate`: 0.05 to 0.6" in line
    assert "Srivastava" in line


def test_what_a_regularizer_means_on_each_kind_is_told() -> None:
    lines = PAGES["regularizers.md"]().splitlines()
    (line,) = (line for line in lines if line.startswith("| dropout |"))
    assert "| after every activation |" in line
    (line,) = (line for line in lines if line.startswith("| early stopping |"))
    assert line == "| early stopping | the same | the same | the same | the same | the same |"


def test_settings_in_a_group_are_told_with_the_key_that_is_written() -> None:
    (line,) = (line for line in PAGES["networks.md"]().splitlines() if "`pretrained`" in line[:14])
    assert "`weights` (text or null)<br>" in line
    assert "`alpha` (number > 0 and ≤ 2 or null) = null" in line
    assert (
        "`fine_tune` (`from` (text or number); `epochs` (whole number ≥ 1 and ≤ 1000000); " in line
    )


def test_all_pages_are_written(tmp_path: Path) -> None:
    write_pages(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(PAGES)


def test_every_setting_is_told_with_what_it_takes_its_default_and_its_meaning() -> None:
    rows = {}
    for line in PAGES["settings.md"]().splitlines():
        if line.startswith("| `"):
            name, *cells = line.strip("| ").split(" | ")
            rows[name] = cells
    settings: dict[str, Any] = {}
    for file in (PROJECT / "conf/base").glob("parameters_*.yml"):
        settings |= yaml.safe_load(file.read_text("utf-8"))
    for key in ("ingest", "normalization", "evaluation", "alarms", "history", "augmentation"):
        for name, value in settings[key].items():
            takes, default, meaning = rows[f"`{key}.{name}`"]
            assert takes
            assert yaml.safe_load(default.strip("`")) == value
            assert len(meaning) > 3, name
    assert "no further" in rows["`protocol.seeds`"][2]
    assert "optimizers.md" in rows["`protocol.optimizer`"][0]


def test_a_comment_belongs_to_its_setting_and_goes_on_below() -> None:
    text = """\
# above
one: 1
group:
  # of the group
  two: '#1'      # behind,
                 # and on
  three: null
  inner:         # of inner
    four: [1, 2]   # deeper
five: 5  # last
"""
    assert comments_of(text) == {
        "one": "above",
        "group": "",
        "group.two": "behind, and on",
        "group.three": "",
        "group.inner": "of inner",
        "group.inner.four": "deeper",
        "five": "last",
    }
