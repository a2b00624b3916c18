"""What a study's verdicts are about, in sentences."""

from typing import Any

import pandas as pd

from regbench.comparison.scope import ONE_SPLIT, SETS_LIKE_THIS, THESE_IMAGES, variance_ratio_of
from regbench.comparison.verdicts import JUDGED, UNDECIDED
from regbench.report.numbers import listed
from regbench.report.sentences import beating_largest_class

_NAMED = 3  # techniques named in a list; the rest is counted


def scope_sentence(comparison: pd.DataFrame) -> str:
    """Return what the verdicts are about, and which hold with other images, too.

    Args:
        comparison: From ``compare``; the sentence is empty if nothing is judged, or nothing
            beats always answering the largest class.
    """
    rows = comparison.to_dict("records")
    judged = [row for row in rows if row.get("verdict") in JUDGED]
    beating = beating_largest_class(comparison)
    if not judged or (beating and not any(beating.values())):
        return ""
    scope = judged[0].get("scope", ONE_SPLIT)
    if scope == SETS_LIKE_THIS:
        return f"The verdicts are about {scope}: every seed has its own split of it."
    about = f"The verdicts are about {scope}"
    if scope == THESE_IMAGES:
        about += ", which the set gives, over draws of the images to train on"
    found = [row for row in judged if row["verdict"] != UNDECIDED]
    if not found or "verdict_over_images" not in comparison:
        return f"{about}."
    held = [row for row in found if row["verdict_over_images"] == row["verdict"]]
    others = [row for row in found if row not in held]
    said = " and ".join(
        [
            *([f"{_verdicts_of(held)} should hold"] if held else []),
            *([f"{_verdicts_of(others)} might not"] if others else []),
        ]
    )
    return f"{about}. For other images from the same source, {said}."


def _verdicts_of(rows: list[dict[Any, Any]]) -> str:
    """Return 'the verdict on dropout', 'those on l1 and l2' and the like."""
    names = listed([row["technique"] for row in rows], _NAMED)
    return f"{'the verdict' if len(rows) == 1 else 'those'} on {names}"


def scope_paragraph(comparison: pd.DataFrame) -> str:
    """Return what the verdicts are about and how the tests allow for it, for the method."""
    rows = comparison.to_dict("records")
    scope = rows[0].get("scope", ONE_SPLIT) if rows else ONE_SPLIT
    if scope == SETS_LIKE_THIS:
        ratio = variance_ratio_of(rows[0])
        return (
            "Every seed has its own split, so a verdict is about sets like this one. Splits of one "
            "set share images, and what they share does not average out: the variance of a mean "
            f"difference is taken as that of the seeds times 1/n + {ratio:.3f} instead of 1/n, the "
            "judged images by the train images (Nadeau and Bengio, 2003). More seeds narrow an "
            "interval only down to that; more images narrow it further. There is no bootstrap "
            "interval over images, as each seed judges others."
        )
    over = (
        "The bootstrap interval resamples seeds and images together: it also carries the luck of "
        "the images. 'Over images' is the verdict if that interval shows the same, otherwise "
        "undecided. With few seeds the interval is somewhat too narrow: no verdict on these images "
        "rests on it."
    )
    if scope == THESE_IMAGES:
        return (
            "The set gives the judged images, and every seed draws its own train and validation "
            "images from the others: the verdict and the t interval are about these judged images, "
            f"over such draws. {over}"
        )
    return (
        "All trainings have one split: the verdict and the t interval are about these images and "
        f"this split. {over} protocol.split.resample=true gives every seed its own split, and "
        "verdicts about sets like this one."
    )


def judged_images(scored: int, comparison: pd.DataFrame) -> str:
    """Return how many images a training is judged by: '1,200 images'; whether seeds differ."""
    return f"{scored:,} images" + (
        " with each seed, others each time" if varies(comparison) else ""
    )


def varies(comparison: pd.DataFrame) -> bool:
    """Return whether every seed judges other images."""
    return "scope" in comparison and bool((comparison["scope"] == SETS_LIKE_THIS).any())
