"""The plot of accuracy by epoch."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from regbench.comparison.tables import finished
from regbench.evaluation.results import Results
from regbench.report.plots.style import COLOURS, in_style, panels


@in_style
def learning_curves(
    results: Mapping[str, Results], scale: tuple[int, float] | None = None
) -> Figure:
    """Draw train and validation accuracy in % by epoch: mean and range over seeds.

    Of an ensemble each member has epochs of its own: mean and range are over members, too.

    Args:
        results: The trainings by technique; a panel each, titled if there are several.
        scale: From ``learning_scale``, default that of ``results``.
    """
    epochs, low = learning_scale(results) if scale is None else scale

    def draw(axis: Axes, technique: Results) -> None:
        for figure, colour, dash in (
            ("train_accuracy", "muted", "-"),
            ("validation_accuracy", "accent", (0, (4, 1.5))),
        ):
            by_epoch = 100 * technique.epochs.groupby("epoch")[figure].agg(["mean", "min", "max"])
            axis.fill_between(
                by_epoch.index,
                by_epoch["min"],
                by_epoch["max"],
                color=COLOURS[colour],
                alpha=0.2,
                linewidth=0,
            )
            axis.plot(
                by_epoch.index,
                by_epoch["mean"],
                color=COLOURS[colour],
                linestyle=dash,
                linewidth=1.8,
                marker="o" if len(by_epoch) == 1 else "",
                label=f"{figure.removesuffix('_accuracy')}, mean over seeds and their range",
            )
        axis.set_xlim(0.7, epochs + 0.3)
        axis.set_ylim(100 * low, 100.8)
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axis.yaxis.set_major_locator(MaxNLocator(5))

    return panels(finished(results), draw, "epoch", "accuracy in %")


def learning_scale(results: Mapping[str, Results]) -> tuple[int, float]:
    """Return the axes' ends that suit all learning curves: most epochs, and lowest accuracy.

    The accuracy, a share of 1, lies below that of every last epoch and of 90 % of all epochs.
    """
    figures = ["train_accuracy", "validation_accuracy"]
    tables = [found.epochs for found in finished(results).values()]
    if not tables:
        return 1, 0.0
    accuracies = np.concatenate([table[figures].to_numpy(dtype=float).ravel() for table in tables])
    last = [table.groupby("seed")[figures].last().to_numpy(dtype=float).min() for table in tables]
    epochs = max(int(table["epoch"].max()) for table in tables)
    return epochs, max(0.0, min(*last, float(np.quantile(accuracies, 0.1))) - 0.02)
