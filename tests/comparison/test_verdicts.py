"""Verdicts: each is told apart without colour, and what draws them knows them all."""

from importlib.resources import files

from regbench.comparison import verdicts
from regbench.comparison.verdicts import JUDGED, VERDICTS
from regbench.report.plots.style import COLOURS


def test_those_that_rest_on_tests() -> None:
    assert set(JUDGED) == {"better", "worse", "equivalent", "undecided"}
    assert [*VERDICTS] == ["better", "equivalent", "undecided", "descriptive only", "worse"]
    assert verdicts.DESCRIPTIVE not in JUDGED


def test_each_has_a_mark_of_its_own() -> None:
    assert len({verdict.symbol for verdict in VERDICTS.values()}) == len(VERDICTS)
    assert len({verdict.marker for verdict in VERDICTS.values()}) == len(VERDICTS)


def test_their_colours_and_styles_exist() -> None:
    styles = files("regbench.report").joinpath("templates", "report.css").read_text("utf-8")
    for verdict in VERDICTS.values():
        assert verdict.colour in COLOURS
        assert f".verdict.{verdict.style}" in styles
        assert not verdict.meaning.endswith(".")
