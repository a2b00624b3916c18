"""The benchmarks time what they say, and judge it; the measurements themselves run by hand."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from benchmarks import harness, prediction
from benchmarks.rivals import plain_cnn
from benchmarks.scaling import __main__ as scaling
from benchmarks.scaling.airflow import Airflow, called
from benchmarks.speed import __main__ as command
from benchmarks.speed import cifar, epoch, settings, study
from benchmarks.speed import regularizers as of_regularizers
from benchmarks.speed.agreement import compare
from benchmarks.speed.figures import Figure, Outcome, Side, interleave, ratio
from benchmarks.speed.processes import node_starts, side_by_side
from benchmarks.speed.scale import fit_line
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from omegaconf import OmegaConf

from regbench.networks.base import Plan
from regbench.networks.registry import network_of
from regbench.regularizers.augmentation import Augmentation
from regbench.regularizers.registry import REGULARIZERS
from regbench.study.schema import Protocol


def test_sides_take_turns_and_a_ratio_is_of_medians() -> None:
    order: list[str] = []

    def measured(name: str) -> float:
        order.append(name)
        return float(len(order))

    made = interleave({"a": lambda: measured("a"), "b": lambda: measured("b")}, 2)
    assert order == ["a", "b", "a", "b"]
    assert made["a"].values == [1, 3]
    figure = ratio("x", Side("a", "s", [1, 2, 9]), Side("b", "s", [4, 4, 3]), 0.5)
    assert (figure.value, figure.met, figure.low, figure.high) == (0.5, True, 0.25, 3)
    assert [Figure("x", 2.0, *of).met for of in ((None,), (1,), (1, False))] == [None, False, True]


def test_a_measurement_writes_its_entry_and_leaves_the_others(tmp_path: Path) -> None:
    def measure(given: Any, rounds: int) -> Outcome:
        side = Side("one", "s", [2.0, 3.0, 2.5][:rounds])
        return Outcome([side], [Figure("figure", 2.5, 1.0)], ["a note"])

    given = SimpleNamespace(out=tmp_path, rounds=None)
    for name in ("first", "second", "first"):
        command.MEASUREMENTS[name] = ("What it is.", 3, measure)
        command.measure(name, given)  # type: ignore[arg-type]
        command.MEASUREMENTS.pop(name)
    assert list(harness.read(tmp_path / "speed.json")) == ["first", "second"]
    text = (tmp_path / "speed.md").read_text()
    assert "| figure (`second`) | 2.5 |  | ≤ 1 | **not met** |" in text
    assert "- one 2.5 s (2 to 3)." in text
    (tmp_path / "speed.json").write_text("{")
    with pytest.raises(harness.BenchmarkError, match="damaged"):
        harness.read(tmp_path / "speed.json")


def test_what_repeats_a_figure_is_said_without_paths() -> None:
    options = command.parser()
    given = options.parse_args(["study", "--seeds", "2", "--images=/a/b.zip", "--out=x"])
    said = harness.command_of("benchmarks.speed", "study", given, options)
    assert said == "uv run python -m benchmarks.speed study --seeds=2"


def test_a_failed_command_is_one_line_and_memory_is_watched() -> None:
    watch = harness.Watch()
    script = "data = bytearray(300_000_000); import time; time.sleep(1.5)"
    seconds, _ = harness.timed([sys.executable, "-c", script], watch=watch)
    assert seconds > 1.5
    assert watch.peak > 300
    for call in (harness.timed, called):
        with pytest.raises(harness.BenchmarkError, match=r"exit code 1: ValueError: last line$"):
            call([sys.executable, "-c", "raise ValueError('last line')"])


def test_functions_run_side_by_side() -> None:
    assert side_by_side(os.path.join, [{"a": "x"}, {"a": "y"}]) == ["x", "y"]


def test_the_plain_script_does_what_the_published_study_does() -> None:
    from benchmarks.rivals import plain_keras

    techniques, protocol = settings.raw()["techniques"], settings.of(Protocol)
    expected = {}
    for name, regularizers in techniques.items():
        parts = [techniques[part] for part in regularizers.get("combine", [])] or [regularizers]
        combined = {key: value for part in parts for key, value in part.items()}
        expected[name] = {k: True if isinstance(v, dict) else v for k, v in combined.items()}
    assert expected == plain_keras.TECHNIQUES
    assert protocol.batch_size == plain_keras.BATCH_SIZE == epoch.BATCH
    assert protocol.split.train == plain_keras.TRAIN_SHARE
    assert techniques["early_stopping"]["early_stopping"]["patience"] == plain_keras.PATIENCE
    network = plain_keras.build_model((28, 28, 1), 10)
    units = [layer.units for layer in network.layers if hasattr(layer, "units")]
    assert units == [*settings.network().model_dump()["hidden_units"], 10]
    ranges = settings.of(Augmentation)
    turn, shift, zoom = plain_keras.augmentation_layers()
    assert np.max(turn.factor) == pytest.approx(ranges.rotation / 360)
    assert np.max(shift.height_factor) == np.max(shift.width_factor) == pytest.approx(ranges.shift)
    assert np.max(zoom.height_factor) == pytest.approx(ranges.zoom)


ORDERS = """
import keras, numpy as np
from benchmarks.rivals import plain_keras

class Watched(keras.layers.Layer):
    def call(self, numbers):
        if hasattr(numbers, "numpy"):  # not while Keras builds the network
            seen.append(numbers.numpy()[:, 0].tolist())
        return numbers

def build_watched(shape, classes):
    network = keras.Sequential([keras.Input(shape), Watched(), keras.layers.Dense(classes)])
    network.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    weights.append(network.get_weights()[0].tolist())
    seen.clear()
    return network

seen, weights = [], []
plain_keras.build_model = build_watched
plain_keras.BATCH_SIZE = 50
numbers = np.arange(50.0)[:, None]
for _ in range(2):
    plain_keras.run({}, 1, 3, (numbers, numbers[:, 0] // 25), (numbers, numbers[:, 0] // 25))
    orders = [order for order in seen if order != sorted(order)]  # without validation
    assert [sorted(order) for order in orders] == 3 * [list(range(50))], orders
    assert len(set(map(tuple, orders))) == 3, "the images come in the same order in every epoch"
assert weights[0] == weights[1], "a seed decides the weights"
"""


def test_the_plain_script_shuffles_anew_in_every_epoch() -> None:
    # In a process of its own: seeds of TensorFlow hold for the whole process.
    harness.timed([sys.executable, "-c", ORDERS], {"PYTHONPATH": str(harness.ROOT)})


def test_figures_are_calculated() -> None:
    sizes = [10_000, 100_000, 1_000_000]
    seconds = [10 + 2e-4 * size for size in sizes]
    assert fit_line(sizes, seconds) == pytest.approx((10, 2e-4))
    # 2 inputs, 3 hidden, 1 output: forward 12 + 6, weights 18, inputs of the last layer 6.
    assert epoch.operations(1, 0, [2, 3, 1]) == 42
    assert epoch.operations(0, 1, [2, 3, 1]) == 18


def test_node_times_are_read_from_kedros_log() -> None:
    log = (
        "1.5000 Running node: split: split_images([image_index]) -> [split_index]\n"
        "2.0000 something else\n"
        "3.0000 Running node: compare([a]) -> [b]\n"
        "3.5000 Pipeline execution completed successfully in 2.0 sec.\n"
    )
    assert node_starts(log) == [("split", 1.5), ("compare", 3.0), ("", 3.5)]
    bootstrap_project(harness.ROOT)
    names = {node.name.rpartition(".")[2] for node in pipelines["__default__"].nodes}
    assert {*study.SAME_AS_SCRIPT} <= names


@pytest.mark.parametrize(("shift", "differ"), [(0.0, 0), (0.02, 1)])
def test_a_technique_that_trains_otherwise_is_seen_among_ten(shift: float, differ: int) -> None:
    random = np.random.default_rng(0)
    accuracies = {
        str(number): (random.normal(0.93, 0.01, 20), random.normal(0.93, 0.01, 20))
        for number in range(10)
    }
    mine, theirs = accuracies["3"]
    figure = compare(accuracies | {"3": (mine + shift, theirs)}).figures[-1]
    assert (figure.value, figure.met) == (differ, differ == 0)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, ""),
        ({"state": "failed"}, "the run ended as failed"),
        ({"same comparison as by kedro run": False}, "the comparison is another"),
        ({"tasks": {"l1": ("two", 2)}}, "at work were"),
        ({"tasks": {"l1": ("one", 1), "l2": ("two", 1)}}, "with try 1"),
        ({"tasks": {"l1": ("two", 2), "l2": ("one", 1)}}, "ended on two"),
    ],
)
def test_a_run_over_machines_is_judged(changed: dict[str, Any], fault: str) -> None:
    good = {"tasks": {"data": ("one", 1), "l2": ("two", 1), "l1": ("one", 2)}, "state": "success"}
    run: dict[str, Any] = good | {"same comparison as by kedro run": True} | changed
    run["tasks"] = {n: {"machine": on, "tries": tries} for n, (on, tries) in run["tasks"].items()}
    run["lost"] = {"machine": "two", "in the middle of": "l1"}
    found = [*scaling.faults(run, ["one", "two"])]
    assert bool(found) == bool(fault)
    assert fault in " ".join(found)


def test_a_dead_service_ends_the_waiting(tmp_path: Path) -> None:
    airflow = Airflow(tmp_path, tmp_path, "LocalExecutor")
    assert airflow.wait_for("something", lambda: "found") == "found"
    died = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    died.wait()
    airflow.services["scheduler"] = died
    with pytest.raises(harness.BenchmarkError, match=r"^the DAG: scheduler has ended \(7\)$"):
        airflow.wait_for("the DAG", lambda: None)


def test_the_script_on_cifar_trains_the_network_of_regbench() -> None:
    """The same weights, and the same settings of what has none."""
    shape = (32, 32, 3)
    script = plain_cnn.build_model(shape, 10, steps=100)
    entry = OmegaConf.load(harness.ROOT / "conf/base/parameters_networks.yml")["networks"]["cnn"]
    scaling = {"scale": [255.0] * 3, "offset": [0.0] * 3}
    network = network_of(OmegaConf.to_container(entry)).built(Plan(shape, 10, 1, scaling))
    mine, theirs = (
        [
            (type(layer).__name__, getattr(layer, "momentum", None))
            for layer in model.layers
            if layer.weights
        ]
        for model in (network, script)
    )
    assert mine == theirs
    assert [w.shape for w in network.weights] == [w.shape for w in script.weights]
    assert script.count_params() == network.count_params()
    for one, other in zip(network.weights, script.weights, strict=True):
        assert np.std(one) == pytest.approx(np.std(other), rel=0.15)  # He's, and of the logits


def test_cifar_is_a_zip_with_enough_of_each_class(tmp_path: Path) -> None:
    given = SimpleNamespace(cifar=None, work=tmp_path)
    with pytest.raises(harness.BenchmarkError, match="cifar needs --cifar=ZIP"):
        cifar.first_images(given)  # type: ignore[arg-type]
    given.cifar = tmp_path / "some.zip"
    names = ["cifar10/train/cat/0499.jpg", "train/cat/0500.jpg", "train/cat/0600.jpg"]
    with zipfile.ZipFile(given.cifar, "w") as archive:
        for name in [*names, "test/cat/0399.png", "test/cat/0400.png", "README.md"]:
            archive.writestr(name, name)
    with pytest.raises(harness.BenchmarkError, match=r"some\.zip: 3 of the 10,000 images needed"):
        cifar.first_images(given)  # type: ignore[arg-type]
    with zipfile.ZipFile(tmp_path / "first-images.zip") as made:
        assert made.namelist() == [
            "train/cat/0499.jpg",
            "validation/cat/0500.jpg",
            "test/cat/0399.png",
        ]


@pytest.mark.parametrize("key", REGULARIZERS)
def test_every_regularizer_has_a_bar_and_is_made_with_its_data(key: str) -> None:
    made = of_regularizers.regularizer_of(key, (8, 8, 1))
    assert type(made) is REGULARIZERS[key]
    if made.family() != "ensemble":
        assert of_regularizers.bar_of(key) is None or 1 < of_regularizers.bar_of(key) < 3


def test_rivals_are_layers_of_keras_with_these_settings() -> None:
    for name, options in of_regularizers.RIVALS.values():
        assert getattr(keras.layers, name)(**options)


def test_epochs_with_and_without_a_regularizer_are_timed() -> None:
    network = {"kind": "mlp", "hidden_units": [4], "activation": "relu"}
    case = of_regularizers.Case("small", network, (8, 8, 1), 20)
    measured = side_by_side(
        of_regularizers.epochs_of,
        [{"keys": ["l2", "batch_normalization"], "case": case, "epochs": 2}],
    )
    assert set(measured[0]) == {"l2", "batch_normalization"}
    assert all(seconds > 0 for pair in measured[0].values() for seconds in pair)


def test_reading_is_measured_with_every_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = prediction.sets_of(tmp_path, 30)
    for side, kind, images in (
        ("folder", "folder", 30),
        ("zip", "zip", 30),
        ("zipfile", "zip", 34),
    ):
        prediction.read(side, made[kind])
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert found["images"] == images
        assert found["peak"] > 10  # MB
