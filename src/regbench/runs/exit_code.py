"""Notifications and exit codes of the alarms in the stored report, and of errors."""

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
    by_reason,
    explanation,
)
from regbench.history import notify as notification

logger = logging.getLogger(__name__)

Catalog = CatalogProtocol[Any, Any]

_NOT_NOTIFIED = (InterruptedStudyError, InUseError, SettingsError)
_NEXT_LINE = "\n       "  # indented as far as click's "Error: "


def notification_addresses(config: AbstractConfigLoader) -> list[str]:
    """Return the Apprise URLs that ``credentials.yml`` lists; none if there is no such file.

    Raises:
        SettingsError: They are no list of texts.
    """
    try:
        return notification.notification_urls(config["credentials"])
    except MissingConfigException:
        return []


def raise_alarms(catalog: Catalog, notify: Sequence[str], failed: Sequence[str] = ()) -> None:
    """Send a notification of the stored report's alarms, and raise the error with their exit code.

    A run that had nothing to do calls this too, as the causes have not changed. A notification is
    sent once; one that could not be sent is tried again by the next run.

    Args:
        catalog: With the stored ``alarms`` and ``notified``, and ``parameters``.
        notify: Apprise URLs.
        failed: The trainings of this run that failed, a line each.

    Raises:
        FailedTrainingsError: Trainings failed. It comes before other alarms, as the comparison
            then lacks some trainings.
        AlarmError: There are only other alarms.
    """
    stored = catalog.load("alarms") or {"run": "", "alarms": []}
    lines = [alarm["message"] for alarm in stored["alarms"]]
    if lines and notify:
        with _errors_as_warnings():
            _notify_once(catalog, stored, lines, notify)
    others = [f"alarm: {a['message']}" for a in stored["alarms"] if a["kind"] != "failed"]
    of_failed = [a["message"] for a in stored["alarms"] if a["kind"] == "failed"]
    if failed or of_failed:
        first = (
            f"{len(failed)} of the trainings failed: {'; '.join(by_reason(failed))}"
            if failed
            else ""
        )
        raise FailedTrainingsError(_NEXT_LINE.join([*([first] if first else of_failed), *others]))
    if others:
        raise AlarmError(_NEXT_LINE.join(others))


def _notify_once(
    catalog: Catalog, stored: dict[str, Any], lines: list[str], notify: Sequence[str]
) -> None:
    """Send alarms that were not sent yet, and store them as sent if every address took them."""
    sent = None
    with _errors_as_warnings():  # if the record cannot be read, send once more
        sent = catalog.load("notified")
    if sent == stored:
        return
    count = "an alarm" if len(lines) == 1 else f"{len(lines)} alarms"
    if notification.notify(notify, f"RegBench: {count}", [*lines, *_context_lines(catalog)]):
        catalog.save("notified", stored)


@contextmanager
def _errors_as_warnings() -> Iterator[None]:
    """Log an explained error as a warning, so that a damaged file does not hide an alarm."""
    try:
        yield
    except Exception as error:
        explained = explanation(error)
        if explained is None:
            raise
        logger.warning("%s", explained.message)


def notify_of_error(error: BaseException, catalog: Catalog, notify: Sequence[str]) -> None:
    """Send a notification that a run ended with an error, if the settings ask for it.

    Errors that the person at the terminal has caused are left out.
    """
    explained = explanation(error)
    if isinstance(explained, _NOT_NOTIFIED) or not notify:
        return
    parameters = catalog.load("parameters")
    if parameters["alarms"]["notify_on_error"]:
        message = explained.message if explained else f"{type(error).__name__}: {error}"
        line = " ".join(message.split())[:500]
        command = f"command: {parameters['command']}"
        notification.notify(notify, "RegBench: the run ended with an error", [line, command])


def _context_lines(catalog: Catalog) -> list[str]:
    """Return the lines of a notification that name the command and the report."""
    parameters = catalog.load("parameters")
    report = f"{parameters['data_root']}/08_reporting/report.html"
    return [f"command: {parameters['command']}", f"report: {report}"]
