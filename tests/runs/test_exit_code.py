"""What becomes of alarms: the exit code, and one notification."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset

from regbench.datasets.optional import OptionalJSONDataset
from regbench.errors import (
    AlarmError,
    FailedTrainingsError,
    InterruptedStudyError,
    InUseError,
    SettingsError,
    StudyError,
)
from regbench.history import notify as notification
from regbench.runs import exit_code

URLS = ["json://127.0.0.1:1/"]
DROP = {"kind": "drop", "message": "l2 fell"}
FLOOR = {"kind": "floor", "message": "l2 is low"}
FAILED = {"kind": "failed", "message": "l1: 2 of 5 trainings failed: no luck"}
Sent = list[tuple[list[str], str, list[str]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Every notification that is asked for."""
    asked: Sent = []

    def notify(*message: Any) -> bool:
        asked.append(message)
        return True

    monkeypatch.setattr(notification, "notify", notify)
    return asked


def catalog(*alarms: dict[str, str], run: str = "r1", **settings: Any) -> DataCatalog:
    wanted = {"notify_on_error": True} | settings
    return DataCatalog(
        {
            "alarms": MemoryDataset({"run": run, "alarms": list(alarms)}),
            "notified": MemoryDataset(None),
            "parameters": MemoryDataset(
                {"alarms": wanted, "command": "kedro run", "data_root": "data"}
            ),
        }
    )


def test_an_alarm_ends_the_run_with_its_code(sent: Sent) -> None:
    with pytest.raises(AlarmError) as error:
        exit_code.raise_alarms(catalog(DROP, FLOOR), URLS)
    assert error.value.exit_code == 5
    assert error.value.message.split() == ["alarm:", "l2", "fell", "alarm:", "l2", "is", "low"]
    assert len(error.value.message.splitlines()) == 2
    (message,) = sent
    assert message[0] is URLS
    assert message[1] == "RegBench: 2 alarms"
    assert message[2] == [
        "l2 fell",
        "l2 is low",
        "command: kedro run",
        "report: data/08_reporting/report.html",
    ]


def test_failed_trainings_come_first(sent: Sent) -> None:
    with pytest.raises(
        FailedTrainingsError, match=r"^1 of the trainings failed: l1 seed 1"
    ) as error:
        exit_code.raise_alarms(catalog(FAILED, DROP), URLS, ["l1 seed 1 (no luck)"])
    assert error.value.exit_code == 3
    assert error.value.message.splitlines()[1].strip() == "alarm: l2 fell"
    with pytest.raises(FailedTrainingsError, match=r"^l1: 2 of 5 trainings failed: no luck$"):
        exit_code.raise_alarms(catalog(FAILED), URLS)  # of an earlier run
    assert [title for _, title, _ in sent] == ["RegBench: 2 alarms", "RegBench: an alarm"]


def test_failed_trainings_end_the_run_without_an_alarm_too(sent: Sent) -> None:
    with pytest.raises(FailedTrainingsError):
        exit_code.raise_alarms(catalog(), URLS, ["l1 seed 1"])
    assert sent == []


def test_many_failures_of_one_reason_are_counted(sent: Sent) -> None:
    failed = [f"l2 seed {seed} (no memory)" for seed in range(1, 7)]
    with pytest.raises(FailedTrainingsError) as error:
        exit_code.raise_alarms(catalog(), URLS, [*failed, "l1 seed 1 (killed)"])
    assert error.value.message == (
        "7 of the trainings failed: l2 seed 1, l2 seed 2, l2 seed 3 and 3 more (no memory); "
        "l1 seed 1 (killed)"
    )


def test_no_alarm_is_silent(sent: Sent) -> None:
    exit_code.raise_alarms(catalog(), URLS)
    nothing = {"alarms": MemoryDataset(None)}  # no report yet
    exit_code.raise_alarms(DataCatalog(nothing), URLS)
    assert sent == []


def test_a_standing_alarm_is_told_once_and_ends_every_run(sent: Sent) -> None:
    stored = catalog(DROP)
    for _ in range(3):
        with pytest.raises(AlarmError):
            exit_code.raise_alarms(stored, URLS)
    assert len(sent) == 1
    stored.save("alarms", {"run": "r2", "alarms": [DROP]})
    with pytest.raises(AlarmError):
        exit_code.raise_alarms(stored, URLS)
    assert len(sent) == 2


def test_what_could_not_be_sent_is_sent_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = catalog(DROP)
    outcomes = iter([False, True])
    monkeypatch.setattr(notification, "notify", lambda *_: next(outcomes))
    for _ in range(3):  # a third would find no outcome
        with pytest.raises(AlarmError):
            exit_code.raise_alarms(stored, URLS)
    assert stored.load("notified") == {"run": "r1", "alarms": [DROP]}


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_record_of_what_was_sent_hides_no_alarm(
    sent: Sent, tmp_path: Path, content: str
) -> None:
    record = tmp_path / "notified.json"
    record.write_text(content)
    stored = catalog(DROP)
    stored["notified"] = OptionalJSONDataset(filepath=str(record))
    for _ in range(2):
        with pytest.raises(AlarmError):
            exit_code.raise_alarms(stored, URLS)
    assert len(sent) == 1
    assert json.loads(record.read_text()) == {"run": "r1", "alarms": [DROP]}


def test_a_refusing_disk_hides_no_alarm(
    sent: Sent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "notified.json").mkdir()
    stored = catalog(DROP)
    stored["notified"] = OptionalJSONDataset(filepath=str(tmp_path / "notified.json"))
    with pytest.raises(AlarmError):
        exit_code.raise_alarms(stored, URLS)
    assert len(sent) == 1
    assert "Is a directory" in caplog.text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StudyError("the disk\nis full"), "the disk is full"),
        (ValueError("unexpected"), "ValueError: unexpected"),
    ],
)
def test_an_error_is_told(sent: Sent, error: Exception, said: str) -> None:
    exit_code.notify_of_error(error, catalog(), URLS)
    assert sent == [
        (URLS, "RegBench: the run ended with an error", [said, "command: kedro run"]),
    ]


def test_an_error_is_not_told_where_that_is_not_wanted(sent: Sent) -> None:
    for error in (InterruptedStudyError, InUseError, SettingsError):
        exit_code.notify_of_error(error("known to somebody"), catalog(), URLS)
    exit_code.notify_of_error(ValueError(), catalog(notify_on_error=False), URLS)
    exit_code.notify_of_error(ValueError(), catalog(), [])
    assert sent == []


def test_addresses_come_from_the_credentials(own_conf: Callable[..., Any]) -> None:
    conf = own_conf(credentials={"notifications": URLS})
    options = {"base_env": "base", "default_run_env": "local"}
    assert exit_code.notification_addresses(OmegaConfigLoader(str(conf), **options)) == URLS
    (conf / "local/credentials.yml").unlink()
    assert exit_code.notification_addresses(OmegaConfigLoader(str(conf), **options)) == []
