"""Runs that share a folder of results: none makes what another makes or reads at the same time.

A run says which parts of the study (the data, a technique, the report) it makes and which it
reads. Beside its record in ``<data_root>/.runs`` it holds a lock of the operating system, which
ends with the process however that ends: what a dead process has left counts for nothing.
"""

import json
import logging
import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from regbench.errors import InUseError
from regbench.storage.atomic import remove_leftovers

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Use:
    """What a run does with the parts of a study."""

    makes: list[str]
    reads: list[str]

    def excludes(self, other: "Use") -> bool:
        """Whether the two must not happen at the same time."""
        return bool({*self.makes} & {*other.makes, *other.reads} or {*self.reads} & {*other.makes})


@dataclass(frozen=True)
class Run:
    """A run as others are told of it; ``since`` is local time with its offset."""

    pid: int
    host: str
    since: str
    command: str
    use: Use

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Run":
        """Read what ``asdict`` made."""
        return cls(**record | {"use": Use(**record["use"])})

    def __str__(self) -> str:
        made = dict.fromkeys(part.partition(".")[0] for part in self.use.makes)  # not each seed
        return (
            f"process {self.pid} on {self.host} ({self.command}), at work since {self.since}, "
            f"makes {', '.join(made)}"
        )


@contextmanager
def reserved(
    data_root: Path, use: Use, command: str, *, wait: bool, display: str = ""
) -> Iterator[None]:
    """Keep other runs from what this one makes, and from making what it reads.

    Args:
        data_root: Where the results are.
        use: What is made and read.
        command: How this run was started, for those who find it at work.
        wait: Until others are done, instead of stopping.
        display: How messages call the folder; default: by its path.

    Raises:
        InUseError: Another run is at work on the same parts.
        OSError: The folder cannot be written to.
    """
    own = this_run(use, command)
    folder = data_root / ".runs"
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / f"{secrets.token_hex(8)}.json"
    with _held(record):
        try:
            _enter(record, own, display or str(data_root), wait=wait)
            yield
        finally:
            record.unlink(missing_ok=True)
            with suppress(OSError, InUseError):  # what ended the run is what is told
                _tidy_up(folder)


@contextmanager
def _held(record: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock that belongs to a run's record.

    Raises:
        Timeout: A living run holds it, and this is not to wait.
    """
    lock = record.with_suffix(".lock")
    with FileLock(lock, blocking=wait):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes it by itself, and refuses until then
                lock.unlink()


def _door(folder: Path) -> FileLock:
    """The lock of whoever looks around in a folder of records: one at a time, for an instant."""
    return FileLock(folder / "lock")


def _tidy_up(folder: Path) -> None:
    """Remove what training processes of this run have left that were killed."""
    with _door(folder):
        if not list(_at_work(folder)):
            remove_leftovers(folder.parent)


def this_run(use: Use, command: str) -> Run:
    """Describe the run of this process, from now on."""
    started = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return Run(os.getpid(), platform.node(), started, command, use)


def in_use(display: str, other: Run) -> InUseError:
    """Say which run is in the way."""
    return InUseError(
        f"{display} is in use: {other}; run this again when that has ended, or have it wait with "
        "--params=if_in_use=wait"
    )


def _enter(record: Path, own: Run, display: str, *, wait: bool) -> None:
    """Write a run's record as soon as no other run is in the way."""
    told = False
    while True:
        with _door(record.parent):
            at_work = list(_at_work(record.parent))
            others = [run for run in at_work if own.use.excludes(run.use)]
            if not at_work:
                remove_leftovers(record.parent.parent)
            if not others:
                _write(record, own)
                return
        if not wait:
            raise in_use(display, others[0])
        if not told:
            logger.info("waiting: %s is in use: %s", display, others[0])
            told = True
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _write(record: Path, own: Run) -> None:
    try:
        record.write_text(json.dumps(asdict(own)), encoding="utf-8")
    except OSError as error:
        error.filename = str(record)  # a full disk does not say
        raise


def _at_work(folder: Path) -> Iterator[Run]:
    """The runs whose processes live; records of others are removed."""
    for lock in folder.glob("*.lock"):
        record = lock.with_suffix(".json")
        try:
            with _held(record, wait=False):
                record.unlink(missing_ok=True)
        except Timeout:
            with suppress(FileNotFoundError):  # its run waits, or has just ended
                yield _read(record)


def _read(record: Path) -> Run:
    """The run that a record describes.

    Raises:
        InUseError: The record is damaged, or another version's: somebody is at work, at what is
            not known.
    """
    try:
        return Run.of(json.loads(record.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError):
        raise InUseError(
            f"{record.parent.parent} is in use by a process that holds {record}, which this "
            "version of RegBench cannot read; run this again when that has ended"
        ) from None
