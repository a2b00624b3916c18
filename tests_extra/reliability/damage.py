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
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, say
from tests_extra.reliability import record, whole
from tests_extra.reliability.small import TECHNIQUES, Study, make_study

_MODELS, _OUTPUT = "06_models/dropout", "07_model_output/dropout"
_COLLECTED = (f"{_OUTPUT}/results.zip",)
_REPORT = ("08_reporting/", "09_history/")
_HISTORY = "09_history/history.parquet"
_EVALUATED = (f"{_OUTPUT}/seed_1/metrics.json", f"{_OUTPUT}/seed_1/predictions.parquet")
# What is removed beside a damaged file, for it to be read.
FILES: dict[str, tuple[str, ...]] = {
    **{
        f"{folder}/{name}": ()
        for folder, names in {
            "02_intermediate": "images.npy image_index.parquet rejected_images.csv classes.json "
            "ingested_files.parquet",
            "03_primary": "split_index.parquet duplicate_images.csv",
            "04_feature": "normalization.json zca.npz augmentation.json corrupted_images.npy "
            "corrupted_rows.json data_fingerprint.json prepared_files.json",
            "08_reporting": "comparison.csv comparison.md comparison.png made_from.json "
            "report_made_from.json report.html",
            "09_history": "alarms.json history.html history.parquet",
            _MODELS: "seed_1_fingerprint.json",
            _OUTPUT: "results.zip",
        }.items()
        for name in names.split()
    },
    **{f"{_MODELS}/{name}": _EVALUATED for name in ("seed_1.keras", "seed_1_best_epoch.npz")},
    **{
        f"{_OUTPUT}/seed_1/{name}": _COLLECTED
        for name in ("history.csv", "predictions.parquet", "metrics.json")
    },
}
# The zip around arrays has dates, lengths twice and rights, which nothing is read by.
_WITH_BYTES_TO_SPARE = (f"{_MODELS}/seed_1.keras", f"{_MODELS}/seed_1_best_epoch.npz")
Damage = Callable[[bytes, Path, random.Random], bytes]


class LostError(Exception):
    """What went badly, and what was said."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the subcommand."""
    parser.add_argument("--files", nargs="*", help="some of the files; default: all kinds")
    parser.add_argument("--seed", type=int, default=0, help="of the random bytes")


def run(given: argparse.Namespace) -> record.Figures:
    """Damage, resume, compare."""
    chance = random.Random(given.seed)  # noqa: S311 - no secret
    outcomes = Counter[str]()
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="regbench-damage-") as folder:
        work = Path(folder)
        study = make_study(work, (*TECHNIQUES, "zca"))
        reference, root = work / "reference", work / "data"
        _run(study, reference)
        for name in given.files or FILES:
            row = rows.setdefault(name, {"file": name, "outcomes": Counter(), "said": ""})
            for damage, inflict in DAMAGES.items():
                shutil.copytree(reference, root)
                try:
                    outcome, said = _try(study, root, reference, name, inflict, chance)
                except LostError as lost:
                    outcome, said = f"LOST: {lost.args[0]}", lost.args[1]
                except Exception as error:  # of this code, too: nothing is known of this case
                    outcome, said = "LOST: not judged", f"{type(error).__name__}: {error}"
                outcomes[outcome] += 1
                row["outcomes"][outcome] += 1
                row["said"] = row["said"] or said
                say(f"{name}, {damage}: {outcome}: {said}")
                shutil.rmtree(root)
    lost = sum(count for outcome, count in outcomes.items() if outcome.startswith("LOST"))
    figures = {"faults injected": outcomes.total(), "outcomes": outcomes, "lost": lost}
    more = {"damage": list(DAMAGES), "passed": not lost, "cases": list(rows.values())}
    return record.write("damage", "Files damaged after they were written.", figures | more)


def _try(
    study: Study, root: Path, reference: Path, name: str, inflict: Damage, chance: random.Random
) -> tuple[str, str]:
    """Return what came of it, and what was said.

    Raises:
        LostError: It went badly.
    """
    path = root / name
    damaged = inflict(path.read_bytes(), path, chance)
    if damaged == path.read_bytes():
        raise LostError("not judged", "the damage changed nothing")
    path.write_bytes(damaged)
    of_report = name.startswith(_REPORT)
    if not of_report:
        fault, _ = _run(study, root, "reporting")
        if fault and not _names(name, fault):
            raise LostError("the report does not name the file", fault)
        path.write_bytes(damaged)
    for needed_for in FILES[name]:
        (root / needed_for).unlink(missing_ok=True)
    outcome, said = resume(study, root, name, damaged)
    if of_report and (fault := _run(study, root, "reporting")[0]):
        raise LostError("no report afterwards", fault)
    found = whole.differences(reference, root)
    found += [fault for fault in whole.damaged(root) if ".unreadable-" not in fault]
    if name != _HISTORY:  # which is set aside, and begins anew
        gone = {*whole.runs_in_history(reference)} - {*whole.runs_in_history(root)}
        found += [f"run {run} is lost" for run in gone]
    if found:
        raise LostError("other results", "; ".join(found))
    return outcome, said.replace(str(root), "<data_root>")


def resume(study: Study, root: Path, name: str, damaged: bytes) -> tuple[str, str]:
    """Resume the study, and do what it says; return what came of it, and what was said."""
    path = root / name
    fault, said = _run(study, root)
    if fault:
        if not _names(name, fault):
            raise LostError("the file is not named", fault)
        path.unlink(missing_ok=True)
        after, _ = _run(study, root)
        if after:
            raise LostError("did not go on", after)
        return "stopped with the file's name; went on without it", fault
    if path.read_bytes() == damaged:
        if name not in _WITH_BYTES_TO_SPARE:
            raise LostError("left as it was", "")
        return "not needed", ""
    if not _names(name, said):
        raise LostError("made again without a word", said)
    return "named and made again", said


def _names(name: str, said: str) -> bool:
    """Whether a text names a file, or the run that it is of."""
    return Path(name).name in said or "dropout.seed_1" in said or "dropout, seed 1" in said


def _run(study: Study, root: Path, *pipelines: str) -> tuple[str, str]:
    """Resume in this process, or make a pipeline again; return why it stopped, and warnings."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from kedro.runner import SequentialRunner

    from regbench.errors import explanation

    bootstrap_project(ROOT)
    parameters = {"images": str(study.images), "data_root": str(root)}
    warnings: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    fault = ""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # tables are not looked at
        try:
            with KedroSession.create(
                project_path=ROOT, conf_source=str(study.conf), runtime_params=parameters
            ) as session:
                logging.getLogger().handlers = [handler]  # instead of those that Kedro has set up
                session.run(
                    pipeline_names=list(pipelines),
                    runner=SequentialRunner(),
                    only_missing_outputs=not pipelines,
                )
        except Exception as error:
            explained = explanation(error)
            if not explained:
                raise LostError("a crash", f"{type(error).__name__}: {error}") from error
            fault = explained.message
        finally:
            logging.getLogger().handlers = []
    return fault, " | ".join(warnings)


def _flip(content: bytes, chance: random.Random, times: int) -> bytes:
    flipped = bytearray(content)
    for _ in range(times):
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _zeros(content: bytes, _: Path, chance: random.Random) -> bytes:
    """A block that a disk has lost."""
    size = max(1, len(content) // 4)
    zeroed = content
    while zeroed == content and any(content):  # a file may have a quarter of zeros already
        place = chance.randrange(len(content) - size + 1)
        zeroed = content[:place] + bytes(size) + content[place + size :]
    return zeroed


def _foreign(content: bytes, path: Path, _: random.Random) -> bytes:
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


DAMAGES: dict[str, Damage] = {
    "another file's content": _foreign,
    "a byte flipped": lambda content, _, chance: _flip(content, chance, 1),
    "a quarter zeroed": _zeros,
    "cut in half": lambda content, *_: content[: len(content) // 2],
    "emptied": lambda *_: b"",
    "64 bytes flipped": lambda content, _, chance: _flip(content, chance, 64),
    "a web page's content": lambda *_: b"<html><body>502 Bad Gateway</body></html>\n",
}
