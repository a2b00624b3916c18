"""The page of the docs on what is measured, written from the figures' declarations.

``uv run python -m regbench.report.figures_page > docs/figures.md``
"""

import sys

from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import Shown

_HEAD = """\
# Figures

What is measured of every trained network. *Judged* is the part of the images that the study is
judged on: test, or validation in a study without a test part. Accuracies, losses and answers are
those of the finished network on unchanged images: the last epoch's, or the best epoch's where
early stopping restores it. Tables give means over seeds.

The names are the keys of `metrics.json` and the columns of `comparison.csv`, where shares are
stored as such (0.93, not 93 %) and bytes as bytes.

| name | figure | what it is | unit | better | shown in | source |
|---|---|---|---|---|---|---|
"""
_TAIL = """
A figure is a file of `src/regbench/evaluation/figures`; `base.py` there says how to write one.
This page is made from them:
`uv run python -m regbench.report.figures_page > docs/figures.md`.
"""
_PLACES = {
    Shown.COMPARISON: "comparison.csv",
    Shown.REPORT: "report",
    Shown.TEXT: "terminal and Markdown",
    Shown.RUNS: "table of seeds",
    Shown.HISTORY: "history",
    Shown.MLFLOW: "MLflow",
}


def figures_page() -> str:
    """Return the page as Markdown: a row per figure, in the order of columns."""
    rows = []
    for figure in registry.figures():
        meaning = figure.legend("judged")
        if figure.setting:
            meaning += f"; one by {figure.setting}"
        places = [name for place, name in _PLACES.items() if place in figure.shown]
        cells = [
            f"`{figure.name}`",
            figure.text_heading("judged"),
            meaning,
            figure.unit.name,
            figure.better.value,
            ", ".join(places) or "–",
            figure.source or "–",
        ]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return _HEAD + "".join(rows) + _TAIL


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(figures_page())
