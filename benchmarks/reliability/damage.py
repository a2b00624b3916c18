"""Damaged files: every kind of file that a study makes, cut off, emptied, flipped, or foreign.

One file of a finished study is damaged, and what was made of it is removed, so that it has to be
read. Then the study is resumed, as a nightly run is. Asked for: the results of the undamaged
study, or a stop with one line that names the file; then, with the file deleted as the line says,
the results. The report alone is asked of the damaged study, too, and must not crash.
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
from benchmarks.reliability.small import Study, make_study
from benchmarks.speed.harness import ROOT, say

ABOUT = "Files damaged after they were written."
_MODELS, _OUTPUT = "06_models/dropout", "07_model_output/dropout"
_COLLECTED = (f"{_OUTPUT}/results.zip",)
_EVALUATED = (f"{_OUTPUT}/seed_1/metrics.json", f"{_OUTPUT}/seed_1/predictions.parquet")
# What is removed beside a damaged file, for it to be read.
_FILES: dict[str, tuple[str, ...]] = {
    "02_intermediate/images.npy": (),
    "02_intermediate/image_index.parquet": (),
    "02_intermediate/rejected_images.csv": (),
    "02_intermediate/classes.json": (),
    "03_primary/split_index.parquet": (),
    "04_feature/normalization.json": (),
    "04_feature/augmentation.json": (),
    "04_feature/corrupted_images.npy": (),
    "04_feature/corrupted_rows.json": (),
    "04_feature/data_fingerprint.json": (),
    f"{_MODELS}/seed_1.keras": _EVALUATED,
    f"{_MODELS}/seed_1_best_epoch.npz": _EVALUATED,
    f"{_MODELS}/seed_1_fingerprint.json": (),
    f"{_OUTPUT}/seed_1/history.csv": _COLLECTED,
    f"{_OUTPUT}/seed_1/predictions.parquet": _COLLECTED,
    f"{_OUTPUT}/seed_1/metrics.json": _COLLECTED,
    f"{_OUTPUT}/results.zip": (),
    "08_reporting/comparison.csv": (),
    "08_reporting/made_from.json": (),
    "08_reporting/report.html": (),
}
# A flipped byte in text is another text: a digit, a name. Nobody can know.
_TEXT = {".csv", ".json", ".html"}


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
        study = make_study(work)
        reference = work / "reference"
        _run(study, reference, resumed=False)
        for name in arguments.files or _FILES:
            for damage, inflict in _DAMAGES.items():
                if damage in _BYTES and Path(name).suffix in _TEXT:
                    continue
                root = work / "data"
                shutil.copytree(reference, root)
                outcome, said = _try(study, root, reference, name, inflict, chance)
                outcomes[outcome] += 1
                rows.append({"file": name, "damage": damage, "outcome": outcome, "said": said})
                say(f"{name}, {damage}: {outcome}: {said}")
                shutil.rmtree(root)
    bad = sum(count for outcome, count in outcomes.items() if outcome.startswith("LOST"))
    figures = {
        "faults injected": len(rows),
        "outcomes": dict(outcomes),
        "lost": bad,
        "passed": not bad,
        "cases": rows,
    }
    record.write(arguments.out, "damage", ABOUT, figures)
    return figures


def _try(
    study: Study,
    root: Path,
    reference: Path,
    name: str,
    inflict: Callable[[bytes, Path, random.Random], bytes],
    chance: random.Random,
) -> tuple[str, str]:
    """Return what came of it, and what was said."""
    path = root / name
    path.write_bytes(inflict(path.read_bytes(), path, chance))
    said = _run(study, root, "reporting", resumed=False)
    if said.startswith("CRASH"):
        return "LOST: the report crashed", said
    for needed_for in _FILES[name]:
        if needed_for != name:
            (root / needed_for).unlink(missing_ok=True)
    said = _run(study, root, resumed=True)
    outcome = "made again, or not needed"
    if said.startswith("CRASH"):
        return "LOST: a crash", said
    if said:
        if Path(name).name not in said and "is not the one that its fingerprint" not in said:
            return "LOST: the file is not named", said
        outcome = "stopped with the file's name; went on without it"
        path.unlink()
        after = _run(study, root, resumed=True)
        if after:
            return "LOST: did not go on", after
    found = whole.differences(reference, root) + whole.damaged(root)
    if found:
        return "LOST: other results", "; ".join(found)
    return outcome, said.replace(str(root), "<data_root>")


def _run(study: Study, root: Path, *pipelines: str, resumed: bool) -> str:
    """Run in this process; return what a person is told, nothing if all is well."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from kedro.runner import SequentialRunner

    from regbench.errors import explanation

    bootstrap_project(ROOT)
    parameters = {"images": str(study.images), "data_root": str(root)}
    kept = os.dup(1)  # tables are of no interest here
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        with KedroSession.create(
            project_path=ROOT, conf_source=str(study.conf), runtime_params=parameters
        ) as session:
            logging.disable(logging.CRITICAL)
            session.run(
                pipeline_names=list(pipelines),
                runner=SequentialRunner(),
                only_missing_outputs=resumed,
            )
    except Exception as error:
        fault = explanation(error)
        return fault.message if fault else f"CRASH {type(error).__name__}: {error}"
    finally:
        logging.disable(logging.NOTSET)
        os.dup2(kept, 1)
        os.close(kept)
    return ""


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
    place = chance.randrange(len(content) - size + 1)
    return content[:place] + bytes(size) + content[place + size :]


def _foreign(content: bytes, path: Path, chance: random.Random) -> bytes:
    """A sound file of the same kind that holds something else."""
    others = {
        ".npy": "04_feature/corrupted_images.npy",
        ".parquet": "07_model_output/baseline/seed_2/predictions.parquet",
        ".csv": "07_model_output/baseline/seed_2/history.csv",
        ".json": "07_model_output/baseline/seed_2/metrics.json",
        ".keras": "06_models/baseline/seed_2.keras",
        ".npz": "06_models/early_stopping/seed_2_best_epoch.npz",
        ".zip": "06_models/baseline/seed_2.keras",
        ".html": "08_reporting/comparison.md",
    }
    root = next(parent for parent in path.parents if (parent / "06_models").exists())
    return (root / others[path.suffix]).read_bytes()


def _text(content: bytes, path: Path, chance: random.Random) -> bytes:
    return b"<html><body>502 Bad Gateway</body></html>\n"


_BYTES = {"a byte flipped", "64 bytes flipped"}
_DAMAGES: dict[str, Callable[[bytes, Path, random.Random], bytes]] = {
    "cut in half": _half,
    "emptied": _nothing,
    "a byte flipped": _flip_one,
    "64 bytes flipped": _flip_many,
    "a quarter zeroed": _zeros,
    "another file's content": _foreign,
    "a web page's content": _text,
}
