"""A whole small study: real digits, real techniques, the real command, in seconds."""

import csv
import io
import os
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml
from benchmarks.harness import (
    DIGITS,
    ROOT,
    command_line,
    descendants,
    kedro_run,
    processes,
    stat,
)

SEEDS = (1, 2)
TECHNIQUES = ("baseline", "dropout", "early_stopping")
RESUME = "--only-missing-outputs"
NETWORKS = {"mlp": {"hidden_units": [32, 16]}}
PROTOCOL = {"batch_size": 32, "epochs": 2, "seeds": [*SEEDS]}
LOOK_AGAIN = 0.01  # seconds


@dataclass(frozen=True)
class Study:
    """A folder with 300 labelled and 12 unlabelled digits, and one of configuration."""

    images: Path
    conf: Path

    def command(self, data_root: Path, *options: str, **parameters: object) -> list[str]:
        """The command as a person gives it; ``parameters`` are those of ``--params``."""
        given = {"images": self.images, "data_root": data_root, **parameters}
        return kedro_run(f"--conf-source={self.conf}", *options, **given)

    def configure(self, key: str, values: dict[str, Any]) -> None:
        """Write a file of the local configuration, as a person would."""
        file = self.conf / "local" / f"parameters_{key}.yml"
        file.write_text(yaml.safe_dump({key: values}), "utf-8")


def make_study(work: Path, techniques: tuple[str, ...] = TECHNIQUES) -> Study:
    """Write the images and the configuration below a folder."""
    study = Study(work / "set", work / "conf")
    _write_images(study.images)
    shutil.copytree(ROOT / "conf", study.conf, ignore=shutil.ignore_patterns("local"))
    (study.conf / "local").mkdir()
    base = yaml.safe_load((study.conf / "base/parameters_techniques.yml").read_text("utf-8"))
    study.configure("techniques", dict.fromkeys(base["techniques"].keys() - {*techniques}))
    study.configure("networks", NETWORKS)
    study.configure("protocol", PROTOCOL)
    return study


def _write_images(images: Path) -> None:
    for folder in ("train", "test"):
        (images / "Train/Images" / folder).mkdir(parents=True)
    with zipfile.ZipFile(DIGITS) as digits:
        rows = list(csv.DictReader(io.StringIO(digits.read("Train/train.csv").decode())))
        labeled = [
            row
            for label in sorted({row["label"] for row in rows})
            for row in [row for row in rows if row["label"] == label][:30]
        ]
        listed = csv.DictReader(io.StringIO(digits.read("Test.csv").decode()))
        unlabeled = [row["filename"] for row, _ in zip(listed, range(12), strict=False)]
        names = [f"train/{row['filename']}" for row in labeled] + [f"test/{n}" for n in unlabeled]
        for name in names:
            digits.extract(f"Train/Images/{name}", images)
    lines = [f"{row['filename']},{row['label']}" for row in labeled]
    (images / "Train/train.csv").write_text("\n".join(["filename,label", *lines, ""]))
    (images / "Test.csv").write_text("\n".join(["filename", *unlabeled, ""]))


class Started:
    """A command in a session of its own, with what it writes and what it starts."""

    def __init__(
        self, command: list[str], variables: dict[str, str] | None = None, *, refused: bool = False
    ) -> None:
        """Start it in the project's folder; with ``refused``, permissions hold for root, too."""
        self._written: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ended
        if refused and os.geteuid() == 0:
            without = "--bounding-set=-dac_override,-dac_read_search"
            command = ["setpriv", without, *command]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200", **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._written,
            start_new_session=True,
        )

    def runs(self) -> bool:
        """Whether the main process has not ended."""
        return self.process.poll() is None

    def wait_until(self, happened: Callable[[], Any]) -> bool:
        """Wait until something is true; say whether it was before the main process ended."""
        while self.runs():
            if happened():
                return True
            time.sleep(LOOK_AGAIN)
        return False

    def others(self) -> list[int]:
        """The living processes of its session but the main one; orphans outlive it."""
        mine = self.process.pid
        of = [(pid, stat(pid)) for pid in processes() if pid != mine]
        return [pid for pid, fields in of if fields[3:4] == [str(mine)] and fields[0] != "Z"]

    def server(self) -> list[int]:
        """The process that training processes are forked from, if it has been started."""
        return [pid for pid in descendants(self.process.pid) if _is_server(pid)][:1]

    def trainings(self) -> list[int]:
        """The processes that train: grandchildren, as they are forked from a server."""
        return [pid for server in self.server() for pid in descendants(server) if pid != server]

    def kill(self) -> None:
        """End all processes of its session's group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ended(self) -> tuple[int, str]:
        """Wait for the end; return exit code and what was written to standard error."""
        code = self.process.wait(3600)
        self._written.seek(0)
        with self._written:
            return code, self._written.read().decode(errors="replace")


def _is_server(pid: int) -> bool:
    """Whether this is the fork server itself: its children have the same command line."""
    words = command_line(pid)
    of_parent = command_line(int("".join(stat(pid)[1:2]) or 0))
    return b"multiprocessing.forkserver" in words and b"multiprocessing.forkserver" not in of_parent
