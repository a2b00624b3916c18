"""A run's figures against scikit-learn's and NumPy's, from the network's own probabilities."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score
from tests.building import build_network

from regbench.evaluation.corruption import CORRUPTIONS
from regbench.evaluation.evaluate import evaluate
from regbench.evaluation.pruning import SHARES
from regbench.networks.inference import predict
from regbench.networks.kinds.mlp import Mlp
from regbench.networks.weights import weights_of
from regbench.study.technique import Technique

CLASSES = ["ant", "bee", "a long name"]
PARTS = ["train"] * 40 + ["validation"] * 12 + ["test"] * 8


@pytest.fixture
def network() -> keras.Model:
    """A network with some weights near zero, of which whitening and biases are not counted."""
    zca = {"mean": np.zeros(16, np.float32), "matrix": np.zeros((16, 16), np.float32)}
    zca["matrix"] += np.eye(16, dtype=np.float32)
    made = build_network(
        (4, 4, 1),
        3,
        Mlp(hidden_units=[16, 8], activation="relu"),
        Technique(zca=True, dropout=0.5),
        1,
        {"offset": [128.0], "scale": [60.0]},
        zca=zca,
    )
    kernel = made.get_layer("hidden_2").kernel
    values = kernel.numpy()
    values[:5] = 0
    values[5] = 0.00099
    values[6] = -0.00099
    values[7] = 0.00101
    kernel.assign(values)
    return made


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 4, 4, 1), dtype=np.uint8)


@pytest.fixture
def split_index() -> pd.DataFrame:
    random = np.random.default_rng(1)
    targets = random.integers(0, 3, 60).astype(np.int32)
    return pd.DataFrame(
        {
            "filename": [f"{number:02}.png" for number in range(60)],
            "label": [CLASSES[target] for target in targets],
            "target": targets,
            "split": random.permutation(PARTS),
        }
    )


@pytest.fixture
def history() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "epoch": [1, 2, 3, 4],
            "train_cross_entropy": [1.0, 0.5, 0.4, 0.3],
            "train_accuracy": [0.5, 0.6, 0.7, 0.8],
            "penalty": [0.0, 0.0, 0.0, 0.0],
            "validation_cross_entropy": [1.0, 0.9, 0.8, 0.95],
            "validation_accuracy": [0.5, 0.75, 0.75, 0.6],
            "seconds": [1.5, 1.0, 1.0, 0.5],
            "kept": [False, False, False, True],
        }
    )


CORRUPTED_ROWS = np.array([3, 17, 41, 58, 59])


@pytest.fixture
def corrupted() -> np.ndarray:
    """As many sets of five images as there are corruptions, each of other noise."""
    shape = (len(CORRUPTIONS), len(CORRUPTED_ROWS), 4, 4, 1)
    return np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)


Evaluated = tuple[pd.DataFrame, dict[str, Any]]


@pytest.fixture
def evaluated(
    network: keras.Model,
    images: np.ndarray,
    split_index: pd.DataFrame,
    history: pd.DataFrame,
    corrupted: np.ndarray,
) -> Evaluated:
    return evaluate(network, images, split_index, CLASSES, history, {}, corrupted, CORRUPTED_ROWS)


@pytest.fixture
def probabilities(network: keras.Model, images: np.ndarray) -> np.ndarray:
    found = np.asarray(network(images, training=False), dtype=float)
    return found / found.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_figures_of_every_part_are_scikit_learns(
    evaluated: Evaluated, probabilities: np.ndarray, split_index: pd.DataFrame, part: str
) -> None:
    rows = (split_index["split"] == part).to_numpy()
    targets = split_index["target"][rows]
    expected = accuracy_score(targets, probabilities[rows].argmax(axis=1))
    assert 0 < expected < 1
    assert evaluated[1][f"{part}_accuracy"] == pytest.approx(expected)
    assert evaluated[1][f"{part}_cross_entropy"] == pytest.approx(
        log_loss(targets, probabilities[rows], labels=[0, 1, 2]), rel=1e-5
    )


def test_predictions_are_of_every_image_held_out(
    evaluated: Evaluated, probabilities: np.ndarray, split_index: pd.DataFrame
) -> None:
    predictions = evaluated[0]
    held_out = split_index[split_index["split"] != "train"].set_index("filename")
    assert sorted(predictions["filename"]) == sorted(held_out.index)
    found = predictions.set_index("filename").loc[held_out.index]
    expected = probabilities[split_index["split"] != "train"]
    assert found["label"].tolist() == held_out["label"].tolist()
    assert found["split"].tolist() == held_out["split"].tolist()
    assert found["predicted"].tolist() == [CLASSES[i] for i in expected.argmax(axis=1)]
    np.testing.assert_allclose(found["confidence"], expected.max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(np.stack(found["probabilities"]), expected, rtol=1e-4)
    assert found["probabilities"].iloc[0].dtype == np.float32


def test_accuracies_can_be_counted_again_from_the_predictions(evaluated: Evaluated) -> None:
    predictions, metrics = evaluated
    right = predictions["label"] == predictions["predicted"]
    for part in ("validation", "test"):
        share = right[predictions["split"] == part].mean()
        assert metrics[f"{part}_accuracy"] == pytest.approx(share)


def test_the_gap_is_from_train_to_test(evaluated: Evaluated) -> None:
    metrics = evaluated[1]
    expected = metrics["train_accuracy"] - metrics["test_accuracy"]
    assert metrics["generalization_gap"] == pytest.approx(expected)
    assert metrics["train_accuracy"] != 0.8  # of the trained network, not of its last epoch


def test_weights_are_counted_without_what_is_not_trained(
    evaluated: Evaluated, network: keras.Model
) -> None:
    kernels = [16 * 16, 16 * 8, 8 * 3]
    metrics = evaluated[1]
    assert metrics["weights"] == sum(kernels) + 16 + 8 + 3
    assert metrics["weights"] == sum(keras.ops.size(weight) for weight in network.trainable_weights)
    layers = [network.get_layer(name).kernel.numpy() for name in ("hidden_1", "hidden_2", "logits")]
    small = sum(int((np.abs(kernel) < 1e-3).sum()) for kernel in layers)
    assert small >= 7 * 8  # the rows that the fixture made small, and not the zeros of whitening
    assert metrics["near_zero_share"] == pytest.approx(small / sum(kernels))


def test_the_history_is_summed_up(evaluated: Evaluated) -> None:
    metrics = evaluated[1]
    assert metrics["status"] == "trained"
    assert metrics["epochs"] == 4
    assert metrics["seconds"] == 4.0
    assert metrics["best_epoch"] == 2  # the first of two that are as good
    assert metrics["best_validation_accuracy"] == 0.75


def test_metrics_are_plain_values(evaluated: Evaluated) -> None:
    assert json.loads(json.dumps(evaluated[1])) == evaluated[1]
    single = [value for value in evaluated[1].values() if not isinstance(value, dict)]
    assert all(type(value) in (str, int, float) for value in single)


class TestAnswers:
    """Figures by class and of confidence, over the test images."""

    @pytest.fixture
    def targets(self, split_index: pd.DataFrame) -> np.ndarray:
        return split_index["target"].to_numpy()[split_index["split"] == "test"]

    @pytest.fixture
    def of_test(self, probabilities: np.ndarray, split_index: pd.DataFrame) -> np.ndarray:
        return probabilities[split_index["split"] == "test"]

    def test_recall_and_f1_are_scikit_learns(
        self, evaluated: Evaluated, of_test: np.ndarray, targets: np.ndarray
    ) -> None:
        metrics, answers = evaluated[1], of_test.argmax(axis=1)
        assert set(targets) == {0, 1, 2}
        recall = recall_score(targets, answers, average=None, labels=[0, 1, 2])
        assert metrics["recall"] == pytest.approx(dict(zip(CLASSES, recall, strict=True)))
        assert metrics["macro_f1"] == pytest.approx(f1_score(targets, answers, average="macro"))

    def test_calibration_is_the_gap_between_confidence_and_accuracy(
        self, evaluated: Evaluated, of_test: np.ndarray, targets: np.ndarray
    ) -> None:
        gap = 0.0
        for low in np.arange(15) / 15:
            confidence = of_test.max(axis=1)
            inside = (confidence > low) & (confidence <= low + 1 / 15)
            right = of_test[inside].argmax(axis=1) == targets[inside]
            gap += abs(right.sum() - confidence[inside].sum()) / len(targets)
        found = evaluated[1]["expected_calibration_error"]
        assert found == pytest.approx(gap, rel=1e-4)
        assert found > 0

    def test_under_corruption_is_that_of_the_corrupted_images(
        self,
        evaluated: Evaluated,
        network: keras.Model,
        corrupted: np.ndarray,
        split_index: pd.DataFrame,
    ) -> None:
        targets = split_index["target"].to_numpy()[CORRUPTED_ROWS]
        found = evaluated[1]["accuracy_under_corruption"]
        assert list(found) == list(CORRUPTIONS)
        for images, figure in zip(corrupted, found.values(), strict=True):
            answers = network.predict(images, verbose=0).argmax(axis=1)
            assert figure == pytest.approx(accuracy_score(targets, answers))
        assert len(set(found.values())) > 1

    def test_after_pruning_are_of_the_test_images_without_the_smallest_weights(
        self,
        evaluated: Evaluated,
        network: keras.Model,
        images: np.ndarray,
        split_index: pd.DataFrame,
        targets: np.ndarray,
    ) -> None:
        found = evaluated[1]["accuracy_after_pruning"]
        assert list(found) == [f"{share:g}" for share in SHARES] == ["0.5", "0.8", "0.9", "0.95"]
        layers = [network.get_layer(name) for name in ("hidden_1", "hidden_2", "logits")]
        whole = [layer.kernel.numpy() for layer in layers]
        for share, figure in found.items():
            magnitudes = np.sort(np.abs(np.concatenate([kernel.ravel() for kernel in whole])))
            limit = magnitudes[round(float(share) * len(magnitudes)) - 1]
            for layer, kernel in zip(layers, whole, strict=True):
                layer.kernel.assign(np.where(np.abs(kernel) <= limit, 0, kernel))
            rows = images[split_index["split"] == "test"]
            answers = network.predict(rows, verbose=0).argmax(axis=1)
            assert figure == pytest.approx(accuracy_score(targets, answers))


class TestTheBestEpoch:
    @pytest.fixture
    def best_weights(self, network: keras.Model) -> dict[str, np.ndarray]:
        random = np.random.default_rng(4)
        return {
            name: random.normal(size=weight.shape).astype(np.float32)
            for name, weight in weights_of(network).items()
        }

    def test_is_measured_with_its_own_weights(
        self,
        network: keras.Model,
        images: np.ndarray,
        split_index: pd.DataFrame,
        history: pd.DataFrame,
        corrupted: np.ndarray,
        best_weights: dict[str, np.ndarray],
    ) -> None:
        rows = np.flatnonzero(split_index["split"] == "test")
        targets = split_index["target"].to_numpy()[rows]
        last = weights_of(network)
        _, plain = evaluate(
            network, images, split_index, CLASSES, history, {}, corrupted, CORRUPTED_ROWS
        )
        for name, weight in weights_of(network).items():
            np.testing.assert_array_equal(weight, last[name])  # measuring leaves the network alone
        _, metrics = evaluate(
            network, images, split_index, CLASSES, history, best_weights, corrupted, CORRUPTED_ROWS
        )
        # By hand: the whitening, which comes first, then hidden layers, then the logits.
        values = ((images[rows].astype(float) - 128) / 60).reshape(len(rows), -1)
        values = values @ best_weights["zca.kernel"] + best_weights["zca.bias"]
        for layer in ("hidden_1", "hidden_2"):
            values = values @ best_weights[f"{layer}.kernel"] + best_weights[f"{layer}.bias"]
            values = np.maximum(values, 0)
        logits = values @ best_weights["logits.kernel"] + best_weights["logits.bias"]
        expected = accuracy_score(targets, logits.argmax(axis=1))
        assert metrics["best_epoch_test_accuracy"] == pytest.approx(expected)
        assert expected != plain["test_accuracy"]
        # All other figures are of the weights that training ended with.
        del metrics["best_epoch_test_accuracy"], plain["best_epoch_test_accuracy"]
        assert metrics == plain
        for name, weight in weights_of(network).items():
            np.testing.assert_array_equal(weight, last[name])  # and gives it its own ones back

    def test_is_the_network_itself_where_it_has_no_other_weights(
        self, evaluated: Evaluated
    ) -> None:
        assert evaluated[1]["best_epoch_test_accuracy"] == evaluated[1]["test_accuracy"]


def test_bytes_are_those_of_the_weights_alone(
    evaluated: Evaluated, network: keras.Model, tmp_path: Path
) -> None:
    weights = weights_of(network)
    np.savez(tmp_path / "weights.npz", **weights)
    with np.load(tmp_path / "weights.npz") as stored:
        found = sum(stored[name].nbytes for name in stored)
        assert found == sum(4 * stored[name].size for name in stored)
    assert evaluated[1]["weights_bytes"] == found
    frozen = 16 * 16 + 16  # the whitening, which the network needs too
    assert found == 4 * (evaluated[1]["weights"] + frozen)
    assert found < (tmp_path / "weights.npz").stat().st_size


def test_a_study_without_a_test_part(
    network: keras.Model,
    images: np.ndarray,
    split_index: pd.DataFrame,
    history: pd.DataFrame,
    corrupted: np.ndarray,
) -> None:
    index = split_index.replace({"split": {"test": "validation"}})
    validation = np.flatnonzero(index["split"] == "validation")
    targets = index["target"].to_numpy()[validation]
    answers = predict(network, images, validation).argmax(axis=1)
    best = {name: weight + 1 for name, weight in weights_of(network).items()}
    predictions, metrics = evaluate(
        network, images, index, CLASSES, history, best, corrupted, CORRUPTED_ROWS
    )
    assert not [name for name in metrics if "test" in name]
    assert len(predictions) == 20
    expected = metrics["train_accuracy"] - metrics["validation_accuracy"]
    assert metrics["generalization_gap"] == pytest.approx(expected)
    assert metrics["macro_f1"] == pytest.approx(f1_score(targets, answers, average="macro"))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("train_cross_entropy", np.nan),
        ("train_cross_entropy", np.inf),
        ("penalty", np.inf),
        ("validation_cross_entropy", np.nan),  # the very last step went wrong
    ],
)
def test_a_run_that_diverged_has_a_reason_and_no_figures(
    network: keras.Model,
    images: np.ndarray,
    split_index: pd.DataFrame,
    history: pd.DataFrame,
    corrupted: np.ndarray,
    column: str,
    value: float,
) -> None:
    history.loc[3, column] = value
    predictions, metrics = evaluate(
        network, images, split_index, CLASSES, history, {}, corrupted, CORRUPTED_ROWS
    )
    assert metrics == {
        "status": "failed",
        "reason": "the loss stopped being finite in epoch 4",
        "epochs": 4,
        "seconds": 4.0,
    }
    assert predictions.empty
    assert predictions.columns.tolist() == [
        *("filename", "split", "label", "predicted", "confidence", "probabilities")
    ]
    assert predictions["confidence"].dtype == np.float32
