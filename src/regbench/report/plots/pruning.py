"""The plot of accuracy after pruning."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from regbench.comparison.tables import pruning_curves
from regbench.evaluation.results import Results
from regbench.report.plots.style import NARROW, WIDE, in_style, line_styles, shorten, spread_labels
from regbench.study.schema import BASELINE


@in_style
def pruning_plot(results: Mapping[str, Results], width: int = WIDE) -> Figure:
    """Draw each technique's accuracy in % by the share of weights removed, mean over seeds.

    Args:
        results: The trainings by technique.
        width: Width in pixels.
    """
    curves = pruning_curves(results) * 100
    narrow = width <= NARROW
    beneath = 17 * -(-len(curves) // 2) if narrow else 0  # a legend in two columns
    height = 330 + beneath if narrow else max(340, 17 * len(curves) + 110)
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(curves.columns))
    axis.set_xticks(places, [f"{100 * share:g} %" for share in curves.columns])
    axis.set_xlabel("weights removed, smallest first (steps not to scale)")
    axis.set_ylabel("accuracy in %")
    if curves.empty:
        return figure
    low, high = float(curves.to_numpy().min()), float(curves.to_numpy().max())
    room = max(high - low, 1) * 0.04
    axis.set(ylim=(low - room, high + room), xlim=(-0.15, len(places) - 0.85))
    styles = line_styles([str(name) for name in curves.index])
    ends = {
        name: f"{shorten(str(name), 15 if narrow else 24)} {end:.1f}"
        for name, end in curves.iloc[:, -1].items()
    }
    for name, curve in curves.iterrows():
        axis.plot(places, curve, markersize=6.5, label=ends[name], **styles[str(name)])
    if narrow:
        falling = np.argsort(-curves.iloc[:, -1].to_numpy(), kind="stable")
        lines = [axis.get_lines()[place] for place in falling]
        figure.legend(handles=lines, loc="outside lower left", ncols=2, fontsize=10)
        return figure
    a_line = (high - low + 2 * room) * 16 / (height - 70)  # height of a line of text in % accuracy
    label_heights = spread_labels(curves.iloc[:, -1].to_numpy(), a_line, low - room, high + room)
    for (name, curve), label_height in zip(curves.iterrows(), label_heights, strict=True):
        colour = styles[str(name)]["color"]
        axis.annotate(
            ends[name],
            (places[-1], curve.iloc[-1]),
            xytext=(1.09, label_height),
            textcoords=("axes fraction", "data"),
            va="center",
            fontsize=11,
            color=colour,
            fontweight="bold" if name == BASELINE else "normal",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.8,
                "alpha": 0.6,
                "shrinkA": 2,
                "shrinkB": 4,
                "relpos": (0, 0.5),
            },
        )
    return figure
