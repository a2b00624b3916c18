"""Taking over what an earlier ingestion has decoded, where the files are the same.

A file is known by its content: by the hash of its bytes in a folder, where it is read and not
decoded, and by name, length and CRC-32 in a zip, whose list of entries has them. What is taken over
is held against the digest of its pixels, so a record that is damaged, old or of another set leads
to more reading and never to other images.
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
    """What an earlier ingestion has left.

    Attributes:
        files: From ``KnownFiles.record``.
        load_images: Gives its images, uint8, N x H x W x C; may be memory-mapped.
    """

    files: pd.DataFrame
    load_images: Callable[[], NDArray[np.uint8]]


class KnownFiles:
    """What came of picture files, by their content: in an earlier ingestion, and in this one."""

    def __init__(self, earlier: EarlierIngestion | None = None, made_with: str = "") -> None:
        """Look up what is known.

        Args:
            earlier: Nothing is known without it.
            made_with: Identifies what pixels depend on besides the file; what was decoded with
                something else counts for nothing.
        """
        self._made_with = made_with
        self._load_images = earlier.load_images if earlier else None
        self._rows: dict[str, int] = {}
        self._pixels: pd.Series[str] = pd.Series(dtype="str")  # by row
        self._faults: dict[str, str] = {}
        self._taken: dict[int, int] = {}
        self._noted_images: list[str] = []
        self._noted_faults: dict[str, str] = {}
        if earlier is None or list(earlier.files.columns) != list(_COLUMNS):
            return
        files = earlier.files[earlier.files["made_with"] == made_with]
        images, faulty = files[files["row"] >= 0], files[files["row"] < 0]
        self._rows = dict(zip(images["content"].tolist(), images["row"].tolist(), strict=True))
        self._pixels = images.drop_duplicates("row").set_index("row")["pixels"]
        self._faults = dict(zip(faulty["content"], faulty["fault"], strict=True))

    def forget(self) -> None:
        """Know nothing any more, of this ingestion either."""
        for known in (self._rows, self._faults, self._taken, self._noted_faults):
            known.clear()
        self._noted_images.clear()

    @property
    def taken(self) -> int:
        """How many pictures are taken over."""
        return len(self._taken)

    def fault(self, content: str) -> str | None:
        """Why a picture could not be decoded, if that is known."""
        return self._faults.get(content)

    def take(self, content: str, row: int) -> bool:
        """Have a picture copied to a row later; False if it is not known."""
        earlier_row = self._rows.get(content)
        if earlier_row is None:
            return False
        self._taken[row] = earlier_row
        return True

    def note_image(self, content: str) -> None:
        """Note that a file is the picture of the next row."""
        self._noted_images.append(content)

    def note_fault(self, content: str, fault: str) -> None:
        """Note that a file cannot be decoded, and never will be."""
        self._noted_faults[content] = fault

    def copy_to(
        self,
        images: NDArray[np.uint8],
        digests_of: Callable[[NDArray[np.uint8]], list[str]],
    ) -> bool:
        """Copy what is taken.

        Args:
            images: N x H x W x C.
            digests_of: Names every image by its pixels.

        Returns:
            Whether every picture was there and has the pixels that it was recorded with.
        """
        if not self._taken or self._load_images is None:
            return True
        try:
            earlier = self._load_images()
        except Exception as error:
            reason = explanation(error)
            if reason is None:
                raise
            logger.warning("%s", reason.message)
            return False
        rows = np.fromiter(self._taken.keys(), np.int64)
        earlier_rows = np.fromiter(self._taken.values(), np.int64)
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

    def record(self, digests: Sequence[str], stored: Sequence[str]) -> pd.DataFrame:
        """Write down what is noted, for the next ingestion.

        Args:
            digests: Of the pixels of every image noted.
            stored: The same of the images that the next ingestion will find, some of those.

        Returns:
            A row per file: content, row (of an image with its pixels; -1 without one), pixels
            (their digest; empty without an image), fault and made_with.
        """
        places = {digest: row for row, digest in enumerate(stored)}
        found = (places.get(digest, _NO_ROW) for digest in digests)
        rows = np.fromiter(found, np.int64, len(digests))
        del places, found  # there may be millions
        faults = self._noted_faults
        columns: dict[str, Sequence[str] | NDArray[np.int64] | str] = {
            "content": [*self._noted_images, *faults],
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


def content_of(source: ImageSource, name: str, limit: int) -> tuple[str, bytes | None]:
    """Identify the content of a file, reading it only if there is no other way.

    Args:
        source: The set.
        name: A name in it.
        limit: The number of bytes that it may have.

    Returns:
        32 hexadecimal digits, and the bytes if they were read.

    Raises:
        Unreadable: See ``ImageSource.read``.
    """
    checksum = source.checksum(name, limit)
    if checksum is not None:
        named = f"{name}\0{checksum}".encode(errors="surrogateescape")
        return hashlib.blake2b(named, digest_size=16, person=b"checksum").hexdigest(), None
    data = source.read(name, limit)
    return hashlib.blake2b(data, digest_size=16).hexdigest(), data
