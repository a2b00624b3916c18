"""The local cache folder for copies of files in a store, and its inter-process locks."""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from regbench.errors import InUseError

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "REGBENCH_CACHE"
SECONDS_FOR_CACHE_LOCK = 3600.0
_SECONDS_BEFORE_A_WORD = 10.0


def cache_folder() -> Path:
    """Return the cache folder: ``REGBENCH_CACHE``, or ``regbench`` in the user's cache folder.

    The user's cache folder is ``XDG_CACHE_HOME``, or ``~/.cache`` (XDG base directories).
    """
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "regbench"


@contextmanager
def cache_lock(key: str) -> Iterator[None]:
    """Hold an exclusive file lock of this name among the processes of this machine.

    Args:
        key: What is locked, such as the address of a file.

    Raises:
        InUseError: Another process has held it for ``SECONDS_FOR_CACHE_LOCK``.
    """
    name = hashlib.blake2b(key.encode(errors="surrogateescape"), digest_size=16).hexdigest()
    folder = cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / name)
    try:
        lock.acquire(timeout=_SECONDS_BEFORE_A_WORD)
    except Timeout:
        logger.info("waiting for another process, which is at work on the copy of %s", key)
        try:
            lock.acquire(timeout=SECONDS_FOR_CACHE_LOCK)
        except Timeout:
            raise InUseError(
                f"{key}: another process has been at work on its copy in {cache_folder()} for "
                f"{SECONDS_FOR_CACHE_LOCK / 60:.0f} min; run this again when that has ended"
            ) from None
    try:
        yield
    finally:
        lock.release()
