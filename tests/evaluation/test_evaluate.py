"""A training's figures against scikit-learn's and NumPy's, from the network's own probabilities."""

import importlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    recall_score,
)
from tests.building import build_network

from regbench.evaluation.corruption import CORRUPTIONS
from regbench.evaluation.evaluate import evaluate
from regbench.evaluation.figures.registry import figures, named
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


@dataclass(frozen=True)
class Case:
    """What figures are computed again from, by other means."""

    network: keras.Model
    images: np.ndarray
    parts: np.ndarray
    all_targets: np.ndarray
    probabilities: np.ndarray
    history: pd.DataFrame
    corrupted: np.ndarray

    def of(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        rows = self.parts == part
        return self.all_targets[rows], self.probabilities[rows]

    def accuracy(self, part: str) -> float:
        targets, probabilities = self.of(part)
        return float(accuracy_score(targets, probabilities.argmax(axis=1)))

    def cross_entropy(self, part: str) -> float:
        return float(log_loss(*self.of(part), labels=[0, 1, 2]))

    def by_answers(self, part: str, score: Callable[..., float]) -> float:
        targets, probabilities = self.of(part)
        return float(score(targets, probabilities.argmax(axis=1)))

    def log_likelihood_per_class(self, part: str) -> float:
        targets, probabilities = self.of(part)
        return -float(
            np.mean(
                [
                    log_loss(targets[of], probabilities[of], labels=[0, 1, 2])
                    for of in (targets == label for label in np.unique(targets))
                ]
            )
        )

    @property
    def kernels(self) -> list[np.ndarray]:
        """Those that are trained: without the whitening."""
        layers = ("hidden_1", "hidden_2", "logits")
        return [self.network.get_layer(name).kernel.numpy() for name in layers]


def calibration_error(case: Case) -> float:
    targets, probabilities = case.of("test")
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    gap = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        gap += abs(right[inside].sum() - confidence[inside].sum()) / len(targets)
    return gap


def near_zero_share(case: Case) -> float:
    small = sum(int((np.abs(kernel) < 1e-3).sum()) for kernel in case.kernels)
    assert small >= 7 * 8  # the rows that the fixture made small, and not the zeros of whitening
    return small / (16 * 16 + 16 * 8 + 8 * 3)


def recall(case: Case) -> dict[str, float]:
    targets, probabilities = case.of("test")
    assert set(targets) == {0, 1, 2}
    found = recall_score(targets, probabilities.argmax(axis=1), average=None, labels=[0, 1, 2])
    return dict(zip(CLASSES, found, strict=True))


def under_corruption(case: Case) -> dict[str, float]:
    targets = case.all_targets[CORRUPTED_ROWS]
    found = {
        name: accuracy_score(targets, case.network.predict(images, verbose=0).argmax(axis=1))
        for name, images in zip(CORRUPTIONS, case.corrupted, strict=True)
    }
    assert len(set(found.values())) > 1
    return found


def after_pruning(case: Case) -> dict[str, float]:
    layers = [case.network.get_layer(name) for name in ("hidden_1", "hidden_2", "logits")]
    targets, _ = case.of("test")
    whole, found = case.kernels, {}
    for share in ("0.5", "0.8", "0.9", "0.95"):
        magnitudes = np.sort(np.abs(np.concatenate([kernel.ravel() for kernel in whole])))
        limit = magnitudes[round(float(share) * len(magnitudes)) - 1]
        for layer, kernel in zip(layers, whole, strict=True):
            layer.kernel.assign(np.where(np.abs(kernel) <= limit, 0, kernel))
        answers = case.network.predict(case.images[case.parts == "test"], verbose=0).argmax(axis=1)
        found[share] = accuracy_score(targets, answers)
    return found


# Every figure by other means: scikit-learn's, the network's own arrays, numbers counted by hand.
# Others have tests of their own, tests/evaluation/figures/test_<its file>.py.
EXPECTED: dict[str, Callable[[Case], Any]] = {
    **{
        f"{part}_accuracy": partial(Case.accuracy, part=part)
        for part in ("train", "validation", "test")
    },
    **{
        f"{part}_cross_entropy": partial(Case.cross_entropy, part=part)
        for part in ("train", "validation", "test")
    },
    # Of the trained network, not of its last epoch, which had 0.8.
    "generalization_gap": lambda case: case.accuracy("train") - case.accuracy("test"),
    "expected_calibration_error": calibration_error,
    **{
        f"{part}_macro_f1": partial(
            Case.by_answers, part=part, score=partial(f1_score, average="macro")
        )
        for part in ("validation", "test")
    },
    **{
        f"{part}_balanced_accuracy": partial(
            Case.by_answers, part=part, score=balanced_accuracy_score
        )
        for part in ("validation", "test")
    },
    **{
        f"{part}_log_likelihood_per_class": partial(Case.log_likelihood_per_class, part=part)
        for part in ("validation", "test")
    },
    "recall": recall,
    "best_validation_accuracy": lambda _: 0.75,
    "best_epoch": lambda _: 2,  # the first of two that are as good
    "best_epoch_test_accuracy": partial(Case.accuracy, part="test"),  # it has no other weights
    "epochs": lambda _: 4,
    "seconds": lambda _: 4.0,
    "near_zero_share": near_zero_share,
    "weights": lambda _: 16 * 16 + 16 * 8 + 8 * 3 + 16 + 8 + 3,  # without the whitening
    "weights_bytes": lambda case: sum(of.nbytes for of in weights_of(case.network).values()),
    "accuracy_under_corruption": under_corruption,
    "accuracy_after_pruning": after_pruning,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_figure_is_what_other_means_give(
    evaluated: Evaluated,
    network: keras.Model,
    images: np.ndarray,
    split_index: pd.DataFrame,
    probabilities: np.ndarray,
    history: pd.DataFrame,
    corrupted: np.ndarray,
    name: str,
) -> None:
    parts, targets = split_index["split"].to_numpy(), split_index["target"].to_numpy()
    case = Case(network, images, parts, targets, probabilities, history, corrupted)
    found, expected = evaluated[1][name], EXPECTED[name](case)
    assert found == pytest.approx(expected, rel=1e-4)
    if isinstance(found, dict):
        assert list(found) == list(expected)


def test_every_figure_has_a_test() -> None:
    own = {path.stem for path in (Path(__file__).parent / "figures").glob("test_*.py")}
    package = importlib.import_module("regbench.evaluation.figures")
    for module in pkgutil.iter_modules(package.__path__):
        declared = importlib.import_module(f"{package.__name__}.{module.name}")
        names = {figure.name for figure in getattr(declared, "FIGURES", ())}
        assert names <= set(EXPECTED) or f"test_{module.name}" in own, names


def test_metrics_are_what_is_declared(evaluated: Evaluated) -> None:
    assert list(evaluated[1]) == ["status", *(figure.name for figure in figures())]
    assert evaluated[1]["status"] == "trained"


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("test_macro_f1", {"ant": 0.5}, "one number, not dict"),
        ("recall", 0.5, "a mapping from each class, not float"),
    ],
)
def test_a_figure_of_another_form_than_declared_is_told_of(
    name: str,
    value: Any,
    form: str,
    network: keras.Model,
    images: np.ndarray,
    split_index: pd.DataFrame,
    history: pd.DataFrame,
    corrupted: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = replace(named(name), compute=lambda _: value)
    monkeypatch.setattr("regbench.evaluation.evaluate.figures", lambda: (wrong,))
    with pytest.raises(TypeError, match=f"^figure {name} must be {form}$"):
        evaluate(network, images, split_index, CLASSES, history, {}, corrupted, CORRUPTED_ROWS)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_figure_that_is_no_number_is_left_out_with_a_warning(
    value: float,
    network: keras.Model,
    images: np.ndarray,
    split_index: pd.DataFrame,
    history: pd.DataFrame,
    corrupted: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    of_classes = replace(named("recall"), compute=lambda _: {"ant": value, "bee": 0.5})
    found = (replace(named("test_macro_f1"), compute=lambda _: value), of_classes, named("epochs"))
    monkeypatch.setattr("regbench.evaluation.evaluate.figures", lambda: found)
    _, metrics = evaluate(
        network, images, split_index, CLASSES, history, {}, corrupted, CORRUPTED_ROWS
    )
    assert metrics == {"status": "trained", "recall": {"bee": 0.5}, "epochs": 4}
    json.dumps(metrics, allow_nan=False)
    said = "it is left out of this training's figures"
    assert caplog.messages == [
        f"the figure test_macro_f1 is {value}: {said}",
        f"the figure recall of ant is {value}: {said}",
    ]


def test_predictions_are_of_every_image_held_out(
    evaluated: Evaluated, probabilities: np.ndarray, split_index: pd.DataFrame
) -> None:
    predictions = evaluated[0][evaluated[0]["split"] != "train"]
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


def test_predictions_of_train_images_are_of_those_with_the_highest_loss(
    network: keras.Model,
    images: np.ndarray,
    split_index: pd.DataFrame,
    history: pd.DataFrame,
    corrupted: np.ndarray,
    probabilities: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("regbench.evaluation.evaluate.HARDEST", 5)
    predictions, _ = evaluate(
        network, images, split_index, CLASSES, history, {}, corrupted, CORRUPTED_ROWS
    )
    losses = keras.losses.sparse_categorical_crossentropy(split_index["target"], probabilities)
    of_train = pd.Series(np.asarray(losses), split_index["filename"])[
        (split_index["split"] == "train").to_numpy()
    ]
    kept = predictions[predictions["split"] == "train"].set_index("filename")
    expected = of_train.sort_values(ascending=False)[:5]
    assert sorted(kept.index) == sorted(expected.index)
    found = -np.log(kept.loc[expected.index, "label_probability"])
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_accuracies_can_be_counted_again_from_the_predictions(evaluated: Evaluated) -> None:
    predictions, metrics = evaluated
    right = predictions["label"] == predictions["predicted"]
    for part in ("validation", "test"):
        share = right[predictions["split"] == part].mean()
        assert metrics[f"{part}_accuracy"] == pytest.approx(share)


def test_metrics_are_plain_values(evaluated: Evaluated) -> None:
    assert json.loads(json.dumps(evaluated[1])) == evaluated[1]
    single = [value for value in evaluated[1].values() if not isinstance(value, dict)]
    assert all(type(value) in (str, int, float) for value in single)


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
        for name in ("best_epoch_test_accuracy", "inference_seconds"):  # which is timed
            del metrics[name], plain[name]
        assert metrics == plain
        for name, weight in weights_of(network).items():
            np.testing.assert_array_equal(weight, last[name])  # and gives it its own ones back

    def test_is_the_network_itself_where_it_has_no_other_weights(
        self, evaluated: Evaluated
    ) -> None:
        assert evaluated[1]["best_epoch_test_accuracy"] == evaluated[1]["test_accuracy"]


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
    assert (predictions["split"] == "validation").sum() == 20
    expected = metrics["train_accuracy"] - metrics["validation_accuracy"]
    assert metrics["generalization_gap"] == pytest.approx(expected)
    assert metrics["validation_macro_f1"] == pytest.approx(
        f1_score(targets, answers, average="macro")
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("train_cross_entropy", np.nan),
        ("train_cross_entropy", np.inf),
        ("penalty", np.inf),
        ("validation_cross_entropy", np.nan),  # the very last step went wrong
    ],
)
def test_a_training_that_diverged_has_a_reason_and_no_figures(
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
        *("filename", "split", "label", "predicted", "confidence"),
        *("label_probability", "probabilities"),
    ]
    assert predictions["confidence"].dtype == np.float32
