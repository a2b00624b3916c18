"""Measures Airflow: `ticks` of its scheduler, one and two `workers`, and the `loss` of one.

Needs the extra `schedule`. Workers are on simulated machines, each a network namespace: that needs
Linux and root.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.scaling.over_machines import measure_loss, measure_workers
from benchmarks.scaling.project import ROOT, ScalingError
from benchmarks.scaling.services import say
from benchmarks.scaling.ticks import measure_ticks

MEASUREMENTS = {"ticks": measure_ticks, "workers": measure_workers, "loss": measure_loss}


def main() -> None:
    """Measure, and write each outcome to the JSON file as soon as it is there."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # and clear up
    failed = []
    for name in arguments.names or MEASUREMENTS:
        say(name)
        folder = tempfile.TemporaryDirectory(prefix="regbench-scaling-", ignore_cleanup_errors=True)
        with folder:
            try:
                figures = _figures(name, Path(folder.name), arguments)
            except ScalingError as error:
                say(f"not measured: {error}")
                failed.append(name)
            else:
                _write(arguments.out, name, figures)
                for fault in figures["not as it should be"]:
                    say(f"not as it should be: {fault}")
                if not figures["passed"]:
                    failed.append(name)
            if arguments.keep:
                _keep(Path(folder.name), arguments.keep / name)
    if failed:
        sys.exit(f"not measured, or not passed: {', '.join(failed)}")


def _figures(name: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure, and judge the outcome."""
    began, load = datetime.now().astimezone(), os.getloadavg()[0]
    figures, faults = MEASUREMENTS[name](folder, arguments)
    return {
        "passed": not faults,
        "not as it should be": faults,
        "date": began.isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load average before": round(load, 1),
        "images": arguments.images.name,
        **({"epochs": arguments.epochs, "seeds": arguments.seeds} if name != "ticks" else {}),
        **figures,
    }


def _write(out: Path, name: str, figures: dict[str, Any]) -> None:
    """Put an outcome beside those of the other measurements."""
    measured = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    text = json.dumps(measured | {name: figures}, indent=1, ensure_ascii=False)
    out.write_text(text + "\n", encoding="utf-8")


def _keep(folder: Path, kept: Path) -> None:
    """Copy logs and databases; what cannot be copied hides no outcome."""
    try:
        shutil.copytree(folder, kept, symlinks=True, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        say(f"not all is kept in {kept}: {str(error)[:200]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.scaling", description=__doc__)
    names = parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    names.choices = [*MEASUREMENTS, []]  # an empty list is checked too
    parser.add_argument("--images", type=_path, default=ROOT / "data/01_raw/digits.zip")
    parser.add_argument("--epochs", type=int, default=10, help="of workers and loss")
    parser.add_argument("--seeds", type=int, default=3, help="of workers and loss")
    parser.add_argument("--ticks", type=int, default=3, help="after the first run")
    parser.add_argument("--patience", type=float, default=1800, help="seconds for any one step")
    parser.add_argument("--keep", type=_path, help="a folder for logs and databases")
    parser.add_argument("--out", type=_path, default=ROOT / "benchmarks/results/scaling.json")
    return parser


def _path(text: str) -> Path:
    return Path(text).absolute()


if __name__ == "__main__":
    main()
