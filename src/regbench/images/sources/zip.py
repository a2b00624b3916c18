"""A set of images in a zip file."""

import os
import stat
import struct
import zipfile
import zlib
from operator import itemgetter
from typing import NamedTuple, Self

from regbench.images.sources.base import (
    ImageSource,
    Unreadable,
    clean_name,
    is_clean,
    is_hidden,
    new_hash,
    too_large_reason,
)

# The local file header (APPNOTE.TXT, 4.3.7): signature, lengths of file name and extra field.
_LOCAL_HEADER = struct.Struct("<4s22xHH")

# Only these can be read with a size limit; Python decompresses bzip2 and LZMA without one.
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


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


class ZipSource(ImageSource):
    """A set in a zip. Of several entries with the same name the first is read."""

    def __init__(
        self, display: str, archive: zipfile.ZipFile, entries: list[tuple[str, _Entry]]
    ) -> None:
        """Set the name in messages, the open archive, and the entries by clean name."""
        super().__init__(display)
        self._archive = archive
        self._entries = entries
        self._by_name = {name: entry for name, entry in reversed(entries) if is_clean(name)}

    @classmethod
    def open(cls, display: str, path: str) -> Self:
        """Open a zip and read its central directory.

        Raises:
            ValueError: Its entries overlap (a zip bomb).
            Exception: Any type, from ``zipfile`` for a damaged file.
        """
        archive = zipfile.ZipFile(path)
        if sum(info.compress_size for info in archive.infolist()) > os.path.getsize(path):
            archive.close()
            raise ValueError("its entries overlap, as in a zip bomb")
        entries = [
            (_clean_if_possible(info.filename), _Entry.of(info))
            for info in archive.infolist()
            if not info.filename.endswith("/")
        ]
        archive.filelist.clear()  # frees memory: there may be millions of entries
        archive.NameToInfo.clear()
        return cls(display, archive, entries)

    def close(self) -> None:
        """See :class:`ImageSource`."""
        self._archive.close()

    def names(self) -> list[str]:
        """See :class:`ImageSource`; a name with two entries is listed twice."""
        return sorted(name for name, _ in self._entries if not is_hidden(*name.split("/")))

    def exists(self, name: str) -> bool:
        """See :class:`ImageSource`."""
        try:
            clean = clean_name(name)
        except Unreadable:
            return False
        return clean in self._by_name or self._unicode_variant(clean) is not None

    def read(self, name: str, limit: int) -> bytes:
        """See :class:`ImageSource`."""
        try:
            return self._content(self._checked_entry(name, limit))
        except MemoryError:
            raise Unreadable("too large: not enough memory") from None
        except (OSError, EOFError, ValueError, struct.error, zlib.error):
            raise Unreadable("unreadable: damaged zip entry") from None

    def checksum(self, name: str, limit: int) -> str:
        """See :class:`ImageSource`: size and CRC-32, from the central directory."""
        entry = self._checked_entry(name, limit)
        return f"{entry.size}\0{entry.crc}"

    def _checked_entry(self, name: str, limit: int) -> _Entry:
        """Return the entry of a file that can be read.

        Raises:
            Unreadable: It is missing, encrypted, a symbolic link, compressed by another method
                than deflate, or too large.
        """
        entry = self._by_name.get(name)
        if entry is None:
            clean = clean_name(name)
            entry = self._by_name.get(clean) or self._by_name.get(
                self._unicode_variant(clean) or ""
            )
        if entry is None:
            raise Unreadable("missing")
        if entry.encrypted:
            raise Unreadable("unreadable: encrypted")
        if entry.is_link:
            raise Unreadable("unreadable: a link in a zip")
        if entry.compression not in _COMPRESSIONS:
            raise Unreadable("unreadable: compressed by neither deflate nor store")
        if max(entry.size, entry.stored_size) > limit:
            raise Unreadable(too_large_reason(limit))
        return entry

    def _content(self, entry: _Entry) -> bytes:
        """Return the content of an entry, checked by size and CRC-32.

        This takes half the time of ``ZipFile.open``.

        Raises:
            ValueError, struct.error, zlib.error, OSError: The entry is damaged.
        """
        file = self._archive.fp
        if file is None:
            raise ValueError("closed")
        file.seek(entry.offset)
        signature, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        file.seek(name + extra, os.SEEK_CUR)
        data = file.read(entry.stored_size)
        if entry.compression == zipfile.ZIP_DEFLATED:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, entry.size + 1)
        if signature != b"PK\3\4" or len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise ValueError("not what the list of entries says")
        return data

    def digest(self) -> str:
        """See :class:`ImageSource`; sizes and CRC-32 sums are hashed in place of the contents."""
        hasher = new_hash()
        for name, entry in sorted(self._entries, key=itemgetter(0)):
            if is_hidden(*name.split("/")):
                continue
            hasher.update(f"{name}\0{entry.size}\0{entry.crc}\0".encode(errors="surrogateescape"))
        return hasher.hexdigest()

    def top_folder(self) -> str | None:
        """See :class:`ImageSource`."""
        safe = (name.split("/") for name in self.names() if is_clean(name))
        tops = {(components[0], len(components) > 1) for components in safe}
        folder, is_folder = tops.pop() if len(tops) == 1 else ("", False)
        return folder if is_folder else None

    def within(self, folder: str) -> Self:
        """See :class:`ImageSource`; unsafe names are kept, so that they are reported."""
        prefix = f"{folder}/"
        entries = [
            (name.removeprefix(prefix), entry)
            for name, entry in self._entries
            if name.startswith(prefix) or not is_clean(name)
        ]
        return type(self)(self.display, self._archive, entries)


def _clean_if_possible(name: str) -> str:
    try:
        return clean_name(name)
    except Unreadable:
        return name
