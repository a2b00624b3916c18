"""Labels in any script are drawn: in a font that has them, or as code points, said once."""

import logging
import warnings
from typing import Any

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from regbench.datasets.atomic import MatplotlibDataset
from regbench.report.plots import fonts
from regbench.report.plots.confusion import confusion_plot
from regbench.report.plots.contact_sheet import contact_sheet

LABELS = ["grüne Äpfel", "红苹果", "a b & c", "تفاح", "x$y$z", "a_{b}^c", "\\alpha"]
UNKNOWN = "a\U0001f9ff\u200d\U000e0041红"  # no font has the tag character
NOWHERE = "\U000f1234"  # for private use


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_told", set())


def figures(labels: list[str]) -> list[Figure]:
    count = len(labels)
    matrix = np.arange(count**2).reshape(count, count)
    images = np.zeros((count, 8, 8, 1), np.uint8)
    return [confusion_plot({"m": matrix}, labels), contact_sheet({"original": images}, labels)]


def drawn(figure: Figure) -> list[str]:
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.parametrize("labels", [LABELS, [*LABELS, NOWHERE], ["ok", "bad"]])
def test_no_glyph_is_missing_without_a_word_of_ours(labels: list[str], tmp_path: Any) -> None:
    for number, figure in enumerate(figures(labels)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            path = tmp_path / f"{number}.png"
            MatplotlibDataset(filepath=str(path)).save(figure)
        assert path.stat().st_size > 1000


def test_formulas_are_no_formulas() -> None:
    for figure in figures(LABELS):
        texts = drawn(fonts.in_any_script(figure))
        assert {"x$y$z", "a_{b}^c", "\\alpha", "a b & c"} <= set(texts)
        assert not any(
            text.get_parse_math() for text in figure.findobj(Text) if text.get_text() in LABELS
        )


def test_a_font_is_taken_that_has_the_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two fonts that come with Matplotlib stand for installed ones: U+E000 is in STIX alone.
    usual = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    stix = font_manager.get_font(font_manager.findfont("STIXNonUnicode"))
    own = next(chr(code) for code in stix.get_charmap() if code not in usual.get_charmap())
    monkeypatch.setattr(fonts, "_installed", lambda: ("DejaVu Serif", "STIXNonUnicode"))
    fonts.fonts_with.cache_clear()
    assert fonts.fonts_with(frozenset(own + NOWHERE)) == (("STIXNonUnicode",), frozenset(NOWHERE))
    figure = contact_sheet({"x": np.zeros((2, 8, 8, 1), np.uint8)}, [own, "usual"])
    fonts.in_any_script(figure)
    families = {t.get_text(): t.get_fontfamily() for t in figure.findobj(Text) if t.get_text()}
    assert families[own] == ["DejaVu Sans", "STIXNonUnicode"]
    assert families["usual"] == ["sans-serif"]
    fonts.fonts_with.cache_clear()


def test_what_no_font_has_is_written_by_code_point_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    labels = [NOWHERE, f"a {NOWHERE}{NOWHERE} b", "plain"]
    for figure in figures(labels):
        texts = drawn(fonts.in_any_script(figure))
        assert {"U+F1234", "plain"} <= set(texts)
        assert NOWHERE not in "".join(texts)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "no installed font has 1 of the characters of labels or names" in record.getMessage()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("红苹果", "U+7EA2… 679C"),
        ("红", "U+7EA2"),
        ("a 红 b", "a U+7EA2 b"),
        ("a\u200db", "ab"),
        ("a long name of a technique 红", "a long name of…hnique U+7EA2"),
        ("plain", "plain"),
    ],
)
def test_code_points_are_short(text: str, written: str) -> None:
    found = fonts.with_code_points(text, frozenset("红苹果\u200d"))
    assert found == written
    assert len(found) <= max(len(text), 12)
