"""Incremental ingestion: reuse the decoded images of unchanged picture files.

A file is identified by a digest of its content: of its bytes in a folder, where it is read but not
decoded, and of its name, size and CRC-32 in a zip, which are in the zip's central directory. Reused
images are verified by the digest of their pixels, so a damaged or outdated record only costs time
and never changes an image.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.errors import explanation
from regbench.images.sources.base import ImageSource
from regbench.storage.arrays import in_chunks, release_memory

logger = logging.getLogger(__name__)

_COLUMNS = {"content": "str", "row": "int64", "pixels": "str", "fault": "str", "made_with": "str"}
_NO_ROW = -1


@dataclass(frozen=True)
class EarlierIngestion:
    """The record and the images of an earlier ingestion.

    Attributes:
        files: The record, as ``KnownFiles.to_frame`` returned it.
        load_images: Returns the images, N x H x W x C, uint8; they may be memory-mapped.
    """

    files: pd.DataFrame
    load_images: Callable[[], NDArray[np.uint8]]


class KnownFiles:
    """A decoding cache: the image or fault of each file content, of an earlier ingestion.

    It also collects the same of the current ingestion, for the next one.
    """

    def __init__(self, earlier: EarlierIngestion | None = None, made_with: str = "") -> None:
        """Fill the cache from an earlier ingestion.

        Args:
            earlier: The earlier ingestion; without one the cache is empty.
            made_with: Fingerprint of the decoding settings and code. Images decoded with another
                one are not reused.
        """
        self._made_with = made_with
        self._load_images = earlier.load_images if earlier else None
        self._rows: dict[str, int] = {}
        self._pixels: pd.Series[str] = pd.Series(dtype="str")  # by row
        self._faults: dict[str, str] = {}
        self._reused_rows: dict[int, int] = {}
        self._new_images: list[str] = []
        self._new_faults: dict[str, str] = {}
        if earlier is None or list(earlier.files.columns) != list(_COLUMNS):
            return
        files = earlier.files[earlier.files["made_with"] == made_with]
        images, faulty = files[files["row"] >= 0], files[files["row"] < 0]
        self._rows = dict(zip(images["content"].tolist(), images["row"].tolist(), strict=True))
        self._pixels = images.drop_duplicates("row").set_index("row")["pixels"]
        self._faults = dict(zip(faulty["content"], faulty["fault"], strict=True))

    @property
    def reused(self) -> int:
        """The number of reused pictures."""
        return len(self._reused_rows)

    def fault(self, content: str) -> str | None:
        """Return why a file with this content digest cannot be decoded; None if unknown."""
        return self._faults.get(content)

    def has(self, content: str) -> bool:
        """Return whether the image of a file with this content digest is known."""
        return content in self._rows

    def reuse(self, content: str, row: int) -> None:
        """Schedule a known picture to be copied to a row by ``copy_reused``."""
        self._reused_rows[row] = self._rows[content]

    def add_image(self, content: str) -> None:
        """Record that the next row's image is of a file with this content digest."""
        self._new_images.append(content)

    def add_fault(self, content: str, fault: str) -> None:
        """Record why files with this content digest cannot be decoded, whenever they are read."""
        self._new_faults[content] = fault

    def copy_reused(
        self,
        images: NDArray[np.uint8],
        digests_of: Callable[[NDArray[np.uint8]], list[str]],
    ) -> bool:
        """Copy the scheduled pictures and verify their pixels.

        Args:
            images: The array to copy to, N x H x W x C, uint8.
            digests_of: Returns the digest of each image's pixels.

        Returns:
            False if a picture is missing or its pixels do not have the recorded digest.
        """
        if not self._reused_rows or self._load_images is None:
            return True
        try:
            earlier = self._load_images()
        except Exception as error:
            reason = explanation(error)
            if reason is None:
                raise
            logger.warning("%s", reason.message)
            return False
        rows = np.fromiter(self._reused_rows.keys(), np.int64)
        earlier_rows = np.fromiter(self._reused_rows.values(), np.int64)
        fits = earlier.dtype == np.uint8 and earlier.shape[1:] == images.shape[1:]
        if not fits or earlier_rows.max() >= len(earlier):
            return False
        start = 0
        for chunk in in_chunks(earlier, earlier_rows):
            end = start + len(chunk)
            recorded = self._pixels.loc[pd.Index(earlier_rows[start:end])]
            if digests_of(chunk) != recorded.tolist():
                return False
            images[rows[start:end]] = chunk
            release_memory(images)
            start = end
        return True

    def to_frame(self, digests: Sequence[str], stored: Sequence[str]) -> pd.DataFrame:
        """Return the record of the current ingestion, for the next one.

        Args:
            digests: The pixel digests of all added images, in their order.
            stored: The pixel digests of the images that are stored, without dropped duplicates.

        Returns:
            A row per file: content (digest of the file), row (int64, of a stored image with its
            pixels; -1 if it has a fault), pixels (digest; empty with a fault), fault (empty for an
            image) and made_with.
        """
        places = {digest: row for row, digest in enumerate(stored)}
        stored_rows = (places.get(digest, _NO_ROW) for digest in digests)
        rows = np.fromiter(stored_rows, np.int64, len(digests))
        del places, stored_rows  # frees memory: there may be millions
        faults = self._new_faults
        columns: dict[str, Sequence[str] | NDArray[np.int64] | str] = {
            "content": [*self._new_images, *faults],
            "row": np.append(rows, np.full(len(faults), _NO_ROW)),
            "pixels": [*digests, *[""] * len(faults)],
            "fault": [*[""] * len(rows), *faults.values()],
            "made_with": self._made_with,
        }
        index = pd.RangeIndex(len(rows) + len(faults))
        files = pd.DataFrame(
            {name: pd.Series(columns[name], index, dtype) for name, dtype in _COLUMNS.items()}
        )
        usable = np.append(rows != _NO_ROW, np.full(len(faults), True))
        return files if usable.all() else files[usable].reset_index(drop=True)


def content_digest(source: ImageSource, name: str, limit: int) -> tuple[str, bytes | None]:
    """Return a digest of a file's content, and the bytes if they had to be read.

    Args:
        source: The set.
        name: The file's name in the set.
        limit: The maximum size in bytes.

    Returns:
        The BLAKE2b digest of the bytes, or of name and stored checksum if the set has one (32
        hexadecimal digits), and the bytes, or None if they were not read.

    Raises:
        Unreadable: See ``ImageSource.read``.
    """
    checksum = source.checksum(name, limit)
    if checksum is not None:
        named = f"{name}\0{checksum}".encode(errors="surrogateescape")
        return hashlib.blake2b(named, digest_size=16, person=b"checksum").hexdigest(), None
    data = source.read(name, limit)
    return hashlib.blake2b(data, digest_size=16).hexdigest(), data
