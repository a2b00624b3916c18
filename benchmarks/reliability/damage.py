"""Damaged files: every kind of file that a study makes, cut off, emptied, flipped, or foreign.

One file of a finished study is damaged, and what was made of it is removed, so that it has to be
read. Then the study is resumed, as a nightly run is. Asked for: the results of the undamaged
study, with a line that names the file if it was made again; or a stop with one line that names
it, and then, with the file deleted as the line says, the results. The report alone is asked of
the damaged study, too, and must not crash: before the study is resumed, or, where it is the
report's own file that is damaged and the report alone would write over it, afterwards.
"""

import argparse
import logging
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.reliability import record, whole
from benchmarks.reliability.small import TECHNIQUES, Study, make_study
from benchmarks.speed.harness import ROOT, say

ABOUT = "Files damaged after they were written."
_MODELS, _OUTPUT = "06_models/dropout", "07_model_output/dropout"
_COLLECTED = (f"{_OUTPUT}/results.zip",)
_REPORT = ("08_reporting/", "09_history/")
_HISTORY = "09_history/history.parquet"
_EVALUATED = (f"{_OUTPUT}/seed_1/metrics.json", f"{_OUTPUT}/seed_1/predictions.parquet")
# What is removed beside a damaged file, for it to be read.
_FILES: dict[str, tuple[str, ...]] = {
    "02_intermediate/images.npy": (),
    "02_intermediate/image_index.parquet": (),
    "02_intermediate/rejected_images.csv": (),
    "02_intermediate/classes.json": (),
    "02_intermediate/ingested_files.parquet": (),
    "03_primary/split_index.parquet": (),
    "03_primary/duplicate_images.csv": (),
    "04_feature/normalization.json": (),
    "04_feature/zca.npz": (),
    "04_feature/augmentation.json": (),
    "04_feature/corrupted_images.npy": (),
    "04_feature/corrupted_rows.json": (),
    "04_feature/data_fingerprint.json": (),
    "04_feature/prepared_files.json": (),
    f"{_MODELS}/seed_1.keras": _EVALUATED,
    f"{_MODELS}/seed_1_best_epoch.npz": _EVALUATED,
    f"{_MODELS}/seed_1_fingerprint.json": (),
    f"{_OUTPUT}/seed_1/history.csv": _COLLECTED,
    f"{_OUTPUT}/seed_1/predictions.parquet": _COLLECTED,
    f"{_OUTPUT}/seed_1/metrics.json": _COLLECTED,
    f"{_OUTPUT}/results.zip": (),
    "08_reporting/comparison.csv": (),
    "08_reporting/comparison.md": (),
    "08_reporting/comparison.png": (),
    "08_reporting/made_from.json": (),
    "08_reporting/report_made_from.json": (),
    "08_reporting/report.html": (),
    "09_history/alarms.json": (),
    "09_history/history.html": (),
    _HISTORY: (),
}
# The zip around arrays has dates, lengths twice and rights, which nothing is read by.
_WITH_BYTES_TO_SPARE = (f"{_MODELS}/seed_1.keras", f"{_MODELS}/seed_1_best_epoch.npz")
_SET_ASIDE = ".unreadable-"  # what a history that cannot be read is kept as


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the subcommand."""
    parser.add_argument("--files", nargs="*", help="some of the files; default: all kinds")
    parser.add_argument("--seed", type=int, default=0, help="of the random bytes")
    record.add_out(parser)


def run(arguments: argparse.Namespace) -> record.Figures:
    """Damage, resume, compare."""
    chance = random.Random(arguments.seed)  # noqa: S311 - no secret
    outcomes = Counter[str]()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="regbench-damage-") as folder:
        work = Path(folder)
        study = make_study(work, (*TECHNIQUES, "zca"))
        reference = work / "reference"
        _run(study, reference, resumed=False)
        for damage, inflict in _DAMAGES.items():
            for name in arguments.files or _FILES:
                root = work / "data"
                shutil.copytree(reference, root)
                try:
                    outcome, said = _try(study, root, reference, name, inflict, chance)
                except _LostError as lost:
                    outcome, said = f"LOST: {lost.args[0]}", lost.args[1]
                except Exception as error:  # of the benchmark, too: nothing is known of this case
                    outcome, said = "LOST: not judged", f"{type(error).__name__}: {error}"
                outcomes[outcome] += 1
                rows.append({"file": name, "damage": damage, "outcome": outcome, "said": said})
                say(f"{name}, {damage}: {outcome}: {said}")
                record.save(arguments.out, "damage", ABOUT, _figures(rows, outcomes))
                shutil.rmtree(root)
    figures = _figures(rows, outcomes)
    record.write(arguments.out, "damage", ABOUT, figures)
    return figures


def _figures(rows: list[dict[str, Any]], outcomes: Counter[str]) -> record.Figures:
    lost = sum(count for outcome, count in outcomes.items() if outcome.startswith("LOST"))
    return {
        "faults injected": len(rows),
        "outcomes": dict(outcomes),
        "lost": lost,
        "passed": bool(rows) and not lost,
        "cases": rows,
    }


def _try(
    study: Study,
    root: Path,
    reference: Path,
    name: str,
    inflict: Callable[[bytes, Path, random.Random], bytes],
    chance: random.Random,
) -> tuple[str, str]:
    """Return what came of it, and what was said.

    Raises:
        _LostError: It went badly.
    """
    path = root / name
    damaged = inflict(path.read_bytes(), path, chance)
    if damaged == path.read_bytes():
        raise _LostError("not judged", "the damage changed nothing")
    path.write_bytes(damaged)
    of_report = name.startswith(_REPORT)
    if not of_report:
        fault = _report_alone(study, root)
        if fault and not _names(name, fault):
            raise _LostError("the report does not name the file", fault)
        path.write_bytes(damaged)
    for needed_for in _FILES[name]:
        (root / needed_for).unlink(missing_ok=True)
    outcome, said = _resume(study, root, name, damaged)
    if of_report:
        fault = _report_alone(study, root)
        if fault:
            raise _LostError("no report afterwards", fault)
    found = whole.differences(reference, root)
    found += [fault for fault in whole.damaged(root) if _SET_ASIDE not in fault]
    if name != _HISTORY:  # which is set aside, and begins anew
        kept = whole.runs_in_history(root)
        found += [
            f"run {run} is lost" for run in whole.runs_in_history(reference) if run not in kept
        ]
    if found:
        raise _LostError("other results", "; ".join(found))
    return outcome, said.replace(str(root), "<data_root>")


class _LostError(Exception):
    """What went badly, and what was said."""


def _report_alone(study: Study, root: Path) -> str:
    """Ask for the report; return why there is none, nothing if there is."""
    fault, _ = _run(study, root, "reporting", resumed=False)
    if fault.startswith("CRASH"):
        raise _LostError("the report crashed", fault)
    return fault


def _resume(study: Study, root: Path, name: str, damaged: bytes) -> tuple[str, str]:
    """Resume the study, and do what it says; return what came of it, and what was said."""
    path = root / name
    fault, warnings = _run(study, root, resumed=True)
    if fault.startswith("CRASH"):
        raise _LostError("a crash", fault)
    if fault:
        if not _names(name, fault):
            raise _LostError("the file is not named", fault)
        path.unlink(missing_ok=True)
        after, _ = _run(study, root, resumed=True)
        if after:
            raise _LostError("did not go on", after)
        return "stopped with the file's name; went on without it", fault
    if path.read_bytes() == damaged:
        if name not in _WITH_BYTES_TO_SPARE:
            raise _LostError("left as it was", "")
        return "not needed", ""
    said = " | ".join(warnings)
    if not _names(name, said):
        raise _LostError("made again without a word", said)
    return "named and made again", said


def _names(name: str, said: str) -> bool:
    """Whether a text names a file, or the run that it is of."""
    return Path(name).name in said or "dropout.seed_1" in said or "dropout, seed 1" in said


def _run(study: Study, root: Path, *pipelines: str, resumed: bool) -> tuple[str, list[str]]:
    """Run in this process; return why it stopped, nothing if all is well, and its warnings."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from kedro.runner import SequentialRunner

    from regbench.errors import explanation

    bootstrap_project(ROOT)
    parameters = {"images": str(study.images), "data_root": str(root)}
    warnings = _Kept()
    logger = logging.getLogger()
    kept = os.dup(1)  # tables are of no interest here
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        with KedroSession.create(
            project_path=ROOT, conf_source=str(study.conf), runtime_params=parameters
        ) as session:
            logger.handlers = [warnings]  # instead of those that Kedro has just set up
            session.run(
                pipeline_names=list(pipelines),
                runner=SequentialRunner(),
                only_missing_outputs=resumed,
            )
    except Exception as error:
        fault = explanation(error)
        stopped = fault.message if fault else f"CRASH {type(error).__name__}: {error}"
        return stopped, warnings.lines
    finally:
        logger.handlers = []
        os.dup2(kept, 1)
        os.close(kept)
    return "", warnings.lines


class _Kept(logging.Handler):
    """Keeps what is said from a warning upwards."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


def _half(content: bytes, path: Path, chance: random.Random) -> bytes:
    return content[: len(content) // 2]


def _nothing(content: bytes, path: Path, chance: random.Random) -> bytes:
    return b""


def _flip_one(content: bytes, path: Path, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    flipped = bytes([content[place] ^ (1 << chance.randrange(8))])
    return content[:place] + flipped + content[place + 1 :]


def _flip_many(content: bytes, path: Path, chance: random.Random) -> bytes:
    for _ in range(64):
        content = _flip_one(content, path, chance)
    return content


def _zeros(content: bytes, path: Path, chance: random.Random) -> bytes:
    """A block that a disk has lost."""
    size = max(1, len(content) // 4)
    zeroed = content
    while zeroed == content and any(content):  # a file may have a quarter of zeros already
        place = chance.randrange(len(content) - size + 1)
        zeroed = content[:place] + bytes(size) + content[place + size :]
    return zeroed


def _foreign(content: bytes, path: Path, chance: random.Random) -> bytes:
    """A sound file of the same kind that holds something else."""
    others = {
        ".npy": ("04_feature/corrupted_images.npy", "02_intermediate/images.npy"),
        ".parquet": ("07_model_output/baseline/seed_2/predictions.parquet",),
        ".csv": ("07_model_output/baseline/seed_2/history.csv",),
        ".json": ("07_model_output/baseline/seed_2/metrics.json",),
        ".keras": ("06_models/baseline/seed_2.keras",),
        ".npz": ("04_feature/zca.npz", "06_models/early_stopping/seed_2_best_epoch.npz"),
        ".zip": ("07_model_output/baseline/results.zip",),
        ".html": ("08_reporting/report.html", "09_history/history.html"),
        ".md": ("08_reporting/comparison.csv",),
        ".png": ("08_reporting/gaps.png",),
    }
    root = next(parent for parent in path.parents if (parent / "06_models").exists())
    contents = [(root / other).read_bytes() for other in others[path.suffix]]
    return next(other for other in contents if other != content)


def _text(content: bytes, path: Path, chance: random.Random) -> bytes:
    return b"<html><body>502 Bad Gateway</body></html>\n"


_DAMAGES: dict[str, Callable[[bytes, Path, random.Random], bytes]] = {
    "another file's content": _foreign,
    "a byte flipped": _flip_one,
    "a quarter zeroed": _zeros,
    "cut in half": _half,
    "emptied": _nothing,
    "64 bytes flipped": _flip_many,
    "a web page's content": _text,
}
