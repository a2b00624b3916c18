"""A whole small study: real digits, real techniques, the real command, in seconds."""

import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import yaml

from benchmarks.speed.harness import DIGITS, ROOT
from benchmarks.speed.memory import descendants

SEEDS = (1, 2)
TECHNIQUES = ("baseline", "dropout", "early_stopping")
_PER_CLASS = 30
_UNLABELED = 12
_SETTINGS = {
    "protocol": {
        "network": {"hidden_units": [32, 16]},
        "batch_size": 32,
        "epochs": 2,
        "seeds": list(SEEDS),
    }
}
# Root's right to read and write everywhere: without it, root is refused as others are.
_ALMIGHTY = ("dac_override", "dac_read_search")


@dataclass(frozen=True)
class Study:
    """A study to be run.

    Attributes:
        images: A folder with 300 labelled and 12 unlabelled digits.
        conf: A folder of configuration.
    """

    images: Path
    conf: Path

    def command(self, data_root: Path, *options: str, **parameters: object) -> list[str]:
        """The command as a person gives it; ``parameters`` are those of ``--params``."""
        given = {"images": self.images, "data_root": data_root, **parameters}
        return [
            *(sys.executable, "-m", "kedro", "run"),
            f"--conf-source={self.conf}",
            f"--params={','.join(f'{name}={value}' for name, value in given.items())}",
            *options,
        ]


def make_study(work: Path, techniques: tuple[str, ...] = TECHNIQUES) -> Study:
    """Write the images and the configuration below a folder."""
    images = work / "set"
    if not images.exists():
        _write_images(images)
    conf = work / "conf"
    if not conf.exists():
        shutil.copytree(ROOT / "conf", conf, ignore=shutil.ignore_patterns("local"))
        (conf / "local").mkdir()
        base = yaml.safe_load((conf / "base/parameters_techniques.yml").read_text("utf-8"))
        left_out = {name: None for name in base["techniques"] if name not in techniques}
        settings = {**_SETTINGS, "techniques": left_out}
        (conf / "local/parameters_small.yml").write_text(yaml.safe_dump(settings), "utf-8")
    return Study(images, conf)


def _write_images(images: Path) -> None:
    (images / "Train/Images/train").mkdir(parents=True)
    (images / "Train/Images/test").mkdir()
    with zipfile.ZipFile(DIGITS) as digits:
        taken = Counter[str]()
        labeled = []
        for row in csv.DictReader(io.StringIO(digits.read("Train/train.csv").decode())):
            taken[row["label"]] += 1
            if taken[row["label"]] <= _PER_CLASS:
                labeled.append((row["filename"], row["label"]))
        listed = csv.DictReader(io.StringIO(digits.read("Test.csv").decode()))
        unlabeled = [(row["filename"],) for row, _ in zip(listed, range(_UNLABELED), strict=False)]
        for folder, rows in (("train", labeled), ("test", unlabeled)):
            for name, *_ in rows:
                member = f"Train/Images/{folder}/{name}"
                (images / member).write_bytes(digits.read(member))
    _write_csv(images / "Train/train.csv", [("filename", "label"), *labeled])
    _write_csv(images / "Test.csv", [("filename",), *unlabeled])


def _write_csv(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


class Started:
    """A command in a session of its own, with what it writes and what it starts."""

    def __init__(
        self, command: list[str], variables: dict[str, str] | None = None, *, refused: bool = False
    ) -> None:
        """Start it in the project's folder.

        Args:
            command: Program and arguments.
            variables: To add to the environment.
            refused: Whether permissions hold for root, too.
        """
        self._written: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ended
        if refused and os.geteuid() == 0:
            without = ",".join(f"-{right}" for right in _ALMIGHTY)
            command = ["setpriv", f"--bounding-set={without}", *command]
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

    def others(self) -> list[int]:
        """All processes of its session but the main one; they outlive it if they are orphans."""
        return [pid for pid in in_session(self.process.pid) if pid != self.process.pid]

    def trainings(self) -> list[int]:
        """The processes that train: grandchildren, as they are forked from a server."""
        servers = [pid for pid in descendants(self.process.pid) if _is_server(pid)]
        return [pid for server in servers for pid in descendants(server) if pid != server]

    def server(self) -> list[int]:
        """The process that training processes are forked from, if it has been started."""
        return [pid for pid in descendants(self.process.pid) if _is_server(pid)][:1]

    def kill(self) -> None:
        """End all processes of its session's group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ended(self, timeout: float = 3600) -> tuple[int, str]:
        """Wait for the end; return exit code and what was written to standard error."""
        code = self.process.wait(timeout)
        self._written.seek(0)
        with self._written:
            return code, self._written.read().decode(errors="replace")


def finish(
    command: list[str], variables: dict[str, str] | None = None, *, refused: bool = False
) -> tuple[int, str]:
    """Run a command to its end; see ``Started``."""
    return Started(command, variables, refused=refused).ended()


def describe(pid: int) -> str:
    """Which process that is, as far as it can be told."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        state = _stat(Path(f"/proc/{pid}"))[:2]
    except OSError:
        return f"{pid}, ended"
    return f"{pid}, state and parent {state}, server: {_is_server(pid)}: {words[:200]}"


def in_session(leader: int) -> list[int]:
    """The living processes of a session; zombies, which only wait to be noticed, do not count."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            fields = _stat(folder)
            if fields and fields[3] == str(leader) and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def _is_server(pid: int) -> bool:
    """Whether this is the fork server itself: its children have the same command line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        parent = _stat(Path(f"/proc/{pid}"))[1:2]
        of_parent = Path(f"/proc/{parent[0]}/cmdline").read_bytes() if parent else b""
    except OSError:
        return False
    return b"multiprocessing.forkserver" in words and b"multiprocessing.forkserver" not in of_parent


def _stat(folder: Path) -> list[str]:
    """State, parent, group, session, ... of a process; nothing if it has just ended."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
