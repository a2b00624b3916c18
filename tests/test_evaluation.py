"""A run's figures against scikit-learn's and NumPy's, from the network's own probabilities."""

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss

from regbench.evaluation import evaluate
from regbench.network import build_network
from regbench.study import Network, Technique

CLASSES = ["ant", "bee", "a long name"]
PARTS = ["train"] * 40 + ["validation"] * 12 + ["test"] * 8


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network with some weights near zero, of which whitening and biases are not counted."""
    zca = {"mean": np.zeros(16, np.float32), "matrix": np.zeros((16, 16), np.float32)}
    zca["matrix"] += np.eye(16, dtype=np.float32)
    made = build_network(
        (4, 4, 1),
        3,
        Network(hidden_units=[16, 8], activation="relu"),
        Technique(zca=True, dropout=0.5),
        1,
        {"offset": [128.0], "scale": [60.0]},
        zca,
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


Evaluated = tuple[pd.DataFrame, dict[str, Any]]


@pytest.fixture
def evaluated(
    network: keras.Model, images: np.ndarray, split_index: pd.DataFrame, history: pd.DataFrame
) -> Evaluated:
    return evaluate(network, images, split_index, CLASSES, history)


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
    assert all(type(value) in (str, int, float) for value in evaluated[1].values())


def test_a_study_without_a_test_part(
    network: keras.Model, images: np.ndarray, split_index: pd.DataFrame, history: pd.DataFrame
) -> None:
    index = split_index.replace({"split": {"test": "validation"}})
    predictions, metrics = evaluate(network, images, index, CLASSES, history)
    assert not [name for name in metrics if name.startswith("test_")]
    assert len(predictions) == 20
    expected = metrics["train_accuracy"] - metrics["validation_accuracy"]
    assert metrics["generalization_gap"] == pytest.approx(expected)


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
    column: str,
    value: float,
) -> None:
    history.loc[3, column] = value
    predictions, metrics = evaluate(network, images, split_index, CLASSES, history)
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
