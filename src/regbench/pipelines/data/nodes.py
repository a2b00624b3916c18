"""Nodes that prepare the images, which all techniques share.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

import logging
from typing import TYPE_CHECKING, Any

from regbench.errors import StudyError
from regbench.regularizers.augmentation import Augmentation
from regbench.regularizers.zca import Whitening
from regbench.study import digests as study_digests
from regbench.study import fingerprints
from regbench.study.arms import arm_named
from regbench.study.reporting import Reporting
from regbench.study.schema import Evaluation, Ingest, Normalization
from regbench.study.split import Split

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.images.known_files import EarlierIngestion
    from regbench.images.sources.base import ImageSource
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = EarlierIngestion = ImageSource = Any

logger = logging.getLogger(__name__)


def ingest_images(
    labeled_images: ImageSource, earlier_ingestion: EarlierIngestion | None, ingest: dict[str, Any]
) -> tuple[ndarray, DataFrame, DataFrame, list[str], DataFrame]:
    """Read all labelled images into one array; copy unchanged ones from the earlier ingestion.

    Returns:
        Images (N x H x W x C, uint8), image index (filename, label, target, digest), rejected
        images (filename, reason), the sorted classes, and a record of the files for the next
        ingestion.
    """
    from regbench.images import ingest as ingestion

    with labeled_images as source:
        settings = Ingest.model_validate(ingest)
        made = ingestion.ingest_labeled(source, settings, earlier_ingestion)
    return made.images, made.index, made.rejected, made.classes, made.files


def check_network(
    images: ndarray,
    classes: list[str],
    network: dict[str, Any],
    trainings: dict[str, Any],
    batch_size: int,
    precision: str,
    **shared: dict[str, Any],
) -> None:
    """Check that the network and the techniques fit the images, before anything is trained.

    Settings alone were checked before the run; here is what only the images tell, and faults that
    show when a network is built, such as weights that cannot be fetched.

    Raises:
        StudyError: With a line for everything that does not fit.
    """
    from regbench.networks.registry import network_of
    from regbench.study import fit
    from regbench.study.memory import Batch

    built = network_of(network)
    techniques = {name: training["regularizers"] for name, training in trainings.items()}
    height, width, channels = images.shape[1:]
    shape = (height, width, channels)
    batch = Batch(shape, batch_size, precision)
    planned = fit.Planned(built, techniques, shared, batch, len(classes))
    fit.check_fit(planned)
    for note in built.notes(shape):
        logger.info("%s", note)
    if built.built_to_check:
        for line in fit.check_built(planned):
            logger.warning("%s", line)


def check_networks(
    images: ndarray,
    classes: list[str],
    networks: dict[str, Any],
    chosen: list[str],
    trainings: dict[str, Any],
    **shared: Any,
) -> None:
    """Check each network of a study of several as ``check_network`` does.

    Raises:
        StudyError: With a line for everything that does not fit one of them, and its name.
    """
    for name in chosen:
        own = {
            arm_named(arm).technique: training
            for arm, training in trainings.items()
            if arm_named(arm).network == name
        }
        try:
            check_network(images, classes, networks[name], own, **shared)
        except StudyError as error:
            raise StudyError(f"on network {name}: {error.message}") from error


def split_images(
    image_index: DataFrame, split: dict[str, Any], seeds: list[int] | None = None
) -> DataFrame:
    """Assign every image to train, validation or test; warn of groups that are torn apart.

    Args:
        image_index: A row per image.
        split: The settings.
        seeds: Those of the study, if each is to have a split of its own.
    """
    from regbench.images import resample, suspected_groups
    from regbench.images import split as splitting

    settings = Split.model_validate(split)
    if seeds is None:
        index = splitting.split_rows(image_index, settings)
    else:
        index = resample.resample_rows(image_index, settings, seeds)
    for warning in [] if settings.is_grouped else suspected_groups.warnings_of_groups(index):
        logger.warning("%s", warning)
    return index


def count_classes(
    split_index: DataFrame, classes: list[str], reporting: dict[str, Any]
) -> DataFrame:
    """Count the images of each class in each split part; warn of uneven classes.

    The band of practical equivalence is held against the number of judged images. The warning is
    left out if the study's metric is another than accuracy.

    Returns:
        A row per class: label, images, and the number in each split part.
    """
    from regbench.comparison.band import check_band
    from regbench.evaluation import resampling
    from regbench.images import class_counts

    if remark := check_band(Reporting.model_validate(reporting), split_index):
        logger.info("%s", remark)
    counts = class_counts.count_classes(split_index, classes)
    is_one_of_many = bool(resampling.seeds_of(split_index))
    remark = "; so or nearly so in each seed's own split" if is_one_of_many else ""
    logger.info("%s%s", class_counts.describe_counts(counts), remark)
    warning = class_counts.uneven_classes(counts)
    if warning and reporting.get("metric", "accuracy") == "accuracy":
        logger.warning("%s", warning)
    return counts


def find_duplicates(images: ndarray, split_index: DataFrame) -> DataFrame:
    """Find images with the same pixels, and nearly the same in another part; warn if it matters.

    It matters if equal images differ in label or split part.

    Returns:
        A row per such image: group, filename, label, split and finding.
    """
    import pandas as pd

    from regbench.images import duplicates, near_duplicates

    equal = duplicates.find_duplicates(split_index)
    counts = duplicates.count_duplicates(equal)
    serious = counts.conflicting or counts.leaking
    logger.log(
        logging.WARNING if serious else logging.INFO, "%s", duplicates.summarize_duplicates(counts)
    )
    near = near_duplicates.find_near_duplicates(images, split_index, counts.groups + 1)
    logger.log(
        logging.INFO if near.empty else logging.WARNING,
        "%s",
        near_duplicates.summarize_near_duplicates(near),
    )
    return pd.concat([equal, near], ignore_index=True)


def fit_normalization(
    images: ndarray, split_index: DataFrame, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return each channel's offset and scale, estimated from the train images.

    Where every seed has its own split, these are by ``seed_<n>``.
    """
    from regbench.images import normalization

    method = Normalization.model_validate(settings)
    by_seed = _train_rows(split_index)
    fitted = {
        name: normalization.fit_normalization(images, rows, method)
        for name, rows in by_seed.items()
    }
    return fitted.get("", fitted)


def fit_zca(
    images: ndarray,
    split_index: DataFrame,
    fitted_normalization: dict[str, Any],
    settings: dict[str, Any],
) -> dict[str, ndarray]:
    """Return the ZCA whitening, estimated from the train images.

    Where every seed has its own split, the arrays' names begin with ``seed_<n>.``
    """
    from regbench.images import normalization

    whitening = Whitening.model_validate(settings)
    fitted: dict[str, ndarray] = {}
    for name, rows in _train_rows(split_index).items():
        scale = fitted_normalization[name] if name else fitted_normalization
        arrays = normalization.fit_zca(images, rows, scale, whitening)
        fitted |= {f"{name}.{array}" if name else array: arrays[array] for array in arrays}
    return fitted


def build_augmentation(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the checked settings of the augmentation that techniques share."""
    return dict(Augmentation.model_validate(settings))


def preview_augmentation(
    images: ndarray,
    split_index: DataFrame,
    augmentation: dict[str, Any],
    fitted_normalization: dict[str, Any],
    zca: dict[str, ndarray] | None = None,
) -> Any:
    """Draw train images: original, augmented, and whitened if a technique whitens.

    Where every seed has its own split, these are train images of the first.

    Returns:
        A Matplotlib figure.
    """
    from regbench.evaluation import resampling
    from regbench.images import normalization
    from regbench.regularizers.computations.affine_maps import augment_once
    from regbench.report.plots import contact_sheet

    settings = Augmentation.model_validate(augmentation)
    for first in resampling.seeds_of(split_index)[:1]:
        split_index = resampling.split_of_seed(split_index, first)
        fitted_normalization = resampling.fitted_of_seed(fitted_normalization, first)
        zca = resampling.fitted_of_seed(zca, first)
    rows = contact_sheet.sheet_rows(split_index)
    originals = images[rows]
    strips = {
        "original": originals,
        "augmented": augment_once(originals, settings, seed=1),
        "augmented again": augment_once(originals, settings, seed=2),
    }
    if zca is not None:
        strips["whitened"] = normalization.whiten(
            normalization.normalize(originals, fitted_normalization), zca
        )
    return contact_sheet.contact_sheet(strips, split_index["label"].to_numpy()[rows].tolist())


def corrupt_images(
    images: ndarray, split_index: DataFrame, settings: dict[str, Any]
) -> tuple[ndarray, list[int] | dict[str, list[int]]]:
    """Apply every corruption to the same images of the judged part.

    Returns:
        The corrupted images (corruptions x M x H x W x C, uint8, in the order of
        ``CORRUPTIONS``) and the M rows of the split index that they come from. Where every seed
        has its own split: the rows of each, by ``seed_<n>``, and the corrupted images of all of
        them, in the order of rows.
    """
    import numpy as np

    from regbench.evaluation import corruption, resampling, split_parts
    from regbench.storage import arrays

    judged_part = split_parts.judged_part(set(split_index["split"]))
    most = Evaluation.model_validate(settings).robustness_images
    by_seed = {
        resampling.entry_of(seed): corruption.robustness_rows(
            resampling.split_of_seed(split_index, seed), judged_part, most
        )
        for seed in resampling.seeds_of(split_index)
    }
    rows = (
        np.unique(np.concatenate(list(by_seed.values())))
        if by_seed
        else corruption.robustness_rows(split_index, judged_part, most)
    )
    chosen = images[rows]
    corrupted = arrays.empty_images((len(corruption.CORRUPTIONS), *chosen.shape))
    for changed, name in zip(corrupted, corruption.CORRUPTIONS, strict=True):
        changed[:] = corruption.corrupt(chosen, name, seed=0)
    if by_seed:
        return corrupted, {name: own.tolist() for name, own in by_seed.items()}
    return corrupted, rows.tolist()


def preview_corruptions(
    corrupted: ndarray,
    corrupted_rows: list[int] | dict[str, list[int]],
    images: ndarray,
    split_index: DataFrame,
) -> Any:
    """Draw an image of each class, original and under every corruption.

    Returns:
        A Matplotlib figure.
    """
    import numpy as np

    from regbench.evaluation import corruption
    from regbench.report.plots import contact_sheet

    rows = corruption.all_rows(corrupted_rows)
    index = split_index.iloc[rows]
    _, shown = np.unique(index["target"], return_index=True)  # the first image of each class
    shown = shown[:10]
    strips = {"original": images[rows[shown]]}
    for name, changed in zip(corruption.CORRUPTIONS, corrupted, strict=True):
        strips[name.replace("_", " ")] = changed[shown]
    return contact_sheet.contact_sheet(strips, index["label"].iloc[shown].tolist())


def fingerprint_data(
    labeled_images: ImageSource,
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    preparation: dict[str, str],
    split: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the fingerprint of the prepared data.

    Args:
        labeled_images: The set.
        images: N x H x W x C, uint8.
        split_index: A row per image.
        classes: The labels.
        preparation: Digests of the settings and code of the preparation.
        split: The settings of the split, if every seed has its own.

    Returns:
        ``data`` and ``split``, digests of the prepared images and of the split; ``shape``, the
        images' height, width and channels; and ``made_from``, digests of the image files and of
        the settings that they were prepared with.
    """
    with labeled_images as source:
        made_from = {"files": source.digest(), **preparation}
    return {
        **fingerprints.fingerprint_of_data(images, split_index, classes, split),
        "shape": list(images.shape[1:]),
        "made_from": made_from,
    }


def record_files(
    digests: dict[str, str], data_fingerprint: dict[str, Any], *last: Any
) -> dict[str, Any]:
    """Return a record of the prepared files' digests, made when all of them are written.

    Args:
        digests: Of the files, by dataset; empty for one that is missing.
        data_fingerprint: As stored.
        last: Outputs of the nodes that run last, so that Kedro runs this one after them.

    Returns:
        ``files``, the digests; and ``data_fingerprint``, a copy in case its file is damaged.
    """
    files = {name: digest for name, digest in digests.items() if digest}
    return study_digests.sealed({"files": files, "data_fingerprint": data_fingerprint})


def _train_rows(split_index: DataFrame) -> dict[str, ndarray]:
    """Return the train rows by ``seed_<n>``; those of a single split under ''."""
    import numpy as np

    from regbench.evaluation import resampling

    columns = {
        resampling.entry_of(seed): resampling.column_of(seed)
        for seed in resampling.seeds_of(split_index)
    }
    return {
        name: np.flatnonzero(split_index[column] == "train")
        for name, column in (columns or {"": "split"}).items()
    }
