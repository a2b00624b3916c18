"""Runs that share a folder of results: none makes what another makes or reads at the same time.

A run says which parts of the study (the data, a technique, the report) it makes and which it
reads. Its record in ``<data_root>/.runs`` carries a lock of the operating system, which ends with
the process however that ends: what a dead process has left counts for nothing.
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
from typing import IO, Any

from regbench.errors import InUseError
from regbench.storage.atomic import remove_leftovers

try:
    import fcntl

    _LOCKS = True
except ImportError:  # Windows
    _LOCKS = False

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
    if not _LOCKS:
        logger.warning("no locks on this system: see to it that one run at a time uses a folder")
        yield
        return
    own = this_run(use, command)
    folder = data_root / ".runs"
    folder.mkdir(parents=True, exist_ok=True)
    with _entered(folder, own, display or str(data_root), wait=wait) as record:
        try:
            yield
        finally:
            Path(record.name).unlink(missing_ok=True)
            record.close()
            with suppress(OSError):  # the run may have ended because the disk refuses
                _tidy_up(folder)


def _tidy_up(folder: Path) -> None:
    """Remove what training processes of this run have left that were killed."""
    with (folder / "lock").open("a") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        if not list(_at_work(folder)):
            remove_leftovers(folder.parent)


def has_locks() -> bool:
    """Whether this system keeps runs on this machine from one another."""
    return _LOCKS


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


def _entered(folder: Path, own: Run, display: str, *, wait: bool) -> IO[str]:
    """Write and lock a record as soon as no other run is in the way."""
    told = False
    while True:
        with (folder / "lock").open("a") as door:
            fcntl.flock(door, fcntl.LOCK_EX)  # one at a time looks around, and for an instant
            at_work = list(_at_work(folder))
            others = [run for run in at_work if own.use.excludes(run.use)]
            if not at_work:
                remove_leftovers(folder.parent)
            if not others:
                return _record(folder / f"{secrets.token_hex(8)}.json", own)
        if not wait:
            raise in_use(display, others[0])
        if not told:
            logger.info("waiting: %s is in use: %s", display, others[0])
            told = True
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _record(path: Path, own: Run) -> IO[str]:
    record = path.open("x", encoding="utf-8")
    try:
        fcntl.flock(record, fcntl.LOCK_EX)
        json.dump(asdict(own), record)
        record.flush()
    except OSError as error:
        error.filename = str(path)  # a full disk does not say
        with suppress(OSError):  # it refuses once more
            record.close()
        path.unlink(missing_ok=True)
        raise
    return record


def _at_work(folder: Path) -> Iterator[Run]:
    """The runs whose processes live; records of others are removed."""
    for path in folder.glob("*.json"):
        try:
            with path.open(encoding="utf-8") as record:
                try:
                    fcntl.flock(record, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield _read(record, path)
                else:
                    path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # its run has just ended


def _read(record: IO[str], path: Path) -> Run:
    """The run that holds a record.

    Raises:
        InUseError: The record is damaged, or another version's: somebody is at work, at what is
            not known.
    """
    try:
        content = json.load(record)
        return Run.of(content)
    except (ValueError, TypeError, KeyError):
        raise InUseError(
            f"{path.parent.parent} is in use by a process that holds {path}, which this version "
            "of RegBench cannot read; run this again when that has ended"
        ) from None
