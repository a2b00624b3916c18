"""The plot of the generalization gap."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regbench.evaluation.split_parts import judged_part
from regbench.report.numbers import signed
from regbench.report.plots.differences import rows_with_figures
from regbench.report.plots.style import COLOURS, WIDE, draw_legend, in_style, row_axis
from regbench.study.schema import BASELINE


@in_style
def gap_plot(comparison: pd.DataFrame, width: int = WIDE) -> Figure:
    """Draw each technique's accuracy in % on train and judged part, and the gap between them.

    Args:
        comparison: From ``compare``; its order is the order of rows.
        width: Width in pixels.
    """
    judged = f"{judged_part(comparison)}_accuracy"
    rows = rows_with_figures(comparison, ["train_accuracy", judged])
    names = [str(row["technique"]) for row in rows]
    gaps = [100 * (row["train_accuracy"] - row[judged]) for row in rows]
    figure, axis = row_axis(names, [f"gap {signed(gap)}" for gap in gaps], width)
    for height, row in enumerate(reversed(rows)):
        colour = COLOURS["ink" if row["technique"] == BASELINE else "accent"]
        seen, unseen = 100 * row["train_accuracy"], 100 * row[judged]
        axis.plot([unseen, seen], [height] * 2, color=colour, linewidth=2.5, alpha=0.5)
        axis.plot(seen, height, "D", color=colour, markerfacecolor=COLOURS["surface"], markersize=7)
        axis.plot(unseen, height, "o", color=colour, markersize=8)
    axis.set_xlabel("accuracy in %")
    axis.margins(x=0.06)
    colour = COLOURS["accent"]
    unseen_mark = Line2D([], [], color=colour, marker="o", markersize=8, linewidth=0)
    unseen_mark.set_label(judged.replace("_", " "))
    seen_mark = Line2D([], [], color=colour, marker="D", markersize=7, linewidth=0)
    seen_mark.set_markerfacecolor(COLOURS["surface"])
    seen_mark.set_label("train accuracy")
    draw_legend(figure, [unseen_mark, seen_mark], width)
    return figure
