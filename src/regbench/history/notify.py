"""Notifications by e-mail, Slack, webhook and others, through the library Apprise.

Apprise's URLs contain passwords: messages and logs name no more of a URL than its scheme.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from regbench.errors import SettingsError

logger = logging.getLogger(__name__)


def notification_urls(credentials: Mapping[str, Any]) -> list[str]:
    """Return the Apprise URLs that notifications are sent to.

    Args:
        credentials: The content of ``credentials.yml``; ``notifications`` is a URL or a list.

    Raises:
        SettingsError: ``notifications`` is anything else.
    """
    given = credentials.get("notifications")
    listed = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(url, str) for url in listed):
        raise SettingsError("credentials.yml: notifications: must be a list of Apprise URLs")
    return listed


def notify(addresses: Sequence[str], title: str, lines: Sequence[str]) -> bool:
    """Send a message to every address; a warning is logged for each that cannot be reached.

    Args:
        addresses: Apprise URLs.
        title: Subject of the message.
        lines: Text of the message.

    Returns:
        Whether all were sent.
    """
    if not addresses:
        return True
    import apprise  # noqa: PLC0415 - takes 0.5 s, and few runs notify

    sent = True
    for number, url in enumerate(addresses, start=1):
        of_all = f"notification {number} of {len(addresses)} ({_scheme(url)})"
        receiver = apprise.Apprise()
        with _silent():
            try:
                fault = "" if receiver.add(url) else ": Apprise knows no such address"
                arrived = not fault and bool(receiver.notify("\n".join(lines), title=title))
            except Exception as error:  # of a service's client; its text may contain the URL
                fault, arrived = f": {type(error).__name__}", False
        if not arrived:
            logger.warning("%s could not be sent%s", of_all, fault)
        sent = sent and arrived
    return sent


def _scheme(url: str) -> str:
    """Return the part of a URL that has no password, such as 'mailtos://'."""
    scheme, separator, _ = url.partition("://")
    return f"{scheme}://" if separator and scheme.isalnum() and len(scheme) < 20 else "no URL"


@contextmanager
def _silent() -> Iterator[None]:
    """Suppress the log messages of Apprise and of its HTTP libraries, which contain URLs."""
    levels = {name: logging.getLogger(name).level for name in ("apprise", "urllib3", "requests")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
