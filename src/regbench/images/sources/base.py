"""A set of images as it lies on disk: a folder, or a zip of one, read without leaving it."""

import gc
import hashlib
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

_HIDDEN = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_DRIVE = re.compile(r"[A-Za-z]:")
_SURELY_CLEAN = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)
BYTES_AT_ONCE = 1 << 20
_NEW_OBJECTS = 100_000  # between two looks


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


def new_hash() -> "hashlib.blake2b":
    """Return an empty BLAKE2b hash of 64 bits, for the content of files."""
    return hashlib.blake2b(digest_size=8)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def is_hidden(*parts: str) -> bool:
    """Say whether one of the parts of a path is what systems put beside a person's files."""
    return any(p in _HIDDEN or (p[:1] == "." and p not in (".", "..")) for p in parts)


def is_clean(name: str) -> bool:
    """Return whether a name is as ``clean_name`` returns it."""
    try:
        return clean_name(name) == name
    except Unreadable:
        return False


def too_many_bytes(limit: int) -> str:
    """Return the reason to refuse a file of more bytes than the limit."""
    return f"too large: more than {limit} bytes"
