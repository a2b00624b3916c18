"""The lock that keeps two runs on one machine from making the same results at the same time.

A run locks what it makes and what it reads: boxes of the pipeline graph, such as the data, a
training or the report. Its record in ``<data_root>/.runs`` names them. Beside the record it holds
a lock of the operating system, which ends with the process, however that ends. A record whose lock
is free was left by a dead process and counts for nothing.
"""

import json
import logging
import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from regbench.errors import InUseError
from regbench.process.signals import own_file, uninterrupted
from regbench.storage.atomic import remove_leftovers

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_ATTEMPTS = 1.0
_SECONDS_FOR_FOLDER_LOCK = 60.0


@dataclass(frozen=True)
class Use:
    """The boxes of the pipeline graph that a run makes, and those that it only reads."""

    makes: list[str]
    reads: list[str]

    def conflicts_with(self, other: "Use") -> bool:
        """Return whether one makes what the other makes or reads."""
        return bool({*self.makes} & {*other.makes, *other.reads} or {*self.reads} & {*other.makes})


@dataclass(frozen=True)
class Holder:
    """The run that holds a lock, as its record and messages show it.

    Attributes:
        pid: Of its process.
        host: The machine that the process is on.
        since: The local time at which it asked for the lock, with its offset from UTC.
        command: How the run was started.
        use: What the run makes and reads.
    """

    pid: int
    host: str
    since: str
    command: str
    use: Use

    @classmethod
    def of_this_process(cls, use: Use, command: str) -> "Holder":
        """Return this process as a holder from now on."""
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        return cls(os.getpid(), platform.node(), now, command, use)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Holder":
        """Return the holder that ``asdict`` made a record of."""
        return cls(**record | {"use": Use(**record["use"])})

    def __str__(self) -> str:
        made = dict.fromkeys(box.partition(".")[0] for box in self.use.makes)  # not each seed
        return (
            f"process {self.pid} on {self.host} ({self.command}), at work since {self.since}, "
            f"makes {', '.join(made)}"
        )


@contextmanager
def machine_lock(
    data_root: Path, use: Use, command: str, *, wait: bool, display: str = ""
) -> Iterator[Path]:
    """Lock what a run makes and reads against other runs on this machine.

    Args:
        data_root: Folder of the results.
        use: What the run makes and reads.
        command: How the run was started; other runs show it in their messages.
        wait: Whether to wait for conflicting runs instead of raising an error.
        display: The name of the folder in messages; default: its path.

    Yields:
        The record: a file in the folder that nobody else makes or removes.

    Raises:
        InUseError: Another run holds a conflicting lock.
        OSError: The folder cannot be written to.
    """
    own = Holder.of_this_process(use, command)
    folder = data_root / ".runs"
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / f"{secrets.token_hex(8)}.json"
    with ExitStack() as held:
        held.callback(_remove_leftovers_of_dead_processes, folder)
        with uninterrupted():
            held.enter_context(own_file(record.with_suffix(".lock")))
            held.enter_context(_record_lock(record))
            held.enter_context(own_file(record))
        _write_when_free(record, own, display or str(data_root), wait=wait)
        yield record


def in_use_error(display: str, holder: Holder) -> InUseError:
    """Return the error that names the conflicting run and what to do about it."""
    return InUseError(
        f"{display} is in use: {holder}; run this again when that has ended, or have it wait with "
        "--params=if_in_use=wait"
    )


@contextmanager
def _record_lock(record: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the operating system's lock that belongs to a record.

    Raises:
        Timeout: A living process holds it, and ``wait`` is False.
    """
    lock = record.with_suffix(".lock")
    with FileLock(lock, blocking=wait):  # its name is random: nobody else waits for it
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes it by itself, and refuses until then
                lock.unlink()


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Hold the lock under which records are compared and written; runs hold it for an instant.

    Raises:
        InUseError: A process has held it for ``_SECONDS_FOR_FOLDER_LOCK``, such as one that is
            suspended.
    """
    lock = FileLock(folder / "lock", timeout=_SECONDS_FOR_FOLDER_LOCK)
    try:
        lock.acquire()
    except Timeout:
        raise InUseError(
            f"{lock.lock_file} has been held by another process for "
            f"{_SECONDS_FOR_FOLDER_LOCK:.0f} s; run this again when that has ended"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _remove_leftovers_of_dead_processes(folder: Path) -> None:
    """Remove half-written files of killed training processes, unless another run is at work.

    Whatever keeps it from that must not hide the error that ended the run; the next run does it.
    """
    if not folder.exists():  # unmounted or moved; the lock would make it anew
        return
    with suppress(OSError, InUseError), _folder_lock(folder):
        if not list(_holders(folder)):
            remove_leftovers(folder.parent)


def _write_when_free(record: Path, own: Holder, display: str, *, wait: bool) -> None:
    """Write a run's record as soon as no other run conflicts.

    Raises:
        InUseError: One does, and ``wait`` is False.
    """
    is_logged = False
    while True:
        with _folder_lock(record.parent):
            holders = list(_holders(record.parent))
            conflicting = [holder for holder in holders if own.use.conflicts_with(holder.use)]
            if not holders:
                remove_leftovers(record.parent.parent)
            if not conflicting:
                _write(record, own)
                return
        if not wait:
            raise in_use_error(display, conflicting[0])
        if not is_logged:
            logger.info("waiting: %s is in use: %s", display, conflicting[0])
            is_logged = True
        time.sleep(_SECONDS_BETWEEN_ATTEMPTS)


def _write(record: Path, own: Holder) -> None:
    try:
        record.write_text(json.dumps(asdict(own)), encoding="utf-8")
    except OSError as error:
        error.filename = str(record)  # the error of a full disk lacks it
        raise


def _holders(folder: Path) -> Iterator[Holder]:
    """Yield the runs whose processes live; remove the records of the others."""
    for lock in folder.glob("*.lock"):
        record = lock.with_suffix(".json")
        try:
            with _record_lock(record, wait=False):
                record.unlink(missing_ok=True)
        except Timeout:
            with suppress(FileNotFoundError):  # its run still waits, or has just ended
                yield _read(record)


def _read(record: Path) -> Holder:
    """Return the holder that a record describes.

    Raises:
        InUseError: The record is damaged or another version's. A run is at work, and what it makes
            is not known.
    """
    try:
        return Holder.from_record(json.loads(record.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError):
        raise InUseError(
            f"{record.parent.parent} is in use by a process that holds {record}, which this "
            "version of RegBench cannot read; run this again when that has ended"
        ) from None
