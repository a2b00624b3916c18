"""Measure, print a line per timing, and write the figures beside those measured before."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks import harness
from benchmarks.harness import BenchmarkError, say
from benchmarks.speed import figures
from benchmarks.speed.agreement import measure_agreement
from benchmarks.speed.cifar import measure_cifar
from benchmarks.speed.convolution import measure_convolution
from benchmarks.speed.epoch import measure_augmented_epoch, measure_epoch
from benchmarks.speed.ingestion import measure_ingestion
from benchmarks.speed.memory import measure_memory
from benchmarks.speed.photos import measure_photos
from benchmarks.speed.regularizers import measure_regularizers
from benchmarks.speed.scale import measure_scale
from benchmarks.speed.study import measure_study

# What it is, rounds by default, and how it is made.
MEASUREMENTS = {
    "epoch": ("One training epoch without augmentation.", 5, measure_epoch),
    "augmented_epoch": ("An epoch with augmentation.", 5, measure_augmented_epoch),
    "convolution": ("An epoch of convolutional networks.", 3, measure_convolution),
    "ingestion": ("Reading all pictures into one array.", 5, measure_ingestion),
    "photos": ("Shrinking JPEG photos.", 3, measure_photos),
    "agreement": ("Accuracies beside the plain script's.", 1, measure_agreement),
    "cifar": ("The convolutional network on CIFAR-10.", 1, measure_cifar),
    "memory": ("Peak memory of a study on photos.", 1, measure_memory),
    "regularizers": ("An epoch with each regularizer.", 1, measure_regularizers),
    "scale": ("Time and memory by the number of images.", 3, measure_scale),
    "study": ("The whole published study (45 minutes).", 1, measure_study),
}
WITHOUT_MNIST = {"agreement", "cifar", "memory", "photos", "regularizers"}


def main() -> None:
    """Make the measurements that are asked for."""
    given = parser().parse_args()
    for name in harness.THREAD_SETTINGS:
        os.environ.pop(name, None)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    names = given.names or list(MEASUREMENTS)
    images = harness.DIGITS if set(names) <= WITHOUT_MNIST else given.images
    if not images.is_file():
        sys.exit(f"{images} is missing: kedro run --pipelines=fetch_mnist makes it")
    failed = []
    with tempfile.TemporaryDirectory(prefix="regbench-speed-") as work:
        given.work = Path(work)
        given.cache = given.cache or given.work / "cache"
        for name in names:
            try:
                measure(name, given)
            except BenchmarkError as error:
                say(f"  {error}")
                failed.append(name)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def measure(name: str, given: argparse.Namespace) -> None:
    """Make one measurement, and write what it found."""
    about, rounds, function = MEASUREMENTS[name]
    say(f"{name}: {about}")
    harness.read(given.out / "speed.json")  # before hours of work: a damaged file would stop it
    before = harness.circumstances()
    found = function(given, given.rounds or rounds).as_dict()
    entry = {
        "about": about,
        "command": harness.command_of("benchmarks.speed", name, given, parser()),
        **before,
        **found,
    }
    harness.store(given.out / "speed.json", name, entry, figures.page)
    for figure in found["figures"]:
        say(f"  = {figure['what']}: {figures.cells(figure)}")


def parser() -> argparse.ArgumentParser:
    """The options; where a default depends on the measurement, it is that of its function."""
    made = argparse.ArgumentParser("python -m benchmarks.speed", description=__doc__)
    names = made.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    names.choices = [*MEASUREMENTS, []]  # an empty list is checked too
    made.add_argument("--rounds", type=int, help="default: 5, of what takes long 3 or 1")
    made.add_argument("--images", type=absolute, default=harness.MNIST, help="a zip of full MNIST")
    made.add_argument("--out", type=absolute, default=harness.RESULTS)
    made.add_argument("--cache", type=absolute, help="where to keep sets that are made")
    epochs = "of epoch (3 timed), study, agreement (10), cifar (15), memory (1)"
    made.add_argument("--epochs", type=int, help=epochs)
    made.add_argument("--seeds", type=int, help="of study (3), agreement (10), cifar (3)")
    made.add_argument("--techniques", help="of study and agreement, as a,b; default: all")
    made.add_argument("--cifar", type=absolute, help="of cifar: a zip of CIFAR-10's pictures")
    made.add_argument("--photos", type=int, default=20_000, help="of photos: how many")
    made.add_argument("--regularizers", help="of regularizers, as a,b; default: all")
    sizes = "10000,30000,100000,300000,1000000"
    made.add_argument("--sizes", default=sizes, help="of scale: numbers of images")
    return made


def absolute(text: str) -> Path:
    """A path for commands that run in the project's folder."""
    return Path(text).absolute()


if __name__ == "__main__":
    main()
