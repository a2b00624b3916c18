"""A slice of what `python -m tests_extra.reliability fuzz` does at length."""

import os
import sys
from pathlib import Path

import pytest
from tests_extra.reliability import fuzz, mutations


def test_some_inputs_end_well(tmp_path: Path) -> None:
    made = fuzz.fuzz(range(200), 7, 1, tmp_path / "kept", memory=2000, seconds=120)
    assert [one for one in made if one["outcome"] not in fuzz.FINE] == []
    assert [one["end"] for one in made] == list(range(200))
    assert {one["kind"] for one in made} == mutations.SHARES.keys()
    assert {one["outcome"] for one in made if one["kind"] == "picture"} == {"read", "rejected"}


def test_a_number_makes_the_same_input_again() -> None:
    assert [mutations.make(3, n) for n in range(40)] == [mutations.make(3, n) for n in range(40)]
    assert mutations.make(3, 0) != mutations.make(4, 0)


PLANTED = """
import os, time
import regbench.images.ingest as ingestion
real, calls = ingestion.ingest_labeled, []
def ingest_labeled(*given):
    calls.append(1)
    turn = len(calls) - 3  # the first three calls are not of damaged inputs
    if turn == 2: raise KeyError('oops')
    if turn == 3: bytearray(10**10)
    if turn == 4: open(os.environ['HOME'] + '/planted', 'w').close()
    if turn == 5: os.system('true')
    if turn == 6: os.kill(os.getpid(), 11)
    return real(*given)
ingestion.ingest_labeled = ingest_labeled
"""


def plant(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sitecustomize.py").write_text(code)  # which Python imports when it starts
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *sys.path]))


def test_what_goes_wrong_is_named_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, PLANTED, monkeypatch)
    keep = tmp_path / "kept"
    made = fuzz.fuzz(range(6), 0, 1, keep, memory=500, seconds=300)
    expected = [
        (1, "error", "KeyError: 'oops'"),
        (2, "error", "MemoryError"),
        (3, "reached out", "planted"),
        (4, "reached out", "os.system"),
        (5, "crash", "SIGSEGV"),
    ]
    failures = [one for one in made if one["outcome"] not in fuzz.FINE]
    for failure, (number, outcome, said) in zip(failures, expected, strict=True):
        assert (failure["end"], failure["outcome"]) == (number, outcome)
        assert said in failure["detail"]
        assert (keep / failure["kept"]).read_bytes() == mutations.make(0, number).data
    assert len(made) == 6


def test_a_child_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, PLANTED.replace("raise KeyError('oops')", "time.sleep(600)"), monkeypatch)
    made = fuzz.fuzz(range(2), 0, 1, tmp_path / "kept", memory=500, seconds=3)
    assert [(one["end"], one["outcome"]) for one in made[1:]] == [(1, "hang")]
