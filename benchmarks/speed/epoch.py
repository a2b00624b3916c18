"""One training epoch: RegBench, stock ``model.fit``, PyTorch, and the limit."""

import json
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.speed import child, sets, settings
from benchmarks.speed.harness import ROOT, Figure, Options, Outcome, interleave, ratio
from benchmarks.speed.limit import operations
from benchmarks.speed.machine import torch_version, usable_cores
from benchmarks.speed.processes import in_fresh_process, side_by_side, timed

TRAIN_SHARE = 0.7


def measure_epoch(options: Options, rounds: int) -> Outcome:
    """Compare an epoch without augmentation."""
    folder = sets.arrays(options)
    train, validation, widths = work(folder)
    cores = usable_cores()
    one = f"one process, {cores} cores"
    many = f"{cores} processes, one core each"
    stock, alone, abreast = "stock model.fit", f"RegBench, {one}", f"RegBench, {many}"
    sides = {
        stock: partial(
            in_fresh_process, "epoch:stock_epoch", folder=str(folder), epochs=options.epochs
        ),
        alone: partial(regbench_epoch, folder, options.epochs, 1),
        abreast: partial(regbench_epoch, folder, options.epochs, cores),
    }
    for library in ("NumPy", "TensorFlow"):
        for name, processes in ((one, 1), (many, cores)):
            sides[f"bare products, {library}, {name}"] = partial(
                _bare_epoch, library.lower(), train, validation, widths, options.epochs, processes
            )
    notes = []
    python = torch_interpreter(options)
    if python:
        sides["PyTorch script"] = partial(_torch_epoch, python, options)
    else:
        notes.append("The PyTorch script was skipped: no interpreter has it (--torch-python).")
    made = interleave(sides, rounds, "s")
    bare = min(
        (side for name, side in made.items() if name.startswith("bare")), key=lambda s: s.median
    )
    flop = operations(train, validation, widths)
    figures = [
        ratio("one epoch / stock model.fit epoch", made[abreast], made[stock], 0.55),
        ratio("one epoch / bare matrix products of the same work", made[abreast], bare, 1.3),
        ratio("the same with one process on all cores / stock", made[alone], made[stock]),
        Figure("bare products, best", flop / bare.median / 1e9, unit="GFLOP/s"),
    ]
    if python:
        torch_side = made["PyTorch script"]
        figures.append(ratio("one epoch / PyTorch script's", made[abreast], torch_side))
    notes += [
        f"{train:,} images train, {validation:,} validate; each training's first epoch, which "
        f"compiles, is left out, and the median of the next {options.epochs} counts.",
        f"Several processes work at once and each does an epoch: the seconds are divided by "
        f"{cores}. This is how kedro run trains.",
        f"An epoch is {flop / 1e9:,.0f} GFLOP of matrix products; the fastest way to do only "
        f"them is: {bare.name.removeprefix('bare products, ')}.",
    ]
    return Outcome(list(made.values()), figures, notes)


def measure_augmented_epoch(options: Options, rounds: int) -> Outcome:
    """Compare epochs with and without augmentation."""
    folder = sets.arrays(options)
    cores = usable_cores()
    sides = {
        name: partial(regbench_epoch, folder, options.epochs, cores, augmented)
        for name, augmented in (("with rotation, shift and zoom", True), ("without", False))
    }
    made = interleave(sides, rounds, "s")
    one, other = made.values()
    figure = ratio("epoch with rotation + shift + zoom / epoch without", one, other, 1.25)
    return Outcome(
        list(made.values()),
        [figure],
        [f"{cores} processes at once, one core each; seconds divided by {cores}."],
    )


def regbench_epoch(folder: Path, epochs: int, processes: int, augmented: bool = False) -> float:
    """Seconds per epoch of one training, or per epoch and process of several at once."""
    arguments = {
        "folder": str(folder),
        "epochs": epochs,
        "threads": max(1, usable_cores() // processes),
        "augmented": augmented,
    }
    seconds: list[list[float]] = side_by_side("epoch:train", [arguments] * processes)
    return statistics.mean(statistics.median(of_one) for of_one in seconds) / processes


def work(folder: Path) -> tuple[int, int, list[int]]:
    """How many images train and validate, and the widths of the network's layers."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    classes = int(np.load(folder / "targets.npy").max()) + 1
    train = round(TRAIN_SHARE * len(images))
    hidden = settings.protocol().network.hidden_units
    return train, len(images) - train, [int(np.prod(images.shape[1:])), *hidden, classes]


def torch_interpreter(options: Options) -> Path | None:
    """The interpreter that runs the PyTorch script, if there is one."""
    python = options.torch_python or Path(sys.executable)
    return None if torch_version(python) == "not installed" else python


def stock_epoch(folder: str, epochs: int) -> float:
    """In a fresh process: the median seconds of ``model.fit``'s epochs but the first."""
    import keras

    from benchmarks.rivals import plain_keras

    images = np.load(Path(folder) / "images.npy").astype("float32") / 255
    targets = np.load(Path(folder) / "targets.npy")
    border = round(TRAIN_SHARE * len(images))
    ends: list[float] = []
    plain_keras.set_seed(1)
    plain_keras.build_model(images.shape[1:], int(targets.max()) + 1).fit(
        images[:border],
        targets[:border],
        batch_size=plain_keras.BATCH_SIZE,
        epochs=1 + epochs,
        validation_data=(images[border:], targets[border:]),
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter())
            )
        ],
        verbose=0,
    )
    return statistics.median(np.diff(ends).tolist())


def train(
    folder: str, epochs: int, threads: int, augmented: bool = False, tells_as: int | None = None
) -> list[float]:
    """In a fresh process: train as ``kedro run`` does; return the seconds of each epoch.

    Args:
        folder: With ``images.npy`` and ``targets.npy``.
        epochs: To time, after a first one.
        threads: That TensorFlow may use.
        augmented: Whether images are rotated, shifted and zoomed.
        tells_as: The number under which every epoch is reported to the parent process, if any.
    """
    child.become_worker(threads)
    from regbench.images import normalization
    from regbench.networks import build
    from regbench.study.technique import Technique
    from regbench.training import train as training

    images = np.load(Path(folder) / "images.npy", mmap_mode="r")
    targets = np.load(Path(folder) / "targets.npy")
    rows = np.arange(len(images))
    border = round(TRAIN_SHARE * len(images))
    scaling = normalization.fit_normalization(images, rows[:border], settings.normalization())
    protocol = settings.protocol().model_copy(update={"epochs": 1 + epochs})
    model = build.build_network(
        images.shape[1:], int(targets.max()) + 1, protocol.network, Technique(), 1, scaling
    )
    seconds: list[float] = []
    began = time.perf_counter()

    def on_epoch(epoch: training.Epoch) -> None:
        nonlocal began
        seconds.append(time.perf_counter() - began)
        if tells_as is not None:
            child.tell(
                {"run": tells_as, "epoch": epoch.epoch, "train_accuracy": epoch.train_accuracy}
            )
        if epoch.epoch == 1:
            child.wait_for_others()
        began = time.perf_counter()

    training.train(
        model,
        images,
        training.Part(rows[:border], targets[:border]),
        training.Part(rows[border:], targets[border:]),
        protocol,
        1,
        settings.augmentation() if augmented else None,
        None,
        on_epoch,
    )
    return seconds[1:]


def _bare_epoch(
    library: str, train: int, validation: int, widths: list[int], epochs: int, processes: int
) -> float:
    threads = str(max(1, usable_cores() // processes))
    names = ("OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    arguments = {
        "library": library,
        "train": train,
        "validation": validation,
        "widths": widths,
        "epochs": epochs,
    }
    seconds = side_by_side(
        "limit:epoch_of_products", [arguments] * processes, variables=dict.fromkeys(names, threads)
    )
    return statistics.mean(seconds) / processes


def _torch_epoch(python: Path, options: Options) -> float:
    written = options.folder("torch") / "runs.json"
    script = ROOT / "benchmarks" / "rivals" / "plain_torch.py"
    timed(
        [
            *(str(python), str(script), f"--images={options.images}", f"--json={written}"),
            *("--techniques=baseline", "--seeds=1", f"--epochs={1 + options.epochs}"),
        ]
    )
    (run,) = json.loads(written.read_text(encoding="utf-8"))
    return statistics.median(run["epoch_seconds"][1:])
