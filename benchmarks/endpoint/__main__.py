"""Which figure of a training is steadiest at equal meaning? See benchmarks/README.md."""

import argparse
import os
import re
import tempfile
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.endpoint.measured import prepare, train_and_measure
from benchmarks.endpoint.page import page
from benchmarks.harness import DIGITS, RESULTS, say

DEFAULTS = ("baseline", "l2", "l1", "dropout", "augmentation", "zca", "zca_dropout",
            "early_stopping", "batch_normalization", "dropout_augmentation")  # fmt: skip
# Of 8,000 digits 2,000 train and 4,800 test.
ON_DIGITS = {"epochs": 15, "split": {"train": 0.25, "validation": 0.15, "test": 0.6}}
# Of each class of CIFAR-10, by file number: the first 500 train, 100 more validate, 400 test.
PARTS = {("train", 0, 500): "train", ("train", 500, 600): "validation", ("test", 0, 400): "test"}


@dataclass(frozen=True)
class Trainings:
    """The trainings of a measurement: techniques and seeds, and what the protocol changes."""

    seeds: int
    protocol: dict[str, Any]
    techniques: tuple[str, ...] = DEFAULTS
    env: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


MEASUREMENTS = {
    "digits": Trainings(8, ON_DIGITS),
    "digits_constant": Trainings(8, {**ON_DIGITS, "schedule": {"name": "constant"}}),
    "cifar": Trainings(5, {"epochs": 15}, ("baseline", "dropout", "augmentation"), "photos"),
}


def main() -> None:
    """Make the trainings that are not measured yet, as long as there is time."""
    parser = argparse.ArgumentParser("python -m benchmarks.endpoint", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--cifar", type=Path, help="CIFAR-10: a zip of train|test/class folders")
    parser.add_argument("--minutes", type=float, default=600, help="begin nothing after so many")
    parser.add_argument("--seeds", type=int, help="other than the measurement's own")
    parser.add_argument("--anew", action="store_true", help="measure again what is measured")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    for name in harness.THREAD_SETTINGS:
        os.environ.pop(name, None)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    given.until = time.time() + 60 * given.minutes
    for name in given.names or MEASUREMENTS:
        if name not in MEASUREMENTS:
            parser.error(f"{name}: it is one of {', '.join(MEASUREMENTS)}")
        if name == "cifar" and given.cifar is None:
            parser.error("--cifar says where CIFAR-10 is")
        with tempfile.TemporaryDirectory(prefix="regbench-endpoint-") as work:
            measure(name, given, Path(work))


def measure(name: str, given: argparse.Namespace, work: Path) -> None:
    """Make a measurement's trainings side by side; each is written as soon as it is done."""
    trainings, out = MEASUREMENTS[name], given.out / "endpoint.json"
    entry = {} if given.anew else harness.read(out).get(name, {})
    entry = {**harness.circumstances(), "trainings": entry.get("trainings", [])}
    done = {(one["technique"], one["seed"]) for one in entry["trainings"]}
    seeds = range(1, 1 + (given.seeds or trainings.seeds))  # as those of `kedro run`
    wanted = [(technique, seed) for technique in trainings.techniques for seed in seeds]
    missing = [one for one in wanted if one not in done]
    say(f"{name}: {len(missing)} of {len(wanted)} trainings to make")
    if not missing:
        return
    images = first_images(given.cifar, work / "cifar10.zip") if name == "cifar" else DIGITS
    settings = {"protocol": trainings.protocol, "images": str(images), "data_root": str(work)}
    options = [f"{key}={value}" for key, value in flat(settings)]
    command = harness.kedro_run(pipelines=["data"], env=trainings.env)
    harness.timed([*command, f"--params={','.join(options)}"])
    spawn, for_all = get_context("spawn"), (trainings.env or None, settings)
    with ProcessPoolExecutor(harness.cores(), spawn, prepare, for_all) as pool:
        for made in pool.map(partial(train_and_measure, given.until), missing):
            if made is not None:
                entry["trainings"].append(made)
                harness.store(out, name, entry, page)
                say(f"  {made['technique']}, seed {made['seed']}: {made['last']:.4f}")


def first_images(source: Path, target: Path) -> Path:
    """Write a zip of the first images of every class of CIFAR-10, in folders of three parts."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as chosen:
        for name in archive.namelist():
            if found := re.search(r"(train|test)/(\w+)/(\d+)\.\w+$", name):
                folder, label, number = found.groups()
                for (of, first, end), part in PARTS.items():
                    if of == folder and first <= int(number) < end:
                        chosen.writestr(f"{part}/{label}/{number}.jpg", archive.read(name))
    return target


def flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested settings by dotted names, as the command line takes them."""
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        inner = isinstance(value, dict)
        pairs += flat(value, f"{prefix}{key}.") if inner else [(f"{prefix}{key}", value)]
    return pairs


if __name__ == "__main__":
    main()
