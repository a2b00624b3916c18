"""The factorial view on the page: a row and a mark for every pair of techniques."""

from typing import Any

import pandas as pd

from regbench.comparison.compare import metric_of
from regbench.report import svg
from regbench.report.numbers import difference_text, signed
from regbench.report.plots.interactions import STYLES, interaction_plot, pair_name


def interactions_shown(interactions: pd.DataFrame | None, band: float) -> dict[str, Any]:
    """Return what the section shows: ``interactions``, its rows, and ``interaction_picture``.

    Args:
        interactions: From ``comparison.interactions``, of one network; None in a study without
            pairs, which has no such section.
        band: Of practical equivalence, in the metric's stored unit.
    """
    if interactions is None or interactions.empty:
        return {
            "interactions": None if interactions is None else [],
            "interaction_picture": None,
        }
    metric = metric_of(interactions)

    def points(value: float) -> str:
        return signed(metric.factor * value, f".{metric.digits}f")

    own = interactions.drop(columns="network", errors="ignore")  # the section says which
    rows = [
        {
            "pair": pair_name(row),
            "both": row["both"],
            "symbol": STYLES[row["verdict"]].symbol,
            "style": STYLES[row["verdict"]].style,
            "verdict": row["verdict"],
            "one_difference": points(row["one_difference"]),
            "other_difference": points(row["other_difference"]),
            "sum": points(row["one_difference"] + row["other_difference"]),
            "both_difference": points(row["both_difference"]),
            "interaction": difference_text(row, "interaction"),
            "p_adjusted": "–" if pd.isna(row["p_adjusted"]) else f"{row['p_adjusted']:.3f}",
            "seeds": row["seeds"],
        }
        for row in own.to_dict("records")
    ]
    alternative = (
        f"What each pair of techniques gains beyond the sum of both, in {metric.unit}, with its "
        "95 % interval: "
        + svg.enumerated([f"{row['pair']} {row['interaction']}, {row['verdict']}" for row in rows])
        + "."
    )
    picture = svg.responsive(
        "interactions",
        lambda width: interaction_plot(own, band, width),
        alternative,
    )
    return {"interactions": rows, "interaction_picture": picture}
