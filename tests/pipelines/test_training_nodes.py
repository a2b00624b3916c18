"""The nodes of a training: what is trained is recognized when it is measured."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from regbench.errors import StudyError
from regbench.evaluation.corruption import CORRUPTIONS
from regbench.metrics.registry import METRICS
from regbench.networks.weights import weights_of
from regbench.pipelines.training.nodes import collect_results, evaluate_network, train_network
from regbench.storage.stored_file import LocalFile
from regbench.study.digests import digest_of_metrics, digest_of_table, digest_of_weights, is_sealed
from regbench.training import events

random = np.random.default_rng(0)
IMAGES = random.integers(0, 256, (40, 6, 6, 1), dtype=np.uint8)
INDEX = pd.DataFrame(
    {
        "filename": [f"{number:02}.png" for number in range(40)],
        "label": ["cat", "dog"] * 20,
        "target": [0, 1] * 20,
        "split": ["train"] * 24 + ["validation"] * 8 + ["test"] * 8,
    }
)
CLASSES = ["cat", "dog"]
PROTOCOL = {
    "split": {"method": "sequential", "train": 0.6, "validation": 0.2, "test": 0.2, "seed": 0},
    "network": "mlp",
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "batch_size": 8,
    "epochs": 3,
    "checkpoint_minutes": 0,
    "seeds": [7],
}
TRAINING = {"technique": "l2", "regularizers": {"l2": 0.001}}
DATA = {"data": "d", "split": "s", "made_from": {"files": "f"}}
SETTINGS = {"protocol": "p", "technique": "t", "training": "c"}

Trained = tuple[keras.Model, pd.DataFrame, dict[str, np.ndarray], dict[str, str]]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> LocalFile:
    return LocalFile(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def trained(checkpoints: LocalFile) -> Trained:
    return train_network(
        IMAGES,
        INDEX,
        CLASSES,
        {"offset": [128.0], "scale": [60.0]},
        PROTOCOL,
        {"kind": "mlp", "hidden_units": [4], "activation": "relu"},
        TRAINING,
        7,
        DATA,
        SETTINGS,
        checkpoints,
    )


def evaluated(made: Trained, **changes: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    network, history, best_epoch_weights, made_from = made
    corrupted = np.stack([IMAGES[:5]] * len(CORRUPTIONS))
    values = {
        "trained": network,
        "history": history,
        "best_epoch_weights": best_epoch_weights,
        "made_from": made_from,
        "checkpoints": LocalFile(Path("no_checkpoints")),
        **changes,
    }
    return evaluate_network(
        images=IMAGES,
        split_index=INDEX,
        classes=CLASSES,
        corrupted_images=corrupted,
        corrupted_rows=[0, 1, 2, 3, 4],
        evaluation_fingerprint="e",
        training=TRAINING,
        seed=7,
        **values,
    )


def test_a_network_is_told_what_it_was_made_from(trained: Trained) -> None:
    network, history, best_epoch_weights, made_from = trained
    assert {part: made_from[part] for part in ("data", "split", *SETTINGS)} == {
        "data": "d",
        "split": "s",
        **SETTINGS,
    }
    assert made_from["weights"] == digest_of_weights(weights_of(network))
    assert made_from["best_epoch_weights"] == digest_of_weights(best_epoch_weights)
    assert made_from["history"] == digest_of_table(history)
    assert is_sealed(made_from)
    assert "tensorflow" in made_from["trained_on"]
    assert len(history) == 3


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_network_computes_in_the_protocols_precision(precision: str) -> None:
    network, *_ = train_network(
        IMAGES,
        INDEX,
        CLASSES,
        {"offset": [128.0], "scale": [60.0]},
        PROTOCOL | {"precision": precision, "epochs": 1, "checkpoint_minutes": None},
        {"kind": "mlp", "hidden_units": [4], "activation": "relu"},
        TRAINING,
        7,
        DATA,
        SETTINGS,
        LocalFile(Path("no_checkpoints")),
    )
    assert network.get_layer("hidden_1").compute_dtype == precision.removeprefix("mixed_")
    assert keras.config.dtype_policy().name == "float32"


def test_its_metrics_carry_the_fingerprint(trained: Trained) -> None:
    network, _, _, made_from = trained
    network = keras.models.clone_model(network)
    network.set_weights(trained[0].get_weights())
    predictions, metrics = evaluated(trained, trained=network)
    assert metrics["technique"] == "l2"
    assert metrics["seed"] == 7
    made = {"predictions": digest_of_table(predictions), "metrics": digest_of_metrics(metrics)}
    assert metrics["fingerprint"] | {"record": made_from["record"]} == (
        made_from | {"evaluation": "e"} | made
    )
    assert "record" not in metrics["fingerprint"]
    assert (predictions["split"] != "train").sum() == 16
    collected = collect_results(metrics, trained[1], predictions)
    assert collected.trainings["fingerprint_evaluation"].tolist() == ["e"]
    assert collected.epochs["seed"].tolist() == [7, 7, 7]


def test_a_training_leaves_its_checkpoint_until_what_it_made_is_stored_and_evaluated(
    trained: Trained, checkpoints: LocalFile
) -> None:
    checkpoint_file = checkpoints.joinpath("l2/seed_7_checkpoint.npz")
    assert checkpoint_file.exists()
    other = keras.models.clone_model(trained[0])
    with pytest.raises(StudyError):
        evaluated(trained, trained=other, checkpoints=checkpoints)
    assert checkpoint_file.exists()
    evaluated(trained, checkpoints=checkpoints)
    assert not checkpoint_file.exists()


def test_a_network_of_another_training_is_not_measured(trained: Trained) -> None:
    other = keras.models.clone_model(trained[0])
    other.get_layer("logits").bias.assign([0.5, -0.5])
    said = r"network of l2, seed 7, .* uv run kedro run --pipelines=l2 trains it again"
    with pytest.raises(StudyError, match=said):
        evaluated(trained, trained=other)


def test_a_failed_training_is_told_to_who_watches(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(events, "report", told.append)
    history = trained[1].assign(train_cross_entropy=float("nan"))
    _, metrics = evaluated(trained, history=history)
    assert metrics["status"] == "failed"
    (done,) = told
    assert (done.technique, done.seed, done.epochs) == ("l2", 7, 3)
    assert done.failure == "the loss stopped being finite in epoch 3"


def test_the_train_images_of_each_class_are_counted_for_class_weights(tmp_path: Path) -> None:
    """Weights change a training on uneven classes, and none on even ones."""
    uneven = INDEX.assign(target=[1, 0, 0, 0] * 10)

    def weights_after(regularizers: dict[str, Any], index: pd.DataFrame) -> np.ndarray:
        network, history, *_ = train_network(
            IMAGES,
            index,
            CLASSES,
            {"offset": [128.0], "scale": [60.0]},
            PROTOCOL,
            {"kind": "mlp", "hidden_units": [4], "activation": "relu"},
            {"technique": "any", "regularizers": regularizers},
            7,
            DATA,
            SETTINGS,
            LocalFile(Path(tempfile.mkdtemp(dir=tmp_path))),
        )
        assert {f"validation_{name}" for name in METRICS} <= set(history)
        return np.concatenate([value.ravel() for value in weights_of(network).values()])

    weighted = {"class_weights": "balanced"}
    assert (weights_after(weighted, uneven) != weights_after({}, uneven)).any()
    np.testing.assert_array_equal(weights_after(weighted, INDEX), weights_after({}, INDEX))
