"""A set of images in a tar file, plain or compressed."""

import tarfile
from collections.abc import Iterator
from operator import itemgetter
from typing import IO, ClassVar, NamedTuple, Self

from regbench.images.sources.archive import ArchiveSource, clean_if_possible
from regbench.images.sources.base import (
    READ_BYTES,
    Unreadable,
    fault_in_archive,
    is_hidden,
    new_hash,
    too_large_reason,
)
from regbench.images.sources.inflate import compression_of, inflated, spooled

_BLOCK = tarfile.BLOCKSIZE
_LONGEST_HEADER = 1 << 20  # bytes; of the names in extended headers, which tarfile reads whole
_LINK = "unreadable: a link in a tar"


class _Member(NamedTuple):
    offset: int  # of the content, bytes
    size: int  # bytes
    fault: str  # why it cannot be read; empty if it can


class TarSource(ArchiveSource[_Member]):
    """A set in a tar. Of several members with the same name the last counts, as for ``tar``."""

    last_counts: ClassVar[bool] = True

    def __init__(self, display: str, file: IO[bytes], entries: list[tuple[str, _Member]]) -> None:
        """Set the name in messages, the open uncompressed tar, and its members by clean name."""
        super().__init__(display, entries)
        self._file = file

    @classmethod
    def open(cls, display: str, file: IO[bytes]) -> Self:
        """Read the list of members; a compressed tar is unpacked to a temporary file.

        Nothing of it is written under a name that the tar gives.

        Args:
            display: The name of the set in messages.
            file: The tar. It is closed with the set, or if this fails.

        Raises:
            Unreadable: It is damaged, cut short, or a decompression bomb.
            StudyError: The disk is full.
        """
        try:
            compression = compression_of(file.read(6))
            if compression is not None:
                with file as packed:
                    packed.seek(0)
                    file = spooled(_only_tar(inflated(_pieces(packed), compression), compression))
            return cls(display, file, list(_members(file)))
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """See :class:`ImageSource`."""
        self._file.close()

    def read(self, name: str, limit: int) -> bytes:
        """See :class:`ImageSource`."""
        member = self._checked(name)
        if member.size > limit:
            raise Unreadable(too_large_reason(limit))
        return self._part(member.offset, member.size)

    def chunks(self, name: str) -> Iterator[bytes]:
        """See :class:`ImageSource`."""
        return self._content(self._checked(name))

    def digest(self) -> str:
        """See :class:`ImageSource`; every member is read, in pieces of 1 MiB."""
        hasher = new_hash()
        for name, member in sorted(self._entries, key=itemgetter(0)):
            if is_hidden(*name.split("/")):
                continue
            about = f"{name}\0{member.fault or member.size}\0"
            hasher.update(about.encode(errors="surrogateescape"))
            try:
                for piece in self._content(member) if not member.fault else ():
                    hasher.update(piece)
            except Unreadable as fault:  # the tar has changed since it was opened
                hasher.update(f"{len(fault.reason)}\0{fault.reason}".encode())
        return hasher.hexdigest()

    def _with_entries(self, entries: list[tuple[str, _Member]]) -> Self:
        return type(self)(self.display, self._file, entries)

    def _checked(self, name: str) -> _Member:
        member = self._entry(name)
        if member.fault:
            raise Unreadable(member.fault)
        return member

    def _content(self, member: _Member) -> Iterator[bytes]:
        end = member.offset + member.size
        for at in range(member.offset, end, READ_BYTES):
            yield self._part(at, min(READ_BYTES, end - at))

    def _part(self, offset: int, size: int) -> bytes:
        try:
            return _at(self._file, offset, size)
        except MemoryError:
            raise Unreadable("too large: not enough memory") from None
        except (OSError, ValueError) as error:
            raise fault_in_archive(self.display, error, "unreadable: damaged tar") from None


class _ShortReads:
    """A file for ``tarfile``, which takes the length of extended headers from the headers."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.tell, self.seek = file.tell, file.seek

    def read(self, size: int) -> bytes:
        if size > _LONGEST_HEADER:
            raise tarfile.ReadError("a header of more than 1 MiB")
        return self._file.read(size)


def _members(file: IO[bytes]) -> Iterator[tuple[str, _Member]]:
    """Yield the names and members of a tar.

    Raises:
        Unreadable: It is none, damaged or cut short.
    """
    length = file.seek(0, 2)
    file.seek(0)
    try:
        with tarfile.TarFile(fileobj=_ShortReads(file)) as archive:  # type: ignore[arg-type]
            while (info := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # there may be millions
                if info.isdir():
                    continue
                member = _Member(info.offset_data, info.size, _fault(info))
                padded = -(-member.size // _BLOCK) * _BLOCK
                if not member.fault and member.offset + padded > length:
                    raise Unreadable("cut short")
                yield clean_if_possible(info.name), member
            end = archive.offset
    except (tarfile.TarError, ValueError, OverflowError, UnicodeError):
        raise Unreadable("damaged tar") from None
    # tarfile takes a damaged header for the end. The end is a block of zeros.
    mark = _at(file, end, min(_BLOCK, max(0, length - end)))
    if mark.strip(b"\0"):
        raise Unreadable("damaged tar")
    if len(mark) < _BLOCK:
        raise Unreadable("cut short")


def _fault(info: tarfile.TarInfo) -> str:
    """Return why a member cannot be read; empty if it can."""
    if info.issym() or info.islnk():
        return _LINK
    if not info.isreg():
        return "not a file"
    return "unreadable: a sparse file in a tar" if info.issparse() else ""


def _only_tar(pieces: Iterator[bytes], compression: str) -> Iterator[bytes]:
    """Yield the pieces of a tar; raise ``Unreadable`` at the first if they are none."""
    first = b""
    while len(first) < _BLOCK and (piece := next(pieces, None)) is not None:
        first += piece
    if not is_tar(first):
        raise Unreadable(f"{compression} of another file than a tar; unpack it")
    yield first
    yield from pieces


def is_tar(begin: bytes) -> bool:
    """Return whether a file begins with a header of a tar (or with the end mark of an empty one).

    Args:
        begin: At least its first 512 bytes.
    """
    block = begin[:_BLOCK]
    if len(block) < _BLOCK:
        return False
    try:
        tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return not block.strip(b"\0")
    return True


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(READ_BYTES):
        yield piece


def _at(file: IO[bytes], offset: int, size: int) -> bytes:
    """Return a part of a file; raise ``OSError`` if the file is shorter."""
    file.seek(offset)
    data = file.read(size)
    if len(data) < size:
        raise OSError("shorter than it was")
    return data
