"""A set of images in a local folder."""

import hashlib
import logging
import os
import stat
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NoReturn, Self

from regbench.errors import GONE, StudyError
from regbench.images.sources.base import (
    READ_BYTES,
    ImageSource,
    Unreadable,
    UnsafeName,
    clean_name,
    is_hidden,
    new_hash,
    too_large_reason,
    without_hidden,
)
from regbench.storage.results_marker import LAYERS, holds_results

logger = logging.getLogger(__name__)

_READ_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0)

# A symbolic link may lead out of the set; opening a named pipe would block until somebody writes.
# Windows has neither flag.
_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
_NO_FILE = "not a file"
_MAX_DIGEST_BYTES = 1 << 30  # bytes; a larger file is no picture


class FolderSource(ImageSource):
    """A set in a folder. Symbolic links are followed if their target is in the folder."""

    def __init__(self, display: str, root: str) -> None:
        """Set the name in messages and the path of the folder."""
        super().__init__(display)
        self._root = os.path.realpath(root)
        self._disk = _disk_of(self._root)
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
        return os.path.isfile(f"{self._root}/{clean}") or self._unicode_variant(clean) is not None

    def read(self, name: str, limit: int) -> bytes:
        """See :class:`ImageSource`."""
        file, size = self._open(clean_name(name), limit)
        try:
            data = os.read(file, size + 1)
            if len(data) < size:  # network file systems may return less than asked for
                data = b"".join([data, *_read_rest(file, size + 1 - len(data))])
        except OSError as error:
            raise self._unreadable(error) from None
        finally:
            os.close(file)
        if len(data) > limit:
            raise Unreadable(too_large_reason(limit))
        return data

    def chunks(self, name: str) -> Iterator[bytes]:
        """See :class:`ImageSource`."""
        file, _ = self._open(clean_name(name), sys.maxsize)
        try:
            while piece := os.read(file, READ_BYTES):
                yield piece
        except OSError as error:
            raise self._unreadable(error) from None
        finally:
            os.close(file)

    def digest(self) -> str:
        """See :class:`ImageSource`; every file is read, in chunks of 1 MiB."""
        hasher = new_hash()
        for name in self.names():
            hasher.update(os.fsencode(name) + b"\0")
            try:
                self._add_content(hasher, clean_name(name))
            except Unreadable as fault:  # the reason is hashed in place of the content
                hasher.update(f"{len(fault.reason)}\0{fault.reason}".encode())
        return hasher.hexdigest()

    def _add_content(self, hasher: "hashlib.blake2b", name: str) -> None:
        file, size = self._open(name, _MAX_DIGEST_BYTES)
        try:
            hasher.update(f"{size}\0".encode())
            while piece := os.read(file, READ_BYTES):
                hasher.update(piece)
        except OSError as error:
            raise self._unreadable(error) from None
        finally:
            os.close(file)

    def _open(self, name: str, limit: int) -> tuple[int, int]:
        """Return the open file descriptor of a regular file and its size in bytes.

        The caller closes the descriptor.

        Args:
            name: A clean file name.
            limit: The maximum size in bytes.

        Raises:
            Unreadable: See ``read``.
        """
        folder, _, base = name.rpartition("/")
        try:
            file = self._open_descriptor(f"{self._real_folder(folder)}/{base}")
            try:
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode):
                    raise Unreadable(_NO_FILE)
                if status.st_size > limit:
                    raise Unreadable(too_large_reason(limit))
            except BaseException:
                os.close(file)
                raise
        except (FileNotFoundError, NotADirectoryError):
            self._check_presence()
            stored = self._unicode_variant(name)
            if stored is None:
                raise Unreadable("missing") from None
            return self._open(stored, limit)
        except OSError as error:
            raise self._unreadable(error) from None
        return file, status.st_size

    def _open_descriptor(self, path: str) -> int:
        """Return an open file descriptor; a symbolic link is resolved and checked first.

        Raises:
            Unreadable: It is no regular file, or a link that leads out of the set.
            OSError: It is missing, or cannot be opened.
        """
        if _NOFOLLOW:
            try:
                return os.open(path, _READ_FLAGS | _NOFOLLOW | _NONBLOCK)
            except (FileNotFoundError, NotADirectoryError):
                raise
            except OSError:  # a link, a socket, a file that another program has locked, ...
                pass
        real = self._resolve_inside(path)
        if not stat.S_ISREG(os.lstat(real).st_mode):
            raise Unreadable(_NO_FILE)
        return os.open(real, _READ_FLAGS | _NOFOLLOW)

    def top_folder(self) -> str | None:
        """See :class:`ImageSource`."""
        try:
            with os.scandir(self._root) as entries:
                found = list(entries)
        except OSError as error:
            self._raise_listing_error(error)
        seen = [entry for entry in found if not is_hidden(entry.name)]
        if len(seen) > 1:
            seen = [entry for entry in seen if not self._is_results(entry.name)]
        only_folder = len(seen) == 1 and seen[0].is_dir(follow_symlinks=False)
        return seen[0].name if only_folder else None

    def within(self, folder: str) -> Self:
        """See :class:`ImageSource`."""
        return type(self)(self.display, f"{self._root}/{folder}")

    def _walk(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self._root, onerror=self._raise_listing_error):
            inner = Path(folder).relative_to(self._root).as_posix()
            prefix = "" if inner == "." else f"{inner}/"
            if holds_results(folders, files):
                _say_once(f"{self.display}: left out, as they are results of RegBench: {folder}")
                if prefix:
                    folders.clear()
                    continue
                folders[:] = [name for name in folders if name not in LAYERS]
            folders[:] = [name for name in folders if not is_hidden(name)]
            yield from [prefix + name for name in without_hidden(files)]
            yield from (f"{prefix}{n}/" for n in folders if os.path.islink(f"{folder}/{n}"))

    def _unreadable(self, error: OSError) -> Unreadable:
        """Return the rejection of one file that the system refuses to read.

        Raises:
            StudyError: Its disk is gone, so that no other file can be read either.
        """
        if error.errno in GONE:
            self._check_presence()
        return Unreadable(f"unreadable: {error.strerror}")

    def _check_presence(self) -> None:
        """Check that the folder is there: rejecting file by file would leave a part of the set.

        Raises:
            StudyError: It was moved or deleted, or its disk was unmounted or does not answer.
        """
        if self._disk is None or _disk_of(self._root) == self._disk:
            return
        raise StudyError(
            f"{self.display}: the folder was there when this began, and is there no more "
            "(unmounted, moved or deleted?); bring it back, and run the same command again"
        )

    def _is_results(self, name: str) -> bool:
        """Return whether a folder at the root is one of results; a file is not."""
        try:
            inside = list(os.scandir(f"{self._root}/{name}"))
        except OSError:  # a file; or a folder that walking the set will name
            return False
        folders = [entry.name for entry in inside if entry.is_dir(follow_symlinks=False)]
        return holds_results(folders, {entry.name for entry in inside}.difference(folders))

    def _raise_listing_error(self, error: OSError) -> NoReturn:
        raise StudyError(f"{self.display}: cannot list {error.filename!r}: {error.strerror}")

    def _real_folder(self, folder: str) -> str:
        """Return the real path of a folder with all links resolved, cached by folder."""
        if folder not in self._real_folders:
            self._real_folders[folder] = self._resolve_inside(f"{self._root}/{folder}")
        return self._real_folders[folder]

    def _resolve_inside(self, path: str) -> str:
        """Return the real path; raise ``UnsafeName`` if it is outside of the set."""
        real = os.path.realpath(path)
        if not Path(real).is_relative_to(self._root):
            raise UnsafeName
        return real


@cache
def _say_once(message: str) -> None:
    """Log a message once in a process: a set is opened several times."""
    logger.info("%s", message)


def _read_rest(file: int, due: int) -> Iterator[bytes]:
    """Yield chunks of a file until ``due`` bytes are read, or its end."""
    while due > 0 and (piece := os.read(file, due)):
        yield piece
        due -= len(piece)


def _disk_of(folder: str) -> int | None:
    """Return the number of the file system that a folder lies on; None if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
        return os.stat(folder).st_dev
    except OSError:
        return None
