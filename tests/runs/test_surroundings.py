"""What a run needs of its surroundings is checked first, in one line."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from regbench.errors import SettingsError
from regbench.runs.surroundings import check_surroundings, start_again_in_utf8

PROJECT = Path(__file__).parents[2]
_OF_ENCODING = {"LANG", "LC_ALL", "LC_CTYPE", "PYTHONUTF8", "PYTHONIOENCODING"}


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


def test_usual_surroundings_pass() -> None:
    check_surroundings()


def test_a_time_zone_that_python_refuses(zone: pytest.MonkeyPatch) -> None:
    zone.setenv("TZ", "AAA+9999999999")
    time.tzset()
    with pytest.raises(SettingsError, match=r"^TZ: 'AAA\+9+': no time zone that Python takes"):
        check_surroundings()


def test_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    with pytest.raises(SettingsError, match=r"^TMPDIR: no folder for temporary files can be wri"):
        check_surroundings()


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8"},
    ],
)
def test_a_path_with_any_letter_is_read_where_the_locale_has_only_ascii(
    variables: dict[str, str], tmp_path: Path
) -> None:
    images, results = tmp_path / "été/σύνολο", tmp_path / "résultats"
    for label in ("ä", "b"):
        (images / label).mkdir(parents=True)
        for number in range(4):
            picture = np.full((8, 8), 8 * number + (label == "b"), np.uint8)
            Image.fromarray(picture).save(images / label / f"{number}.png")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "kedro", "run", "--nodes=data.ingest"),
            f"--params=images={images},data_root={results}",
        ],
        cwd=PROJECT,
        env={k: v for k, v in os.environ.items() if k not in _OF_ENCODING} | variables,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    index = pd.read_parquet(results / "02_intermediate/image_index.parquet")
    assert {*index["label"]} == {"ä", "b"}
    assert "Traceback" not in done.stderr.decode()


def test_other_programs_and_other_encodings_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[list[str]] = []
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setattr(os, "execv", lambda _, command: started.append(command))
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    start_again_in_utf8(["python", "-m", "pytest"])
    assert started == []
    start_again_in_utf8(["python", "-m", "kedro", "run"])
    assert started == [["python", "-X", "utf8", "-m", "kedro", "run"]]
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "iso8859-1")
    start_again_in_utf8(["python", "-m", "kedro", "run"])
    assert len(started) == 1
