"""What the benchmark of a training's end measures; the trainings themselves run by hand."""

import zipfile
from pathlib import Path

import numpy as np
from benchmarks.endpoint.__main__ import first_images, flat
from benchmarks.endpoint.measured import settle_statistics
from benchmarks.endpoint.page import by_technique, page
from benchmarks.endpoint.watch import LastEpochs, Watch
from benchmarks.harness import circumstances
from tests.training.small_study import (
    IMAGES,
    TRAIN,
    VALIDATION,
    network_of,
    protocol,
    regularizers_of,
    trained,
)

from regbench.networks.weights import set_weights, weights_of
from regbench.study.technique import Technique
from regbench.training.train import train
from regbench.training.variables import moving_statistics


def test_watching_changes_no_training_and_averages_its_weights() -> None:
    technique = Technique(dropout=0.2)
    shared = protocol(batch_size=len(TRAIN.rows), epochs=5)  # an epoch is a step
    unwatched, _ = trained(technique, shared)
    network = network_of(technique)
    average = [variable.numpy() for variable in network.trainable_variables]
    watched = [*regularizers_of(technique), Watch(decay=0.7)]
    train(network, IMAGES, TRAIN, VALIDATION, shared, 1, watched)
    ends = LastEpochs.latest
    for name, weights in weights_of(unwatched).items():
        np.testing.assert_array_equal(weights, weights_of(network)[name])
        np.testing.assert_array_equal(weights, ends.weights[5][name])
    for epoch in range(1, 6):
        set_weights(network, ends.weights[epoch])
        average = [
            0.7 * one + 0.3 * variable.numpy()
            for one, variable in zip(average, network.trainable_variables, strict=True)
        ]
    for one, other in zip(average, ends.averaged[5], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_statistics_of_averaged_weights_are_those_of_batches() -> None:
    network = network_of(Technique(batch_normalization=True))
    rows = TRAIN.rows[:32]
    settle_statistics(network, IMAGES, rows, 16)
    mean, variance = (variable.numpy() for variable in moving_statistics(network)[:2])
    kernel = network.trainable_variables[0].numpy()  # its biases are 0
    values = ((IMAGES[rows].reshape(32, 36) - 60.0) / 40.0) @ kernel
    batches = values.reshape(2, 16, -1)
    np.testing.assert_allclose(mean, batches.mean(axis=1).mean(axis=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(variance, batches.var(axis=1).mean(axis=0), rtol=1e-3, atol=1e-4)


def test_a_network_without_batch_normalization_is_left_alone() -> None:
    network = network_of(Technique())
    before = weights_of(network)
    settle_statistics(network, IMAGES, TRAIN.rows, 16)
    for name, weights in weights_of(network).items():
        np.testing.assert_array_equal(weights, before[name])


def test_the_page_compares_ends_over_the_seeds_that_all_techniques_have() -> None:
    noise = np.random.default_rng(0).normal(0, 0.001, (2, 9))
    trainings = [
        {"technique": technique, "seed": seed, "last": accuracy, "mean": accuracy + noise[1, seed],
         "averaged": accuracy + gain, "cross_entropy": 1 - accuracy}
        for technique, gain, seeds in (("baseline", 0.0, 9), ("better", 0.02, 8))
        for seed in range(seeds)
        for accuracy in [0.9 + gain + noise[0, seed] * (1 + 9 * gain)]
    ]  # fmt: skip
    assert {len(of["last"]) for of in by_technique(trainings).values()} == {8}
    text = page({"digits": {**circumstances(), "trainings": trainings}})
    gains = 0.02 + noise[0, :8] * 0.18
    # Twice the gain with averaged weights: another effect, of the same sign.
    assert f"| better | {100 * gains.mean():+.3g} ± {100 * gains.std(ddof=1):.2g} (" in text
    assert f" | {100 * (gains.mean() + 0.02):+.3g} ± " in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert [row[4:] for row in rows[1:4]] == [
        ["1.00", "1 of 1", "–", "0 |"],
        ["1.00", "1 of 1", "0", "0 |"],
        ["1.00", "1 of 1", "1", "0 |"],
    ]
    assert page({"digits": {"trainings": trainings[:3]}}).startswith("- *Decided*")


def test_first_images_of_every_class_make_three_parts(tmp_path: Path) -> None:
    source, target = tmp_path / "source.zip", tmp_path / "target.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for folder in ("train", "test"):
            for number in (0, 399, 400, 499, 500, 599, 600):
                archive.writestr(f"cifar10/{folder}/cat/{number:04}.jpg", f"{folder} {number}")
    with zipfile.ZipFile(first_images(source, target)) as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    wanted = {"train": (0, 399, 400, 499), "validation": (500, 599), "test": (0, 399)}
    assert found == {
        f"{part}/cat/{number:04}.jpg": f"{'test' if part == 'test' else 'train'} {number}"
        for part, numbers in wanted.items()
        for number in numbers
    }


def test_settings_become_options() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": 2}, "e": "x"}) == [("a.b.c", 1), ("a.d", 2), ("e", "x")]
