"""An epoch with each regularizer, in times of one without; and Keras' layers of the same name."""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import yaml

from benchmarks.harness import ROOT, BenchmarkError, cores, readable, say
from benchmarks.speed import processes, settings
from benchmarks.speed.figures import Figure, Outcome, Side, ratio
from regbench.networks.registry import network_of
from regbench.regularizers.registry import REGULARIZERS
from regbench.report.cards import EPOCH, entry_of
from regbench.study.schema import Protocol
from regbench.study.technique import Technique

CLASSES = 10
# The most that an epoch may take, in times of one without: by family, and of some by key.
OF_FAMILY = {
    "kernel": 1.15,
    "layer": 1.15,
    "loss": 1.15,
    "update": 1.15,
    "stop": 1.15,
    "batch": 1.1,
}
OF_KEY = {
    "augmentation": 1.25,  # as in `augmented_epoch`
    **dict.fromkeys(("augmix", "elastic", "randaugment"), 1.6),
    "sam": 2.1,  # two gradients
    "zca": None,  # a matrix product of its own, of pixels x pixels
}
# Keras' own layers, given images from 0 to 255; mixing ones also take targets.
RIVALS: dict[str, tuple[str, dict[str, Any]]] = {
    "augmix": ("AugMix", {"value_range": (0, 255)}),
    "cutmix": ("CutMix", {}),
    "elastic": ("RandomElasticTransform", {"value_range": (0, 255)}),
    "flip": ("RandomFlip", {"mode": "horizontal"}),
    "colour_jitter": (
        "RandomColorJitter",
        {
            "value_range": (0, 255),
            "brightness_factor": 0.2,
            "contrast_factor": 0.2,
            "saturation_factor": (0.4, 0.6),
            "hue_factor": 0.05,
        },
    ),
    "mixup": ("MixUp", {}),
    "randaugment": ("RandAugment", {"value_range": (0, 255)}),
    "random_erasing": ("RandomErasing", {"value_range": (0, 255)}),
}
# Measured with these settings. AugMix' consistency loss takes three views through the network: its
# change of images is what is held against Keras' layer, which has no such loss.
MEASURED_WITH: dict[str, dict[str, Any]] = {"augmix": {"consistency": 0}}
_TWICE = 2.0
_BATCHES = 40


class Case(NamedTuple):
    """A network on images of noise, which cost as much as others."""

    name: str
    network: dict[str, Any]
    shape: tuple[int, int, int]
    images: int  # that train; as many again as a tenth validate


CASES = (
    Case(
        "mlp, 28 x 28",
        {"kind": "mlp", "hidden_units": [500] * 5, "activation": "relu"},
        (28, 28, 1),
        6_000,
    ),
    Case(
        "cnn, 32 x 32",
        {
            "kind": "cnn",
            "filters": [32, 64, 128],
            "convolutions_per_stage": 2,
            "normalization": "none",  # or batch normalization means nothing
        },
        (32, 32, 3),
        1_500,
    ),
)


def measure_regularizers(given: argparse.Namespace, rounds: int) -> Outcome:
    """Compare epochs of each case, with every regularizer as it is by default and without."""
    epochs = given.epochs or 3
    keys = given.regularizers.split(",") if given.regularizers else list(REGULARIZERS)
    if unknown := set(keys) - set(REGULARIZERS):
        raise BenchmarkError(f"--regularizers: {', '.join(sorted(unknown))}: no regularizers")
    timed = [key for key in keys if REGULARIZERS[key].family() != "ensemble"]
    made = Outcome([], [], [])
    for case in CASES:
        found: dict[str, tuple[Side, Side]] = {}
        for number in range(1, rounds + 1):
            for key, pair in _side_by_side(timed, partial(epochs_of, case=case, epochs=epochs)):
                sides = found.setdefault(
                    key,
                    (Side(f"{key}, {case.name}", "s", []), Side(f"without, {case.name}", "s", [])),
                )
                for side, seconds in zip(sides, pair, strict=True):
                    side.values.append(seconds)
                say(f"  round {number}, {case.name}, {key}: {readable(pair[0] / pair[1])} x")
        for key, (own, plain) in found.items():
            made.sides.append(own)
            made.figures.append(
                ratio(EPOCH.format(key=key, network=case.name), own, plain, bar_of(key))
            )
    rivals = [key for key in timed if key in RIVALS]
    for key, pair in _side_by_side(rivals, batches_of):
        layer = RIVALS[key][0]
        made.figures.append(
            Figure(f"Keras' {layer} / {key}, a batch", pair[1] / pair[0], _TWICE, at_most=False)
        )
    made.notes += [
        f"{case.name}: {case.images:,} images of noise train, a tenth as many validate."
        for case in CASES
    ]
    made.notes.append(
        f"Each with its default settings, in {cores()} processes of one thread. Seconds are of the "
        "processor, so that other work on the machine counts little; those with and without follow "
        f"each other in one process, and the median of {epochs} epochs counts, after a first one, "
        "which compiles. Left out: what means nothing for the network, and ensembles, which take "
        "their number of networks. Keras' layers: 128 images of 32 x 32 x 3, compiled."
    )
    return made


def bar_of(key: str) -> float | None:
    """The most that an epoch may take, in times of one without; None: no bar."""
    return OF_KEY[key] if key in OF_KEY else OF_FAMILY[REGULARIZERS[key].family()]


def _side_by_side(
    keys: Sequence[str], measure: Callable[[list[str]], dict[str, tuple[float, float]]]
) -> list[tuple[str, tuple[float, float]]]:
    """Measure regularizers, shared out to one process per core; return pairs of seconds by key."""
    parts = [part for number in range(cores()) if (part := list(keys[number :: cores()]))]
    if not parts:
        return []
    found: dict[str, tuple[float, float]] = {}
    for pairs in processes.side_by_side(measure, [{"keys": part} for part in parts]):
        found |= pairs
    return [(key, found[key]) for key in keys if key in found]


def regularizer_of(key: str, shape: tuple[int, int, int]) -> Any:
    """A regularizer as it is by default, with the data that it needs."""
    values = math.prod(shape)
    identity = {"mean": np.zeros(values, np.float32), "matrix": np.eye(values, dtype=np.float32)}
    data = yaml.safe_load((ROOT / "conf/base/parameters_data.yml").read_text("utf-8"))
    prepared = {**data, "zca": identity, "train_counts": np.full(CLASSES, 100)}
    technique = Technique.model_validate({key: MEASURED_WITH.get(key, entry_of(REGULARIZERS[key]))})
    (regularizer,) = technique.following("accuracy").regularizers(prepared)
    return regularizer


def epochs_of(keys: list[str], case: Case, epochs: int) -> dict[str, tuple[float, float]]:
    """In a fresh process: median seconds of epochs with each regularizer, and without.

    A regularizer that means nothing for the network is left out.
    """
    processes.become_worker(1)
    random = np.random.default_rng(0)
    many = case.images + case.images // 10
    images = random.integers(0, 256, (many, *case.shape), np.uint8)
    targets = random.integers(0, CLASSES, many)
    network = network_of(case.network)
    measured = {}
    for key in keys:
        regularizer = regularizer_of(key, case.shape)
        if regularizer.misfit(network.traits(case.shape)):
            continue
        own, plain = (
            _epoch(network, images, targets, case.images, epochs, regularizers)
            for regularizers in ([regularizer], [])
        )
        measured[key] = own, plain
    return measured


def _epoch(
    network: Any,
    images: np.ndarray,
    targets: np.ndarray,
    border: int,
    epochs: int,
    regularizers: list[Any],
) -> float:
    """Median seconds of the processor of a training's epochs but the first, which compiles."""
    from regbench.networks.base import Plan
    from regbench.training import train as training

    scaling = {"offset": [0.0] * images.shape[3], "scale": [255.0] * images.shape[3]}
    model = network.built(Plan(images.shape[1:], CLASSES, 1, scaling, regularizers))
    seconds: list[float] = []
    began = time.process_time()

    def on_epoch(_: training.Epoch) -> None:
        nonlocal began
        seconds.append(time.process_time() - began)
        began = time.process_time()

    training.train(
        model,
        images,
        training.SplitPart(np.arange(border), targets[:border]),
        training.SplitPart(np.arange(border, len(images)), targets[border:]),
        settings.of(Protocol).model_copy(update={"epochs": 1 + epochs}),
        1,
        regularizers,
        on_epoch,
    )
    return statistics.median(seconds[1:])


def batches_of(keys: list[str]) -> dict[str, tuple[float, float]]:
    """In a fresh process: seconds of a batch by each regularizer, and by Keras' layer."""
    processes.become_worker(1)
    import keras
    import tensorflow as tf

    from regbench.regularizers.base import Batch

    random = np.random.default_rng(0)
    shape = (32, 32, 3)
    images = tf.constant(random.integers(0, 256, (128, *shape), np.uint8))
    numbers = tf.constant(random.integers(0, CLASSES, 128), tf.int32)
    shares = tf.one_hot(numbers, CLASSES)
    measured = {}
    for key in keys:
        regularizer = regularizer_of(key, shape)
        name, options = RIVALS[key]
        layer = getattr(keras.layers, name)(**options, seed=1)
        mixes = name in {"MixUp", "CutMix"}

        @tf.function
        def own(seed: Any, regularizer: Any = regularizer) -> Any:
            changed = regularizer.change_batch(Batch(images, numbers, CLASSES), seed)
            return changed.images, changed.targets

        @tf.function
        def rival(_: Any, layer: Any = layer, mixes: bool = mixes) -> Any:
            values = tf.cast(images, tf.float32)
            given = {"images": values, "labels": shares} if mixes else values
            return layer(given, training=True)

        measured[key] = _seconds(own), _seconds(rival)
    return measured


def _seconds(function: Callable[..., Any]) -> float:
    """Median seconds of the processor of a compiled function of a seed, after a first call."""
    import tensorflow as tf

    ends = []
    for number in range(_BATCHES + 1):
        function(tf.constant([1, number]))
        ends.append(time.process_time())
    return float(np.median(np.diff(ends)))
