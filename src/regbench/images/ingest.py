"""Ingestion: decode a set's picture files into one N x H x W x C uint8 array.

Every row of the label table becomes either an image or a rejection with its file name and reason.
A set that cannot be used as a whole raises ``StudyError``.
"""

import gc
import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.errors import StudyError, quoted
from regbench.images.decode_rows import (
    Decoded,
    decode_rows,
    no_images,
    printable,
    rejected_table,
    text_column,
)
from regbench.images.duplicates import duplicates_to_drop, image_digests
from regbench.images.image_shape import Shape
from regbench.images.known_files import EarlierIngestion
from regbench.images.layout.labels import sort_classes
from regbench.images.layout.recognize import recognize, recognize_unlabeled
from regbench.images.small_classes import images_of_small_classes
from regbench.images.sources.base import ImageSource, rare_garbage_collection
from regbench.storage.arrays import in_chunks
from regbench.study.schema import Ingest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabeledImages:
    """Decoded images with their class labels.

    Attributes:
        images: Pixels, N x H x W x C, uint8.
        index: One row per image: ``filename`` and ``label`` (str), ``target`` (int32, the
            position of the label in ``classes``) and ``digest`` (str, see ``image_digests``); where
            the set gives a split, ``given_split`` (str: train, validation, test, or empty where it
            does not say); ``column:<title>`` (str) for each further column of a label file.
        rejected: ``filename`` and ``reason`` (str) of every row without an image.
        classes: The distinct labels, sorted as numbers if all are numbers, otherwise as text.
        files: The record for incremental ingestion (see ``KnownFiles.to_frame``).
        layout: What was recognised in the set, in one line.
    """

    images: NDArray[np.uint8]
    index: pd.DataFrame
    rejected: pd.DataFrame
    classes: list[str]
    files: pd.DataFrame
    layout: str


@dataclass(frozen=True)
class UnlabeledImages:
    """Decoded images without labels.

    Attributes:
        images: Pixels, N x H x W x C, uint8.
        index: One row per image: ``filename`` (str).
        rejected: ``filename`` and ``reason`` (str) of every row without an image.
    """

    images: NDArray[np.uint8]
    index: pd.DataFrame
    rejected: pd.DataFrame


@rare_garbage_collection()
def ingest_labeled(
    source: ImageSource, settings: Ingest, earlier: EarlierIngestion | None = None
) -> LabeledImages:
    """Return the labelled pictures of a set, decoded to an N x H x W x C uint8 array.

    Args:
        source: The set of images; all of it may lie in one top folder.
        settings: Where labels and pictures are, and the size and colour mode to decode to.
        earlier: An earlier ingestion, of this set or another. Pictures with the same file content
            are copied from it instead of decoded; this saves time and changes no result.

    Returns:
        The images in the order of the label file, or sorted by file name for class folders.
        Dropped duplicates and the images of classes below ``min_images_per_class`` come last in
        ``rejected`` and do not count towards ``max_rejected``.

    Raises:
        StudyError: The label file is missing, empty or malformed, no image or only one class is
            left, or the share of rejected rows exceeds ``max_rejected``.
    """
    layout = recognize(source, settings)
    if source.about:
        logger.info("%s: %s", source.display, source.about)
    logger.info("%s: %s", source.display, layout.description)
    for warning in layout.warnings:
        logger.warning("%s: %s", source.display, warning)
    table = layout.labeled
    ingested = decode_rows(source, table, settings, earlier)
    digests = read = image_digests(ingested.images)
    if settings.duplicates == "drop":
        ingested, digests = _without_duplicates(source, ingested, digests)
    if settings.min_images_per_class is not None:
        labels = [row.label or "" for row in ingested.rows]
        small = images_of_small_classes(labels, settings.min_images_per_class)
        ingested, digests = _without(ingested, digests, small)
    labels = [row.label or "" for row in ingested.rows]
    classes = sort_classes(set(labels))
    if len(classes) < 2:
        raise StudyError(
            f"{source.display}: all {len(labels)} images are of one class, {quoted(classes[0])}; "
            "a classifier needs at least two"
        )
    targets = {label: target for target, label in enumerate(classes)}
    index = pd.DataFrame(
        {
            "filename": text_column([row.filename for row in ingested.rows]),
            "label": text_column(labels),
            "target": np.array([targets[label] for label in labels], np.int32),
            "digest": text_column(digests),
        }
    )
    if table.has_split:
        index["given_split"] = text_column([row.given_split for row in ingested.rows])
    for at, title in enumerate(table.columns):
        index[f"column:{title}"] = text_column([row.more[at] for row in ingested.rows])
    files = ingested.known.to_frame(read, digests)
    return LabeledImages(
        ingested.images, index, ingested.rejected, classes, files, layout.description
    )


@rare_garbage_collection()
def ingest_unlabeled(
    source: ImageSource, settings: Ingest, shape: Shape | None = None
) -> UnlabeledImages:
    """Return the unlabelled pictures of a set, decoded to an N x H x W x C uint8 array.

    These are the pictures that a list without labels names, that lie in a folder of unlabelled
    ones, or that a label file leaves out; all of them in a set without labels. There may be none.

    Args:
        source: The set of images; all of it may lie in one top folder.
        settings: Where file names and pictures are, and how pictures are decoded.
        shape: Height, width and channels to decode to, of the images that a network was trained
            on; default: as the settings say.

    Returns:
        The images in the order of the file, or sorted by file name.

    Raises:
        StudyError: The file is missing, empty or malformed, it lists no usable picture, or the
            share of rejected rows exceeds ``max_rejected``.
    """
    table = recognize_unlabeled(source, settings)
    # An error that says 'no labels' refers to itself, and holds all names that were looked at.
    gc.collect()
    ingested = (
        decode_rows(source, table, settings, shape=shape, recorded=False)
        if table.rows
        else no_images(settings, shape)
    )
    index = pd.DataFrame({"filename": text_column(row.filename for row in ingested.rows)})
    return UnlabeledImages(ingested.images, index, ingested.rejected)


def _without_duplicates(
    source: ImageSource, ingested: Decoded, digests: list[str]
) -> tuple[Decoded, list[str]]:
    """Drop duplicate images, in place; return the remaining ones and their pixel digests.

    Raises:
        StudyError: No image is left.
    """
    rows = ingested.rows
    reasons = duplicates_to_drop(
        digests, [printable(row.filename) for row in rows], [row.label or "" for row in rows]
    )
    if len(reasons) == len(rows):
        raise StudyError(
            f"{source.display}: ingest.duplicates=drop leaves no image: all {len(rows)} have the "
            "same pixels as one with another label"
        )
    if reasons:
        logger.warning(
            "%d images dropped because another has the same pixels (ingest.duplicates=drop)",
            len(reasons),
        )
    return _without(ingested, digests, reasons)


def _without(
    ingested: Decoded, digests: list[str], reasons: dict[int, str]
) -> tuple[Decoded, list[str]]:
    """Reject images for the reasons given by position, in place; return the remaining ones."""
    if not reasons:
        return ingested, digests
    images, rows, rejected, known = ingested
    stay = np.array([at for at in range(len(rows)) if at not in reasons], np.intp)
    end = 0
    for chunk in in_chunks(images, stay):  # in place: an image only moves towards the front
        images[end : end + len(chunk)] = chunk
        end += len(chunk)
    rejected = pd.concat([rejected, rejected_table(rows, reasons)], ignore_index=True)
    remaining = Decoded(images[:end], [rows[at] for at in stay], rejected, known)
    return remaining, [digests[at] for at in stay]
