"""Images by class and split part: how many there are, and whether classes are uneven."""

from collections.abc import Sequence

import pandas as pd

from regbench.errors import quoted
from regbench.evaluation.split_parts import SPLIT_PARTS, judged_part
from regbench.text.counted import number_of

UNEVEN = 2  # the largest class has more than so many times the images of the smallest
_MOST_LISTED = 12  # classes that a log line lists; of more it tells the range


def count_classes(split_index: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return the number of images of each class, in all and in each split part.

    Args:
        split_index: A row per image: label, split.
        classes: The labels, in the order of the rows to return.

    Returns:
        A row per class: label (str), images, and a column for each split
        part that the split has (int).
    """
    parts = [part for part in SPLIT_PARTS if part in set(split_index["split"])]
    counts = pd.crosstab(split_index["label"], split_index["split"])
    counts = counts.reindex(index=list(classes), columns=parts, fill_value=0)
    counts.insert(0, "images", counts.sum(axis=1))
    return counts.rename_axis("label").rename_axis(None, axis=1).reset_index()


def largest_class(counts: pd.DataFrame) -> tuple[str, float]:
    """Return the largest class of train, and the accuracy of always answering it.

    Args:
        counts: From ``count_classes``.

    Returns:
        The label (of equally large ones the first), and its share of the judged part's images.
    """
    largest = counts.iloc[int(counts.get("train", counts["images"]).argmax())]
    part = judged_part(counts.columns)
    return str(largest["label"]), float(largest[part] / counts[part].sum())


def describe_counts(counts: pd.DataFrame) -> str:
    """Return the counts and the accuracy of always answering the largest class, in a line."""
    parts = [part for part in SPLIT_PARTS if part in counts]
    part = judged_part(counts.columns)
    if len(counts) <= _MOST_LISTED:
        of_each = "; ".join(
            f"{quoted(row['label'])} {', '.join(str(row[part]) for part in parts)}"
            for row in counts.to_dict("records")
        )
        said = f"images of each class in {', '.join(parts)}: {of_each}"
    else:
        ranges = ", ".join(f"{counts[part].min()} to {counts[part].max()} {part}" for part in parts)
        said = (
            f"images of each of {len(counts)} classes: {ranges}; the largest is "
            f"{_with_images(counts, int(counts['images'].argmax()))}, the smallest "
            f"{_with_images(counts, int(counts['images'].argmin()))}"
        )
    label, accuracy = largest_class(counts)
    return f"{said}. Always answering {quoted(label)} has a {part} accuracy of {accuracy:.4f}"


def uneven_classes(counts: pd.DataFrame) -> str | None:
    """Return a warning if one class has more than ``UNEVEN`` times the images of another."""
    images = counts["images"]
    if images.max() <= UNEVEN * images.min():
        return None
    return (
        f"the classes are uneven: {_with_images(counts, int(images.argmax()))} is "
        f"{images.max() / images.min():.3g} times as large as "
        f"{_with_images(counts, int(images.argmin()))}. Accuracy says little about small classes; "
        "reporting.metric=balanced_accuracy counts every class alike"
    )


def _with_images(counts: pd.DataFrame, row: int) -> str:
    """Return a class with its number of images."""
    images = int(counts["images"].iloc[row])
    return f"{quoted(counts['label'].iloc[row])} ({number_of(images, 'image')})"
