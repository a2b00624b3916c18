"""An epoch of convolutional networks: RegBench, stock ``model.fit``, PyTorch, and the limit."""

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness import cores
from benchmarks.speed import processes
from benchmarks.speed.epoch import BATCH, regbench_epoch
from benchmarks.speed.figures import Figure, Outcome, Side, interleave, ratio
from benchmarks.speed.processes import in_fresh_process
from regbench.networks.base import Network, Plan
from regbench.networks.registry import network_of

CNN = {"kind": "cnn", "filters": [32, 64, 128], "convolutions_per_stage": 2}
RESNET = {"kind": "resnet", "depth": 20}
CLASSES = 10


class Case(NamedTuple):
    """A network on square RGB images, and the most that its ratios may be."""

    name: str
    network: dict[str, Any]
    side: int
    images: int  # 70 % of them train, the rest validate
    of_stock: float
    of_bare: float | None = None
    of_torch: float | None = None


CASES = (
    Case("CNN, 32 x 32", CNN, 32, 4_286, of_stock=0.8, of_bare=1.3, of_torch=0.8),
    Case("CNN, 96 x 96", CNN, 96, 732, of_stock=0.55, of_bare=1.3, of_torch=0.8),
    Case("ResNet-20, 32 x 32", RESNET, 32, 4_286, of_stock=0.8),
)


def measure_convolution(given: argparse.Namespace, rounds: int) -> Outcome:
    """Compare epochs of each case; PyTorch takes part where it is installed."""
    made = Outcome([], [], [])
    for case in CASES:
        _measure(case, given, rounds, made)
    made.notes += [
        f"{case.name}: {_train_images(case.images):,} images of noise train, the rest of "
        f"{case.images:,} validate."
        for case in CASES
    ]
    made.notes.append(
        f"RegBench trains {cores()} networks at once, one core each, as kedro run does; the "
        f"seconds are divided by {cores()}. Bare convolutions: forward and both gradients of the "
        "train images, forward of the others; the better of one process and one per core."
    )
    return made


def _measure(case: Case, given: argparse.Namespace, rounds: int, made: Outcome) -> None:
    """Time the sides of a case, and add them and their ratios to the outcome."""
    folder, epochs = _noise(given, case), given.epochs or 2
    network = network_of(case.network)
    regbench = partial(regbench_epoch, folder, epochs, cores(), network=network)
    own = f"{case.name}: "
    sides: dict[str, Callable[[], float]] = {
        f"{own}RegBench": regbench,
        f"{own}RegBench, affine maps and flips": partial(regbench, augmented="affine and flip"),
        f"{own}stock model.fit": partial(
            in_fresh_process, stock_epoch, folder=folder, epochs=epochs, network=network
        ),
    }
    if case.of_bare:
        of = {"side": case.side, "images": case.images, "epochs": epochs, "network": network}
        for many in dict.fromkeys((1, cores())):
            sides[f"{own}bare convolutions, {many} at once"] = partial(_bare_epoch, of, many)
    if case.of_torch and importlib.util.find_spec("torch"):
        sides[f"{own}PyTorch"] = partial(
            in_fresh_process, torch_epoch, folder=folder, epochs=epochs, filters=CNN["filters"]
        )
    timed = interleave(sides, rounds)
    plain, augmented, stock = (timed[name] for name in list(sides)[:3])
    made.sides += timed.values()
    made.figures += [
        ratio(f"{own}epoch / stock model.fit", plain, stock, case.of_stock),
        ratio(f"{own}augmented epoch / plain epoch", augmented, plain, 1.25),
        *_against(f"{own}epoch / bare convolutions", plain, timed, "bare", case.of_bare),
        *_against(f"{own}epoch / PyTorch", plain, timed, "PyTorch", case.of_torch),
    ]


def _against(
    what: str, plain: Side, timed: dict[str, Side], rival: str, limit: float | None
) -> list[Figure]:
    """The ratio to the fastest of the sides whose name holds a word; none without such a side."""
    rivals = [side for name, side in timed.items() if rival in name]
    fastest = min(rivals, key=lambda side: side.median, default=None)
    return [ratio(what, plain, fastest, limit)] if fastest else []


def stock_epoch(folder: Path, epochs: int, network: Network) -> float:
    """In a fresh process: the median seconds of ``model.fit``'s epochs but the first."""
    import keras

    images, targets, border = _parts(folder)
    scale = {"scale": [255.0] * 3, "offset": [0.0] * 3}
    model = network.build(Plan(images.shape[1:], CLASSES, 1, scale))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    ends = [time.perf_counter()]
    model.fit(
        images[:border],
        targets[:border],
        batch_size=BATCH,
        epochs=1 + epochs,
        validation_data=(images[border:], targets[border:]),
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
        ],
        verbose=0,
    )
    return float(statistics.median(np.diff(ends)[1:]))


def torch_epoch(folder: Path, epochs: int, filters: list[int]) -> float:
    """In a fresh process: the median seconds of the PyTorch script's epochs but the first."""
    from benchmarks.rivals import plain_torch

    images, targets, border = _parts(folder)
    seconds = plain_torch.run(
        (images[:border], targets[:border]),
        (images[border:], targets[border:]),
        filters,
        epochs + 1,
    )
    return statistics.median(seconds[1:])


def _bare_epoch(work: dict[str, Any], many: int) -> float:
    threads = str(max(1, cores() // many))
    limits = {f"TF_NUM_{kind}_THREADS": threads for kind in ("INTRAOP", "INTEROP")}
    return (
        statistics.mean(processes.side_by_side(epoch_of_convolutions, [work] * many, **limits))
        / many
    )


def epoch_of_convolutions(side: int, images: int, epochs: int, network: Network) -> float:
    """In a fresh process: the median seconds of a network's convolutions over whole epochs.

    Every convolution has inputs and gradients of its own, of noise: no layer waits for another.
    """
    import keras
    import tensorflow as tf

    scale = {"scale": [255.0] * 3, "offset": [0.0] * 3}
    model = network.build(Plan((side, side, 3), CLASSES, 1, scale))
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    random = np.random.default_rng(0)

    def noise(*shape: int | None) -> tf.Tensor:
        return tf.constant(random.standard_normal([n or BATCH for n in shape], np.float32))

    work = [
        (noise(*layer.input.shape), noise(*layer.output.shape), tf.constant(layer.kernel.value))
        for layer in layers
    ]
    steps = [[1, *layer.strides, 1] for layer in layers]

    def forward(at: int, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(inputs, kernel, steps[at], "SAME")[0, 0, 0, 0]

    # One number of every result is added up, or TensorFlow would leave the operations out.
    @tf.function
    def epoch(work: list[tuple[tf.Tensor, ...]]) -> tf.Tensor:
        total = tf.zeros(())
        border = _train_images(images)
        for _ in tf.range(round(border / BATCH)):
            for at, (inputs, _gradient, kernel) in enumerate(work):
                total += forward(at, inputs, kernel)
            for at, (inputs, gradient, kernel) in reversed(list(enumerate(work))):
                how = {"out_backprop": gradient, "strides": steps[at], "padding": "SAME"}
                total += tf.raw_ops.Conv2DBackpropFilter(
                    input=inputs, filter_sizes=kernel.shape, **how
                )[0, 0, 0, 0]
                if at:
                    total += tf.raw_ops.Conv2DBackpropInput(
                        input_sizes=inputs.shape, filter=kernel, **how
                    )[0, 0, 0, 0]
        for _ in tf.range(round((images - border) / BATCH)):
            for at, (inputs, _gradient, kernel) in enumerate(work):
                total += forward(at, inputs, kernel)
        return total

    float(epoch(work))
    processes.wait_for_others()
    ends = [time.perf_counter()]
    for _ in range(epochs):
        float(epoch(work))  # waits for the result
        ends.append(time.perf_counter())
    return float(np.median(np.diff(ends)))


def _noise(given: argparse.Namespace, case: Case) -> Path:
    """A folder with ``images.npy`` and ``targets.npy``: what they show costs no time."""
    folder: Path = given.work / f"noise-{case.side}-{case.images}"
    if not folder.exists():
        random = np.random.default_rng(0)
        folder.mkdir()
        shape = (case.images, case.side, case.side, 3)
        np.save(folder / "images.npy", random.integers(0, 256, shape, np.uint8))
        np.save(folder / "targets.npy", random.integers(0, CLASSES, case.images, np.int32))
    return folder


def _parts(folder: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Images, targets, and how many of them train."""
    images = np.load(folder / "images.npy")
    return images, np.load(folder / "targets.npy"), _train_images(len(images))


def _train_images(images: int) -> int:
    return round(0.7 * images)  # as the study's protocol
