"""The interface for reading the files of a set of images, and safe file names within a set.

A set is a folder, a zip, a tar or arrays. File names come from untrusted label files and archives:
no name may reach a file outside of the set (path traversal).
"""

import errno
import gc
import hashlib
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import NamedTuple, Self

from regbench.errors import GONE, StudyError
from regbench.images.picture_files import is_picture, picture_suffixes

_HIDDEN = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_DRIVE = re.compile(r"[A-Za-z]:")
_PLAIN_NAME = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*)*", re.ASCII)
READ_BYTES = 1 << 20  # per read of a large file
_GC_THRESHOLD = 100_000  # new objects between two garbage collections


class Unreadable(Exception):  # noqa: N818 - it becomes the reason of a rejection, not an error
    """A file of a set cannot be read or decoded.

    Attributes:
        reason: A short text, equal for all files with the same fault, so that they can be counted.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class UnsafeName(Unreadable):
    """A file name that leads, or could lead, out of the set (path traversal)."""

    def __init__(self) -> None:
        super().__init__("leaves the set")


def clean_name(name: str) -> str:
    """Return a relative posix path in normal form: without empty and ``.`` components.

    Args:
        name: A path relative to the root of the set, from a label file or a zip.

    Raises:
        UnsafeName: It is absolute, contains ``..`` or a backslash, or starts with a drive letter.
        Unreadable: It is empty, not valid text, or a folder.
    """
    if _PLAIN_NAME.fullmatch(name):  # a fast path: nearly all are, and there may be millions
        return name
    components = [each for each in name.split("/") if each not in ("", ".")]
    if name.startswith("/") or "\\" in name or ".." in components or _DRIVE.match(name):
        raise UnsafeName
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Unreadable("not a file name") from None
    if not components or "\0" in name:
        raise Unreadable("not a file name")
    if name.endswith("/"):
        raise Unreadable("a folder or a link to one")
    return "/".join(components)


class Listing(NamedTuple):
    """The files of a set by kind, in the order of their names.

    Attributes:
        pictures: Names of pictures, in normal form; one that a zip has twice stands twice.
        unusable: Names of pictures that cannot be read: unsafe ones, links to folders.
        others: Names of other files.
    """

    pictures: list[str]
    unusable: list[str]
    others: list[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Sort names by kind; each is looked at once, for there may be millions."""
        found = cls([], [], [])
        suffixes = picture_suffixes()
        for name in names:
            if name[name.rfind(".") :] not in suffixes and not is_picture(name):
                found.others.append(name)
            elif is_clean(name):
                found.pictures.append(name)
            else:
                found.unusable.append(name)
        return found


class ImageSource(ABC):
    """A read-only set of files; file names are posix paths relative to its root.

    Attributes:
        display: The name of the set in messages: its path or address.
        about: What was recognised in it besides files, such as arrays, for a message; or empty.
    """

    def __init__(self, display: str, about: str = "") -> None:
        """Set the name of the set in messages, and what was recognised."""
        self.display = display
        self.about = about
        self._by_nfc: dict[str, list[str]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close open file handles."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of all files that are not hidden, sorted.

        Unsafe names, which ``read`` refuses, are included, so that they can be reported. A
        symbolic link to a folder is not followed; its name ends with a slash.
        """

    @cached_property
    def listing(self) -> Listing:
        """The names by kind; they are gone through once."""
        return Listing.of(self.names())

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Return whether the set has a file of this name."""

    @abstractmethod
    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of one file.

        Args:
            name: A file name, need not be clean.
            limit: The maximum size in bytes.

        Raises:
            Unreadable: It is missing, damaged, no regular file, too large, or outside of the set.
        """

    @abstractmethod
    def chunks(self, name: str) -> Iterator[bytes]:
        """Return an iterator over the content of a file of any size, at most 1 MiB at a time.

        Args:
            name: A file name, need not be clean.

        Raises:
            Unreadable: As ``read`` would, here or while iterating; or it inflates as a
                decompression bomb does.
        """

    def checksum(self, name: str, limit: int) -> str | None:
        """Return a stored checksum of a file's content, or None if the set stores none.

        A zip has a CRC-32 per entry. A folder has none: a file can be changed without changing
        its size and modification time.

        Args:
            name: A file name, need not be clean.
            limit: The maximum size in bytes.

        Raises:
            Unreadable: As ``read`` would, as far as the set's metadata tell.
        """
        return None

    @abstractmethod
    def digest(self) -> str:
        """Return a BLAKE2b digest of all file names and contents, 16 hexadecimal digits."""

    @abstractmethod
    def top_folder(self) -> str | None:
        """Return the name of the only entry at the root if it is a folder, otherwise None."""

    @abstractmethod
    def within(self, folder: str) -> Self:
        """Return the set whose root is this top folder."""

    def _unicode_variant(self, name: str) -> str | None:
        """Return the only stored name with the same Unicode normal form C, if it differs.

        macOS stores accented letters decomposed (NFD); label files mostly have them composed.
        """
        if name.isascii():
            return None
        if self._by_nfc is None:
            self._by_nfc = {}
            for stored in dict.fromkeys(self.names()):
                if not stored.isascii():
                    self._by_nfc.setdefault(_nfc(stored), []).append(stored)
        variants = self._by_nfc.get(_nfc(name), [])
        return variants[0] if len(variants) == 1 and variants[0] != name else None


@contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Raise the threshold of the cyclic garbage collector, for the whole process.

    The names, rows and entries of a set are millions of objects without reference cycles.
    Traversing them repeatedly takes a sixth of the time of opening a zip.
    """
    first, *others = gc.get_threshold()
    if not 0 < first < _GC_THRESHOLD:  # it is off, or an outer block has already raised it
        yield
        return
    gc.set_threshold(_GC_THRESHOLD, *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)


def new_hash() -> "hashlib.blake2b":
    """Return a new BLAKE2b hash object with a 64-bit digest (RFC 7693)."""
    return hashlib.blake2b(digest_size=8)


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def fault_in_archive(display: str, error: Exception, damaged: str) -> Unreadable:
    """Return the rejection of one file in an archive that cannot be read.

    Args:
        display: The name of the archive in messages.
        error: What reading the file raised.
        damaged: The reason where the system does not name one.

    Raises:
        StudyError: The archive's disk is gone, so that no other file can be read either. A disk
            error (EIO) may be one of a single place.
    """
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno in GONE and error.errno != errno.EIO:
            raise StudyError(
                f"{display}: {error.strerror}: the disk or share that it lies on is gone; bring it "
                "back, and run the same command again"
            )
        return Unreadable(f"unreadable: {error.strerror}")
    return Unreadable(damaged)


def is_hidden(*components: str) -> bool:
    """Return whether any path component is hidden, or a system's own such as ``Thumbs.db``."""
    return any(c in _HIDDEN or (c[:1] == "." and c not in (".", "..")) for c in components)


def without_hidden(names: Iterable[str]) -> list[str]:
    """Return the paths of which no component is hidden; each folder is looked at once."""
    hidden: dict[str, bool] = {}
    found = []
    for name in names:
        folder, _, last = name.rpartition("/")
        if folder not in hidden:
            hidden[folder] = is_hidden(*folder.split("/"))
        if not (hidden[folder] or last in _HIDDEN or (last[:1] == "." and is_hidden(last))):
            found.append(name)
    return found


def is_clean(name: str) -> bool:
    """Return whether a file name is safe and in the normal form of ``clean_name``."""
    if _PLAIN_NAME.fullmatch(name):
        return True
    try:
        return clean_name(name) == name
    except Unreadable:
        return False


def too_large_reason(limit: int) -> str:
    """Return the rejection reason of a file that exceeds the size limit in bytes."""
    return f"too large: more than {limit} bytes"
