"""Telling somebody who is not there: e-mail, Slack, a webhook, by the URLs of Apprise.

The URLs hold passwords: no message and no log has more of one than what stands before ``://``.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from regbench.errors import SettingsError

logger = logging.getLogger(__name__)


def urls(credentials: Mapping[str, Any]) -> list[str]:
    """Read where notifications go.

    Args:
        credentials: The content of ``credentials.yml``; its ``notifications`` is a list of URLs.

    Raises:
        SettingsError: It is something else.
    """
    given = credentials.get("notifications")
    listed = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(url, str) for url in listed):
        raise SettingsError("credentials.yml: notifications: must be a list of Apprise URLs")
    return listed


def notify(addresses: Sequence[str], title: str, lines: Sequence[str]) -> bool:
    """Send a message to every address; those that cannot be reached are named in a warning.

    Args:
        addresses: Apprise URLs.
        title: The subject.
        lines: The text.

    Returns:
        Whether it was sent to all of them.
    """
    if not addresses:
        return True
    import apprise  # noqa: PLC0415 - takes half a second; few runs have something to tell

    sent = True
    for number, url in enumerate(addresses, start=1):
        of_all = f"notification {number} of {len(addresses)} ({_scheme(url)})"
        receiver = apprise.Apprise()
        with _silent():
            try:
                fault = "" if receiver.add(url) else ": Apprise knows no such address"
                arrived = not fault and bool(receiver.notify("\n".join(lines), title=title))
            except Exception as error:  # of a service's client; its text may tell the URL
                fault, arrived = f": {type(error).__name__}", False
        if not arrived:
            logger.warning("%s could not be sent%s", of_all, fault)
        sent = sent and arrived
    return sent


def _scheme(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    return f"{scheme}://" if separator and scheme.isalnum() and len(scheme) < 20 else "no URL"


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the log of Apprise and of HTTP from being written: it has the URLs."""
    levels = {name: logging.getLogger(name).level for name in ("apprise", "urllib3", "requests")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
