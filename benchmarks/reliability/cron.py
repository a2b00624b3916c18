"""The line of ``schedule/regbench.cron`` under a real cron daemon, a run every minute.

``python -m benchmarks.reliability.cron``, as root, with Debian's ``cron`` and ``logrotate``; takes
about eight minutes. Of the line only paths, user, time and time limit are replaced. The runs:
one that trains, one with nothing to do, one that is never done and meets its time limit, one while
that is at work (and its log is rotated), one with wrong settings, and one with those mended.
"""

import argparse
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[2]
CRONTAB = Path("/etc/cron.d/regbench-trial")
LIMIT = 100  # seconds; the next minute's run meets the one that is never done
PATIENCE = 600  # seconds until something that should happen is given up

# Runs what cron gives its shell, and notes when, and what cron would send by mail.
SHELL = """#!/bin/sh
began=$(date +%s.%N)
mail=$(/bin/sh "$@")
echo "$began $(date +%s.%N) $mail" >> {ticks}
"""
SMALL = {"network": {"hidden_units": [32, 16]}, "batch_size": 32, "seeds": 2, "epochs": 2}


@dataclass(frozen=True)
class Tick:
    """A run that cron started: seconds since 1970, and what the line said."""

    began: float
    ended: float
    mail: str

    @property
    def exit_code(self) -> int:
        """Of the command; the line says only others than 0."""
        return int(self.mail.rpartition("exit code ")[2] or 0)


class Trial:
    """A folder with a set of images, a configuration, results, and what cron has done."""

    def __init__(self, folder: Path) -> None:
        """Lay out the folder."""
        self.log, self.results = folder / "log" / "regbench.log", folder / "results"
        self.log.parent.mkdir()
        self._ticks, self._folder = folder / "ticks", folder
        shutil.copytree(PROJECT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
        (folder / "conf" / "local").mkdir()
        _write_set(folder / "images", per_class=30)
        kept = ("baseline", "dropout")
        named = yaml.safe_load((PROJECT / "conf/base/parameters_techniques.yml").read_text())
        others = {name: None for name in named["techniques"] if name not in kept}
        self.configure("techniques", others)
        shell = folder / "shell"
        shell.write_text(SHELL.format(ticks=self._ticks))
        shell.chmod(0o755)

    def configure(self, key: str, values: dict[str, Any]) -> None:
        """Write a file of the local configuration, as a person would."""
        file = self._folder / "conf" / "local" / f"parameters_{key}.yml"
        file.write_text(yaml.safe_dump({key: values}))

    def crontab(self) -> str:
        """The documented line, with this trial's paths."""
        line = (PROJECT / "schedule" / "regbench.cron").read_text().splitlines()[-1]
        for documented, here in {
            "0 2 * * * regbench": "* * * * * root",
            "/srv/regbench": str(PROJECT),
            ".venv/bin/kedro run": f"{Path(sys.executable).parent / 'kedro'} run "
            f"--conf-source={self._folder / 'conf'}",
            " 6h ": f" {LIMIT}s ",
            "/srv/images": str(self._folder / "images"),
            "/srv/results": str(self.results),
        }.items():
            if documented not in line:
                raise ValueError(f"{documented} is no longer in schedule/regbench.cron")
            line = line.replace(documented, here)
        variables = {"SHELL": self._folder / "shell", "LOG": self.log, "MAILTO": '""'}
        if "PYTHONPATH" in os.environ:
            variables["PYTHONPATH"] = os.environ["PYTHONPATH"]
        return "".join(f"{name}={value}\n" for name, value in variables.items()) + line + "\n"

    def ticks(self) -> list[Tick]:
        """What has ended."""
        lines = self._ticks.read_text().splitlines() if self._ticks.exists() else []
        parts = (line.split(" ", 2) for line in lines)
        return [Tick(float(began), float(ended), mail) for began, ended, mail in parts]

    def next(self, what: Callable[[Tick], bool] = lambda tick: tick.exit_code != 4) -> Tick:
        """Wait for a run that begins from now on; those that met another at work do not count."""
        now = time.time()
        found = _wait_for(lambda: [t for t in self.ticks() if t.began >= now and what(t)])
        return found[0]

    def rotate(self) -> None:
        """Move the log with the documented settings for logrotate."""
        text = (PROJECT / "schedule" / "regbench.logrotate").read_text()
        text = text.replace("/var/log/regbench/regbench.log", str(self.log))
        settings = self._folder / "logrotate"
        settings.write_text(text.replace("su regbench regbench", "su root root"))
        state = self._folder / "logrotate.state"
        subprocess.run(["logrotate", "--force", "--state", state, settings], check=True)

    def trained(self) -> dict[str, int]:
        """When each network was written."""
        return {
            f"{file.parent.name} {file.stem}": file.stat().st_mtime_ns
            for file in self.results.glob("06_models/*/seed_*.keras")
        }

    def at_work(self) -> bool:
        """Whether a run has reserved the results."""
        return bool(list(self.results.glob(".runs/*.json")))

    def left_over(self) -> dict[str, int]:
        """What a run must not leave behind."""
        processes = [
            process
            for process in Path("/proc").glob("[0-9]*/cmdline")
            if str(self._folder).encode() in _read(process)
        ]
        logs = "".join(file.read_text() for file in self.log.parent.iterdir())
        return {
            "processes": len(processes),
            "half-written files": len(list(self.results.rglob(".*partial*"))),
            "stack traces": logs.count("Traceback"),
            "terminal codes": logs.count("\x1b"),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take where the figures go."""
    parser.add_argument("--json", type=Path, help="file for the figures")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Let cron run the study through everything that a night may bring.

    Returns:
        The exit code and seconds of each run, what was left behind, and whether that is as
        it should be; or why nothing ran.
    """
    wanting = _wanting()
    if wanting:
        return {"skipped": wanting, "passed": True}
    with tempfile.TemporaryDirectory(prefix="regbench-cron-") as folder:
        trial = Trial(Path(folder))
        trial.configure("protocol", SMALL)
        with _cron(trial.crontab()):
            figures = _nights(trial)
        _wait_for(lambda: not trial.left_over()["processes"])
        figures["left over"] = trial.left_over()
    figures["passed"] = not any(figures["left over"].values()) and [
        run["exit code"] for run in figures["runs"].values()
    ] == [0, 0, 124, 4, 2, 0]
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    return figures


def _nights(trial: Trial) -> dict[str, Any]:
    first = trial.next()
    made = trial.trained()
    second = trial.next()
    unchanged = trial.trained() == made
    trial.configure("protocol", {**SMALL, "epochs": 10_000_000})
    _wait_for(trial.at_work)
    trial.rotate()
    overlapping = trial.next(lambda tick: tick.exit_code == 4)
    [limited] = _wait_for(lambda: [t for t in trial.ticks() if t.exit_code == 124])
    trial.configure("protocol", {**SMALL, "epoch": 3})
    wrong = trial.next()
    trial.configure("protocol", {**SMALL, "epochs": 3})
    mended = trial.next()
    again = trial.trained()
    runs = {
        "trains": first,
        "nothing to do": second,
        "never done, stopped at its time limit": limited,
        "while that is at work": overlapping,
        "wrong settings": wrong,
        "settings mended": mended,
    }
    return {
        "runs": {
            name: {"exit code": tick.exit_code, "seconds": round(tick.ended - tick.began, 1)}
            for name, tick in runs.items()
        },
        "trained by the first": len(made),
        "trained with nothing to do": 0 if unchanged else len(made),
        "trained when mended": sum(again[run] != made.get(run) for run in again),
        "logs after rotation": len(list(trial.log.parent.iterdir())),
        "all": [asdict(tick) | {"exit_code": tick.exit_code} for tick in trial.ticks()],
    }


def _wanting() -> str:
    if os.geteuid() != 0:
        return "needs root, to write /etc/cron.d"
    tools = [tool for tool in ("cron", "logrotate", "timeout") if not shutil.which(tool)]
    return f"needs {', '.join(tools)}: apt-get install cron logrotate" if tools else ""


@contextmanager
def _cron(crontab: str) -> Iterator[None]:
    """Have a cron daemon follow a crontab; one of our own, or the one that is there."""
    CRONTAB.write_text(crontab)
    CRONTAB.chmod(0o644)
    daemon = subprocess.Popen(["cron", "-f"], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        CRONTAB.unlink()
        daemon.terminate()
        daemon.wait()


def _wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not happen within {PATIENCE} seconds")
        time.sleep(0.5)
    return found


def _write_set(root: Path, per_class: int) -> None:
    """Unpack a few of the digits that ship with the project."""
    with zipfile.ZipFile(PROJECT / "data/01_raw/digits.zip") as digits:
        rows = list(csv.DictReader(io.StringIO(digits.read("Train/train.csv").decode())))
        labels = sorted({row["label"] for row in rows})
        chosen = [
            row
            for label in labels
            for row in [row for row in rows if row["label"] == label][:per_class]
        ]
        for row in chosen:
            digits.extract(f"Train/Images/train/{row['filename']}", root)
    lines = [f"{row['filename']},{row['label']}" for row in chosen]
    (root / "Train/train.csv").write_text("\n".join(["filename,label", *lines, ""]))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process has just ended
        return b""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    print(json.dumps(run(parser.parse_args()), indent=1))
