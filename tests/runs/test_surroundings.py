"""What a run needs of its surroundings is checked first, in one line."""

import tempfile
import time
from collections.abc import Iterator

import pytest

from regbench.errors import SettingsError
from regbench.runs.surroundings import check_surroundings


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
