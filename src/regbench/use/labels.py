"""Labels of any number of unlabelled images: in parts, each kept as soon as it is made."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from regbench.errors import DamagedFileError
from regbench.networks.inference import predict
from regbench.storage.arrays import release_memory
from regbench.storage.atomic import damaged_file_errors
from regbench.storage.stored_file import StoredFile
from regbench.study.digests import hexadecimal, new_hash
from regbench.use.calibration import tempered

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

PART = 20_000  # images of a part, the last excepted
_ROWS = 2_000  # of which the probabilities of all classes are in memory at once
_MADE_FROM = b"made_from"
COLUMNS = ("filename", "label", "confidence", "sure")


@dataclass(frozen=True)
class LabelledParts:
    """A table in parts: filename, label, confidence (float), sure (bool).

    Attributes:
        files: Of the parts, in order; at least one.
    """

    files: Sequence[StoredFile]

    def tables(self) -> Iterator[pd.DataFrame]:
        """Yield the parts, one after another."""
        for file in self.files:
            with damaged_file_errors(file):
                yield pq.read_table(file.local_copy()).to_pandas()

    def remove(self) -> None:
        """Delete the files of the parts."""
        for file in self.files:
            file.remove()


def label_in_parts(
    network: "keras.Model",
    images: np.ndarray,
    filenames: pd.Series,
    classes: Sequence[str],
    calibration: Mapping[str, Any],
    chosen: Mapping[str, Any],
    folder: StoredFile,
    part: int = PART,
) -> LabelledParts:
    """Return the labels of images; parts that are there from an interrupted run are kept.

    A part is kept if it was made from the same pixels, names, network and calibration. What is in
    memory does not depend on how many images there are.

    Args:
        network: Raw uint8 images in, class probabilities out.
        images: N x H x W x C, uint8; may be memory-mapped.
        filenames: Of the N images.
        classes: The labels in the order of the network's outputs.
        calibration: From ``calibration_of``.
        chosen: From ``choice.choose``.
        folder: Where the parts are written.
        part: Images of each.

    Returns:
        A part at least; without images an empty one.
    """
    about = f"{chosen['weights']} {list(classes)} {sorted(calibration.items())}"
    files, kept = [], 0
    for start in range(0, max(1, len(images)), part):
        end = min(start + part, len(images))
        names = filenames.iloc[start:end].astype(str)
        hashed = new_hash(about.encode())
        hashed.update("\0".join(names).encode("utf-8", "surrogatepass"))
        hashed.update(np.ascontiguousarray(images[start:end]).tobytes())
        made_from = hexadecimal(hashed).encode()
        file = folder.joinpath(f"part_{start:012}.parquet")
        if _is_made_from(file, made_from):
            kept += end - start
        else:
            table = _labelled(network, images[start:end], names, classes, calibration)
            arrow = pa.Table.from_pandas(table, preserve_index=False)
            with file.atomic_write() as partial:
                own = arrow.replace_schema_metadata(
                    {**(arrow.schema.metadata or {}), _MADE_FROM: made_from}
                )
                pq.write_table(own, partial, write_page_checksum=True)
        release_memory(images)
        files.append(file)
    if kept:
        logger.info("%d of %d images were labelled before: going on", kept, len(images))
    return LabelledParts(files)


def _is_made_from(file: StoredFile, made_from: bytes) -> bool:
    """Return whether a part is there, whole, and of this origin; a line says if it is damaged."""
    if not file.exists():
        return False
    try:
        with damaged_file_errors(file):
            table = pq.read_table(file.local_copy(), page_checksum_verification=True)
    except DamagedFileError as error:
        logger.warning("%s; it is made again", error.message)
        return False
    return (table.schema.metadata or {}).get(_MADE_FROM) == made_from


def _labelled(
    network: "keras.Model",
    images: np.ndarray,
    names: pd.Series,
    classes: Sequence[str],
    calibration: Mapping[str, Any],
) -> pd.DataFrame:
    """Return the labels of a part's images."""
    answers, confidence = [np.zeros(0, int)], [np.zeros(0)]
    for start in range(0, len(images), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(images)))
        probabilities = predict(network, images, rows)
        answers.append(probabilities.argmax(axis=1))
        confidence.append(tempered(probabilities, calibration["temperature"]).max(axis=1))
    together = np.concatenate(confidence)
    least = calibration["sure_from"]
    sure = together >= least if least is not None else np.zeros(len(together), dtype=bool)
    return pd.DataFrame(
        {
            "filename": names.to_numpy(dtype=object),
            "label": np.asarray(classes, dtype=object)[np.concatenate(answers)],
            "confidence": together.round(6),
            "sure": sure,
        }
    )
