"""Where lines of a page may end: names, paths, intervals and commands as HTML."""

import re

from markupsafe import Markup, escape

_BREAKS = re.compile(r"([_/])(?=\w)")  # where a name or a path may be broken
_INTERVAL = re.compile(r"\[[^\[\]]{1,30}\]")  # stands in one line
_COMMAND_BREAKS = re.compile(r"(?<=[,/])(?=.)")
_COMMAND = re.compile(r"(?:uv run )?kedro run(?: --[\w-]+(?:=[^\s;,]+(?:,[^\s;,]+)*)?)*")


def breakable(text: str) -> Markup:
    """Return text as HTML in which names and paths stay whole where a line holds them.

    A longer one goes on in a new line after ``_`` or ``/``.
    """
    text = _INTERVAL.sub(lambda found: found[0].replace(" ", "\u00a0"), text)
    return Markup(" ").join(
        Markup('<span class="whole">{}</span>').format(_with_breaks(word))
        if _BREAKS.search(word)
        else escape(word)
        for word in text.split(" ")
    )


def in_words(command: str) -> Markup:
    """Return a command as HTML of which a line ends between words: never within ``--``.

    A word that is longer than a line goes on in a new one after a comma or a slash.
    """
    return Markup(" ").join(
        Markup('<span class="whole">{}</span>').format(
            Markup(_COMMAND_BREAKS.sub("<wbr>", str(escape(word))))  # noqa: S704 - is escaped
        )
        for word in command.split(" ")
    )


def _with_breaks(word: str) -> Markup:
    return Markup(_BREAKS.sub(r"\1<wbr>", str(escape(word))))  # noqa: S704 - is escaped


def with_commands(note: str) -> Markup:
    """Return a note as HTML with its commands as code."""
    marked = _COMMAND.sub(lambda command: f"<code>{command[0]}</code>", str(escape(note)))
    return Markup(marked)  # noqa: S704 - is escaped
