"""Removing passwords, tokens and other secrets from messages, reports and logs."""

import logging
import re

from regbench.text.visible import visible

# In a URL: user and password before the host, and the query (object stores put signatures and
# tokens there).
_LOGIN = re.compile(r"(?<=://)[^/?#\s@'\"]*(?:@[^/?#\s@'\"]*)*@")
_QUERY = re.compile(r"(?<=://)([^\s?'\"<>]*\?)[^\s#'\"<>,]+")
_SHORTEST = 6  # characters; shorter values occur in unrelated text too
_secrets: set[str] = set()  # global: a log record can be given no object that holds them


def keep_secret(value: str) -> None:
    """Register a secret, such as one of ``credentials.yml``, for ``without_secrets``."""
    if len(value) >= _SHORTEST:
        _secrets.add(value)


def without_secrets(text: str) -> str:
    """Return a text with ``***`` for registered secrets and for logins and queries of URLs."""
    for secret in _secrets:
        text = text.replace(secret, "***")
    if "://" not in text:
        return text
    return _QUERY.sub(r"\1***", _LOGIN.sub("***@", text))


class SafeRecord(logging.LogRecord):
    """A log record whose message has no secrets, and no control characters.

    At level DEBUG, Kedro logs the command line and all arguments of hooks. A formatter or filter
    would have to be named in ``logging.yml``, which takes only Kedro's and Python's classes.
    """

    def getMessage(self) -> str:  # noqa: N802 - logging's name
        """Return the message with its arguments."""
        return visible(without_secrets(super().getMessage()))
