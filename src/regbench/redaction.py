"""Keeping out of messages, reports and logs what an address may hold besides the place."""

import logging
import re

# Of an address: the user and password before the host, and whatever stands after a question mark
# (signatures and tokens of object stores among it).
_LOGIN = re.compile(r"(?<=://)[^/?#\s@'\"]*(?:@[^/?#\s@'\"]*)*@")
_QUERY = re.compile(r"(?<=://)([^\s?'\"<>]*\?)[^\s#'\"<>,]+")


def without_secrets(text: str) -> str:
    """Put ``***`` for logins and queries of all addresses in a text."""
    if "://" not in text:
        return text
    return _QUERY.sub(r"\1***", _LOGIN.sub("***@", text))


class LineFormatter(logging.Formatter):
    """Formats records as ``logging.Formatter`` does, addresses without secrets.

    At level DEBUG, Kedro logs the command line and all that hooks are given.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text."""
        return without_secrets(super().format(record))
