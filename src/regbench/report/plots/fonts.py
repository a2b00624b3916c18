"""Text in any script: fonts that have its characters, or code points where no font has them.

Matplotlib draws with DejaVu Sans, which has no Chinese, say, and draws boxes. Pages are drawn by
the browser, which has more; so this is for pictures in files.
"""

import logging
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import groupby
from typing import Any

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import Formatter

from regbench.report.plots.style import shorten_middle

USUAL = "DejaVu Sans"  # comes with Matplotlib
_NO_REAL_GLYPHS = ("Last Resort", "LastResort", "Adobe Blank")  # have 'all' characters

_NORMAL_WEIGHT = 400
_LONGEST = 12  # characters of a text with code points, unless it was longer before

logger = logging.getLogger(__name__)
_told: set[str] = set()


def in_any_script(figure: Figure) -> Figure:
    """Let a figure's text be drawn in fonts that have its characters.

    Each character that the usual font lacks is drawn in an installed font that has it. One that no
    font has is written as its code point, such as ``U+7EA2``, and it is said once in the log.

    Args:
        figure: With all its text; it is changed.

    Returns:
        The same figure.
    """
    axes = [axis for each in figure.axes for axis in (each.xaxis, each.yaxis)]
    labels = [list(axis.get_ticklabels()) for axis in axes]  # may change place when drawn
    of_axes = {id(text) for texts in labels for text in texts}
    others = [[text] for text in figure.findobj(Text) if id(text) not in of_axes]
    together: list[list[Any]] = labels + others
    characters = {
        character for texts in together for text in texts for character in text.get_text()
    }
    lacking = _lacking_in(USUAL, frozenset(characters - {"\n"}))
    if not lacking:
        return figure
    fonts, unknown = fonts_with(lacking)
    for texts in together:
        if any(lacking.intersection(text.get_text()) for text in texts):
            for text in texts:
                text.set_fontfamily([USUAL, *fonts])
                text.set_fontweight("normal")  # the only one that a font need have
                text.set_text(with_code_points(text.get_text(), unknown))
    if unknown:
        for axis in axes:
            axis.set_major_formatter(_CodePoints(axis.get_major_formatter(), unknown))
        _warn(unknown)
    return figure


@cache
def fonts_with(characters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return installed fonts that together have as many characters as can be, and the other ones.

    Returns:
        The names of font families, the one with the most of the characters first; and the
        characters that no installed font has.
    """
    left, chosen = characters, []
    names = _installed()
    while left:
        lacking = {name: _lacking_in(name, left) for name in names}
        best = min(names, key=lambda name: len(lacking[name]), default=None)
        if best is None or lacking[best] == left:
            break
        chosen.append(best)
        left = lacking[best]
    return tuple(chosen), left


@cache
def _installed() -> tuple[str, ...]:
    """Return the families of installed plain fonts, those without serifs first.

    Matplotlib remembers fonts from its first start on; those installed since are added.
    """
    manager = font_manager.fontManager
    known = {entry.fname for entry in manager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        with suppress(OSError, RuntimeError):  # no font that Matplotlib reads: it has none to offer
            manager.addfont(path)
    names = {
        entry.name
        for entry in manager.ttflist
        if entry.style == "normal"
        and entry.weight == _NORMAL_WEIGHT
        and entry.size == "scalable"
        and not entry.name.startswith(_NO_REAL_GLYPHS)
    }
    return tuple(sorted(names, key=lambda name: ("Sans" not in name, "Mono" in name, name)))


@cache
def _lacking_in(family: str, characters: frozenset[str]) -> frozenset[str]:
    """Return the characters that a font family has no glyph for."""
    properties = font_manager.FontProperties(family=[family])
    font = font_manager.get_font(font_manager.findfont(properties, fallback_to_default=False))
    return frozenset(c for c in characters if not font.get_char_index(ord(c)))


class _CodePoints(Formatter):
    """Tick labels of another formatter, with code points for characters that no font has."""

    def __init__(self, formatter: Formatter, unknown: frozenset[str]) -> None:
        self._formatter, self._unknown = formatter, unknown

    def __call__(self, x: float, pos: int | None = None) -> str:
        return with_code_points(self._formatter(x, pos), self._unknown)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks."""
        labels = self._formatter.format_ticks(list(values))
        return [with_code_points(label, self._unknown) for label in labels]


def with_code_points(text: str, unknown: frozenset[str]) -> str:
    """Return a text with code points such as ``U+7EA2`` in place of characters that no font has.

    Characters that are not seen, such as a zero-width joiner, are left out. A text that becomes
    much longer is cut in its middle.
    """
    written = ""
    for is_unknown, run in groupby(text, unknown.__contains__):
        if is_unknown:
            seen = [character for character in run if unicodedata.category(character) != "Cf"]
            points = " ".join(f"{ord(character):04X}" for character in seen)
            written += f"U+{points}" if points else ""
        else:
            written += "".join(run)
    return text if written == text else shorten_middle(written, max(len(text), _LONGEST))


def _warn(unknown: frozenset[str]) -> None:
    """Say once in the log which characters no font has."""
    new = unknown - _told
    if not new:
        return
    _told.update(new)
    logger.warning(
        "no installed font has %d of the characters of labels or names (%s): pictures show their "
        "code points, pages show them as they are; a font that has them, such as Noto Sans, helps",
        len(new),
        "".join(sorted(new)[:10]),
    )
