import ast
import json
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from regbench.runs.config_loader import StudyConfigLoader

sys.path.insert(0, str(Path(__file__).parents[1]))  # the suite is no part of the package

from benchmarks.speed import __main__ as command
from benchmarks.speed import augmentation, machine, results, settings, study
from benchmarks.speed.agreement import DIFFER, compare, welch
from benchmarks.speed.harness import (
    ROOT,
    BenchmarkError,
    Figure,
    Measurement,
    Outcome,
    Side,
    interleave,
    ratio,
)
from benchmarks.speed.ingestion import pixel_data
from benchmarks.speed.limit import operations
from benchmarks.speed.log_times import durations, end_of_run, node_starts
from benchmarks.speed.scale import _waiting_for_tensorflow, fit_line, slope_growth
from benchmarks.speed.sets import repetitions

MACHINE = {"processor": "P", "cores": 2, "memory, GB": 8.0, "system": "S", "python": "3"}
MOMENT = {"date": "2026-01-01", "load": [0.0, 0.0, 0.0]}


def entry_of(value: float) -> dict[str, Any]:
    measurement = Measurement("m", "What it is.", 1, lambda options, rounds: Outcome([], []))
    outcome = Outcome([Side("one", "s", [value])], [Figure("figure", value, 1.0)], ["a note"])
    return results.entry(measurement, outcome, MACHINE, MOMENT, "speed m --rounds=3")


def test_sides_take_turns() -> None:
    order: list[str] = []

    def measured(name: str) -> float:
        order.append(name)
        return float(len(order))

    made = interleave({"a": lambda: measured("a"), "b": lambda: measured("b")}, 2, "s")
    assert order == ["a", "b", "a", "b"]
    assert made["a"].values == [1, 3]
    assert made["b"].median == 3


def test_a_ratio_is_of_medians_and_its_range_of_rounds() -> None:
    figure = ratio("x", Side("a", "s", [1, 2, 9]), Side("b", "s", [4, 4, 3]), 0.5)
    assert figure.value == 0.5
    assert figure.met
    assert (figure.low, figure.high) == (0.25, 3)


@pytest.mark.parametrize(
    ("limit", "at_most", "met"), [(None, True, None), (1, True, False), (1, False, True)]
)
def test_targets_are_upper_or_lower_limits(
    limit: float | None, at_most: bool, met: bool | None
) -> None:
    assert Figure("x", 2.0, limit, at_most).met is met


def test_a_partial_run_keeps_other_figures(tmp_path: Path) -> None:
    results.write(tmp_path, {"second": entry_of(2.0)}, ["first", "second"])
    before = results.read(tmp_path)
    before["first"] = entry_of(0.5)
    results.write(tmp_path, before, ["first", "second"])
    after = json.loads((tmp_path / "speed.json").read_text())["measurements"]
    assert list(after) == ["first", "second"]
    assert after["second"]["sides"][0]["median"] == 2.0
    text = (tmp_path / "speed.md").read_text()
    assert "| figure (`first`) | 0.5 |  | ≤ 1 | met |" in text
    assert "| figure (`second`) | 2 |  | ≤ 1 | **not met** |" in text
    assert "What it is. `speed m --rounds=3`" in text


def test_a_damaged_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "speed.json").write_text("{")
    with pytest.raises(BenchmarkError, match="damaged"):
        results.read(tmp_path)


def test_what_others_write_meanwhile_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def measure(options: Any, rounds: int) -> Outcome:
        results.write(tmp_path, results.read(tmp_path) | {"other": entry_of(2.0)}, [])
        return Outcome([], [Figure("figure", 1.0)])

    monkeypatch.setattr(machine, "idle_moment", lambda: {"busy": 0.0, **MOMENT})
    results.write(tmp_path, {"other": entry_of(1.0)}, [])
    arguments = command._parser().parse_args(["m", f"--out={tmp_path}"])
    assert command._measure([Measurement("m", "About.", 1, measure)], arguments) == []
    after = results.read(tmp_path)
    assert after["other"]["figures"][0]["value"] == 2.0
    assert after["m"]["figures"][0]["value"] == 1.0

    skipped = Measurement("m", "About.", 1, lambda options, rounds: Outcome([], [], ["Skipped."]))
    assert command._measure([skipped], arguments) == []
    assert results.read(tmp_path) == after


def test_agreement_needs_only_the_digits_that_ship() -> None:
    by_name = {one.name: one for one in command.MEASUREMENTS}
    arguments = command._parser().parse_args(["agreement", "--images=none.zip"])
    command._check_images([by_name["agreement"]], arguments)
    with pytest.raises(BenchmarkError, match="fetch_mnist makes it"):
        command._check_images([by_name["agreement"], by_name["epoch"]], arguments)


def test_missing_images_are_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["speed", "epoch", f"--images={tmp_path / 'none.zip'}"])
    with pytest.raises(SystemExit) as stop:
        command.main()
    assert "kedro run --pipelines=fetch_mnist makes it" in str(stop.value)
    assert "\n" not in str(stop.value)


def test_what_repeats_a_figure_is_said_with_its_options() -> None:
    given = ["study", "--rounds=2", "--torch-python=/a/python", "--scale-sizes=1,2,3", "--out=x"]
    said = command._given(command._parser().parse_args(given))
    assert said == ["--rounds=2", "--torch-python=PATH/TO/python", "--scale-sizes=1,2,3"]
    assert command._given(command._parser().parse_args(["study"])) == []


def test_a_busy_machine_is_seen() -> None:
    begin = time.process_time()
    share = machine.busy_share(seconds=0.2)
    assert 0 <= share <= 1
    assert time.process_time() - begin < 0.1  # it does not count itself


RIVALS = Path(__file__).parents[1] / "benchmarks/rivals"


@pytest.mark.parametrize("rival", ["plain_keras", "plain_torch"])
def test_the_rivals_do_what_the_published_study_does(rival: str) -> None:
    constants = {}
    for node in ast.parse((RIVALS / f"{rival}.py").read_text()).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id.isupper():
            constants[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
    techniques, protocol = settings._read()["techniques"], settings.protocol()
    expected = {}
    for name, regularizers in techniques.items():
        parts = [techniques[part] for part in regularizers.get("combine", [])] or [regularizers]
        combined = {key: value for part in parts for key, value in part.items()}
        expected[name] = {
            key: True if isinstance(value, dict) else value for key, value in combined.items()
        }
    assert constants["TECHNIQUES"] == expected
    assert constants["BATCH_SIZE"] == protocol.batch_size
    assert constants["TRAIN_SHARE"] == protocol.split.train
    stopping = techniques["early_stopping"]["early_stopping"]
    assert constants.get("PATIENCE", stopping["patience"]) == stopping["patience"]


def test_the_plain_keras_script_builds_the_network_of_the_study() -> None:
    from benchmarks.rivals import plain_keras

    from regbench.training import step

    def units(network: Any) -> list[int]:
        return [layer.units for layer in network.layers if hasattr(layer, "units")]

    def limits(factor: Any) -> list[float]:
        return list(factor) if isinstance(factor, tuple | list) else [-factor, factor]

    hidden = settings.protocol().network.hidden_units
    assert units(plain_keras.build_model((28, 28, 1), 10)) == [*hidden, 10]
    assert augmentation.BATCHES_A_CALL == step._BATCHES_A_CALL
    ranges = settings.augmentation()
    turn, shift, zoom = plain_keras.augmentation_layers()
    assert limits(turn.factor) == pytest.approx([-ranges.rotation / 360, ranges.rotation / 360])
    for layer, largest in ((shift, ranges.shift), (zoom, ranges.zoom)):
        assert limits(layer.height_factor) == pytest.approx([-largest, largest])
    assert limits(shift.width_factor) == pytest.approx([-ranges.shift, ranges.shift])
    assert zoom.width_factor is None  # as the height


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


def test_the_plain_keras_script_shuffles_anew_in_every_epoch() -> None:
    # In a process of its own: seeds of TensorFlow hold for the whole process.
    done = subprocess.run(
        [sys.executable, "-c", ORDERS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_straight_line_is_found() -> None:
    sizes = [10_000, 100_000, 1_000_000]
    seconds = [10 + 2e-4 * size for size in sizes]
    assert fit_line(sizes, seconds) == pytest.approx((10, 2e-4))
    assert slope_growth(sizes, seconds) == pytest.approx(1)


def test_operations_of_an_epoch() -> None:
    # 2 inputs, 3 hidden, 1 output: forward 12 + 6, weights 18, inputs of the last layer 6.
    assert operations(1, 0, [2, 3, 1]) == 42
    assert operations(0, 1, [2, 3, 1]) == 18


def test_node_times_are_read_from_kedros_log() -> None:
    log = "\n".join(
        [
            "1.5000 Running node: split: split_images([image_index]) -> [split_index]",
            "2.0000 something else",
            "3.0000 Running node: collect_results([a]) -> [b]",
            "3.5000 Pipeline execution completed successfully in 2.0 sec.",
        ]
    )
    starts = node_starts(log)
    assert starts == [("split", 1.5), ("collect_results", 3.0)]
    assert durations(starts, end_of_run(log)) == {"split": 1.5, "collect_results": 0.5}


def test_the_wait_for_tensorflow_is_told_from_the_log() -> None:
    log = "\n".join(
        [
            "1.0000 Running node: ingest: ingest_images([images]) -> [index]",
            "2.0000 Running node: record_files: record_files([index]) -> [record]",
            "4.5000 Running node: train: train_network([index]) -> [network]",
            "5.0000 Running node: preview: preview([index]) -> [picture]",
        ]
    )
    assert _waiting_for_tensorflow(log) == 2.5


def test_measurements_name_nodes_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StudyConfigLoader, "latest", None)  # another test's
    bootstrap_project(ROOT)
    names = {node.name.rpartition(".")[2] for node in pipelines["__default__"].nodes}
    assert {"train", "record_files", *study._SAME_AS_SCRIPT} <= names


def test_an_interpreter_without_pytorch_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="absent: No such file"):
        machine.check_torch(tmp_path / "absent")
    bare = tmp_path / "python"
    bare.write_text(
        "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1\n"
    )
    bare.chmod(0o755)
    with pytest.raises(
        BenchmarkError, match="python: ModuleNotFoundError: No module named 'torch'"
    ):
        machine.check_torch(bare)


def test_the_pixels_of_a_png_are_found() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4) + kind + content + b"\0" * 4

    packed = zlib.compress(b"pixels")
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", b"h"), chunk(b"IDAT", packed[:4]), chunk(b"IDAT", packed[4:])]
    )
    assert zlib.decompress(pixel_data(png)) == b"pixels"


def test_repetitions_differ_from_one_another() -> None:
    made = list(repetitions(rows=2, count=98))
    assert made[:3] == [(0, (0, 0)), (1, (0, 0)), (0, made[2][1])]
    assert len(set(made)) == 98


def test_the_interval_of_equal_samples_holds_zero() -> None:
    difference, low, high, p_value = welch([0.1, 0.2, 0.3], [0.3, 0.2, 0.1])
    assert difference == pytest.approx(0)
    assert low < 0 < high
    assert np.isclose(low, -high)
    assert p_value == pytest.approx(1)


@pytest.mark.parametrize(("shift", "differ"), [(0.0, 0), (0.02, 1)])
def test_a_technique_that_trains_otherwise_is_seen_among_ten(shift: float, differ: int) -> None:
    random = np.random.default_rng(0)
    accuracies = {
        str(number): (random.normal(0.93, 0.01, 20), random.normal(0.93, 0.01, 20))
        for number in range(10)
    }
    mine, theirs = accuracies["3"]
    outcome = compare(accuracies | {"3": (mine + shift, theirs)})
    figure = outcome.figures[-1]
    assert figure.what == DIFFER
    assert figure.value == differ
    assert figure.met is (differ == 0)
    assert len(outcome.figures) == 11
