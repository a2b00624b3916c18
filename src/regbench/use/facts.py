"""What a model card says of a network: technique, data and figures, as plain values."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regbench.evaluation.resampling import seeds_of, split_of_seed
from regbench.evaluation.results import TRAINED, Results
from regbench.evaluation.split_parts import SPLIT_PARTS, judged_part
from regbench.metrics.registry import METRICS
from regbench.study.arms import Arm
from regbench.use.choice import REFIT


def facts(
    chosen: Mapping[str, Any],
    compared: pd.DataFrame,
    results: Mapping[str, Results],
    split_index: pd.DataFrame,
    classes: list[str],
    metric: str,
    refit: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what is known of a chosen network.

    Args:
        chosen: From ``choice.choose``.
        compared: The comparison, from ``compare``.
        results: By arm, of trainings that are up to date.
        split_index: A row per image.
        classes: The labels.
        metric: That decides the study.
        refit: The record of the refit, if a refit has made it.

    Returns:
        ``judged``: the judged part, and ``judged_is_unseen``, whether the network was trained on
        none of it. ``trained_on``: split parts. ``images``: their number by split part.
        ``classes``, how many. ``expected``: of a refit, see ``use.refit.expected``; otherwise None.
        ``network_figures``: accuracy and metric of this network's training on the judged part,
        with the 95 % Wilson interval of the accuracy over images; None of a refit, of which
        ``measured`` is what the refit has measured. ``row``: the technique's row of the comparison,
        without empty cells.
    """
    arm = Arm(chosen["technique"], chosen.get("network", ""))
    resampled = bool(seeds_of(split_index))
    split_index = split_of_seed(split_index, chosen["seed"])
    part = judged_part(set(split_index["split"]))
    counts = split_index["split"].value_counts()
    images = {name: int(counts[name]) for name in SPLIT_PARTS if counts.get(name, 0)}
    row = _row(compared, arm)
    own = expected = measured = None
    trained_on = ["train"]
    if refit and chosen["made_by"] == REFIT:
        trained_on, expected = list(refit["plan"]["parts"]), refit["plan"]["expected"]
        measured = refit.get("measured")
    else:
        own = _figures(results[arm.name].trainings, chosen["seed"], part, images[part], metric)
    return {
        "judged": part,
        "judged_is_unseen": part not in trained_on and not resampled,
        "trained_on": trained_on,
        "expected": expected,
        "measured": measured,
        "images": images,
        "classes": len(classes),
        "metric": metric,
        "network_figures": own,
        "row": row,
    }


def _row(compared: pd.DataFrame, arm: Arm) -> dict[str, Any]:
    """Return an arm's row of the comparison as plain values, without empty cells."""
    rows = compared[compared["technique"] == arm.technique]
    if arm.network:
        rows = rows[rows["network"] == arm.network]
    cells = rows.iloc[0].dropna().to_dict()
    return {
        str(key): value.item() if hasattr(value, "item") else value for key, value in cells.items()
    }


def _figures(
    trainings: pd.DataFrame, seed: int, part: str, images: int, metric: str
) -> dict[str, Any]:
    """Return a training's figures on the judged part; the accuracy with an interval."""
    from scipy.stats import binomtest  # noqa: PLC0415 - slow to import

    training = trainings[(trainings["seed"] == seed) & (trainings["status"] == TRAINED)].iloc[0]
    accuracy = float(training[f"{part}_accuracy"])
    interval = binomtest(round(accuracy * images), images).proportion_ci(method="wilson")
    figures = {"accuracy": accuracy, "low": float(interval.low), "high": float(interval.high)}
    if metric != "accuracy":
        figures[METRICS[metric].name] = float(training[f"{part}_{metric}"])
    return figures
