"""Keeping out of messages, reports and logs what an address may hold besides the place."""

import logging
import re

# Of an address: the user and password before the host, and whatever stands after a question mark
# (signatures and tokens of object stores among it).
_LOGIN = re.compile(r"(?<=://)[^/?#\s@'\"]*(?:@[^/?#\s@'\"]*)*@")
_QUERY = re.compile(r"(?<=://)([^\s?'\"<>]*\?)[^\s#'\"<>,]+")


_SHORTEST = 6  # a shorter value stands in many texts that have nothing to do with it
_secrets: set[str] = set()  # of this process: logging has nobody else to ask


def keep_secret(value: str) -> None:
    """Have ``without_secrets`` leave out a value, such as one of ``credentials.yml``."""
    if len(value) >= _SHORTEST:
        _secrets.add(value)


def without_secrets(text: str) -> str:
    """Put ``***`` for logins and queries of all addresses in a text, and for kept secrets."""
    for secret in _secrets:
        text = text.replace(secret, "***")
    if "://" not in text:
        return text
    return _QUERY.sub(r"\1***", _LOGIN.sub("***@", text))


class SafeRecord(logging.LogRecord):
    """A log record that shows addresses without secrets.

    At level DEBUG, Kedro logs the command line and all that hooks are given. ``logging.yml`` takes
    no classes but Kedro's own and Python's.
    """

    def getMessage(self) -> str:  # noqa: N802 - logging's name
        """Return the message with its arguments."""
        return without_secrets(super().getMessage())
