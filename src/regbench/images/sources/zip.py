"""A set of images in a zip file."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from operator import itemgetter
from typing import IO, NamedTuple, Self

from regbench.images.sources.archive import ArchiveSource, clean_if_possible
from regbench.images.sources.base import (
    READ_BYTES,
    Unreadable,
    fault_in_archive,
    is_hidden,
    new_hash,
    too_large_reason,
)
from regbench.images.sources.inflate import check_inflation

# The local file header (APPNOTE.TXT, 4.3.7): signature, lengths of file name and extra field.
_LOCAL_HEADER = struct.Struct("<4s22xHH")

# Only these can be read with a size limit; Python decompresses bzip2 and LZMA without one.
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})

_DAMAGED = "unreadable: damaged zip entry"
_DAMAGES = (OSError, EOFError, ValueError, struct.error, zlib.error)


class _Entry(NamedTuple):
    """A file's record in the central directory: a third of the memory of ``zipfile.ZipInfo``."""

    offset: int  # of its local header, bytes
    stored_size: int  # compressed, bytes
    size: int  # bytes
    crc: int  # CRC-32 of the content
    compression: int
    encrypted: bool
    is_link: bool

    @classmethod
    def of(cls, info: zipfile.ZipInfo) -> Self:
        return cls(
            info.header_offset,
            info.compress_size,
            info.file_size,
            info.CRC,
            info.compress_type,
            bool(info.flag_bits & 1),
            stat.S_ISLNK(info.external_attr >> 16),
        )


class ZipSource(ArchiveSource[_Entry]):
    """A set in a zip. Of several entries with the same name the first is read."""

    def __init__(
        self, display: str, archive: zipfile.ZipFile, entries: list[tuple[str, _Entry]]
    ) -> None:
        """Set the name in messages, the open archive, and the entries by clean name."""
        super().__init__(display, entries)
        self._archive = archive

    @classmethod
    def open(cls, display: str, file: str | IO[bytes]) -> Self:
        """Open a zip, given by its path or an open file, and read its central directory.

        Raises:
            ValueError: Its entries overlap (a zip bomb).
            Exception: Any type, from ``zipfile`` for a damaged file.
        """
        archive = zipfile.ZipFile(file)
        size = os.path.getsize(file) if isinstance(file, str) else file.seek(0, os.SEEK_END)
        if sum(info.compress_size for info in archive.infolist()) > size:
            archive.close()
            raise ValueError("its entries overlap, as in a zip bomb")
        archive.NameToInfo.clear()
        entries = []
        while archive.filelist:  # what is made takes the memory of what goes: may be millions
            info = archive.filelist.pop()
            if not info.filename.endswith("/"):
                entries.append((clean_if_possible(info.filename), _Entry.of(info)))
        entries.reverse()
        return cls(display, archive, entries)

    def close(self) -> None:
        """See :class:`ImageSource`."""
        self._archive.close()

    def read(self, name: str, limit: int) -> bytes:
        """See :class:`ImageSource`."""
        entry = self._checked_entry(name)
        if max(entry.size, entry.stored_size) > limit:
            raise Unreadable(too_large_reason(limit))
        try:
            return self._content(entry)
        except MemoryError:
            raise Unreadable("too large: not enough memory") from None
        except _DAMAGES as error:
            raise fault_in_archive(self.display, error, _DAMAGED) from None

    def chunks(self, name: str) -> Iterator[bytes]:
        """See :class:`ImageSource`."""
        entry = self._checked_entry(name)
        check_inflation(entry.stored_size, entry.size)
        crc = size = 0
        try:
            for piece in self._inflated(entry):
                size += len(piece)
                crc = zlib.crc32(piece, crc)
                if size > entry.size:
                    break
                yield piece
        except _DAMAGES as error:
            raise fault_in_archive(self.display, error, _DAMAGED) from None
        if size != entry.size or crc != entry.crc:
            raise Unreadable(_DAMAGED)

    def checksum(self, name: str, limit: int) -> str:
        """See :class:`ImageSource`: size and CRC-32, from the central directory."""
        entry = self._checked_entry(name)
        if max(entry.size, entry.stored_size) > limit:
            raise Unreadable(too_large_reason(limit))
        return f"{entry.size}\0{entry.crc}"

    def _checked_entry(self, name: str) -> _Entry:
        """Return the entry of a file that can be read.

        Raises:
            Unreadable: It is missing, encrypted, a symbolic link, or compressed by another method
                than deflate.
        """
        entry = self._entry(name)
        if entry.encrypted:
            raise Unreadable("unreadable: encrypted")
        if entry.is_link:
            raise Unreadable("unreadable: a link in a zip")
        if entry.compression not in _COMPRESSIONS:
            raise Unreadable("unreadable: compressed by neither deflate nor store")
        return entry

    def _content(self, entry: _Entry) -> bytes:
        """Return the content of an entry, checked by size and CRC-32.

        This takes half the time of ``ZipFile.open``.

        Raises:
            ValueError, struct.error, zlib.error, OSError: The entry is damaged.
        """
        file = self._at_content(entry)
        data = file.read(entry.stored_size)
        if entry.compression == zipfile.ZIP_DEFLATED:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, entry.size + 1)
        if len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise ValueError("not what the list of entries says")
        return data

    def _inflated(self, entry: _Entry) -> Iterator[bytes]:
        """Yield the content of an entry in pieces; nothing is checked."""
        at = self._at_content(entry).tell()
        end = at + entry.stored_size
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while at < end and not inflater.eof:
            file = self._file()
            file.seek(at)  # another entry may have been read since
            data = file.read(min(READ_BYTES, end - at))
            if not data:
                return
            at += len(data)
            if entry.compression != zipfile.ZIP_DEFLATED:
                yield data
                continue
            while data:
                yield inflater.decompress(data, READ_BYTES)
                data = inflater.unconsumed_tail
        yield inflater.flush()

    def _at_content(self, entry: _Entry) -> IO[bytes]:
        """Return the zip's file, at the beginning of an entry's content."""
        file = self._file()
        file.seek(entry.offset)
        signature, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        if signature != b"PK\3\4":
            raise ValueError("not what the list of entries says")
        file.seek(name + extra, os.SEEK_CUR)
        return file

    def _file(self) -> IO[bytes]:
        if self._archive.fp is None:
            raise ValueError("closed")
        return self._archive.fp

    def digest(self) -> str:
        """See :class:`ImageSource`; sizes and CRC-32 sums are hashed in place of the contents."""
        hasher = new_hash()
        for name, entry in sorted(self._entries, key=itemgetter(0)):
            if is_hidden(*name.split("/")):
                continue
            hasher.update(f"{name}\0{entry.size}\0{entry.crc}\0".encode(errors="surrogateescape"))
        return hasher.hexdigest()

    def _with_entries(self, entries: list[tuple[str, _Entry]]) -> Self:
        return type(self)(self.display, self._archive, entries)
