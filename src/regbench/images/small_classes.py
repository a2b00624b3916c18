"""Classes with too few images to be split, which ``ingest.min_images_per_class`` leaves out."""

import logging
from collections import Counter
from collections.abc import Sequence

from regbench.errors import StudyError, quoted

_NAMED = 5  # classes named in a message; the rest is counted
logger = logging.getLogger(__name__)


def images_of_small_classes(labels: Sequence[str], least: int) -> dict[int, str]:
    """Return the images of classes with fewer than ``least`` images, with reasons; log the classes.

    Args:
        labels: The label of each image.
        least: ``ingest.min_images_per_class``.

    Returns:
        The reason of each image to leave out, by its position.

    Raises:
        StudyError: Fewer than two classes are left.
    """
    images = Counter(labels)
    small = {label: number for label, number in images.items() if number < least}
    if not small:
        return {}
    ordered = sorted(small.items(), key=lambda item: (item[1], item[0]))
    named = ", ".join(f"{quoted(label)} ({number})" for label, number in ordered[:_NAMED])
    if len(ordered) > _NAMED:
        named += f" and {len(ordered) - _NAMED} more"
    if len(images) - len(small) < 2:
        raise StudyError(
            f"ingest.min_images_per_class={least} leaves {len(images) - len(small)} of "
            f"{len(images)} classes, and a classifier needs at least two; too small are {named}"
        )
    logger.warning(
        "%d of %d classes left out, with %d images, because they have fewer than "
        "ingest.min_images_per_class=%d: %s",
        len(small),
        len(images),
        sum(small.values()),
        least,
        named,
    )
    return {
        position: f"class {quoted(label)} has {small[label]} of the {least} images of "
        "ingest.min_images_per_class"
        for position, label in enumerate(labels)
        if label in small
    }
