"""The band of practical equivalence, held against the number of judged images."""

import math
from typing import TYPE_CHECKING

import numpy as np

from regbench.errors import SettingsError
from regbench.evaluation.split_parts import judged_part
from regbench.metrics.base import POINTS, Answers
from regbench.metrics.registry import METRICS
from regbench.study.reporting import USUAL_BAND, Reporting

if TYPE_CHECKING:
    import pandas as pd


def check_band(settings: Reporting, split_index: "pd.DataFrame") -> str:
    """Check that the band is not smaller than the step of one judged image.

    The usual band is let pass, so that small sets need no setting: differences of less than one
    image are then hardly ever shown to be none.

    Args:
        settings: With the metric and the band.
        split_index: A row per image: target, split.

    Returns:
        A remark on the usual band if it is smaller; otherwise an empty text.

    Raises:
        SettingsError: The band is smaller, and another than the usual one.
    """
    metric = METRICS[settings.metric]
    part = judged_part(set(split_index["split"]))
    targets = split_index.loc[split_index["split"] == part, "target"].to_numpy()
    if metric.unit != POINTS or not len(targets):
        return ""
    ones = np.ones(len(targets))
    step = metric.step(Answers(targets, targets, ones, int(targets.max()) + 1))
    if settings.band >= step * (1 - 1e-9):
        return ""
    least = math.ceil(metric.factor * step * 100) / 100
    fault = (
        f"{settings.equivalence_band:g} points are less than one of the {len(targets)} {part} "
        f"images, {metric.factor * step:.2g} points"
    )
    if settings.equivalence_band != USUAL_BAND:
        raise SettingsError(
            f"reporting.equivalence_band: {fault}: so small a difference cannot be told; must be "
            f"at least {least:g}"
        )
    return (
        f"the band of practical equivalence: {fault}: hardly anything can be shown to be "
        f"equivalent; a larger {part} part, or reporting.equivalence_band={least:g}, changes that"
    )
