"""A set of images in a store, brought here: a zip, or a folder file by file.

Only what is new or has changed is brought again.
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
from regbench.storage.cache import cache_folder, locked
from regbench.storage.remote import Entry, RemoteFile

logger = logging.getLogger(__name__)

_AT_ONCE = 16  # files on their way
_LONGEST_NAME = 240  # bytes, of the 255 that file systems take; a temporary name is longer

# A file of a mirrored folder: its version in the store, bytes, and time of change here in ns.
_Brought = tuple[str, int, int]


def brought_here(images: RemoteFile) -> Path:
    """Bring a set of images here.

    Args:
        images: A zip, or what the addresses of all its files begin with.

    Returns:
        The zip or folder on this machine.

    Raises:
        StudyError: There is no such set, or the store cannot be reached or refuses.
    """
    try:
        return _mirrored(images) if images.is_folder() else images.readable()
    except FileNotFoundError:
        raise StudyError(f"the set of images {str(images)!r} does not exist") from None


def _mirrored(images: RemoteFile) -> Path:
    """Make a folder here the same as one in the store."""
    digest = hashlib.blake2b(images.address.encode(), digest_size=8).hexdigest()
    folder = cache_folder() / "sets" / digest
    with locked(images.address):
        wanted = dict(_usable(images, images.listing()))
        brought = _Mirror(folder)
        brought.forget_others(set(wanted))
        missing = [name for name, entry in wanted.items() if not brought.has(name, entry)]
        if missing:
            logger.info("%s: bringing %d of %d files here", images, len(missing), len(wanted))
        try:
            with ThreadPoolExecutor(_AT_ONCE) as at_once:
                try:
                    for _ in at_once.map(
                        lambda name: brought.bring(images, name, wanted[name]), missing
                    ):
                        pass
                except BaseException:
                    at_once.shutdown(cancel_futures=True)
                    raise
        finally:
            brought.record()  # what was interrupted goes on from here
    return brought.files


class _Mirror:
    """A folder here with what is known of its files."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._index = folder / "index.json"
        self._known: dict[str, _Brought] = {}
        try:
            stored = json.loads(self._index.read_text(encoding="utf-8"))
            self._known = {name: (str(v), int(n), int(t)) for name, (v, n, t) in stored.items()}
        except FileNotFoundError:
            pass  # the first time
        except (OSError, ValueError, TypeError, AttributeError):
            logger.warning("%s: damaged; all files are brought here again", self._index)

    def has(self, name: str, entry: Entry) -> bool:
        """Whether a file is here, as it is in the store and as it was brought."""
        try:
            status = (self.files / name).stat(follow_symlinks=False)
        except OSError:
            return False
        same = self._known.get(name) == (entry.version, status.st_size, status.st_mtime_ns)
        return same and bool(entry.version)

    def bring(self, images: RemoteFile, name: str, entry: Entry) -> None:
        """Bring one file; it stands under its name when all of it is here."""
        target = self.files / name
        partial = target.with_name(f".{target.name}.partial")

        def get(store: Any) -> None:
            store.get_file(f"{images.address}/{name}", str(partial))
            if partial.stat().st_size != entry.size:
                raise OSError("it did not arrive whole, or changed on the way")

        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            images.persistently(get, f"{images.address}/{name}")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        status = target.stat()
        self._known[name] = (entry.version, status.st_size, status.st_mtime_ns)

    def forget_others(self, wanted: set[str]) -> None:
        """Delete what is not in the store any more."""
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

    def record(self) -> None:
        """Write down what is here."""
        with atomic_write(self._index) as partial:
            partial.write_text(json.dumps(self._known), encoding="utf-8")


def _usable(images: RemoteFile, listed: dict[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """The files whose names are those of files here, too; the others are named and left out."""
    folders = {str(parent) for name in listed for parent in Path(name).parents}
    left_out = []
    for name, entry in sorted(listed.items()):
        if not name or name.endswith("/"):
            continue  # stands for a folder
        if _is_file_name(name) and name not in folders:
            yield name, entry
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
        len(os.fsencode(part)) <= _LONGEST_NAME for part in name.split("/")
    )
