"""Decompression of whole files in small pieces: gzip, bzip2 and xz, with bounds against bombs."""

import bz2
import gzip
import io
import lzma
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from regbench.errors import StudyError
from regbench.images.sources.base import READ_BYTES, Unreadable

GZIP = "gzip"
_SIGNATURES = {b"\x1f\x8b": GZIP, b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_XZ_MEMORY = 256 << 20  # bytes; `xz -9` needs 65 MiB
# Pictures hardly shrink. What inflates beyond both is refused.
_BOMB_BYTES = 1 << 30
_BOMB_RATIO = 100
_BOMB = "inflates to more than a hundred times its size, as a bomb does"


def compression_of(begin: bytes) -> str | None:
    """Return how a file is compressed, by its first six bytes: ``gzip``, ``bzip2``, ``xz``."""
    kinds = (kind for signature, kind in _SIGNATURES.items() if begin.startswith(signature))
    return next(kinds, None)


def check_inflation(stored: int, inflated: int) -> None:
    """Raise ``Unreadable`` if content inflates as a decompression bomb does; sizes in bytes."""
    if inflated > max(_BOMB_BYTES, _BOMB_RATIO * stored):
        raise Unreadable(_BOMB)


def inflated(pieces: Iterable[bytes], compression: str) -> Iterator[bytes]:
    """Yield the decompressed content of a file, at most 1 MiB at a time.

    Args:
        pieces: The compressed content.
        compression: From ``compression_of``.

    Raises:
        Unreadable: It is damaged, cut short, or a decompression bomb.
    """
    file = _Pieces(pieces)
    size = 0
    try:
        for piece in _gunzipped(file) if compression == GZIP else _streams(file, compression):
            size += len(piece)
            check_inflation(file.consumed, size)
            yield piece
    except EOFError:
        raise Unreadable("cut short") from None
    except (OSError, ValueError, zlib.error, lzma.LZMAError):
        raise Unreadable(f"damaged {compression}") from None


def spooled(pieces: Iterable[bytes]) -> IO[bytes]:
    """Return an unlinked temporary file with this content, to be closed by the caller.

    Raises:
        StudyError: The disk is full.
    """
    file = tempfile.TemporaryFile(prefix="regbench-")  # noqa: SIM115 - the caller closes it
    try:
        for piece in pieces:
            try:
                file.write(piece)
            except OSError as error:
                raise _no_space(error) from None
        file.flush()
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _no_space(error: OSError) -> StudyError:
    return StudyError(
        f"cannot unpack into {tempfile.gettempdir()}: {error.strerror}; set TMPDIR to a folder "
        "with more space"
    )


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file to read from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._rest = iter(pieces), b""
        self.consumed = 0  # bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        self._rest = self._rest or next(self._pieces, b"")
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        self.consumed += len(part)
        return len(part)


def _gunzipped(file: _Pieces) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BufferedReader(file), mode="rb") as opened:
        while piece := opened.read(READ_BYTES):
            yield piece


def _streams(file: _Pieces, compression: str) -> Iterator[bytes]:
    """Yield the content of a bzip2 or xz file, of one or several streams."""

    def new() -> bz2.BZ2Decompressor | lzma.LZMADecompressor:
        if compression == "bzip2":
            return bz2.BZ2Decompressor()
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    stream = new()
    while True:
        if stream.eof:
            rest = stream.unused_data or file.read(READ_BYTES)
            if not rest or not rest.strip(b"\0"):  # nothing, or padding
                return
            stream, data = new(), rest
        elif stream.needs_input:
            data = file.read(READ_BYTES)
            if not data:
                raise EOFError
        else:
            data = b""
        yield stream.decompress(data, READ_BYTES)
