"""Measure, print a line per timing, and write the figures beside those measured before."""

import argparse
import sys
import tempfile
import traceback
from pathlib import Path

from benchmarks.speed import machine, results
from benchmarks.speed.agreement import measure_agreement
from benchmarks.speed.augmentation import measure_augmentation
from benchmarks.speed.display import measure_progress
from benchmarks.speed.epoch import measure_augmented_epoch, measure_epoch
from benchmarks.speed.harness import DIGITS, MNIST, ROOT, BenchmarkError, Measurement, Options, say
from benchmarks.speed.incremental import measure_incremental
from benchmarks.speed.ingestion import measure_ingestion
from benchmarks.speed.larger import measure_larger_than_memory
from benchmarks.speed.memory import measure_memory
from benchmarks.speed.overhead import measure_run_overhead
from benchmarks.speed.scale import measure_scale
from benchmarks.speed.startup import measure_startup
from benchmarks.speed.study import measure_study

BUSY = 0.05  # the share of the cores above which figures are doubtful
MEASUREMENTS = [
    Measurement("epoch", "One training epoch without augmentation.", 5, measure_epoch),
    Measurement("augmented_epoch", "An epoch with augmentation.", 5, measure_augmented_epoch),
    Measurement("augmentation", "Augmented images a second.", 5, measure_augmentation),
    Measurement("ingestion", "Reading all pictures into one array.", 5, measure_ingestion),
    Measurement("incremental", "Reading a set that has grown.", 5, measure_incremental),
    Measurement("run_overhead", "The fixed cost of one more run.", 3, measure_run_overhead),
    Measurement("startup", "Commands before they do their work.", 5, measure_startup),
    Measurement("memory", "Peak memory of the full-MNIST study.", 3, measure_memory),
    Measurement("progress", "The cost of the live display.", 5, measure_progress),
    Measurement("agreement", "Accuracies beside the plain script's.", 1, measure_agreement),
    Measurement("scale", "Time and memory by the number of images.", 3, measure_scale),
    Measurement(
        "larger_than_memory", "Images as large as the memory.", 1, measure_larger_than_memory
    ),
    Measurement("study", "The whole published study (45 minutes).", 1, measure_study),
]


def main() -> None:
    """Make the measurements that are asked for."""
    arguments = _parser().parse_args()
    if arguments.list:
        for one in MEASUREMENTS:
            say(f"{one.name:20}{one.about} Rounds: {one.rounds}.")
        return
    try:
        chosen = _chosen(arguments.names)
        _check_images(chosen, arguments)
        if arguments.torch_python:
            machine.check_torch(arguments.torch_python)
        results.read(arguments.out)  # before hours of work: a damaged file would stop it
        failed = _measure(chosen, arguments)
    except BenchmarkError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted; what was measured is written")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _measure(chosen: list[Measurement], arguments: argparse.Namespace) -> list[str]:
    """Measure and write one by one; return what could not be measured."""
    order = [one.name for one in MEASUREMENTS]
    described = machine.describe(arguments.torch_python)
    failed = []
    with tempfile.TemporaryDirectory(prefix="regbench-speed-") as work:
        options = _options(arguments, Path(work))
        for one in chosen:
            say(f"{one.name}: {one.about}")
            moment = machine.idle_moment()
            if moment["busy"] > BUSY:
                say(f"  the machine is not idle: {moment['busy']:.0%} of it is at work")
            try:
                outcome = one.measure(options, options.rounds or one.rounds)
            except BenchmarkError as error:
                say(f"  {error}")
                failed.append(one.name)
                continue
            except Exception:  # the others may take hours
                traceback.print_exc()
                failed.append(one.name)
                continue
            measured = results.read(arguments.out)  # now: others may have written meanwhile
            if not outcome.figures and one.name in measured:
                say("  what was measured before stays")
                continue
            command = f"{results.COMMAND} {' '.join([one.name, *_given(arguments)])}"
            measured[one.name] = results.entry(one, outcome, described, moment, command)
            results.write(arguments.out, measured, order)
            for figure in outcome.figures:
                say(f"  = {results.one_line(figure.as_dict())}")
    return failed


def _given(arguments: argparse.Namespace) -> list[str]:
    """The options that make a figure what it is, as they were given; of paths, the names."""
    parser, others = _parser(), {"names", "list", "out", "cache"}
    found = []
    for name, value in vars(arguments).items():
        if name not in others and value != parser.get_default(name):
            said = ",".join(map(str, value)) if isinstance(value, tuple) else value
            said = f"PATH/TO/{said.name}" if isinstance(said, Path) else said
            found.append(f"--{name.replace('_', '-')}={said}")
    return found


def _options(arguments: argparse.Namespace, work: Path) -> Options:
    kept = {"names", "list", "out", "images", "cache"}
    others = {name: value for name, value in vars(arguments).items() if name not in kept}
    cache = arguments.cache or work / "cache"
    return Options(images=arguments.images, work=work, cache=cache, **others)


def _chosen(names: list[str]) -> list[Measurement]:
    by_name = {one.name: one for one in MEASUREMENTS}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise BenchmarkError(f"no measurement {unknown[0]!r}; there are {', '.join(by_name)}")
    return [by_name[name] for name in dict.fromkeys(names or by_name)]


def _check_images(chosen: list[Measurement], arguments: argparse.Namespace) -> None:
    for one in chosen:
        images = arguments.agreement_images if one.name == "agreement" else arguments.images
        if images.is_dir():
            raise BenchmarkError(f"{images} is a folder; the benchmarks take a zip")
        if not images.is_file():
            raise BenchmarkError(f"{images} is missing: kedro run --pipelines=fetch_mnist makes it")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.speed", description=__doc__)
    parser.add_argument("names", nargs="*", help="measurements to make; default: all (2 hours)")
    parser.add_argument("--list", action="store_true", help="list the measurements")
    parser.add_argument("--rounds", type=_count, help="of every measurement, for --list's")
    parser.add_argument("--images", type=_path, default=MNIST, help="a zip of full MNIST")
    parser.add_argument("--out", type=_path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--cache", type=_path, help="where to keep sets that are made")
    parser.add_argument("--torch-python", type=_path, help="an interpreter that has PyTorch")
    parser.add_argument("--epochs", type=_count, default=3, help="to time in a training")
    parser.add_argument("--study-epochs", type=_count, default=10)
    parser.add_argument("--study-seeds", type=_count, default=3)
    parser.add_argument("--study-techniques", type=_names, default=(), help="a,b,...; default: all")
    parser.add_argument("--scale-sizes", type=_sizes, default=Options.scale_sizes)
    parser.add_argument("--larger-images", type=_count, default=20_000)
    parser.add_argument("--cap", type=_count, default=Options.cap, help="of larger_than_memory, MB")
    parser.add_argument("--agreement-techniques", type=_names, default=(), help="default: all")
    parser.add_argument("--agreement-images", type=_path, default=DIGITS)
    parser.add_argument("--agreement-seeds", type=_count, default=10)
    parser.add_argument("--agreement-epochs", type=_count, default=10)
    return parser


def _path(text: str) -> Path:
    return Path(text).absolute()  # commands run in the project's folder


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(_count(part) for part in text.split(","))
    if len(set(sizes)) < 3:
        raise argparse.ArgumentTypeError("takes three sizes or more, to see a line")
    return sizes


if __name__ == "__main__":
    main()
