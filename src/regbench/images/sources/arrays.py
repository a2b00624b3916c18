"""A set of images in arrays: every row is a picture file with a name made up from its label."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from regbench.errors import StudyError
from regbench.images.plain_png import PNG_CHANNELS, encode_plain_png
from regbench.images.sources.archive import ArchiveSource
from regbench.images.sources.base import (
    Unreadable,
    is_clean,
    is_hidden,
    new_hash,
    too_large_reason,
)
from regbench.storage.arrays import in_chunks, release_memory

_SCAN_ROWS = 1024
_RELEASED_BYTES = 64 << 20  # read between two releases of mapped memory


@dataclass(frozen=True)
class Pictures:
    """The pictures of a split part.

    Attributes:
        part: ``train``, ``validation`` or ``test``; empty if the set is not split.
        name: Of the array, in messages.
        array: N x H x W, N x H x W x C or N x C x H x W; numbers.
        labels: N labels; None if the pictures have none.
        label_name: Of the array of labels, in messages.
    """

    part: str
    name: str
    array: NDArray[Any]
    labels: list[str] | None
    label_name: str


class ArraySource(ArchiveSource[tuple[int, int]]):
    """A set in arrays, as lossless PNG files: ``<part>/<label>/<row>.png``."""

    def __init__(
        self,
        display: str,
        arrays: Sequence[NDArray[Any]],
        scale: "Scale",
        entries: list[tuple[str, tuple[int, int]]],
        about: str,
    ) -> None:
        """Set the arrays (N x H x W x C), their scale, and (array, row) by file name."""
        super().__init__(display, entries)
        self._arrays, self._scale, self.about = arrays, scale, about
        self._read_bytes = 0

    @classmethod
    def of(cls, display: str, parts: Sequence[Pictures]) -> Self:
        """Return the set of these arrays.

        Raises:
            StudyError: An array is no stack of pictures, its values have no plain meaning as grey
                levels, or a label cannot be a folder's name.
        """
        arrays, words = [], []
        for part in parts:
            array, remark = _channels_last(display, part)
            arrays.append(array)
            shape = " x ".join(map(str, part.array.shape))
            labels = f" with labels {part.label_name}" if part.labels is not None else ""
            words.append(f"{part.name} ({shape}, {part.array.dtype}{remark}){labels}")
        scale = Scale.of(display, [part.name for part in parts], arrays)
        entries = []
        for number, part in enumerate(parts):
            folder = f"{part.part}/" if part.part else ""
            digits = len(str(len(part.array) - 1))
            folders = [folder] * len(part.array)
            if part.labels is not None:
                _check_labels(display, part)
                folders = [f"{folder}{label}/" for label in part.labels]
            entries += [
                (f"{place}{row:0{digits}}.png", (number, row)) for row, place in enumerate(folders)
            ]
        return cls(display, arrays, scale, entries, f"arrays {', '.join(words)}{scale.remark}")

    def close(self) -> None:
        """See :class:`ImageSource`; the arrays' files are unlinked, and closed with them."""

    def read(self, name: str, limit: int) -> bytes:
        """See :class:`ImageSource`; the PNG is made here."""
        return encode_plain_png(self._row(name, limit))

    def chunks(self, name: str) -> Iterator[bytes]:
        """See :class:`ImageSource`."""
        number, _ = self._entry(name)
        yield self.read(name, 2 * self._arrays[number][0].size + 1024)

    def checksum(self, name: str, limit: int) -> str:
        """See :class:`ImageSource`: of the pixels."""
        pixels = self._row(name, limit)
        digest = hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest()
        return f"{pixels.shape}\0{digest}"

    def digest(self) -> str:
        """See :class:`ImageSource`: of the file names and of all pixels."""
        hasher = new_hash()
        for name, at in self._entries:
            hasher.update(f"{name}\0{at}\0".encode())
        for array in self._arrays:
            hasher.update(f"{array.shape}\0".encode())
            for chunk in in_chunks(array):
                hasher.update(self._scale.apply(chunk).tobytes())
        return hasher.hexdigest()

    def _with_entries(self, entries: list[tuple[str, tuple[int, int]]]) -> Self:
        return type(self)(self.display, self._arrays, self._scale, entries, self.about)

    def _row(self, name: str, limit: int) -> NDArray[np.uint8]:
        """Return the pixels of a picture, H x W x C, uint8.

        Raises:
            Unreadable: It is missing, or has more bytes than ``limit``.
        """
        number, row = self._entry(name)
        array = self._arrays[number]
        size = array[0].size
        if size > limit:
            raise Unreadable(too_large_reason(limit))
        self._read_bytes += size * array.itemsize
        if self._read_bytes > _RELEASED_BYTES:
            self._read_bytes = 0
            for each in self._arrays:
                release_memory(each)
        return self._scale.apply(array[row])


@dataclass(frozen=True)
class Scale:
    """How values become grey levels from 0 to 255, the same for all arrays of a set.

    Attributes:
        factor: What they are multiplied by before they are rounded.
        remark: The rule in words, for a message; empty where values stay as they are.
    """

    factor: float
    remark: str

    @classmethod
    def of(cls, display: str, names: Sequence[str], arrays: Sequence[NDArray[Any]]) -> Self:
        """Return the scale by the range of all values.

        uint8, and other numbers if they are whole and from 0 to 255, stay as they are. Floats
        from 0 to 1 are multiplied by 255. uint16 is divided by 257, as in 16-bit pictures.

        Raises:
            StudyError: The values are others.
        """
        if all(array.dtype == np.uint8 for array in arrays):
            return cls(1, "")
        if all(array.dtype == bool for array in arrays):
            return cls(255, "; true is 255")
        low, high, whole = _range(arrays)
        floats = any(array.dtype.kind == "f" for array in arrays)
        if floats and low >= 0 and high <= 1:
            return cls(255, "; values from 0 to 1 are multiplied by 255")
        if whole and low >= 0 and high <= 255:
            return cls(1, "")
        if all(array.dtype == np.uint16 for array in arrays):
            return cls(1 / 257, "; 16-bit values are divided by 257")
        raise StudyError(
            f"{display}: {' and '.join(names)}: values from {low:g} to {high:g}; grey levels "
            "are read as whole numbers from 0 to 255, floats from 0 to 1, or uint16"
        )

    def apply(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Return grey levels, uint8, of the same shape."""
        if self.factor == 1:
            return values.astype(np.uint8)
        return np.rint(values.astype(np.float64) * self.factor).astype(np.uint8)


def _range(arrays: Sequence[NDArray[Any]]) -> tuple[float, float, bool]:
    """Return the lowest and the highest value, and whether all are whole numbers.

    A value that is no number makes the lowest one NaN.
    """
    lows, highs, whole = [], [], True
    for array in arrays:
        for start in range(0, len(array), _SCAN_ROWS):
            piece = np.asarray(array[start : start + _SCAN_ROWS])
            lows.append(float(piece.min()))
            highs.append(float(piece.max()))
            whole = whole and (piece.dtype.kind != "f" or bool((piece == np.rint(piece)).all()))
        release_memory(array)
    return float(np.min(lows)), float(np.max(highs)), whole


def _channels_last(display: str, part: Pictures) -> tuple[NDArray[Any], str]:
    """Return an array as N x H x W x C, and what was done in words.

    Raises:
        StudyError: It has other axes, or either order is possible.
    """
    array = part.array
    shape = " x ".join(map(str, array.shape))
    if array.dtype.kind not in "biuf":
        raise StudyError(f"{display}: {part.name} holds {array.dtype}, no numbers")
    if array.ndim == 3:
        return array[..., np.newaxis], ""
    if array.ndim != 4:
        raise StudyError(
            f"{display}: {part.name} is {shape}; pictures are pictures x height x width, or "
            "pictures x height x width x channels: reshape it"
        )
    first, last = (array.shape[axis] in PNG_CHANNELS for axis in (1, 3))
    if first and last:
        raise StudyError(
            f"{display}: {part.name} is {shape}: its second axis or its last may be the channels; "
            "save it as pictures x height x width x channels, with more pixels than channels"
        )
    if first:
        return array.transpose(0, 2, 3, 1), ", channels first"
    if last:
        return array, ""
    counts = ", ".join(map(str, PNG_CHANNELS))
    raise StudyError(f"{display}: {part.name} is {shape}; one axis must be channels ({counts})")


def _check_labels(display: str, part: Pictures) -> None:
    """Raise ``StudyError`` if a label cannot be a folder's name."""
    for label in set(part.labels or ()):
        if "/" in label or is_hidden(label) or not is_clean(label):
            raise StudyError(
                f"{display}: the label {label!r} of {part.label_name} cannot be a folder's name; "
                "labels are without slashes and do not begin with a dot"
            )
