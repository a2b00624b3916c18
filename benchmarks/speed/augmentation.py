"""Augmented images a second."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.speed import sets, settings
from benchmarks.speed.harness import Options, Outcome, Side, ratio, readable, say
from benchmarks.speed.processes import in_fresh_process

BATCH = 128
REGBENCH, GENERATOR, LAYERS = "RegBench", "ImageDataGenerator", "stacked Keras layers"
AS_IN_TRAINING = "RegBench, 16 batches a call"
BATCHES_A_CALL = 16  # as in training


def measure_augmentation(options: Options, rounds: int) -> Outcome:
    """Compare rotation, shift and zoom of batches of 128."""
    rates = in_fresh_process(
        "augmentation:rates", folder=str(sets.arrays(options)), rounds=rounds, seconds=2.0
    )
    sides = {name: Side(name, "images/s", values) for name, values in rates.items()}
    for side in sides.values():
        say(f"  {side.name}: {', '.join(map(readable, side.values))} images/s")
    mine, generator, layers = (sides[name] for name in (REGBENCH, GENERATOR, LAYERS))
    trained = sides[AS_IN_TRAINING]
    return Outcome(
        list(sides.values()),
        [
            ratio("augmented images a second / ImageDataGenerator", mine, generator, 8, False),
            ratio("augmented images a second / stacked Keras layers", mine, layers),
            ratio(
                "16 batches a call, as in training / ImageDataGenerator",
                trained,
                generator,
                8,
                False,
            ),
        ],
        [
            "Batches of 128, rotation, shift and zoom in the same ranges; everything warm, one "
            "process. TensorFlow may use all cores, ImageDataGenerator is Python and uses one. "
            "RegBench and the layers as compiled functions, called once a "
            "batch, of which the call takes a quarter or so: a training makes one for "
            f"{BATCHES_A_CALL} batches. RegBench takes and gives uint8, the others float32."
        ],
    )


def rates(folder: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """In a fresh process: images a second of every side, in turn.

    Args:
        folder: With ``images.npy``.
        rounds: How often.
        seconds: That each side gets in a round.
    """
    images = np.load(f"{folder}/images.npy", mmap_mode="r")[: 64 * BATCH]
    batches = {
        REGBENCH: _regbench(images),
        AS_IN_TRAINING: _regbench_in_training(images),
        GENERATOR: _generator(images),
        LAYERS: _layers(images),
    }
    for next_batch in batches.values():
        for _ in range(5):
            next_batch()
    rates: dict[str, list[float]] = {name: [] for name in batches}
    for _ in range(rounds):
        for name, next_batch in batches.items():
            rates[name].append(_rate(next_batch, seconds))
    return rates


def _rate(next_batch: Callable[[], int], seconds: float) -> float:
    done, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        done += next_batch()
    return done / passed


def _regbench(images: np.ndarray) -> Callable[[], int]:
    import tensorflow as tf

    from regbench.regularizers.computations.affine_maps import augment

    compiled = tf.function(partial(augment, settings=settings.augmentation()))
    batches = [tf.constant(images[start : start + BATCH]) for start in _starts(images)]
    step = 0

    def next_batch() -> int:
        nonlocal step
        step += 1
        made = compiled(batches[step % len(batches)], seed=tf.constant([1, step]))
        return len(made.numpy())

    return next_batch


def _regbench_in_training(images: np.ndarray) -> Callable[[], int]:
    import tensorflow as tf

    from regbench.regularizers.computations.affine_maps import augment

    ranges = settings.augmentation()

    @tf.function
    def many(images: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        changed = tf.TensorArray(tf.uint8, BATCHES_A_CALL)
        for batch in tf.range(BATCHES_A_CALL):
            # A training's batches follow one another.
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            some = images[batch * BATCH : (batch + 1) * BATCH]
            seed = tf.stack([1, step * BATCHES_A_CALL + batch])
            changed = changed.write(batch, augment(some, ranges, seed))
        return changed.concat()

    at_once = BATCHES_A_CALL * BATCH
    parts = [tf.constant(images[at : at + at_once]) for at in range(0, len(images), at_once)]
    step = 0

    def next_batches() -> int:
        nonlocal step
        step += 1
        return len(many(parts[step % len(parts)], tf.constant(step)).numpy())

    return next_batches


def _layers(images: np.ndarray) -> Callable[[], int]:
    import keras
    import tensorflow as tf

    from benchmarks.rivals import plain_keras

    stacked = keras.Sequential(plain_keras.augmentation_layers())
    compiled = tf.function(partial(stacked, training=True))
    floats = images.astype("float32") / 255
    batches = [tf.constant(floats[start : start + BATCH]) for start in _starts(images)]
    step = 0

    def next_batch() -> int:
        nonlocal step
        step += 1
        return len(compiled(batches[step % len(batches)]).numpy())

    return next_batch


def _generator(images: np.ndarray) -> Callable[[], int]:
    import tensorflow as tf

    ranges = settings.augmentation()
    flow = tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=ranges.rotation,
        width_shift_range=ranges.shift,
        height_shift_range=ranges.shift,
        zoom_range=ranges.zoom,
        fill_mode="constant",
        cval=0,
    ).flow(images.astype("float32") / 255, batch_size=BATCH)
    return lambda: len(next(flow))


def _starts(images: np.ndarray) -> range:
    return range(0, len(images) - BATCH + 1, BATCH)
