"""Text from outside, such as labels and file names, as a terminal, a log and a page can show it."""

import re

# C0 and C1 controls but tab and newline, with the escape that starts a terminal's commands; marks
# that turn the order of the text around them; separators that end a line.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""Return a text with control characters written as escapes, such as ``\x1b``.

    Letters of every script, emoji and their joiners stay as they are.
    """
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def in_one_line(text: str) -> str:
    r"""Return ``visible`` text with newlines and tabs written as ``\n`` and ``\t``, too."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
