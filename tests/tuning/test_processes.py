"""Searches in processes of their own: killed in the midst, and side by side in one storage."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.tuning.test_search import Bench, plan

from regbench.storage.stored_file import LocalFile
from regbench.tuning.search import search
from regbench.tuning.storage import open_study

KILLED_AT = 4  # trial of the first attempt


def searched(folder: Path, address: str | None, name: str, bench: Bench) -> dict[str, Any]:
    study = open_study(LocalFile(folder), address, name, higher_is_better=True)
    return search(plan(bench), study)


def killed_in_the_midst(folder: str, address: str) -> None:
    """Search until the process kills itself as the system would: nothing is cleared up."""

    def kill(number: int) -> None:
        if number == KILLED_AT:
            os.kill(os.getpid(), signal.SIGKILL)

    searched(Path(folder), address or None, "l2 killed", Bench(kill))


@pytest.mark.parametrize("address", ["", "journal://{}/trials.log"])
def test_a_search_that_was_killed_goes_on_beside_another_to_the_same_trials(
    tmp_path: Path, address: str
) -> None:
    where = tmp_path / "data", address.format(tmp_path) or None
    call = f"from {__name__} import killed_in_the_midst as of; of({str(where[0])!r}, {where[1]!r})"
    with subprocess.Popen([sys.executable, "-c", call]) as process:
        beside = searched(*where, "l2 beside", Bench())  # another technique, at the same time
        assert process.wait(timeout=300) == -signal.SIGKILL
    whole = Bench()
    assert searched(tmp_path / "whole", None, "l2 killed", whole)["trials"] == beside["trials"]
    rest = Bench()
    assert searched(*where, "l2 killed", rest)["trials"] == beside["trials"]
    # Those before the kill are not made again, the one at work is.
    assert rest.trained == whole.trained[KILLED_AT - 1 :]
