"""What becomes of the alarms of the stored report: a notification, and the exit code."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kedro.config import AbstractConfigLoader, MissingConfigException
from kedro.io import CatalogProtocol

from regbench.errors import (
    AlarmError,
    FailedTrainingsError,
    InterruptedStudyError,
    InUseError,
    SettingsError,
    explanation,
)
from regbench.history import notify as notification

logger = logging.getLogger(__name__)

Catalog = CatalogProtocol[Any, Any]

_NOT_TOLD = (InterruptedStudyError, InUseError, SettingsError)
_NEXT_LINE = "\n       "  # under what click writes after "Error: "


def addresses(config: AbstractConfigLoader) -> list[str]:
    """Where notifications go, by ``credentials.yml``.

    Raises:
        SettingsError: They are no list of texts.
    """
    try:
        return notification.notification_urls(config["credentials"])
    except MissingConfigException:
        return []


def raise_alarms(catalog: Catalog, notify: Sequence[str], failed: Sequence[str] = ()) -> None:
    """Tell of the alarms of the stored report, and end the run with their exit code.

    A run that had nothing to do calls this too: what is wrong still is. A notification is sent
    once; one that could not be sent is tried again the next time.

    Args:
        catalog: With the stored ``alarms`` and ``notified``, and ``parameters``.
        notify: Apprise URLs.
        failed: Runs that failed just now, a line each.

    Raises:
        FailedTrainingsError: Trainings failed, and maybe there are other alarms; the comparison is
            not whole, so that comes first.
        AlarmError: There are other alarms only.
    """
    stored = catalog.load("alarms") or {"run": "", "alarms": []}
    lines = [alarm["message"] for alarm in stored["alarms"]]
    if lines and notify:
        with _only_a_warning():
            _notify_once(catalog, stored, lines, notify)
    others = [f"alarm: {a['message']}" for a in stored["alarms"] if a["kind"] != "failed"]
    of_failed = [a["message"] for a in stored["alarms"] if a["kind"] == "failed"]
    if failed or of_failed:
        first = f"{len(failed)} of the trainings failed: {'; '.join(failed)}" if failed else ""
        raise FailedTrainingsError(_NEXT_LINE.join([*([first] if first else of_failed), *others]))
    if others:
        raise AlarmError(_NEXT_LINE.join(others))


def _notify_once(
    catalog: Catalog, stored: dict[str, Any], lines: list[str], notify: Sequence[str]
) -> None:
    """Send alarms that were not sent yet, and note it if all addresses have them."""
    sent = None
    with _only_a_warning():  # whether they were sent cannot be read: once more, then
        sent = catalog.load("notified")
    if sent == stored:
        return
    count = "an alarm" if len(lines) == 1 else f"{len(lines)} alarms"
    if notification.notify(notify, f"RegBench: {count}", [*lines, *_where(catalog)]):
        catalog.save("notified", stored)


@contextmanager
def _only_a_warning() -> Iterator[None]:
    """Let no fault of a file hide an alarm."""
    try:
        yield
    except Exception as error:
        explained = explanation(error)
        if explained is None:
            raise
        logger.warning("%s", explained.message)


def tell_of_error(error: BaseException, catalog: Catalog, notify: Sequence[str]) -> None:
    """Send that a run ended with an error, if that is wanted and no person is at work on it."""
    explained = explanation(error)
    if isinstance(explained, _NOT_TOLD) or not notify:
        return
    parameters = catalog.load("parameters")
    if parameters["alarms"]["notify_on_error"]:
        said = explained.message if explained else f"{type(error).__name__}: {error}"
        line = " ".join(said.split())[:500]
        where = f"command: {parameters['command']}"
        notification.notify(notify, "RegBench: the run ended with an error", [line, where])


def _where(catalog: Catalog) -> list[str]:
    parameters = catalog.load("parameters")
    report = f"{parameters['data_root']}/08_reporting/report.html"
    return [f"command: {parameters['command']}", f"report: {report}"]
