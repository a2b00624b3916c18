"""A set of images in a folder."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, Self

from regbench.errors import StudyError
from regbench.images.sources.base import (
    BYTES_AT_ONCE,
    ImageSource,
    Unreadable,
    UnsafeName,
    clean_name,
    is_hidden,
    new_hash,
    too_many_bytes,
)

_TO_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)

# A link may lead out of the set, and a pipe would be waited for (who writes to it is let go on).
# Windows has neither of the two.
_NO_LINKS: int = getattr(os, "O_NOFOLLOW", 0)
_NO_WAITING: int = getattr(os, "O_NONBLOCK", 0)
_NO_FILE = "not a file"
_DIGESTIBLE = 1 << 30  # bytes; a larger file is no picture


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
            raise Unreadable(too_many_bytes(limit))
        return data

    def digest(self) -> str:
        """See :class:`ImageSource`; every file is read, a large one in pieces."""
        made = new_hash()
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
            while piece := os.read(file, BYTES_AT_ONCE):
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
                    raise Unreadable(too_many_bytes(limit))
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
                seen = [entry for entry in entries if not is_hidden(entry.name)]
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
            folders[:] = [name for name in folders if not is_hidden(name)]
            yield from (prefix + name for name in files if not is_hidden(name))
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


def _pieces(file: int, due: int) -> Iterator[bytes]:
    """Read on until so many bytes are there, or no more."""
    while due > 0 and (piece := os.read(file, due)):
        yield piece
        due -= len(piece)


def _unreadable(error: OSError) -> Unreadable:
    return Unreadable(f"unreadable: {error.strerror}")
