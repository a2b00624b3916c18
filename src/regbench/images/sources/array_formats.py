"""Arrays in files: npy (NumPy), IDX (MNIST's own) and CIFAR's binary version.

No array is read that could run code: Python objects and pickles are refused.
"""

import math
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from regbench.images.sources.base import Unreadable

Array = NDArray[Any]

# Of an IDX file: the type of its values by the third byte. The values are big-endian.
_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CIFAR_SIDE = 32  # pixels
_CIFAR_PIXELS = 3 * _CIFAR_SIDE * _CIFAR_SIDE
_OBJECTS = "holds Python objects, which could run code; save numbers or text"


def read_npy(file: IO[bytes]) -> Array:
    """Return the array of an npy file, mapped from the file.

    Args:
        file: A real file, at its beginning. The array outlives its being closed.

    Raises:
        Unreadable: It holds Python objects, is damaged, or has another length than it says.
    """
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(file)
    except (ValueError, KeyError, EOFError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise Unreadable("no npy file, or a damaged one") from None
    if dtype.hasobject:
        raise Unreadable(_OBJECTS)
    if dtype.kind not in "biufUS":
        raise Unreadable(f"holds {dtype}, neither numbers nor text")
    flat = _mapped(file, dtype, math.prod(shape))
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def read_idx(file: IO[bytes]) -> Array:
    """Return the array of an IDX file (Y. LeCun's format of MNIST), mapped from the file.

    Args:
        file: A real file, at its beginning. The array outlives its being closed.

    Raises:
        Unreadable: It is none, or has another length than it says.
    """
    begin = file.read(4)
    if len(begin) < 4 or begin[:2] != b"\0\0" or begin[2] not in _IDX_TYPES:
        raise Unreadable("no IDX file")
    sizes = file.read(4 * begin[3])
    if len(sizes) < 4 * begin[3]:
        raise Unreadable("cut short")
    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    return _mapped(file, np.dtype(_IDX_TYPES[begin[2]]), math.prod(shape)).reshape(shape)


def read_cifar(file: IO[bytes], label_bytes: int) -> tuple[Array, Array]:
    """Return the pictures (N x 32 x 32 x 3, uint8) and the targets (N) of a CIFAR binary file.

    Args:
        file: A real file, at its beginning. The arrays outlive its being closed.
        label_bytes: 1 of CIFAR-10; 2 of CIFAR-100, whose second is the fine label.

    Raises:
        Unreadable: It does not consist of whole records.
    """
    length = file.seek(0, 2)
    file.seek(0)
    rows, rest = divmod(length, label_bytes + _CIFAR_PIXELS)
    if rest or not rows:
        raise Unreadable("cut short")
    records = _mapped(file, np.dtype(np.uint8), length).reshape(rows, -1)
    planes = records[:, label_bytes:].reshape(rows, 3, _CIFAR_SIDE, _CIFAR_SIDE)
    return planes.transpose(0, 2, 3, 1), np.array(records[:, label_bytes - 1])


def _mapped(file: IO[bytes], dtype: "np.dtype[Any]", count: int) -> Array:
    """Return ``count`` values from here to the end of a file, mapped read-only.

    Raises:
        Unreadable: There are fewer, or more.
    """
    at = file.tell()
    there = file.seek(0, 2) - at
    if there < count * dtype.itemsize:
        raise Unreadable("cut short")
    if there > count * dtype.itemsize:
        raise Unreadable("longer than its header says")
    if not count or not dtype.itemsize:
        raise Unreadable("empty")
    return np.memmap(file, dtype, "r", at, (count,))
