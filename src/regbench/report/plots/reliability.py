"""The reliability plot: accuracy by confidence."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regbench.comparison.compare import judged_part_of
from regbench.evaluation.classification import reliability
from regbench.evaluation.results import Results
from regbench.report.plots.style import COLOURS, in_style, panels

FEWEST_ANSWERS = 10  # the least number of answers that a dot stands for


@in_style
def reliability_plot(results: Mapping[str, Results]) -> Figure:
    """Draw accuracy in % by confidence in %, on the judged part, all seeds pooled.

    The larger a dot, the more answers it stands for; the line through it spans the seeds. Bins
    with fewer than ``FEWEST_ANSWERS`` answers are left out.

    Args:
        results: The trainings by technique; a panel each, titled if there are several.
    """
    part = judged_part_of(results)
    chosen = {name: found for name, found in results.items() if len(found.predictions)}

    def draw(axis: Axes, technique: Results) -> None:
        axis.plot([0, 100], [0, 100], color=COLOURS["muted"], linewidth=1, linestyle=(0, (4, 3)))
        scored = technique.predictions[technique.predictions["split"] == part]
        confidence = scored["confidence"].to_numpy()
        right = (scored["label"] == scored["predicted"]).to_numpy()
        seeds = scored["seed"].to_numpy()
        curve = reliability(confidence, right).set_index("low")
        curve = curve[curve["images"] >= FEWEST_ANSWERS]
        by_seed = pd.concat(
            reliability(confidence[seeds == seed], right[seeds == seed]) for seed in set(seeds)
        )
        spans = by_seed.groupby("low")["accuracy"].agg(["min", "max"]).loc[curve.index]
        places = 100 * curve["confidence"].to_numpy()
        axis.vlines(
            places,
            100 * spans["min"].to_numpy(),
            100 * spans["max"].to_numpy(),
            color=COLOURS["accent"],
            linewidth=1,
            alpha=0.5,
        )
        axis.plot(places, 100 * curve["accuracy"], color=COLOURS["accent"], linewidth=1.4)
        axis.scatter(
            places,
            100 * curve["accuracy"],
            s=12 + 120 * np.sqrt(curve["images"] / max(curve["images"].sum(), 1)),
            color=COLOURS["accent"],
            edgecolor=COLOURS["surface"],
            linewidth=0.8,
            zorder=3,
            clip_on=False,
        )
        axis.set(xlim=(0, 102), ylim=(0, 105))
        axis.set_xticks(range(0, 101, 25))
        axis.set_yticks(range(0, 101, 25))

    return panels(chosen, draw, "confidence in %", "right in %")
