"""The page of the docs on figures says what the figures declare."""

from pathlib import Path

from regbench.evaluation.figures import registry
from regbench.report.figures_page import figures_page

PAGE = Path(__file__).parents[2] / "docs" / "figures.md"
COMMAND = "uv run python -m regbench.report.figures_page > docs/figures.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == figures_page(), f"{COMMAND} writes it again"


def test_the_page_has_a_row_for_every_figure() -> None:
    lines = figures_page().splitlines()
    for figure in registry.figures():
        (row,) = [line for line in lines if line.startswith(f"| `{figure.name}` |")]
        assert row.count(" | ") == 6
        assert figure.unit.name in row
        assert "{part}" not in row
