"""What a learning curve and a comparison of network sizes say, in sentences."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from regbench.comparison.verdicts import BETTER, DESCRIPTIVE, EQUIVALENT, WORSE
from regbench.errors import by_reason
from regbench.metrics.base import POINTS, Metric
from regbench.metrics.registry import METRICS
from regbench.report.numbers import difference_text, listed, metric_value
from regbench.study.schema import BASELINE

_DETECTED = {BETTER, WORSE}


def of_curve(curve: Mapping[str, Any]) -> list[str]:
    """Return a sentence on each technique, and one on twice the images.

    Args:
        curve: From ``curve.summary``.
    """
    metric = METRICS[curve["metric"]]
    said = [
        _of_technique(
            name,
            [
                row | {"metric": metric.name}
                for row in curve["rows"]
                if row["technique"] == name and "difference" in row
            ],
            metric,
            curve,
        )
        for name in dict.fromkeys(row["technique"] for row in curve["rows"])
        if name != BASELINE
    ]
    return [*said, _of_more_images(curve, metric)]


def notes_of_curve(curve: Mapping[str, Any]) -> list[str]:
    """Return what the settings named and there is not, and what failed, a line each."""
    notes = []
    if curve["left_out"]:
        notes.append(
            f"left out: {listed(curve['left_out'])}, as the study has "
            f"{curve['train_images']:,} train images"
        )
    notes += [f"{called}: no further technique is trained" for called in curve["not_found"]]
    return notes + [f"failed: {line}" for line in by_reason(curve["failures"])]


def rounded(images: float) -> str:
    """Return a number of images with two digits that count: '900', '1,400', '12'."""
    size = abs(images)
    if size < 1:
        return "0"
    step = 10 ** max(0, math.floor(math.log10(size)) - 1)
    return f"{step * round(size / step):,}"


def worth_text(row: Mapping[str, Any]) -> str:
    """Return what a technique is worth: '900 [600, 1,400]', 'more than 4,000 [1,200, ...]'.

    Args:
        row: Of the curve, with ``worth``.
    """
    ends = [row["worth_low"], row["worth_high"]]
    most = row["worth_most"]
    about = f"more than {rounded(most)}" if row["worth"] >= most else rounded(row["worth"])
    about = f"−{about}" if row["worth"] <= -1 else about
    if any(end is None for end in ends):
        return about
    shown = [
        f"more than {rounded(end)}" if end >= most else f"{'−' if end <= -1 else ''}{rounded(end)}"
        for end in ends
    ]
    return f"{about} [{', '.join(shown)}]"


def _of_technique(
    name: str, rows: Sequence[dict[str, Any]], metric: Metric, curve: Mapping[str, Any]
) -> str:
    """Return what a technique is worth, and up to which size.

    Args:
        name: Its name.
        rows: Of the curve, by rising size.
        metric: Of the study.
        curve: From ``curve.summary``.
    """
    if not rows:
        return f"{name} has no trainings to compare with the baseline's."
    last = rows[-1]
    if last["verdict"] == DESCRIPTIVE:
        return (
            f"{name}: {_difference(last, metric)} at {last['images']:,} images, a description: a "
            "verdict takes 5 draws."
        )
    if last["verdict"] in _DETECTED:
        return f"{_worth(name, last, metric, curve)}."
    detected = [row for row in rows if row["verdict"] in _DETECTED]
    at_last, found = f"at {last['images']:,} images", f"{_difference(last, metric)}"
    if not detected:
        return (
            f"{name} is worth nothing detectable at any of {len(rows)} sizes; {at_last}: {found}, "
            f"{last['verdict']}."
        )
    return (
        f"{_worth(name, detected[-1], metric, curve)}; {at_last} it is worth nothing detectable "
        f"({found}, {last['verdict']})."
    )


def _mirrored(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the worth of a row as what it costs: the least of it first."""
    low, high = (None if row[end] is None else -row[end] for end in ("worth_high", "worth_low"))
    return {"worth": -row["worth"], "worth_low": low, "worth_high": high, "worth_most": math.inf}


def _worth(name: str, row: Mapping[str, Any], metric: Metric, curve: Mapping[str, Any]) -> str:
    """Return the clause on a size at which a technique makes a difference."""
    at = f"at {row['images']:,} images"
    difference = _difference(row, metric)
    if row.get("worth") is None:
        does = "helps" if row["verdict"] == BETTER else "makes it worse"
        return (
            f"{name} {does} {at} ({difference}); what that is worth in images cannot be said: "
            f"{curve['fit']['reason']}"
        )
    if row["verdict"] == WORSE:
        about = worth_text(_mirrored(row))
        return f"{name} costs as much as {about} images fewer {at} ({difference})"
    about = worth_text(row)
    about = about if about.startswith("more than") else f"about {about}"
    return f"{name} is worth {about} more images {at} ({difference})"


def _of_more_images(curve: Mapping[str, Any], metric: Metric) -> str:
    """Return what twice the images would give the baseline, by its curve."""
    fit = curve["fit"]
    if fit.get("reason"):
        return f"No curve is fitted to the baseline: {fit['reason']}."
    ahead = fit["forecast"]
    now = metric_value(curve["rows"][len(curve["sizes"]) - 1]["mean"], metric)
    then = metric_value(_value(ahead["error"], metric), metric)
    ends = [_value(ahead[key], metric) for key in ("low", "high") if ahead[key] is not None]
    if len(ends) == 2:
        then += f" [{', '.join(metric_value(end, metric) for end in sorted(ends))}]"
    return (
        f"Twice the images, {ahead['images']:,}, would give the baseline {then} in place of "
        f"{now}, if its curve goes on as it began."
    )


def _value(error: float, metric: Metric) -> float:
    """Return the value of a metric that an error is of."""
    if metric.unit == POINTS and metric.higher_is_better:
        return 1 - error
    return -error if metric.higher_is_better else error


def _difference(row: Mapping[str, Any], metric: Metric) -> str:
    """Return '+1.60 points [1.20, 2.00]'."""
    difference, *interval = difference_text(row).split(" ", 1)
    return " ".join([difference, metric.short_unit, *interval])


def of_networks(sizes: Mapping[str, Any]) -> list[str]:
    """Return which smaller network equals the baseline, in a sentence.

    Args:
        sizes: From ``networks.summary``.
    """
    metric = METRICS[sizes["metric"]]
    rows = [row | {"metric": metric.name} for row in sizes["rows"]]
    [reference] = [row for row in rows if row["is_reference"]]
    of = f"the baseline of {reference['network']}"
    if reference["weights"] is None:
        return [f"Nothing can be compared: {of} failed."]
    smaller = [row for row in rows if "verdict" in row and row["weights"] < reference["weights"]]
    if not smaller:
        return [f"No smaller network is compared with {of}."]
    if smaller[0]["verdict"] == DESCRIPTIVE:
        return ["A description, not a verdict, which takes 5 draws: the table has the differences."]
    return [_of_smaller(smaller, reference, metric)]


def _of_smaller(
    smaller: Sequence[dict[str, Any]], reference: Mapping[str, Any], metric: Metric
) -> str:
    """Return which of the smaller networks equals the baseline of the reference, or is nearest."""
    of = f"the baseline of {reference['network']}"
    equal = [row for row in smaller if row["verdict"] in {EQUIVALENT, BETTER}]
    if not equal:
        near = max(smaller, key=lambda row: metric.gain(row["difference"]))
        return (
            f"No smaller network is shown to equal {of}; the nearest, {_arm(near)}, is at "
            f"{_difference(near, metric)} ({near['verdict']})."
        )
    least = min(equal, key=lambda row: (row["weights"], -metric.gain(row["difference"])))
    does = "is as good as" if least["verdict"] == EQUIVALENT else "is better than"
    said = (
        f"{_arm(least)} {does} {of} ({_difference(least, metric)}) with "
        f"{_share(least['weights'] / reference['weights'])} of the weights"
    )
    if least["seconds"] and reference["seconds"]:
        said += f" and {least['seconds'] / reference['seconds']:.2g} of the inference time"
    alone = [row for row in equal if row["technique"] == BASELINE]
    if least["technique"] == BASELINE:
        return f"{said}."
    if not alone:
        return f"{said}; without {least['technique']} no smaller network does."
    smallest = min(alone, key=lambda row: int(row["weights"]))
    return (
        f"{said}; without {least['technique']} it takes {smallest['title']}, with "
        f"{_share(smallest['weights'] / reference['weights'])}."
    )


def _arm(row: Mapping[str, Any]) -> str:
    technique = "" if row["technique"] == BASELINE else f" with {row['technique']}"
    return f"{row['title']}{technique}"


def _share(share: float) -> str:
    """Return a share of 1 as a fraction or in percent: '1/5', '46 %'."""
    whole = round(1 / share)
    if whole > 1 and abs(1 / share - whole) < 0.15 * whole:
        return f"1/{whole}"
    return f"{100 * share:.0f} %"
