"""The folder of copies of a store's files on this machine, and its locks."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    pass


CACHE_VARIABLE = "REGBENCH_CACHE"


def cache_folder() -> Path:
    """Where copies are kept: ``REGBENCH_CACHE``, or ``regbench`` in the user's cache folder."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "regbench"


@contextmanager
def locked(what: str) -> Iterator[None]:
    """Keep other processes of this machine from doing the same with the cache meanwhile."""
    name = hashlib.blake2b(what.encode(errors="surrogateescape"), digest_size=16).hexdigest()
    folder = cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / name):
        yield
