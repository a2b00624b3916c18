"""The process that reads damaged inputs by RegBench's own code, one after the other.

It tells the parent process which input it begins and what came of it; when it hangs or dies, the
parent knows of which.
"""

import faulthandler
import json
import logging
import os
import re
import resource
import shutil
import signal
import sys
import time
import unicodedata
import warnings
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT
from tests_extra.reliability import mutations
from tests_extra.reliability.mutations import Input

from regbench.errors import SettingsError, StudyError
from regbench.images.ingest import ingest_labeled, ingest_unlabeled
from regbench.images.sources.open import open_source
from regbench.runs.config_loader import StudyConfigLoader
from regbench.settings import CONFIG_LOADER_ARGS
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


class Watch:
    """Notes what reading does to the world; Python has no way to take such a hook away again."""

    def __init__(self, temporary: Path) -> None:
        self._temporary = str(temporary)
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & _WRITING
            if writes and not os.fsdecode(str(path)).startswith(self._temporary):
                self.seen.append(f"open {path!r} for writing")
        elif event.startswith(_FORBIDDEN):
            self.seen.append(f"{event} {arguments!r}"[:200])


class Reader:
    """Reads inputs in a folder of its own, where nothing else happens."""

    def __init__(self, scratch: Path) -> None:
        self._scratch, self._set, self._conf = scratch, scratch / "set", scratch / "conf"
        (self._set / "Train/Images/train").mkdir(parents=True)
        shutil.copytree(ROOT / "conf" / "base", self._conf / "base")
        (self._conf / "local").mkdir()
        self._logged: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: self._logged.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger("regbench").addHandler(handler)
        parameters = StudyConfigLoader(str(self._conf), **CONFIG_LOADER_ARGS)["parameters"]
        self._ingest = parameters["ingest"]

    def prepare(self, one: Input) -> None:
        """Put an input where it is read, and what is sound beside it."""
        for number in range(3):
            picture = self._set / f"Train/Images/train/{number}.png"
            picture.write_bytes(mutations.pictures()["png-l"])
        (self._set / "Train/train.csv").write_bytes(mutations.LABELS)
        shutil.copytree(ROOT / "conf" / "base", self._conf / "base", dirs_exist_ok=True)
        for file in (self._conf / "local").iterdir():
            file.unlink()
        path = {
            "picture": self._set / "Train/Images/train/1.png",
            "zip": self._scratch / "set.zip",
            "labels": self._set / "Train/train.csv",
            "settings": self._conf / ("local", "base")[one.number % 2] / one.of,
        }[one.kind]
        path.write_bytes(one.data)

    def read(self, one: Input) -> str:
        """Read an input as RegBench does; return what came of it.

        Raises:
            Exception: Anything that is no word for the user.
        """
        self._logged.clear()
        read = self._read_settings if one.kind == "settings" else self._read_images
        outcome = read(one)
        for message in self._logged:
            _check_message(message, 1)
        return outcome

    def _read_images(self, one: Input) -> str:
        path, number = self._scratch / "set.zip" if one.kind == "zip" else self._set, one.number
        changes = {
            "max_rejected": 0.9,
            "mode": ("L", "RGB")[number % 2],
            "size": [(28, 28), (24, 20), (1, 40)][number % 3],
        }
        if one.kind == "zip":
            changes["layout"] = ("auto", "label_file", "class_folders")[number // 100 % 3]
        settings = Ingest.model_validate(self._ingest | changes)
        outcomes = []
        try:
            with open_source(path) as source:
                source.digest()
                for ingest in (ingest_labeled, ingest_unlabeled)[: 2 if path.is_file() else 1]:
                    made = ingest(source, settings)
                    shape = (len(made.index), *settings.size, len(settings.mode))
                    if made.images.shape != shape:
                        raise WrongError(f"{made.images.shape}, not {shape}")
                    for text in (*made.index["filename"], *made.rejected["reason"]):
                        text.encode()  # can be written
                    outcomes.append("rejected" if len(made.rejected) else "read")
                    _check_message("\n".join(set(made.rejected["reason"])), len(made.rejected))
        except StudyError as error:
            _check_message(error.message, 1)
            outcomes.append("stopped")
        return max(outcomes, key=["read", "rejected", "stopped"].index)

    def _read_settings(self, _: Input) -> str:
        try:
            loader = StudyConfigLoader(str(self._conf), **CONFIG_LOADER_ARGS)
            for part in ("parameters", "catalog"):
                json.dumps(loader[part], default=bytes.hex)  # plain: no object was made by a tag
        except SettingsError as error:
            _check_message(error.message, 200)
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
    """All below a folder, and size and time of files."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[str(path)] = (0, 0) if path.is_dir() else (status.st_size, status.st_mtime_ns)
    return found


def _status(key: str) -> int:
    """A figure in bytes of what Linux tells of this process."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return sum(int(size) * 1024 for size in re.findall(rf"^{key}:\s+(\d+)", text, re.M))


def _outcome(reader: Reader, watch: Watch, one: Input, scratch: Path) -> dict[str, Any]:
    """Read an input and see what else happened."""
    reader.prepare(one)
    before = _tree(scratch)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak
    held, start = _status("VmRSS"), time.process_time()
    detail = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            watch.seen, watch.on = [], True
            outcome = reader.read(one)
    except WrongError as error:
        outcome, detail = "wrong", str(error)
    except BaseException as error:  # that it gets here is what is looked for
        outcome, detail = "error", f"{type(error).__name__}: {error}"[:500]
    watch.on = False
    seconds, peak = time.process_time() - start, _status("VmHWM")
    changed = sorted({*before.items()} ^ {*_tree(scratch).items()})
    if watch.seen or changed:
        outcome, detail = "reached out", f"{watch.seen} {changed}"[:500]
    return {"outcome": outcome, "detail": detail, "seconds": seconds, "bytes": peak - held}


def main() -> None:
    """Read some of the inputs, telling the parent process of each."""
    seed, first, end, step, memory, seconds = map(int, sys.argv[1:7])
    scratch, channel = Path(sys.argv[7]), int(sys.argv[8])
    faulthandler.enable()
    reader, watch = Reader(scratch), Watch(scratch / "tmp")
    # What is imported only when it is needed first is no input's doing.
    for kind in mutations.SHARES:
        _outcome(reader, watch, mutations.intact(kind), scratch)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = _status("VmSize") + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in range(first, end, step):
        one = mutations.make(seed, number)
        told = {"begin": number, "kind": one.kind, "of": one.of}
        os.write(channel, json.dumps(told).encode() + b"\n")
        signal.alarm(seconds)  # which ends a process that hangs
        made = _outcome(reader, watch, one, scratch)
        signal.alarm(0)
        os.write(channel, json.dumps({"end": number, **told, **made}).encode() + b"\n")


if __name__ == "__main__":
    main()
