"""The learning curve of a study: values, gains and worth of each technique on ever more images."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from regbench.metrics.registry import METRICS
from regbench.scaling.outcomes import (
    SKIPPED,
    differences_of,
    errors_of,
    failures,
    finite,
    mean_and_interval,
    values_of,
)
from regbench.scaling.worth import Worth, curves
from regbench.study.cells import Cell
from regbench.study.reporting import Reporting
from regbench.study.schema import BASELINE


def summary(
    plan: Mapping[str, Any],
    reporting: Mapping[str, Any],
    cells: Mapping[str, Cell],
    outcomes: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return all that the learning curve shows.

    Args:
        plan: From the pipeline's first node: ``techniques`` (names by what the settings call
            them), ``sizes``, ``train_images``, ``judged`` and ``network``.
        reporting: The study's settings: metric and band.
        cells: The trainings by name.
        outcomes: What they made, by name.

    Returns:
        ``rows``: by technique and size ``images``, ``trainings``, ``failed``, ``mean``, ``sd``,
        ``low`` and ``high`` (of the mean), ``difference``, ``difference_low``,
        ``difference_high`` and ``verdict`` against the baseline, and ``worth`` in images with
        ``worth_low``, ``worth_high`` and ``worth_most``; values as stored. ``fit``: ``limit``,
        ``scale``, ``exponent`` and ``tail_exponent`` of the baseline's error, ``largest_miss``,
        and ``forecast`` for twice the images; or ``reason`` why there is none. ``failures`` in
        lines; and what it is of.
    """
    settings = Reporting.model_validate(reporting)
    metric = METRICS[settings.metric]
    figure = f"{plan['judged']}_{metric.name}"
    names = {called: name for called, name in plan["techniques"].items() if name is not None}
    sizes = sorted({size for size in plan["sizes"].values() if size is not None})
    values: dict[str, np.ndarray] = {}
    for called, name in names.items():
        by_draw: dict[int, dict[int, Mapping[str, Any]]] = {}
        for key, cell in cells.items():
            size = plan["sizes"][str(cell.size)]
            if cell.technique == called and size is not None:
                by_draw.setdefault(cell.draw, {})[size] = outcomes[key]
        values[name] = np.stack(
            [values_of([by_draw[draw][size] for size in sizes], figure) for draw in sorted(by_draw)]
        )
    made = {key: of for key, of in outcomes.items() if of["status"] != SKIPPED}
    others = [name for name in values if name != BASELINE]
    pairs = {
        f"{name} {size}": (values[name][:, place], values[BASELINE][:, place])
        for name in others
        for place, size in enumerate(sizes)
    }
    differences = differences_of(pairs, made, metric, settings.band)
    errors = {name: errors_of(of, metric) for name, of in values.items()}
    found = curves(
        np.array(sizes, dtype=float), errors[BASELINE], {name: errors[name] for name in others}
    )
    rows = []
    for name, of in values.items():
        for place, size in enumerate(sizes):
            measured = mean_and_interval(of[:, place])
            row = {"technique": name, "images": size, **measured}
            row["failed"] = len(of) - int(measured["trainings"] or 0)
            row |= differences.get(f"{name} {size}", {})
            if name != BASELINE and (worth := found.worth[name][place]):
                row |= _worth_in_row(worth)
            rows.append(row)
    fit: dict[str, Any] = {"reason": found.reason}
    if found.curve is not None and found.forecast is not None:
        misses = [
            abs(found.curve.error(size) - float(errors[BASELINE][:, place][known].mean()))
            for place, size in enumerate(sizes)
            if (known := ~np.isnan(errors[BASELINE][:, place])).any()
        ]
        ahead = dict(zip(("error", "low", "high"), map(finite, found.forecast), strict=True))
        fit = {
            **asdict(found.curve.law),
            "tail_exponent": found.curve.tail_exponent,
            "largest_miss": max(misses),
            "forecast": {"images": 2 * sizes[-1], **ahead},
        }
    return {
        "metric": metric.name,
        "judged": plan["judged"],
        "judged_images": next((of["judged_images"] for of in made.values() if "step" in of), 0),
        "train_images": plan["train_images"],
        "network": plan["network"],
        "band": settings.band,
        "draws": max(len(of) for of in values.values()),
        "sizes": sizes,
        "left_out": [size for size, images in plan["sizes"].items() if images is None],
        "techniques": names,
        "not_found": [called for called, name in plan["techniques"].items() if name is None],
        "rows": rows,
        "fit": fit,
        "failures": failures(outcomes),
    }


def _worth_in_row(worth: Worth) -> dict[str, float | None]:
    return {
        "worth": finite(worth.images),
        "worth_low": finite(worth.low),
        "worth_high": finite(worth.high),
        "worth_most": worth.most,
    }
