"""One training epoch: RegBench, stock ``model.fit``, and the limit."""

import argparse
import statistics
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import cores
from benchmarks.speed import processes, sets, settings
from benchmarks.speed.figures import Figure, Outcome, interleave, ratio
from benchmarks.speed.processes import in_fresh_process
from regbench.networks.base import Network
from regbench.regularizers.augmentation import Augmentation
from regbench.study.schema import Normalization, Protocol

BATCH = 128
VALIDATION_BATCH = 2048  # larger products are faster
ADAM = {"adam": True}


def measure_epoch(given: argparse.Namespace, rounds: int) -> Outcome:
    """Compare an epoch without augmentation."""
    folder, epochs = sets.arrays(given), given.epochs or 3
    images = np.load(folder / "images.npy", mmap_mode="r")
    train = round(settings.of(Protocol).split.train * len(images))
    validation = len(images) - train
    classes = int(np.load(folder / "targets.npy").max()) + 1
    hidden = settings.network().model_dump()["hidden_units"]
    widths = [int(np.prod(images.shape[1:])), *hidden, classes]
    one, many = f"one process, {cores()} cores", f"{cores()} processes, one core each"
    work = {"train": train, "validation": validation, "widths": widths}
    sides = {
        "stock model.fit": partial(in_fresh_process, stock_epoch, folder=folder, epochs=epochs),
        f"RegBench, {one}": partial(regbench_epoch, folder, epochs, 1),
        f"RegBench, {many}": partial(regbench_epoch, folder, epochs, cores()),
        f"bare products, TensorFlow, {one}": partial(_bare_epoch, work, epochs, 1),
        f"bare products, TensorFlow, {many}": partial(_bare_epoch, work, epochs, cores()),
        f"bare products and Adam, {one}": partial(_bare_epoch, work | ADAM, epochs, 1),
        f"bare products and Adam, {many}": partial(_bare_epoch, work | ADAM, epochs, cores()),
    }
    made = interleave(sides, rounds)
    stock, alone, abreast, *bares = made.values()
    bare, with_adam = (min(of, key=lambda side: side.median) for of in (bares[:2], bares[2:]))
    flop = operations(train, validation, widths)
    figures = [
        ratio("one epoch / stock model.fit epoch", abreast, stock, 0.55),
        ratio("one epoch / bare matrix products of the same work", abreast, bare, 1.3),
        ratio("one epoch / bare products and a bare Adam pass each step", abreast, with_adam, 1.15),
        ratio("the same with one process on all cores / stock", alone, stock),
        Figure("bare products, best", flop / bare.median / 1e9, unit="GFLOP/s"),
    ]
    notes = [
        f"{train:,} images train, {validation:,} validate; each training's first epoch, which "
        f"compiles, is left out, and the median of the next {epochs} counts.",
        "Several processes work at once and each does an epoch: the seconds are divided by "
        f"{cores()}. This is how kedro run trains.",
        f"An epoch is {flop / 1e9:,.0f} GFLOP of matrix products; the fastest way to do only "
        f"them is: {bare.name.removeprefix('bare products, ')}.",
    ]
    return Outcome(list(made.values()), figures, notes)


def measure_augmented_epoch(given: argparse.Namespace, rounds: int) -> Outcome:
    """Compare epochs with and without augmentation."""
    of = partial(regbench_epoch, sets.arrays(given), given.epochs or 3, cores())
    made = interleave(
        {"with rotation, shift and zoom": partial(of, augmented="affine"), "without": of}, rounds
    )
    sides = list(made.values())
    figure = ratio("epoch with rotation + shift + zoom / epoch without", *sides, 1.25)
    note = f"{cores()} processes at once, one core each; seconds divided by {cores()}."
    return Outcome(sides, [figure], [note])


def regbench_epoch(
    folder: Path, epochs: int, many: int, augmented: str = "", network: Network | None = None
) -> float:
    """Seconds per epoch of one training, or per epoch and process of several at once."""
    of = {"folder": folder, "epochs": epochs, "threads": max(1, cores() // many)}
    of |= {"augmented": augmented, "network": network or settings.network()}
    seconds = processes.side_by_side(train, [of] * many)
    return statistics.mean(seconds) / many


def train(folder: Path, epochs: int, threads: int, augmented: str, network: Network) -> float:
    """In a fresh process: train as ``kedro run`` does; median seconds of epochs but one.

    Args:
        folder: With ``images.npy`` and ``targets.npy``.
        epochs: So many are timed, after the first one, which compiles.
        threads: For TensorFlow.
        augmented: What the images are augmented with, beside the study's settings: nothing, the
            study's own (``affine``), or these and flips (``affine and flip``).
        network: That is trained.
    """
    processes.become_worker(threads)
    from regbench.images import normalization
    from regbench.networks.base import Plan
    from regbench.training import train as training

    images = np.load(folder / "images.npy", mmap_mode="r")
    targets = np.load(folder / "targets.npy")
    rows = np.arange(len(images))
    border = round(settings.of(Protocol).split.train * len(images))
    scaling = normalization.fit_normalization(images, rows[:border], settings.of(Normalization))
    protocol = settings.of(Protocol).model_copy(update={"epochs": 1 + epochs})
    flip = {"horizontal_flip": "flip" in augmented}
    regularizers = [settings.of(Augmentation).model_copy(update=flip)] if augmented else []
    plan = Plan(images.shape[1:], int(targets.max()) + 1, 1, scaling, regularizers)
    model = network.build(plan)
    seconds: list[float] = []
    began = time.perf_counter()

    def on_epoch(epoch: training.Epoch) -> None:
        nonlocal began
        seconds.append(time.perf_counter() - began)
        if epoch.epoch == 1:
            processes.wait_for_others()
        began = time.perf_counter()

    training.train(
        model,
        images,
        training.SplitPart(rows[:border], targets[:border]),
        training.SplitPart(rows[border:], targets[border:]),
        protocol,
        1,
        regularizers,
        on_epoch,
    )
    return statistics.median(seconds[1:])


def stock_epoch(folder: Path, epochs: int) -> float:
    """In a fresh process: the median seconds of ``model.fit``'s epochs but the first."""
    from benchmarks.rivals import plain_keras

    images = np.load(folder / "images.npy").astype("float32") / 255
    targets = np.load(folder / "targets.npy")
    border = round(settings.of(Protocol).split.train * len(images))
    parts = (images[:border], targets[:border]), (images[border:], targets[border:])
    return statistics.median(plain_keras.run({}, 1, 1 + epochs, *parts)[1][1:])


def _bare_epoch(work: dict[str, Any], epochs: int, many: int) -> float:
    """The limit: an epoch's operations as bare matrix products."""
    threads = str(max(1, cores() // many))
    limits = {f"TF_NUM_{kind}_THREADS": threads for kind in ("INTRAOP", "INTEROP")}
    of = [work | {"epochs": epochs}] * many
    return statistics.mean(processes.side_by_side(epoch_of_products, of, **limits)) / many


def operations(train: int, validation: int, widths: list[int]) -> float:
    """Count an epoch's floating-point operations: forward, backward for weights and inputs.

    No biases, activations, loss or optimizer.
    """
    forward = sum(2.0 * inputs * outputs for inputs, outputs in pairwise(widths))
    first = 2.0 * widths[0] * widths[1]
    return train * (3 * forward - first) + validation * forward


def epoch_of_products(
    train: int, validation: int, widths: list[int], epochs: int, *, adam: bool = False
) -> float:
    """In a fresh process: the median seconds of the products of whole epochs.

    With ``adam`` every kernel is also updated in each step, by TensorFlow's own Adam in one pass
    over it; the rate is 0, so that values stay of one size.
    """
    import tensorflow as tf

    random = np.random.default_rng(0)
    images = tf.constant(random.random((max(train, validation), widths[0]), np.float32))
    kernels = [  # of a size that neither grows nor shrinks what they are multiplied with
        tf.Variable((random.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32))
        for shape in pairwise(widths)
    ]
    moments = [[tf.Variable(tf.zeros_like(kernel)) for _ in range(2)] for kernel in kernels]
    constants = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7}
    constants |= {"beta1_power": 0.9, "beta2_power": 0.999, "lr": 0.0}

    # One number of every product is added up, or TensorFlow would leave the products out.
    @tf.function
    def epoch(train: tf.Tensor, validation: tf.Tensor) -> tf.Tensor:
        total = tf.zeros(())
        for start in tf.range(0, tf.shape(train)[0], BATCH):
            values = train[start : start + BATCH]
            inputs = []
            for kernel in kernels:
                inputs.append(values)
                values = tf.matmul(values, kernel)
            for layer in reversed(range(len(kernels))):
                gradient = tf.matmul(inputs[layer], values, transpose_a=True)
                total += gradient[0, 0]
                if layer:
                    values = tf.matmul(values, kernels[layer], transpose_b=True)
                if adam:
                    handles = (kernels[layer], *moments[layer])
                    var, m, v = (variable.handle for variable in handles)
                    tf.raw_ops.ResourceApplyAdam(var=var, m=m, v=v, grad=gradient, **constants)
        for start in tf.range(0, tf.shape(validation)[0], VALIDATION_BATCH):
            values = validation[start : start + VALIDATION_BATCH]
            for kernel in kernels:
                values = tf.matmul(values, kernel)
            total += values[0, 0]
        return total

    parts = images[:train], images[:validation]
    float(epoch(*parts))
    processes.wait_for_others()
    ends = [time.perf_counter()]
    for _ in range(epochs):
        float(epoch(*parts))  # waits for the result
        ends.append(time.perf_counter())
    return float(np.median(np.diff(ends)))
