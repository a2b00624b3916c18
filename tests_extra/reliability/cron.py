"""The line of ``schedule/regbench.cron`` under a real cron daemon, a run every minute.

As root, with Debian's ``cron`` and ``logrotate``; about eight minutes. Of the line only paths,
user, time and time limit are replaced. The runs: one that trains, one with nothing to do, one that
is never done and meets its time limit, one while that is at work (and its log is rotated), one with
wrong settings, and one with those mended.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, command_line, processes
from tests_extra.reliability import record
from tests_extra.reliability.small import PROTOCOL, Study, make_study

_CRONTAB = Path("/etc/cron.d/regbench-trial")
_LIMIT = 100  # seconds; the next minute's run meets the one that is never done
_PATIENCE = 600  # seconds until something that should happen is given up
# Runs what cron gives its shell, and notes when, and what cron would send by mail.
_SHELL = """#!/bin/sh
began=$(date +%s.%N)
mail=$(/bin/sh "$@")
echo "$began $(date +%s.%N) $mail" >> {ticks}
"""


@dataclass(frozen=True)
class Tick:
    """A run that cron started: seconds since 1970, and the exit code."""

    began: float
    ended: float
    code: int


@dataclass(frozen=True)
class Trial:
    """A folder with a set of images, a configuration, results, and what cron has done."""

    folder: Path
    study: Study
    results: Path
    log: Path

    def crontab(self) -> str:
        """The documented line, with this trial's paths."""
        line = (ROOT / "schedule" / "regbench.cron").read_text().splitlines()[-1]
        for documented, here in {
            "0 2 * * * regbench": "* * * * * root",
            "/srv/regbench": str(ROOT),
            ".venv/bin/kedro run": f"{Path(sys.executable).parent / 'kedro'} run "
            f"--conf-source={self.study.conf}",
            " 6h ": f" {_LIMIT}s ",
            "/srv/images": str(self.study.images),
            "/srv/results": str(self.results),
        }.items():
            if documented not in line:
                raise ValueError(f"{documented} is no longer in schedule/regbench.cron")
            line = line.replace(documented, here)
        variables = {"SHELL": self.folder / "shell", "LOG": self.log, "MAILTO": '""'}
        if "PYTHONPATH" in os.environ:
            variables["PYTHONPATH"] = os.environ["PYTHONPATH"]
        return "".join(f"{name}={value}\n" for name, value in variables.items()) + line + "\n"

    def ticks(self) -> list[Tick]:
        """What has ended; the line says only exit codes others than 0."""
        file = self.folder / "ticks"
        parts = [
            line.split(" ", 2) for line in (file.read_text() if file.exists() else "").splitlines()
        ]
        return [
            Tick(float(began), float(ended), int(mail.rpartition("exit code ")[2] or 0))
            for began, ended, mail in parts
        ]

    def next(self, is_it: Callable[[int], bool] = lambda code: code != 4) -> Tick:
        """Wait for a run that begins from now on; those that met another at work do not count."""
        now = time.time()
        return _wait_for(lambda: [t for t in self.ticks() if t.began >= now and is_it(t.code)])[0]

    def rotate(self) -> None:
        """Move the log with the documented settings for logrotate."""
        text = (ROOT / "schedule" / "regbench.logrotate").read_text()
        text = text.replace("/var/log/regbench/regbench.log", str(self.log))
        settings = self.folder / "logrotate"
        settings.write_text(text.replace("su regbench regbench", "su root root"))
        state = self.folder / "logrotate.state"
        subprocess.run(["logrotate", "--force", "--state", state, settings], check=True)

    def left_over(self) -> dict[str, int]:
        """What a run must not leave behind."""
        logs = "".join(file.read_text() for file in self.log.parent.iterdir())
        return {
            "processes": sum(str(self.folder).encode() in command_line(pid) for pid in processes()),
            "half-written files": len(list(self.results.rglob(".*partial*"))),
            "stack traces": logs.count("Traceback"),
            "terminal codes": logs.count("\x1b"),
        }


def add_arguments(_: argparse.ArgumentParser) -> None:
    """There are none."""


def run(_: argparse.Namespace) -> record.Figures:
    """Let cron run the study through everything that a night may bring."""
    tools = [tool for tool in ("cron", "logrotate", "timeout") if not shutil.which(tool)]
    if os.geteuid() != 0 or tools:
        raise SystemExit(f"needs root, to write {_CRONTAB}; and {', '.join(tools) or 'no more'}")
    with tempfile.TemporaryDirectory(prefix="regbench-cron-") as folder:
        work = Path(folder)
        study = make_study(work, ("baseline", "dropout"))
        trial = Trial(work, study, work / "results", work / "log/regbench.log")
        trial.log.parent.mkdir()
        shell = trial.folder / "shell"
        shell.write_text(_SHELL.format(ticks=trial.folder / "ticks"))
        shell.chmod(0o755)
        with _cron(trial.crontab()):
            runs, figures = _nights(trial)
        _wait_for(lambda: not trial.left_over()["processes"])
        figures["left over"] = trial.left_over()
    codes = [tick.code for tick in runs.values()]
    figures["passed"] = not any(figures["left over"].values()) and codes == [0, 0, 124, 4, 2, 0]
    return record.write("cron", "The documented line under cron, a run every minute.", figures)


def _nights(trial: Trial) -> tuple[dict[str, Tick], record.Figures]:
    def configure(**changed: object) -> None:
        trial.study.configure("protocol", PROTOCOL | changed)

    runs = {"trains": trial.next(), "nothing to do": trial.next()}
    configure(epochs=10_000_000)
    _wait_for(lambda: list(trial.results.glob(".runs/*.json")))
    trial.rotate()
    overlapping = trial.next(lambda code: code == 4)
    [limited] = _wait_for(lambda: [tick for tick in trial.ticks() if tick.code == 124])
    runs["never done, stopped at its time limit"] = limited
    runs["while that is at work"] = overlapping
    configure(epoch=3)
    runs["wrong settings"] = trial.next()
    configure(epochs=3)
    runs["settings mended"] = trial.next()
    said = {n: f"exit code {t.code}, {t.ended - t.began:.1f} s" for n, t in runs.items()}
    return runs, {
        "runs": said,
        "met one at work": sum(tick.code == 4 for tick in trial.ticks()),
        "logs after rotation": len(list(trial.log.parent.iterdir())),
    }


@contextmanager
def _cron(crontab: str) -> Iterator[None]:
    """Have a cron daemon follow a crontab; one of our own, or the one that is there."""
    _CRONTAB.write_text(crontab)
    _CRONTAB.chmod(0o644)
    daemon = subprocess.Popen(["cron", "-f"], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        _CRONTAB.unlink()
        daemon.terminate()
        daemon.wait()


def _wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not happen within {_PATIENCE} seconds")
        time.sleep(0.5)
    return found
