"""The lock that keeps runs on several machines from making the same results in a store.

A store has no locks that end with a process, so this one expires. The record of a run is renewed
while the run lives; one that was not renewed for ``LOCK_SECONDS`` counts for nothing. The folder's
name is ``.leases``: a lease is a lock that expires. All times are the store's own, so the machines'
clocks do not matter.

Each run first writes its record, then looks for others. Where a written file is listed at once, as
in S3, at least one of two simultaneous runs sees the other, and takes its own record back.
"""

import json
import logging
import math
import random
import re
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta

from regbench.errors import StudyError
from regbench.runs.locks.machine import Holder, Use, in_use_error
from regbench.storage.atomic import atomic_write
from regbench.storage.cache import cache_folder, cache_lock
from regbench.storage.remote import RemoteFile

logger = logging.getLogger(__name__)

LOCK_SECONDS = 300.0
_RECORD = re.compile(r"[0-9a-f]+\.json")
_RENEWAL_SECONDS = 60.0
_ATTEMPTS = 3  # the other run may be about to take its record back
# Shortest and longest pause; drawn at random, so that two runs do not meet again.
_SECONDS_BETWEEN_ATTEMPTS = (0.2, 1.0)
_SECONDS_BETWEEN_ATTEMPTS_WHEN_WAITING = (5.0, 10.0)


@contextmanager
def store_lock(root: RemoteFile, use: Use, command: str, *, wait: bool) -> Iterator[None]:
    """Lock what a run makes and reads against runs on other machines.

    ``machine_lock`` comes first and keeps out those on this machine.

    Args:
        root: Folder of the results in the store.
        use: What the run makes and reads.
        command: How the run was started; other runs show it in their messages.
        wait: Whether to wait for conflicting runs instead of raising an error.

    Raises:
        InUseError: Another run holds a conflicting lock.
        StudyError: The store cannot be reached, or refuses.
    """
    record = _write_when_free(root, Holder.of_this_process(use, command), wait=wait)
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(record, ended), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join(timeout=1.0)
        try:
            record.remove(retry_seconds=0)
        except StudyError as error:  # the lock expires by itself
            logger.warning("%s", error.message)


def _write_when_free(root: RemoteFile, own: Holder, *, wait: bool) -> RemoteFile:
    """Write a run's record as soon as no other run conflicts, and return the record.

    Raises:
        InUseError: One does, after several attempts, and ``wait`` is False.
    """
    record = _records(root).joinpath(f"{secrets.token_hex(8)}.json")
    content = json.dumps({"run": asdict(own), "cache": _cache_id()})
    attempts = 0
    while True:
        with record.atomic_write() as partial:
            partial.write_text(content, encoding="utf-8")
        holder = next(_conflicting_holders(root, record, own.use), None)
        if holder is None:
            return record
        record.remove()
        attempts += 1
        if attempts >= _ATTEMPTS and not wait:
            raise in_use_error(str(root), holder)
        if attempts == _ATTEMPTS:
            logger.info("waiting: %s is in use: %s", root, holder)
        pause = (
            _SECONDS_BETWEEN_ATTEMPTS
            if attempts < _ATTEMPTS
            else _SECONDS_BETWEEN_ATTEMPTS_WHEN_WAITING
        )
        time.sleep(random.uniform(*pause))  # noqa: S311


def _conflicting_holders(root: RemoteFile, own: RemoteFile, use: Use) -> Iterator[Holder]:
    """Yield the runs that conflict and whose locks are valid; remove expired conflicting ones."""
    listed = _records(root).listing()
    now = max((e.modified for e in listed.values() if e.modified), default=None)
    for name, entry in listed.items():
        if not _RECORD.fullmatch(name) or (other := _records(root).joinpath(name)) == own:
            continue
        try:
            content = json.loads(other.local_copy().read_text(encoding="utf-8"))
            holder, cache = Holder.from_record(content["run"]), content["cache"]
        except FileNotFoundError:
            continue  # its run has just ended
        except (ValueError, TypeError, KeyError):
            logger.warning("%s is no record of a run", other)
            continue
        if not use.conflicts_with(holder.use):
            continue
        age = now - entry.modified if now and entry.modified else timedelta(0)
        # A living run on this machine would have kept us out by its machine lock.
        if age > timedelta(seconds=LOCK_SECONDS) or cache == _cache_id():
            other.remove()
        else:
            yield holder


def _renew(record: RemoteFile, ended: threading.Event) -> None:
    """Renew a lock until the run has ended; interrupt the run if the lock was lost."""
    renewed = time.monotonic()
    while not ended.wait(_RENEWAL_SECONDS):
        with suppress(StudyError, OSError):
            if record.exists():
                content = record.local_copy().read_bytes()
                with record.atomic_write() as partial:
                    partial.write_bytes(content)
                renewed = time.monotonic()
                continue
            renewed = -math.inf  # another run has removed it as expired
        if time.monotonic() - renewed > LOCK_SECONDS and not ended.is_set():
            logger.error("%s could not be renewed: another run may make the same", record)
            _interrupt_main_thread()
            return


def _interrupt_main_thread() -> None:
    """End the run as Ctrl-C would, also where its main thread waits for another process."""
    if hasattr(signal, "pthread_kill"):  # Windows has none
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


def _records(root: RemoteFile) -> RemoteFile:
    return root.joinpath(".leases")


def _cache_id() -> str:
    """Return the random text that identifies this machine's cache, and so the machine."""
    path = cache_folder() / "id"
    with cache_lock("id"):
        if not path.exists():
            with atomic_write(path) as partial:
                partial.write_text(secrets.token_hex(8), encoding="utf-8")
    return path.read_text(encoding="utf-8")
