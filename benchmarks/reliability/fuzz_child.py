"""The process that reads damaged inputs by RegBench's own code, one after the other.

It tells the parent process which input it begins and what came of it; when it hangs or dies, the
parent knows of which.
"""

import argparse
import faulthandler
import json
import logging
import os
import resource
import shutil
import sys
import time
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.reliability import mutations
from benchmarks.reliability.mutations import Input
from regbench.errors import SettingsError, StudyError
from regbench.images.ingest import ingest_labeled, ingest_unlabeled
from regbench.images.sources.open import open_source
from regbench.runs.config_loader import PROJECT, StudyConfigLoader
from regbench.settings import CONFIG_LOADER_ARGS
from regbench.study.problems import InvalidStudy
from regbench.study.reader import read_study
from regbench.study.schema import Ingest

LONGEST_LINE = 1500  # of a message; a value that is quoted in it may not fill the screen

# What reading has no business with (https://docs.python.org/3/library/audit_events.html).
_FORBIDDEN = (
    *("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.startfile"),
    *("socket.", "urllib.", "pickle.find_class", "webbrowser.", "shutil.", "os.kill"),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.putenv", "os.chdir"),
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class WrongError(Exception):
    """Something was read, and what came of it cannot be right."""


class _Watch:
    """Notes what reading does to the world; Python has no way to take such a hook away again."""

    def __init__(self, temporary: Path) -> None:
        self._temporary = str(temporary)
        self._on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.seen.clear()
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event == "open":
            path, _mode, flags = arguments
            writes = isinstance(flags, int) and flags & _WRITING
            if writes and not os.fsdecode(str(path)).startswith(self._temporary):
                self.seen.append(f"open {path!r} for writing")
        elif event.startswith(_FORBIDDEN):
            self.seen.append(f"{event} {arguments!r}"[:200])


class _Logged(logging.Handler):
    """Keeps what RegBench logs, to be looked at like any message."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


class Reader:
    """Reads inputs in a folder of its own, where nothing else happens."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._set = scratch / "set"
        self._pictures = self._set / "Train/Images/train"
        self._conf = scratch / "conf"
        self._pictures.mkdir(parents=True)
        good = mutations.pictures()["png-l"]
        for place in range(3):
            (self._pictures / f"{place}.png").write_bytes(good)
        shutil.copytree(PROJECT / "conf" / "base", self._conf / "base")
        (self._conf / "local").mkdir()
        self._logged = _Logged()
        logging.getLogger("regbench").addHandler(self._logged)
        self._ingest = read_study(mutations.parameters()).ingest.model_dump()

    def prepare(self, one: Input) -> Path | None:
        """Put an input where it is read; return its file."""
        if one.kind == "settings":
            return None
        path = {
            "picture": self._pictures / "1.png",
            "zip": self._scratch / "set.zip",
            "labels": self._set / "Train/train.csv",
            "yaml": self._conf / ("local", "base")[one.number // 20 % 2] / one.of,
        }[one.kind]
        (self._set / "Train/train.csv").write_bytes(b"filename,label\n0.png,a\n1.png,b\n2.png,c\n")
        path.write_bytes(one.data or b"")
        return path

    def restore(self, one: Input, path: Path | None) -> None:
        """Leave the folder as it was."""
        if one.kind == "picture" and path:
            path.write_bytes(mutations.pictures()["png-l"])
        elif path and path.parent.name == "base":
            shutil.copy(PROJECT / "conf" / "base" / path.name, path)
        elif path:
            path.unlink()

    def read(self, one: Input) -> str:
        """Read an input as RegBench does; return what came of it.

        Raises:
            WrongError: What was read cannot be right.
            Exception: Anything else that is no word for the user.
        """
        self._logged.messages.clear()
        if one.kind == "settings":
            outcome = self._read_settings(one)
        elif one.kind == "yaml":
            outcome = self._read_configuration(one)
        else:
            path = self._scratch / "set.zip" if one.kind == "zip" else self._set
            outcome = self._read_images(path, one.number)
        for message in self._logged.messages:
            _check_message(message, 1)
        return outcome

    def _read_images(self, path: Path, number: int) -> str:
        changes = {
            "max_rejected": 0.9,
            "mode": ("L", "RGB")[number % 2],
            "size": [(28, 28), (24, 20), (1, 40)][number % 3],
            "layout": ("auto", "label_file", "class_folders")[number // 100 % 3],
        }
        if path.is_dir():
            changes["layout"] = "auto"
        settings = Ingest.model_validate(self._ingest | changes)
        outcomes = []
        try:
            with open_source(path) as source:
                source.digest()
                for ingest in (ingest_labeled, ingest_unlabeled)[: 2 if path.is_file() else 1]:
                    made = ingest(source, settings)
                    channels = len(settings.mode)
                    if made.images.shape != (len(made.index), *settings.size, channels):
                        raise WrongError(f"{made.images.shape} for {len(made.index)} rows")
                    for text in (*made.index["filename"], *made.rejected["reason"]):
                        text.encode()  # can be written
                    outcomes.append("rejected" if len(made.rejected) else "read")
                    _check_message("\n".join(set(made.rejected["reason"])), len(made.rejected))
        except StudyError as error:
            _check_message(error.message, 1)
            outcomes.append("stopped")
        return max(outcomes, key=["read", "rejected", "stopped"].index)

    def _read_configuration(self, one: Input) -> str:
        try:
            loader = StudyConfigLoader(str(self._conf), **CONFIG_LOADER_ARGS)
            values = loader["catalog" if one.of.startswith("catalog") else "parameters"]
        except SettingsError as error:
            _check_message(error.message, 200)
            return "stopped"
        json.dumps(values)  # plain: nothing in it was made by a tag
        return "read"

    def _read_settings(self, one: Input) -> str:
        try:
            json.dumps(read_study(one.settings).as_parameters())
        except InvalidStudy as error:
            for problem in error.problems:
                _check_message(problem.message, 1)
            return "stopped"
        return "read"


def _check_message(message: str, most_lines: int) -> None:
    """A message is a line (one for each problem) that a terminal and a log can take."""
    lines = message.split("\n")
    if len(lines) > max(1, most_lines):
        raise WrongError(f"a message of {len(lines)} lines: {message[:300]!r}")
    for line in lines:
        if len(line) > LONGEST_LINE:
            raise WrongError(f"a line of {len(line)} letters: {line[:300]!r}")
        odd = {letter for letter in line if unicodedata.category(letter) in ("Cc", "Cs")}
        if odd:
            raise WrongError(f"{odd} in a message: {line[:300]!r}")


def _tree(root: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            status = os.lstat(f"{folder}/{name}")
            is_file = name in files
            found[f"{folder}/{name}"] = (status.st_size, status.st_mtime_ns) if is_file else (0, 0)
    return found


def _limit_memory(more_bytes: int) -> None:
    """Let this process take so much more than it has now."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = _status("VmSize") + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _status(key: str) -> int:
    """A figure in bytes of what Linux tells of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    return 0


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _outcome(reader: Reader, watch: _Watch, one: Input, scratch: Path) -> dict[str, Any]:
    """Read an input and see what else happened."""
    path = reader.prepare(one)
    before = _tree(scratch)
    _forget_peak()
    held = _status("VmRSS")
    start = time.process_time()
    detail = ""
    try:
        with watch(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = reader.read(one)
    except WrongError as error:
        outcome, detail = "wrong", str(error)
    except BaseException as error:  # that it gets here is what is looked for
        outcome, detail = "error", f"{type(error).__name__}: {error}"[:500]
    seconds = time.process_time() - start
    peak = _status("VmHWM")
    after = _tree(scratch)
    if watch.seen or after != before:
        changed = sorted({*before.items()} ^ {*after.items()})
        outcome, detail = "reached out", f"{watch.seen} {changed}"[:500]
    reader.restore(one, path)
    return {"outcome": outcome, "detail": detail, "seconds": seconds, "bytes": peak - held}


def main() -> None:
    """Read some of the inputs, telling the parent process of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--first", type=int)
    parser.add_argument("--end", type=int)
    parser.add_argument("--step", type=int)
    parser.add_argument("--memory", type=int)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--channel", type=int, help="a file descriptor for what is told")
    arguments = parser.parse_args()
    faulthandler.enable()
    channel = os.fdopen(arguments.channel, "w", encoding="utf-8")
    scratch: Path = arguments.scratch
    reader = Reader(scratch)
    mutations.pictures()
    mutations.zips()
    watch = _Watch(scratch / "tmp")
    # What is imported only when it is needed first is no input's doing.
    for kind in mutations.SHARES:
        _outcome(reader, watch, mutations.intact(kind), scratch)
    _limit_memory(arguments.memory)
    for number in range(arguments.first, arguments.end, arguments.step):
        channel.write(json.dumps({"begin": number}) + "\n")
        channel.flush()
        one = mutations.make(arguments.seed, number)
        made = _outcome(reader, watch, one, scratch)
        channel.write(json.dumps({"end": number, "kind": one.kind, "of": one.of, **made}) + "\n")
        channel.flush()


if __name__ == "__main__":
    main()
