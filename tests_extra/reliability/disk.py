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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import BenchmarkError, say, timed
from tests_extra.reliability import record, whole
from tests_extra.reliability.small import RESUME, Started, Study, make_study

_DENIED = "Permission denied"
_COLLECTED = "data/07_model_output/early_stopping/results.zip"
_EVALUATED = "data/07_model_output/dropout/seed_1/metrics.json"
_TRAINED = "data/06_models/dropout/seed_1_fingerprint.json"
_REJECTED = "02_intermediate/rejected_images.csv"


@dataclass(frozen=True)
class Case:
    """A fault; paths are below ``disk``, where the data root is ``data``, or ``images``."""

    says: str  # what one line of standard error matches, ROOT being the data root; or nothing
    full: tuple[str, int] | None = None  # the disk to be filled, and how many bytes are left
    mode: tuple[str, int] | None = None  # a file or folder, and who may do what with it
    after: str = ""  # the file after whose writing that happens; none for before the start
    options: tuple[str, ...] = (RESUME,)
    parameters: Mapping[str, object] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()  # before the command
    code: int = 1
    fresh: bool = False  # there is nothing yet in the data root
    read_only: bool = False
    moved: bool = False  # the data root leads nowhere, as that of a disk that was unmounted
    whole_study: bool = True  # the results can be compared with the undisturbed study's
    megabytes: int = 64  # of the disk

    def inject(self, work: Path, command: Started | None = None) -> None:
        """Make it happen; while a command is at work, after a file that this writes."""
        if bool(command) != bool(self.after):
            return
        if command and not command.wait_until((work / "disk" / self.after).exists):
            return
        if self.full:
            fill(work / self.full[0], self.full[1])
        if self.mode:
            path, mode = work / self.mode[0], self.mode[1]
            if not path.exists():
                path.mkdir(parents=True)
            path.chmod(mode)
        if self.moved:
            (work / "disk/data").rename(work / "disk/elsewhere")
        if self.read_only:
            subprocess.run(["mount", "-o", "remount,ro", work / "disk"], check=True)

    def take_away(self, work: Path) -> None:
        """Mend what can be mended."""
        subprocess.run(["mount", "-o", "remount,rw", work / "disk"], check=True)
        (work / "disk/filler").unlink(missing_ok=True)
        if self.moved:  # fails if anything was written there
            (work / "disk/elsewhere").rename(work / "disk/data")
        if self.mode and (work / self.mode[0]).exists():
            (work / self.mode[0]).chmod(0o755)


def _full(left: int = 0, **more: Any) -> Case:
    return Case("No space left on device: ROOT/", ("disk", left), **more)


def _closed(folder: str, after: str = "") -> Case:
    """A folder that may be read and not be written to."""
    return Case(f"{_DENIED}: ROOT/?{folder}", mode=(f"disk/data/{folder}", 0o500), after=after)


def _unreadable_result(name: str) -> Case:
    said, reporting = f"{_DENIED}.*ROOT/{name}", ("--pipelines=reporting",)
    return Case(said, mode=(f"disk/data/{name}", 0), options=reporting, whole_study=False)


def _unreadable_input(name: str, says: str = f"^Error: .*{_DENIED}", code: int = 1) -> Case:
    return Case(says, mode=(f"images/Train/{name}", 0), options=(), code=code)


def _moved(after: str) -> Case:
    return Case("^Error: ROOT is no longer the folder in which", moved=True, after=after)


def _limited(limit: str, says: str) -> Case:
    return Case(says, options=(), prefix=("prlimit", limit))


CASES = {
    "disk full from the start": _full(),
    "disk full while the data are prepared": _full(150_000, options=(), fresh=True),
    "disk full, 12 kB left": _full(12_288),
    "disk full, 100 kB left": _full(100_000),
    "disk full, 500 kB left": _full(500_000),
    "disk full, 500 kB left, all made again": _full(500_000, options=()),
    "disk filled by others after a training": _full(after=_TRAINED),
    "disk filled by others before the report": _full(after=_COLLECTED),
    "read-only file system": Case("Read-only file system: ROOT/", read_only=True),
    "data root not to be written to": _closed(""),
    "folder of networks not to be written to": _closed("06_models"),
    "folder of a technique's networks not to be written to": _closed("06_models/dropout"),
    "folder of reports not to be written to": _closed("08_reporting"),
    "folder of predictions closed in the middle": _closed("07_model_output/dropout", _TRAINED),
    "folder of reports closed in the middle": _closed("08_reporting", _EVALUATED),
    "data root moved away after a training": _moved(_TRAINED),
    "data root moved away before the report": _moved(_COLLECTED),
    "results not to be read": _unreadable_result("07_model_output/baseline/results.zip"),
    "prepared images not to be read": _unreadable_result("02_intermediate/images.npy"),
    "one picture not to be read": _unreadable_input(
        "Images/train/00000.png", f"299 images .*; 1 rejected: .*{_DENIED}", code=0
    ),
    "label file not to be read": _unreadable_input("train.csv"),
    "folder of pictures not to be read": _unreadable_input("Images/train"),
    "TMPDIR full, images of 81 MB": Case(
        r"need .*/tmp \(No space left on device\)",
        options=("--pipelines=data",),
        parameters={"ingest__mode": "RGB", "ingest__size": 300},
        whole_study=False,
        megabytes=320,
    ),
    "TMPDIR full": Case("", ("tmp", 0), code=0),  # Python then takes /tmp
    "limit on file size": _limited("--fsize=100000", "File too large: ROOT/"),
    "limit on open files": _limited("--nofile=24", "^Error: Too many open files"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the subcommand."""
    parser.add_argument("cases", nargs="*", help="some of the cases; default: all")


def run(given: argparse.Namespace) -> record.Figures:
    """Go through the cases."""
    if os.geteuid() != 0:
        raise SystemExit("mounting a small disk needs root")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="regbench-disk-") as folder:
        work = Path(folder)
        study = make_study(work)
        timed(study.command(work / "reference"))
        timed(study.command(work / "earlier", "--pipelines=baseline"))
        for name in given.cases or CASES:
            try:
                found, line = attempt(CASES[name], work, study)
            except Exception as error:  # a surprise is a loss, too, and no end of the others
                found, line = [f"{type(error).__name__}: {error}"], ""
            rows.append({"fault": name, "survived": not found, "said": line, "lost": found})
            say(f"{name}: {'; '.join(found) or 'survived'}: {line}")
    survived = sum(row["survived"] for row in rows)
    lost = [f"{row['fault']}: {row['lost']}" for row in rows if not row["survived"]]
    figures = {"faults injected": len(rows), "survived": survived, "lost": lost}
    about = "Full, read-only and refusing disks and folders."
    return record.write("disk", about, {**figures, "passed": not lost, "cases": rows})


def attempt(case: Case, work: Path, study: Study) -> tuple[list[str], str]:
    """Inject one fault, take it away, go on; return what was wrong, and what was said."""
    images, root, temporary = work / "images", work / "disk/data", work / "tmp"
    shutil.rmtree(images, ignore_errors=True)
    shutil.copytree(study.images, images)
    copied = Study(images, study.conf)
    with _disk(work / "disk", case.megabytes), _disk(temporary, megabytes=8):
        if case.fresh:
            root.mkdir()
        else:
            shutil.copytree(work / "earlier", root)
        before = _contents(root)
        try:
            case.inject(work)
            command = [*case.prefix, *copied.command(root, *case.options, **case.parameters)]
            started = Started(command, {"TMPDIR": str(temporary)}, refused=True)
            try:
                case.inject(work, started)
            except BaseException:
                started.kill()
                raise
            code, said = started.ended()
            found, line = verdict(case, code, said, root)
            if case.mode and case.code == 0 and _DENIED not in (root / _REJECTED).read_text():
                found.append("not rejected")
        finally:
            case.take_away(work)
        if RESUME in case.options:
            gone = sorted({*before.items()} - {*_contents(root).items()})
            found += [f"changed: {name}" for name, _ in gone[:3]]
        found += whole.damaged(root) + whole.history_faults(root)
        runs = whole.runs_in_history(root)
        again = copied.command(root, *{*case.options, RESUME}, **case.parameters)
        code, after = Started(again, {"TMPDIR": str(work)}, refused=True).ended()
        found += [f"then exit code {code}: {after.strip()[-200:]}"] if code else []
        found += whole.history_faults(root, runs)
        if case.whole_study:
            found += [] if whole.runs_in_history(root) else ["no run in the history"]
            found += whole.differences(work / "reference", root)
        found += [f"left: {path.name}" for path in whole.leftovers(root)]
    for path, words in ((root, "<data_root>"), (images, "<images>"), (temporary, "<TMPDIR>")):
        line = line.replace(str(path), words)
    return found, line


def verdict(case: Case, code: int, said: str, root: Path) -> tuple[list[str], str]:
    """What is wrong with how the command ended, and the line that says the fault."""
    found = [] if code == case.code else [f"exit code {code}: {said.strip()[-300:]}"]
    found += ["a stack trace"] if "Traceback" in said else []
    pattern = case.says.replace("ROOT", str(root)) or "$^"
    lines = [line for line in said.splitlines() if re.search(pattern, line)]
    if case.says and len(lines) != 1:
        found.append(f"said {len(lines)} times {pattern!r}: {said.strip()[-300:]}")
    return found, "".join(lines[:1])


def _contents(root: Path) -> dict[str, bytes]:
    """What must not change: the results of the technique that is trained, byte by byte."""
    folders = (root / "06_models/baseline", root / "07_model_output/baseline")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files if path.name != "results.zip"}


@contextmanager
def _disk(at: Path, megabytes: int) -> Iterator[None]:
    """A small disk of its own."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", at], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


def fill(disk: Path, left: int) -> None:
    """Fill a disk until at most so many bytes are left, whatever others write meanwhile."""
    with (disk / "filler").open("ab") as file:
        for _ in range(1000):
            status = os.statvfs(disk)
            size = status.f_bavail * status.f_frsize - left
            if size <= 0:
                return
            with suppress(OSError):  # it has become less
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
    raise BenchmarkError(f"{disk} could not be filled")
