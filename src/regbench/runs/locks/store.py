"""Runs on several machines that share results in a store.

On one machine a lock of the operating system ends with its process. A store has no such locks: a
run's record there is renewed while the run lives, and one that has not been renewed for
``LOCK_SECONDS`` counts for nothing. Times are the store's own, so machines' clocks do not matter.

Each run writes its record first and looks for others then. Where what is written is seen at once,
as in S3, at least one of two that come at the same time sees the other, and who sees another takes
its own record back.
"""

import _thread  # noqa: PLC2701 - interrupts the main thread
import json
import logging
import math
import random
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta

from regbench.errors import StudyError
from regbench.runs.locks.machine import Run, Use, in_use, this_run
from regbench.storage.atomic import atomic_write
from regbench.storage.cache import cache_folder, locked
from regbench.storage.remote import RemoteFile

logger = logging.getLogger(__name__)

LOCK_SECONDS = 300.0
_RECORD = re.compile(r"[0-9a-f]+\.json")
_RENEWED_EVERY = 60.0  # seconds
_LOOKS = 3  # at others that may be about to take their record back
_BETWEEN_LOOKS = (0.2, 1.0)  # seconds, at random, so that two do not meet again
_WHILE_WAITING = (5.0, 10.0)


@contextmanager
def store_lock(root: RemoteFile, use: Use, command: str, *, wait: bool) -> Iterator[None]:
    """Keep runs on other machines from what this one makes, and from making what it reads.

    Those on this machine are kept by ``reservation.reserved``, which comes first.

    Args:
        root: Where the results are.
        use: What is made and read.
        command: How this run was started, for those who find it at work.
        wait: Until others are done, instead of stopping.

    Raises:
        InUseError: Another run is at work on the same parts.
        StudyError: The store cannot be reached, or refuses.
    """
    record = _entered(root, this_run(use, command), wait=wait)
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(record, ended), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join(timeout=1.0)
        try:
            record.remove(patience=0)
        except StudyError as error:  # it runs out by itself
            logger.warning("%s", error.message)


def _entered(root: RemoteFile, own: Run, *, wait: bool) -> RemoteFile:
    """Write a record as soon as no other run is in the way."""
    record = _folder(root).below(f"{secrets.token_hex(8)}.json")
    content = json.dumps({"run": asdict(own), "cache": _this_cache()})
    looks = 0
    while True:
        with record.written() as partial:
            partial.write_text(content, encoding="utf-8")
        other = next(_in_the_way(root, record, own.use), None)
        if other is None:
            return record
        record.remove()
        looks += 1
        if looks >= _LOOKS and not wait:
            raise in_use(str(root), other)
        if looks == _LOOKS:
            logger.info("waiting: %s is in use: %s", root, other)
        time.sleep(random.uniform(*(_BETWEEN_LOOKS if looks < _LOOKS else _WHILE_WAITING)))  # noqa: S311


def _in_the_way(root: RemoteFile, own: RemoteFile, use: Use) -> Iterator[Run]:
    """The other runs on the same parts whose leases have not run out; the dead are removed."""
    listed = _folder(root).listing()
    now = max((e.modified for e in listed.values() if e.modified), default=None)
    for name, entry in listed.items():
        if not _RECORD.fullmatch(name) or (other := _folder(root).below(name)) == own:
            continue
        try:
            content = json.loads(other.readable().read_text(encoding="utf-8"))
            run, cache = Run.of(content["run"]), content["cache"]
        except FileNotFoundError:
            continue  # its run has just ended
        except (ValueError, TypeError, KeyError):
            logger.warning("%s is no record of a run", other)
            continue
        if not use.excludes(run.use):
            continue
        age = now - entry.modified if now and entry.modified else timedelta(0)
        # If it lived, and on this machine, its lock would have kept us out.
        if age > timedelta(seconds=LOCK_SECONDS) or cache == _this_cache():
            other.remove()
        else:
            yield run


def _renew(record: RemoteFile, ended: threading.Event) -> None:
    """Keep a lease from running out; stop the run if it has."""
    renewed = time.monotonic()
    while not ended.wait(_RENEWED_EVERY):
        with suppress(StudyError, OSError):
            if record.exists():
                content = record.readable().read_bytes()
                with record.written() as partial:
                    partial.write_bytes(content)
                renewed = time.monotonic()
                continue
            renewed = -math.inf  # another run has found it too old
        if time.monotonic() - renewed > LOCK_SECONDS and not ended.is_set():
            logger.error("%s could not be renewed: another run may make the same", record)
            _thread.interrupt_main()
            return


def _folder(root: RemoteFile) -> RemoteFile:
    return root.below(".leases")


def _this_cache() -> str:
    """What tells this machine's cache, and its locks, from others'."""
    path = cache_folder() / "id"
    with locked("id"):
        if not path.exists():
            with atomic_write(path) as partial:
                partial.write_text(secrets.token_hex(8), encoding="utf-8")
    return path.read_text(encoding="utf-8")
