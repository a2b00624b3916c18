"""A set of images as it lies on disk: a folder, or a zip of one, read without leaving it."""

import gc
import hashlib
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, NoReturn, Self

from regbench.errors import StudyError

_HIDDEN = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_DRIVE = re.compile(r"[A-Za-z]:")
_SURELY_CLEAN = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)
_TO_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
# A link may lead out of the set, and a pipe would be waited for (who writes to it is let go on).
# Windows has neither of the two.
_NO_LINKS: int = getattr(os, "O_NOFOLLOW", 0)
_NO_WAITING: int = getattr(os, "O_NONBLOCK", 0)
_NO_FILE = "not a file"
_DIGESTIBLE = 1 << 30  # bytes; a larger file is no picture
_BYTES_AT_ONCE = 1 << 20
_NEW_OBJECTS = 100_000  # between two looks
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # of a zip's entry: signature, two lengths
# Only these can be inflated piece by piece; Python unpacks bzip2 and LZMA without a bound.
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class Unreadable(Exception):  # noqa: N818 - it becomes the reason of a rejection, not an error
    """One file of a set cannot be had.

    Attributes:
        reason: Short, and the same for every file with the same fault.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class UnsafeName(Unreadable):
    """A name that leads, or could lead, out of the set."""

    def __init__(self) -> None:
        super().__init__("leaves the set")


def clean_name(name: str) -> str:
    """Bring a file name into the one form that names are compared in.

    Args:
        name: A posix path inside the set, as somebody wrote it.

    Returns:
        The path without empty and ``.`` parts.

    Raises:
        UnsafeName: It is absolute, contains ``..`` or a backslash, or starts with a drive letter.
        Unreadable: It cannot be the name of a file.
    """
    if _SURELY_CLEAN.fullmatch(name):  # nearly all are, and there may be millions
        return name
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or "\\" in name or ".." in parts or _DRIVE.match(name):
        raise UnsafeName
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Unreadable("not a file name") from None
    if not parts or "\0" in name:
        raise Unreadable("not a file name")
    if name.endswith("/"):
        raise Unreadable("a folder or a link to one")
    return "/".join(parts)


class ImageSource(ABC):
    """The files of a set. Names are posix paths relative to its root.

    Attributes:
        display: How messages call the set.
    """

    def __init__(self, display: str) -> None:
        self.display = display
        self._by_form: dict[str, list[str]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let go of what is open."""

    @abstractmethod
    def names(self) -> list[str]:
        """List all files that are not hidden, sorted.

        Names that ``read`` will refuse are among them, so that they can be reported. A link to a
        folder is not followed; its name ends with a slash.
        """

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Say whether there is a file of this name."""

    @abstractmethod
    def read(self, name: str, limit: int) -> bytes:
        """Read one file.

        Args:
            name: A name in the set.
            limit: The number of bytes that it may have.

        Raises:
            Unreadable: It is missing, damaged, no plain file, too large, or outside of the set.
        """

    def checksum(self, name: str, limit: int) -> str | None:
        """Tell a file's content from another of the same name without reading it, if possible.

        Args:
            name: A name in the set.
            limit: The number of bytes that it may have.

        Returns:
            None where only reading tells, as in a folder: size and time of change can be kept.

        Raises:
            Unreadable: As ``read`` would, as far as it can be known without reading.
        """
        return None

    @abstractmethod
    def digest(self) -> str:
        """Identify the names and contents of all files."""

    @abstractmethod
    def top_folder(self) -> str | None:
        """Give the name of the folder that holds everything, if there is one."""

    @abstractmethod
    def within(self, folder: str) -> Self:
        """Look at a top folder as the root of the set."""

    def _as_stored(self, name: str) -> str | None:
        """Find the one file whose name differs in its Unicode form only.

        A set from a Mac may have accents as characters of their own, and its label file not.
        """
        if name.isascii():
            return None
        if self._by_form is None:
            self._by_form = {}
            for stored in dict.fromkeys(self.names()):
                if not stored.isascii():
                    self._by_form.setdefault(_composed(stored), []).append(stored)
        found = self._by_form.get(_composed(name), [])
        return found[0] if len(found) == 1 and found[0] != name else None


class FolderSource(ImageSource):
    """A set in a folder. Links are followed as long as they stay inside."""

    def __init__(self, display: str, root: str) -> None:
        super().__init__(display)
        self._root = os.path.realpath(root)
        self._real_folders: dict[str, str] = {}
        self._names: list[str] | None = None

    def close(self) -> None:
        """See :class:`ImageSource`; nothing stays open."""

    def names(self) -> list[str]:
        """See :class:`ImageSource`; the folder is walked once."""
        if self._names is None:
            self._names = sorted(self._walk())
        return self._names

    def exists(self, name: str) -> bool:
        """See :class:`ImageSource`."""
        try:
            clean = clean_name(name)
        except Unreadable:
            return False
        return os.path.isfile(f"{self._root}/{clean}") or self._as_stored(clean) is not None

    def read(self, name: str, limit: int) -> bytes:
        """See :class:`ImageSource`."""
        file, size = self._open(clean_name(name), limit)
        try:
            data = os.read(file, size + 1)
            if len(data) < size:  # a disk in a network may give a file piece by piece
                data = b"".join([data, *_pieces(file, size + 1 - len(data))])
        except OSError as error:
            raise _unreadable(error) from None
        finally:
            os.close(file)
        if len(data) > limit:
            raise Unreadable(_too_many_bytes(limit))
        return data

    def digest(self) -> str:
        """See :class:`ImageSource`; every file is read, a large one in pieces."""
        made = _hash()
        for name in self.names():
            made.update(os.fsencode(name) + b"\0")
            try:
                self._add_content(made, clean_name(name))
            except Unreadable as fault:  # rejected when the set is read
                made.update(f"{len(fault.reason)}\0{fault.reason}".encode())
        return made.hexdigest()

    def _add_content(self, made: "hashlib.blake2b", name: str) -> None:
        file, size = self._open(name, _DIGESTIBLE)
        try:
            made.update(f"{size}\0".encode())
            while piece := os.read(file, _BYTES_AT_ONCE):
                made.update(piece)
        except OSError as error:
            raise _unreadable(error) from None
        finally:
            os.close(file)

    def _open(self, name: str, limit: int) -> tuple[int, int]:
        """Open a plain file by its clean name.

        Returns:
            Its descriptor, to be closed, and how many bytes it has.

        Raises:
            Unreadable: See ``read``.
        """
        folder, _, base = name.rpartition("/")
        try:
            file = self._descriptor(f"{self._real_folder(folder)}/{base}")
            try:
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode):
                    raise Unreadable(_NO_FILE)
                if status.st_size > limit:
                    raise Unreadable(_too_many_bytes(limit))
            except BaseException:
                os.close(file)
                raise
        except (FileNotFoundError, NotADirectoryError):
            stored = self._as_stored(name)
            if stored is None:
                raise Unreadable("missing") from None
            return self._open(stored, limit)
        except OSError as error:
            raise _unreadable(error) from None
        return file, status.st_size

    def _descriptor(self, path: str) -> int:
        """Open what is there: at once if it is a plain file, otherwise after a closer look.

        Raises:
            Unreadable: It is no file, or a link that leads out of the set.
            OSError: It is missing, or cannot be opened.
        """
        if _NO_LINKS:
            try:
                return os.open(path, _TO_READ | _NO_LINKS | _NO_WAITING)
            except (FileNotFoundError, NotADirectoryError):
                raise
            except OSError:  # a link, a socket, a file that another program holds, ...
                pass
        real = self._inside(path)
        if not stat.S_ISREG(os.lstat(real).st_mode):
            raise Unreadable(_NO_FILE)
        return os.open(real, _TO_READ | _NO_LINKS)

    def top_folder(self) -> str | None:
        """See :class:`ImageSource`."""
        try:
            with os.scandir(self._root) as entries:
                seen = [entry for entry in entries if not _is_hidden(entry.name)]
        except OSError as error:
            self._stop(error)
        only_folder = len(seen) == 1 and seen[0].is_dir(follow_symlinks=False)
        return seen[0].name if only_folder else None

    def within(self, folder: str) -> Self:
        """See :class:`ImageSource`."""
        return type(self)(self.display, f"{self._root}/{folder}")

    def _walk(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self._root, onerror=self._stop):
            inner = Path(folder).relative_to(self._root).as_posix()
            prefix = "" if inner == "." else f"{inner}/"
            folders[:] = [name for name in folders if not _is_hidden(name)]
            yield from (prefix + name for name in files if not _is_hidden(name))
            yield from (f"{prefix}{n}/" for n in folders if os.path.islink(f"{folder}/{n}"))

    def _stop(self, error: OSError) -> NoReturn:
        raise StudyError(f"{self.display}: cannot list {error.filename!r}: {error.strerror}")

    def _real_folder(self, folder: str) -> str:
        """Resolve the links on the way to a folder, once."""
        if folder not in self._real_folders:
            self._real_folders[folder] = self._inside(f"{self._root}/{folder}")
        return self._real_folders[folder]

    def _inside(self, path: str) -> str:
        real = os.path.realpath(path)
        if not Path(real).is_relative_to(self._root):
            raise UnsafeName
        return real


class _Entry(NamedTuple):
    """What a zip says of a file in it: a third of the memory of ``zipfile.ZipInfo``."""

    offset: int  # of its local header
    stored_size: int
    size: int
    crc: int
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
    """A set in a zip. Of several entries with one name the first counts."""

    def __init__(
        self, display: str, archive: zipfile.ZipFile, entries: list[tuple[str, _Entry]]
    ) -> None:
        super().__init__(display)
        self._archive = archive
        self._entries = entries
        self._by_name = {name: entry for name, entry in reversed(entries) if _is_clean(name)}

    @classmethod
    def open(cls, display: str, path: str) -> Self:
        """Open a zip and read its list of entries.

        Raises:
            Exception: Whatever ``zipfile`` makes of a damaged file.
        """
        archive = zipfile.ZipFile(path)
        if sum(info.compress_size for info in archive.infolist()) > os.path.getsize(path):
            archive.close()
            raise ValueError("its entries overlap, as in a zip bomb")
        entries = [
            (_clean_or_as_is(info.filename), _Entry.of(info))
            for info in archive.infolist()
            if not info.filename.endswith("/")
        ]
        archive.filelist.clear()  # there may be millions
        archive.NameToInfo.clear()
        return cls(display, archive, entries)

    def close(self) -> None:
        """See :class:`ImageSource`."""
        self._archive.close()

    def names(self) -> list[str]:
        """See :class:`ImageSource`; a name with two entries stands there twice."""
        return sorted(name for name, _ in self._entries if not _is_hidden(*name.split("/")))

    def exists(self, name: str) -> bool:
        """See :class:`ImageSource`."""
        try:
            clean = clean_name(name)
        except Unreadable:
            return False
        return clean in self._by_name or self._as_stored(clean) is not None

    def read(self, name: str, limit: int) -> bytes:
        """See :class:`ImageSource`."""
        try:
            return self._content(self._readable(name, limit))
        except MemoryError:
            raise Unreadable("too large: not enough memory") from None
        except (OSError, EOFError, ValueError, struct.error, zlib.error):
            raise Unreadable("unreadable: damaged zip entry") from None

    def checksum(self, name: str, limit: int) -> str:
        """See :class:`ImageSource`: length and CRC-32, from the list of entries."""
        entry = self._readable(name, limit)
        return f"{entry.size}\0{entry.crc}"

    def _readable(self, name: str, limit: int) -> _Entry:
        """The entry of a file, if it is one to be read.

        Raises:
            Unreadable: It is missing, encrypted, a link, or too large.
        """
        entry = self._by_name.get(name)
        if entry is None:
            clean = clean_name(name)
            entry = self._by_name.get(clean) or self._by_name.get(self._as_stored(clean) or "")
        if entry is None:
            raise Unreadable("missing")
        if entry.encrypted:
            raise Unreadable("unreadable: encrypted")
        if entry.is_link:
            raise Unreadable("unreadable: a link in a zip")
        if entry.compression not in _COMPRESSIONS:
            raise Unreadable("unreadable: compressed by neither deflate nor store")
        if max(entry.size, entry.stored_size) > limit:
            raise Unreadable(_too_many_bytes(limit))
        return entry

    def _content(self, entry: _Entry) -> bytes:
        """Read an entry that is stored or deflated: half the time of ``ZipFile.open``.

        Raises:
            ValueError, struct.error, zlib.error, OSError: It is damaged.
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
        """See :class:`ImageSource`; the zip's own checksums (CRC-32) stand for the contents."""
        made = _hash()
        for name, entry in sorted(self._entries, key=itemgetter(0)):
            if _is_hidden(*name.split("/")):
                continue
            made.update(f"{name}\0{entry.size}\0{entry.crc}\0".encode(errors="surrogateescape"))
        return made.hexdigest()

    def top_folder(self) -> str | None:
        """See :class:`ImageSource`."""
        safe = (name.split("/") for name in self.names() if _is_clean(name))
        tops = {(parts[0], len(parts) > 1) for parts in safe}
        folder, is_folder = tops.pop() if len(tops) == 1 else ("", False)
        return folder if is_folder else None

    def within(self, folder: str) -> Self:
        """See :class:`ImageSource`; unsafe names stay in the list."""
        prefix = f"{folder}/"
        entries = [
            (name.removeprefix(prefix), entry)
            for name, entry in self._entries
            if name.startswith(prefix) or not _is_clean(name)
        ]
        return type(self)(self.display, self._archive, entries)


def open_source(path: Path, display: str = "") -> ImageSource:
    """Open a set of images, to be closed by ``with``.

    Args:
        path: A folder or a zip.
        display: How messages call it; default: by its path.

    Raises:
        StudyError: The path does not exist, or is neither.
    """
    display = display or str(path)
    if os.path.isdir(path):
        return FolderSource(display, str(path))
    if not os.path.exists(path):
        raise StudyError(f"the set of images {display!r} does not exist")
    try:
        with rare_garbage_collection():
            return ZipSource.open(display, str(path))
    except Exception as error:  # zipfile raises many kinds, some of them by accident
        problem = str(error) or type(error).__name__
        raise StudyError(f"{display!r} is neither a folder nor a readable zip: {problem}") from None


@contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Have Python look for unused cycles less often, in all of the process.

    The names, rows and entries of a set are millions of objects without a cycle. Looking through
    them again and again takes a sixth of the time of reading a zip, and some of a folder's.
    """
    first, *others = gc.get_threshold()
    if not 0 < first < _NEW_OBJECTS:  # it is off; or somebody else sees to it, and ends it
        yield
        return
    gc.set_threshold(_NEW_OBJECTS, *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)


def _hash() -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=8)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _is_hidden(*parts: str) -> bool:
    """Say whether one of the parts of a path is what systems put beside a person's files."""
    return any(p in _HIDDEN or (p[:1] == "." and p not in (".", "..")) for p in parts)


def _clean_or_as_is(name: str) -> str:
    try:
        return clean_name(name)
    except Unreadable:
        return name


def _is_clean(name: str) -> bool:
    try:
        return clean_name(name) == name
    except Unreadable:
        return False


def _pieces(file: int, due: int) -> Iterator[bytes]:
    """Read on until so many bytes are there, or no more."""
    while due > 0 and (piece := os.read(file, due)):
        yield piece
        due -= len(piece)


def _unreadable(error: OSError) -> Unreadable:
    return Unreadable(f"unreadable: {error.strerror}")


def _too_many_bytes(limit: int) -> str:
    return f"too large: more than {limit} bytes"
