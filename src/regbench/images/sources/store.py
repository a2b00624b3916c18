"""Local copies of image sets in a store: a zip, or a folder mirrored file by file.

Only new and changed files are downloaded.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from regbench.errors import StudyError
from regbench.images.sources.base import Unreadable, clean_name
from regbench.storage.atomic import atomic_write
from regbench.storage.cache import cache_folder, cache_lock
from regbench.storage.remote import FileInfo, RemoteFile

logger = logging.getLogger(__name__)

_PARALLEL_DOWNLOADS = 16
_LONGEST_NAME = 240  # bytes; file systems allow 255, and a temporary name is longer

# Of a mirrored file: its version in the store, and the copy's size in bytes and mtime in ns.
_FileState = tuple[str, int, int]


def fetch_set(images: RemoteFile) -> Path:
    """Return the local copy of a set of images, downloaded or updated first.

    Args:
        images: A zip, or a folder: the common prefix of its files' addresses.

    Returns:
        The path of the zip or folder in the cache.

    Raises:
        StudyError: There is no such set, or the store cannot be reached or refuses.
    """
    try:
        return _mirror_folder(images) if images.is_folder() else images.local_copy()
    except FileNotFoundError:
        raise StudyError(f"the set of images {str(images)!r} does not exist") from None


def _mirror_folder(images: RemoteFile) -> Path:
    """Return a local folder with the same files as one in the store (a one-way sync)."""
    digest = hashlib.blake2b(images.address.encode(), digest_size=8).hexdigest()
    folder = cache_folder() / "sets" / digest
    with cache_lock(images.address):
        wanted = dict(_usable_files(images, images.listing()))
        mirror = _Mirror(folder)
        mirror.remove_others(set(wanted))
        missing = [name for name, info in wanted.items() if not mirror.is_current(name, info)]
        if missing:
            logger.info("%s: bringing %d of %d files here", images, len(missing), len(wanted))
        try:
            with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as executor:
                try:
                    for _ in executor.map(
                        lambda name: mirror.fetch(images, name, wanted[name]), missing
                    ):
                        pass
                except BaseException:
                    executor.shutdown(cancel_futures=True)
                    raise
        finally:
            mirror.save_index()  # an interrupted download is resumed from it
    return mirror.files


class _Mirror:
    """A local folder with an index of its files' versions in the store."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._index = folder / "index.json"
        self._known: dict[str, _FileState] = {}
        try:
            stored = json.loads(self._index.read_text(encoding="utf-8"))
            self._known = {name: (str(v), int(n), int(t)) for name, (v, n, t) in stored.items()}
        except FileNotFoundError:
            pass  # nothing is mirrored yet
        except (OSError, ValueError, TypeError, AttributeError):
            logger.warning("%s: damaged; all files are brought here again", self._index)

    def is_current(self, name: str, info: FileInfo) -> bool:
        """Return whether a file's copy is the store's version and unmodified since."""
        try:
            status = (self.files / name).stat(follow_symlinks=False)
        except OSError:
            return False
        same = self._known.get(name) == (info.version, status.st_size, status.st_mtime_ns)
        return same and bool(info.version)

    def fetch(self, images: RemoteFile, name: str, info: FileInfo) -> None:
        """Download one file atomically.

        Raises:
            StudyError: The store cannot be reached, or refuses.
        """
        target = self.files / name
        partial = target.with_name(f".{target.name}.partial")

        def get(store: Any) -> None:
            store.get_file(f"{images.address}/{name}", str(partial))
            if partial.stat().st_size != info.size:
                raise OSError("it did not arrive whole, or changed on the way")

        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            images.with_retries(get, f"{images.address}/{name}")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        status = target.stat()
        self._known[name] = (info.version, status.st_size, status.st_mtime_ns)

    def remove_others(self, wanted: set[str]) -> None:
        """Delete all files but ``wanted``, and empty folders."""
        for parent, folders, files in os.walk(self.files, topdown=False):
            inner = Path(parent).relative_to(self.files)
            for name in files:
                if (inner / name).as_posix() not in wanted:
                    Path(parent, name).unlink()
            for name in folders:
                folder = Path(parent, name)
                if not any(folder.iterdir()):
                    folder.rmdir()
        self._known = {name: known for name, known in self._known.items() if name in wanted}

    def save_index(self) -> None:
        """Write the index of the mirrored files."""
        with atomic_write(self._index) as partial:
            partial.write_text(json.dumps(self._known), encoding="utf-8")


def _usable_files(
    images: RemoteFile, listed: dict[str, FileInfo]
) -> Iterator[tuple[str, FileInfo]]:
    """Yield the files with valid local names, sorted; log a warning about the others.

    Invalid are names that are not clean (path traversal), too long, or also those of a folder.
    """
    folders = {str(parent) for name in listed for parent in Path(name).parents}
    left_out = []
    for name, info in sorted(listed.items()):
        if not name or name.endswith("/"):
            continue  # a placeholder of a folder
        if _is_file_name(name) and name not in folders:
            yield name, info
        else:
            left_out.append(name)
    if left_out:
        logger.warning(
            "%s: left out, for its name is none of a file inside a folder: %r%s",
            images,
            left_out[0],
            f" and {len(left_out) - 1} more" if left_out[1:] else "",
        )


def _is_file_name(name: str) -> bool:
    try:
        cleaned = clean_name(name)
    except Unreadable:
        return False
    return cleaned == name and all(
        len(os.fsencode(component)) <= _LONGEST_NAME for component in name.split("/")
    )
