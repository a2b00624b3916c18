"""Disks and folders that refuse: full, read-only, unreadable, in the middle of a run.

Each fault is a real one (a small tmpfs, a read-only mount, permissions), met by the real command
on a data root where one technique is trained already. Asked of every case: exit code 1 and one
line that names path and cause, unless the case says otherwise; what was there before is as it was;
all files are whole; and when the cause is gone the same command goes on, to the results of an
undisturbed study.
"""

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reliability import record, whole
from benchmarks.reliability.small import Started, Study, finish, make_study
from benchmarks.speed.harness import BenchmarkError, say

ABOUT = "Full, read-only and refusing disks and folders."
_RESUME = "--only-missing-outputs"
_FULL = "No space left on device"
_DENIED = "Permission denied"
_LOOK_AGAIN = 0.01
_MOST_ATTEMPTS = 1000  # to fill a disk that a command is writing to
_LARGE_IMAGES = "TMPDIR full, images of 81 MB"
_MEGABYTES = {_LARGE_IMAGES: 320}  # of the disk, where a study has more than 64


@dataclass(frozen=True)
class Place:
    """Where a case happens: its own copies of everything."""

    study: Study
    root: Path
    images: Path
    temporary: Path


@dataclass(frozen=True)
class Fault:
    """What the command meets.

    Attributes:
        says: A pattern that one line of standard error matches; none if nothing need be said.
        options: Of the command.
        parameters: Of the command.
        variables: To add to the environment.
        during: Called while the command runs; injects a fault in the middle.
        may_go_on: The run need not stop: exit code 0 is right.
        prefix: Before the command.
        leaves: Says what is wrong with what the command has left, while the fault is still there.
        whole_study: Whether the results can be compared with the undisturbed study's.
    """

    says: str
    options: tuple[str, ...] = (_RESUME,)
    parameters: dict[str, object] | None = None
    variables: dict[str, str] | None = None
    during: Callable[[Started], None] | None = None
    may_go_on: bool = False
    prefix: tuple[str, ...] = ()
    leaves: Callable[[], list[str]] | None = None
    whole_study: bool = True


Case = Callable[[Place], AbstractContextManager[Fault]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the subcommand."""
    parser.add_argument("cases", nargs="*", help="some of the cases; default: all")
    record.add_out(parser)


def run(arguments: argparse.Namespace) -> record.Figures:
    """Go through the cases."""
    if os.geteuid() != 0:
        raise SystemExit("mounting a small disk needs root")
    cases = {name: CASES[name] for name in arguments.cases or CASES}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="regbench-disk-") as folder:
        work = Path(folder)
        study = make_study(work)
        reference, earlier = work / "reference", work / "earlier"
        for root, options in ((reference, ()), (earlier, ("--pipelines=baseline",))):
            code, said = finish(study.command(root, *options))
            if code:
                raise BenchmarkError(f"the undisturbed study ended with exit code {code}: {said}")
        for name, case in cases.items():
            megabytes = _MEGABYTES.get(name, 64)
            try:
                found, line = _try(case, megabytes, work, study, earlier, reference)
            except Exception as error:  # a surprise is a loss, too, and no end of the others
                found, line = [f"{type(error).__name__}: {error}"], ""
            rows.append({"fault": name, "survived": not found, "said": line, "lost": found})
            say(f"{name}: {'; '.join(found) or 'survived'}: {line}")
            record.save(arguments.out, "disk", ABOUT, _figures(rows))
    figures = _figures(rows)
    record.write(arguments.out, "disk", ABOUT, figures)
    return figures


def _figures(rows: list[dict[str, Any]]) -> record.Figures:
    survived = sum(row["survived"] for row in rows)
    return {
        "faults injected": len(rows),
        "survived": survived,
        "lost": len(rows) - survived,
        "passed": survived == len(rows),
        "cases": rows,
    }


def _try(
    case: Case, megabytes: float, work: Path, study: Study, earlier: Path, reference: Path
) -> tuple[list[str], str]:
    """Inject one fault, take it away, go on; return what was wrong, and what was said."""
    found: list[str] = []
    with _disk(work / "disk", megabytes) as disk, _disk(work / "tmp", megabytes=8) as temporary:
        images = work / "images"
        shutil.rmtree(images, ignore_errors=True)
        shutil.copytree(study.images, images)
        place = Place(Study(images, study.conf), disk / "data", images, temporary)
        shutil.copytree(earlier, place.root)
        before = _contents(place.root)
        try:
            with case(place) as fault:
                variables = {"TMPDIR": str(temporary), **(fault.variables or {})}
                command = place.study.command(
                    place.root, *fault.options, **(fault.parameters or {})
                )
                started = Started([*fault.prefix, *command], variables, refused=True)
                try:
                    if fault.during:
                        fault.during(started)
                except BaseException:
                    started.kill()
                    raise
                code, said = started.ended()
                found += _verdict(fault, code, said)
                if fault.leaves:
                    found += fault.leaves()
            if _RESUME in fault.options and before.items() - _contents(place.root).items():
                gone = before.items() - _contents(place.root).items()
                found += [f"changed: {name}" for name, _ in sorted(gone)[:3]]
            found += whole.damaged(place.root) + whole.history_faults(place.root)
            runs = whole.runs_in_history(place.root)
            options = [option for option in fault.options if option != _RESUME]
            again = place.study.command(place.root, *options, _RESUME, **(fault.parameters or {}))
            code, after = finish(again, {"TMPDIR": str(work)}, refused=True)
            found += [f"then exit code {code}: {after.strip()[-200:]}"] if code else []
            found += whole.history_faults(place.root, runs)
            if fault.whole_study:
                if not whole.runs_in_history(place.root):
                    found.append("no run in the history")
                found += whole.differences(reference, place.root)
            found += [f"left: {path.name}" for path in whole.leftovers(place.root)]
        finally:
            shutil.rmtree(images)
    matching = [line for line in said.splitlines() if re.search(fault.says or "$^", line)]
    line = matching[0] if matching else ""
    for path, words in ((place.root, "<data_root>"), (images, "<images>"), (temporary, "<TMPDIR>")):
        line = line.replace(str(path), words)
    return found, line


def _verdict(fault: Fault, code: int, said: str) -> list[str]:
    found = []
    if code != (0 if fault.may_go_on else 1):
        found.append(f"exit code {code}: {said.strip()[-300:]}")
    if "Traceback" in said:
        found.append("a stack trace")
    if fault.says:
        lines = [line for line in said.splitlines() if re.search(fault.says, line)]
        if len(lines) != 1:
            found.append(f"said {len(lines)} times {fault.says!r}: {said.strip()[-300:]}")
    return found


def _contents(root: Path) -> dict[str, bytes]:
    """What must not change: the results of the technique that is trained, byte by byte."""
    folders = (root / "06_models/baseline", root / "07_model_output/baseline")
    return {
        str(path.relative_to(root)): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.name != "results.zip"
    }


@contextmanager
def _disk(at: Path, megabytes: float) -> Iterator[Path]:
    """A small disk of its own."""
    at.mkdir(exist_ok=True)
    size = f"size={int(megabytes * 1024)}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def _fill(disk: Path, left: int) -> Path:
    """Fill a disk until at most so many bytes are left, whatever others write meanwhile."""
    filler = disk / "filler"
    with filler.open("ab") as file:
        for _ in range(_MOST_ATTEMPTS):
            status = os.statvfs(disk)
            size = status.f_bavail * status.f_frsize - left
            if size <= 0:
                return filler
            with suppress(OSError):  # it has become less
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
    raise BenchmarkError(f"{disk} could not be filled")


def _full(left: int, *, options: tuple[str, ...] = (_RESUME,), fresh: bool = False) -> Case:
    """A disk with so many bytes left."""

    @contextmanager
    def case(place: Place) -> Iterator[Fault]:
        if fresh:
            shutil.rmtree(place.root)
            place.root.mkdir()
        with _emptied_after(place.root.parent):
            _fill(place.root.parent, left)
            yield Fault(f"{_FULL}: {place.root}/", options)

    return case


def _full_in_the_middle(after: str) -> Case:
    """A disk that another program fills when a file has been written."""

    @contextmanager
    def case(place: Place) -> Iterator[Fault]:
        def during(command: Started) -> None:
            if _wait_for(place.root / after, command):
                _fill(place.root.parent, 0)

        with _emptied_after(place.root.parent):
            yield Fault(f"{_FULL}: {place.root}/", during=during)

    return case


@contextmanager
def _emptied_after(disk: Path) -> Iterator[None]:
    """Take away afterwards what fills a disk."""
    try:
        yield
    finally:
        (disk / "filler").unlink(missing_ok=True)


@contextmanager
def _read_only(place: Place) -> Iterator[Fault]:
    disk = str(place.root.parent)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    try:
        yield Fault(f"Read-only file system: {place.root}/")
    finally:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)


@contextmanager
def _mode(path: Path, mode: int) -> Iterator[None]:
    """Change who may do what with a file or folder, and change it back, if only meanwhile."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


def _refused(folder: str, options: tuple[str, ...] = (_RESUME,)) -> Case:
    """A folder that may be read and not be written to."""

    @contextmanager
    def case(place: Place) -> Iterator[Fault]:
        path = place.root / folder
        path.mkdir(parents=True, exist_ok=True)
        with _mode(path, 0o500):
            yield Fault(f"{_DENIED}: {path}", options)

    return case


def _refused_in_the_middle(folder: str, after: str) -> Case:
    """A folder that is closed when a file has been written."""

    @contextmanager
    def case(place: Place) -> Iterator[Fault]:
        path = place.root / folder

        def during(command: Started) -> None:
            if _wait_for(place.root / after, command):
                path.mkdir(parents=True, exist_ok=True)
                path.chmod(0o500)

        try:
            yield Fault(f"{_DENIED}: {path}", during=during)
        finally:
            if path.exists():
                path.chmod(0o755)

    return case


def _unreadable_result(name: str) -> Case:
    """An earlier result that may not be read any more."""

    @contextmanager
    def case(place: Place) -> Iterator[Fault]:
        path = place.root / name
        with _mode(path, 0):
            yield Fault(f"{_DENIED}.*{path}", options=("--pipelines=reporting",), whole_study=False)

    return case


@contextmanager
def _unreadable_image(place: Place) -> Iterator[Fault]:
    image = next((place.images / "Train/Images/train").iterdir())

    def not_rejected() -> list[str]:
        rejected = (place.root / "02_intermediate/rejected_images.csv").read_text("utf-8")
        line = f"{image.name},unreadable: {_DENIED}"
        return [] if line in rejected else [f"not rejected: {rejected}"]

    with _mode(image, 0):
        said = f"299 images .*; 1 rejected: .*{_DENIED}"
        yield Fault(said, options=(), may_go_on=True, leaves=not_rejected)


def _unreadable_input(name: str) -> Case:
    """A file or folder of the set that may not be read."""

    @contextmanager
    def case(place: Place) -> Iterator[Fault]:
        with _mode(place.images / name, 0):
            yield Fault(f"^Error: .*{_DENIED}", options=())

    return case


@contextmanager
def _temporary_folder_full(place: Place) -> Iterator[Fault]:
    large = {"ingest.mode": "RGB", "ingest.size": 300}
    yield Fault(
        rf"need .* in {place.temporary} \({_FULL}\)",
        ("--pipelines=data",),
        large,
        whole_study=False,
    )


@contextmanager
def _no_temporary_folder(place: Place) -> Iterator[Fault]:
    _fill(place.temporary, 0)  # Python then takes /tmp
    yield Fault("", may_go_on=True)


@contextmanager
def _file_size_limit(place: Place) -> Iterator[Fault]:
    yield Fault(f"File too large: {place.root}/", options=(), prefix=("prlimit", "--fsize=100000"))


@contextmanager
def _few_open_files(place: Place) -> Iterator[Fault]:
    yield Fault("Too many open files", options=(), prefix=("prlimit", "--nofile=24"))


def _wait_for(path: Path, command: Started) -> bool:
    while command.runs():
        if path.exists():
            return True
        time.sleep(_LOOK_AGAIN)
    return False


CASES: dict[str, Case] = {
    "disk full from the start": _full(0),
    "disk full while the data are prepared": _full(150_000, options=(), fresh=True),
    "disk full, 12 kB left": _full(12_288),
    "disk full, 100 kB left": _full(100_000),
    "disk full, 500 kB left": _full(500_000),
    "disk full, 500 kB left, all made again": _full(500_000, options=()),
    "disk filled by others after a training": _full_in_the_middle(
        "06_models/dropout/seed_1_fingerprint.json"
    ),
    "disk filled by others before the report": _full_in_the_middle(
        "07_model_output/early_stopping/results.zip"
    ),
    "read-only file system": _read_only,
    "data root not to be written to": _refused("."),
    "folder of networks not to be written to": _refused("06_models"),
    "folder of a technique's networks not to be written to": _refused("06_models/dropout"),
    "folder of reports not to be written to": _refused("08_reporting"),
    "folder of predictions closed in the middle": _refused_in_the_middle(
        "07_model_output/dropout", "06_models/dropout/seed_1_fingerprint.json"
    ),
    "folder of reports closed in the middle": _refused_in_the_middle(
        "08_reporting", "07_model_output/dropout/seed_1/metrics.json"
    ),
    "results not to be read": _unreadable_result("07_model_output/baseline/results.zip"),
    "prepared images not to be read": _unreadable_result("02_intermediate/images.npy"),
    "one picture not to be read": _unreadable_image,
    "label file not to be read": _unreadable_input("Train/train.csv"),
    "folder of pictures not to be read": _unreadable_input("Train/Images/train"),
    _LARGE_IMAGES: _temporary_folder_full,
    "TMPDIR full": _no_temporary_folder,
    "limit on file size": _file_size_limit,
    "limit on open files": _few_open_files,
}
