"""What the report says of a study's images: how many of each class, and which are duplicates."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from regbench.images import class_counts, duplicates, near_duplicates
from regbench.report import numbers

MOST_DUPLICATES = (
    200  # images with equal or nearly equal pixels listed by name; the rest is counted
)
MOST_CLASSES = 200  # classes whose images are counted in a row; of more the largest and smallest


def duplicates_found(found: pd.DataFrame | None) -> dict[str, Any]:
    """Return the images with equal pixels, and nearly equal ones: sentences and the first rows.

    Args:
        found: Group, filename, label, split and finding; None if they were not looked for.
    """
    if found is None:
        return {"sentences": ["not looked for by the version that read the images"], "images": []}
    is_near = found["finding"].str.startswith(near_duplicates.NEAR)
    return {
        "sentences": [
            duplicates.summarize_duplicates(duplicates.count_duplicates(found[~is_near])),
            near_duplicates.summarize_near_duplicates(found[is_near]),
        ],
        "images": found.head(MOST_DUPLICATES).to_dict("records"),
    }


def images_by_class(split_index: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Return the number of images of each class in each split part, the largest and smallest."""
    counts = class_counts.count_classes(split_index, classes)
    parts = [column for column in counts if column not in ("label", "images")]
    shown = counts
    if len(counts) > MOST_CLASSES:
        ordered = counts.sort_values("images", ascending=False, kind="stable")
        ends = [ordered.head(MOST_CLASSES // 2), ordered.tail(MOST_CLASSES // 2)]
        shown = pd.concat(ends)
    label, accuracy = class_counts.largest_class(counts)
    return {
        "parts": parts,
        "classes": len(counts),
        "rows": shown.to_dict("records"),
        "most": int(counts["images"].max()),
        "totals": [int(counts[part].sum()) for part in parts],
        "largest": label,
        "accuracy": numbers.percent(accuracy),
        "uneven": class_counts.uneven_classes(counts),
    }
