"""How long labelling a million images takes, against a bare Keras ``predict``, and in what memory.

    uv run python -m benchmarks.prediction [--images=1000000] [--rounds=3] [--networks=mlp,cnn]
    uv run python -m benchmarks.prediction --read=300000

Images are random, 28 x 28 grey, in a memory-mapped file. One side is what `--pipelines=prediction`
does with them once they are read: probabilities, calibrated confidence, parts that are kept after a
kill, and the Parquet file. The other is `network.predict` on the same array in batches of 1,024,
which makes the probabilities and nothing else. The ratio is that of seconds and, as other work on
the machine changes these, of the cores' time (user and system). Each runs in a process of its own;
seconds are without imports and the first 2,000 images, in which functions are compiled. Also with a
tenth of the images: peak memory must not depend on their number.

The second command is about the step before, reading the pictures: what each takes of memory, in a
folder and in a zip, besides its pixels. So many pictures of 8 x 8 are read, and a tenth of them,
each in a process of its own; what the peaks differ by is that of the others. What `zipfile` alone
takes to open the zip is beside it.
"""

import argparse
import io
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.harness import ROOT, as_line, circumstances, say

SHAPE, CLASSES = (28, 28, 1), [str(digit) for digit in range(10)]
READ = (8, 8)  # pictures that are read
READERS = ("folder", "zip", "zipfile")
WARM = 2000  # images of the first call
CALIBRATION = {"temperature": 1.3, "sure_from": 0.9}


def images_of(path: Path, number: int) -> np.ndarray:
    """Return random images, memory-mapped read-only; the file is made if it is not there."""
    if not path.exists():
        made = np.lib.format.open_memmap(path, "w+", np.uint8, (number, *SHAPE))
        random = np.random.default_rng(0)
        for start in range(0, number, 10_000):
            rows = made[start : start + 10_000]
            rows[:] = random.integers(0, 256, rows.shape, dtype=np.uint8)
        made.flush()
    mapped: np.ndarray = np.load(path, mmap_mode="r")
    return mapped


def network_of(name: str) -> Any:
    """Return an untrained network of ``parameters_networks.yml``."""
    from regbench.networks.base import Plan
    from regbench.networks.registry import network_of as kind_of

    entry = yaml.safe_load((ROOT / "conf/base/parameters_networks.yml").read_text("utf-8"))
    scaling = {"offset": [0.0], "scale": [255.0]}
    return kind_of(entry["networks"][name]).built(Plan(SHAPE, len(CLASSES), 1, scaling, []))


def by_keras(network: Any, images: np.ndarray, folder: Path) -> None:
    """Predict with Keras."""
    network.predict(images, batch_size=1024, verbose=0)


def by_regbench(network: Any, images: np.ndarray, folder: Path) -> None:
    """Label as the pipeline does."""
    import pandas as pd

    from regbench.datasets.labels_dataset import LabelsDataset
    from regbench.storage.stored_file import LocalFile
    from regbench.use.labels import label_in_parts

    names = pd.Series([f"{number:07}.png" for number in range(len(images))], dtype="str")
    chosen = {"weights": "of this network"}
    parts = label_in_parts(
        network, images, names, CLASSES, CALIBRATION, chosen, LocalFile(folder / "parts")
    )
    LabelsDataset(filepath=str(folder / "labels.parquet")).save(parts)


SIDES: dict[str, Callable[[Any, np.ndarray, Path], None]] = {
    "keras": by_keras,
    "regbench": by_regbench,
}


def measure(side: str, network: str, path: Path, number: int) -> None:
    """Print seconds and peak memory of one side as JSON: in a process of its own."""
    images = images_of(path, number)
    built = network_of(network)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        SIDES[side](built, images[:WARM], Path(folder))
        started, of_cores = time.perf_counter(), time.process_time()
        SIDES[side](built, images, Path(folder))
        seconds, of_cores = time.perf_counter() - started, time.process_time() - of_cores
    print(json.dumps({"seconds": seconds, "of_cores": of_cores, "peak": _memory()}))


def sets_of(folder: Path, number: int) -> dict[str, Path]:
    """Write a set of so many unlabelled pictures as a folder and as a zip; return both."""
    from PIL import Image

    made = {"folder": folder / f"set_{number}", "zip": folder / f"set_{number}.zip"}
    made["folder"].mkdir()
    picture = io.BytesIO()
    Image.effect_noise(READ, 80).save(picture, "PNG")
    labelled = [f"Train/{label}/{at}.png" for label in ("cat", "dog") for at in range(2)]
    unlabelled = [f"unlabeled/picture_{at:08}.png" for at in range(number)]
    with zipfile.ZipFile(made["zip"], "w") as archive:
        for name in (*labelled, *unlabelled):
            file = made["folder"] / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture.getvalue())
            archive.writestr(name, picture.getvalue())
    return made


def read(side: str, path: Path) -> None:
    """Print what reading a set takes of memory as JSON: in a process of its own."""
    if side == "zipfile":
        with zipfile.ZipFile(path) as archive:
            number = len(archive.namelist())
    else:
        from regbench.images.ingest import ingest_unlabeled
        from regbench.images.sources.open import open_source
        from regbench.study.schema import Ingest

        entry = yaml.safe_load((ROOT / "conf/base/parameters_data.yml").read_text("utf-8"))
        with open_source(path) as source:
            made = ingest_unlabeled(source, Ingest.model_validate(entry["ingest"]), (*READ, 1))
            number = len(made.images)
    print(json.dumps({"peak": _memory(), "images": number}))


def compare_reading(number: int) -> None:
    """Print what a picture takes of memory while a set is read, for each kind of set."""
    with tempfile.TemporaryDirectory(prefix="regbench-prediction-") as folder:
        many, few = (sets_of(Path(folder), of) for of in (number, number // 10))
        for side, kind in (("folder", "folder"), ("zip", "zip"), ("zipfile", "zip")):
            more, less = (in_process("--side", side, "--file", str(of[kind])) for of in (many, few))
            pixels = 0 if side == "zipfile" else math.prod(READ)
            taken = (more["peak"] - less["peak"]) * 1e6 / (more["images"] - less["images"]) - pixels
            say(f"{side}: {taken / 1000:.2f} kB a picture, peak {more['peak']:.0f} MB")


def _memory() -> float:
    """Return the most memory that this process had so far, in MB (Linux)."""
    status = Path("/proc/self/status").read_text("ascii")  # getrusage counts what its parent had
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak) * 1024 / 1e6


def run(side: str, network: str, path: Path, number: int) -> dict[str, float]:
    """Measure one side of the labelling in a new process."""
    options = ["--networks", network, "--images", str(number)]
    return in_process("--side", side, "--file", str(path), *options)


def in_process(*options: str) -> dict[str, float]:
    """Return what this script measures with these options in a new process."""
    command = [sys.executable, "-m", "benchmarks.prediction", *options]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(made.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure all sides in turns, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--networks", default="mlp,cnn")
    parser.add_argument("--read", type=int, help="so many pictures, and label none")
    parser.add_argument("--side", choices=[*SIDES, *READERS], help="used by the benchmark itself")
    parser.add_argument("--file", type=Path, help="the same")
    given = parser.parse_args()
    if given.side in READERS:
        read(given.side, given.file)
        return
    if given.side:
        measure(given.side, given.networks, given.file, given.images)
        return
    say(as_line(circumstances()))
    if given.read:
        compare_reading(given.read)
        return
    with tempfile.TemporaryDirectory(prefix="regbench-prediction-") as folder:
        whole, tenth = Path(folder, "images.npy"), Path(folder, "tenth.npy")
        images_of(whole, given.images)
        images_of(tenth, given.images // 10)
        for network in given.networks.split(","):
            rounds = [
                {side: run(side, network, whole, given.images) for side in SIDES}
                for _ in range(given.rounds)
            ]
            ratios, of_cores = (
                [each["regbench"][what] / each["keras"][what] for each in rounds]
                for what in ("seconds", "of_cores")
            )
            less = run("regbench", network, tenth, given.images // 10)
            for side in SIDES:
                seconds = statistics.median(each[side]["seconds"] for each in rounds)
                peak = statistics.median(each[side]["peak"] for each in rounds)
                say(f"{network}: {side} {seconds:.1f} s, peak {peak:.0f} MB")
            say(
                f"{network}: ratio {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f}), of the cores' time "
                f"{statistics.median(of_cores):.2f}; with a tenth of the images peak "
                f"{less['peak']:.0f} MB"
            )


if __name__ == "__main__":
    main()
