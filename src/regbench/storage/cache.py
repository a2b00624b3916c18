"""The local cache folder for copies of files in a store, and its inter-process locks."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

CACHE_VARIABLE = "REGBENCH_CACHE"


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
    """
    name = hashlib.blake2b(key.encode(errors="surrogateescape"), digest_size=16).hexdigest()
    folder = cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / name):
        yield
