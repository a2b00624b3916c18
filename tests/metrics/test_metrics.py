"""Every metric against scikit-learn's, with and without weights of images."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss

from regbench.metrics import registry
from regbench.metrics.base import answers_of
from regbench.metrics.registry import METRICS


def by_class(targets: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> float:
    """The mean over classes of minus scikit-learn's cross-entropy of each class's images."""
    losses = [
        log_loss(
            targets[rows],
            probabilities[rows],
            labels=range(probabilities.shape[1]),
            sample_weight=weights[rows],
        )
        for rows in (targets == label for label in np.unique(targets))
    ]
    return -float(np.mean(losses))


def of_answers(score: Callable[..., float]) -> Callable[..., float]:
    return lambda targets, probabilities, weights: float(
        score(targets, probabilities.argmax(axis=1), sample_weight=weights)
    )


EXPECTED: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "accuracy": of_answers(accuracy_score),
    "balanced_accuracy": of_answers(balanced_accuracy_score),
    "macro_f1": of_answers(lambda *of, **weights: f1_score(*of, **weights, average="macro")),
    "cross_entropy": lambda targets, probabilities, weights: float(
        log_loss(
            targets, probabilities, labels=range(probabilities.shape[1]), sample_weight=weights
        )
    ),
    "log_likelihood_per_class": by_class,
}


def test_every_metric_is_tested() -> None:
    assert list(EXPECTED) == [
        *("accuracy", "balanced_accuracy", "macro_f1", "cross_entropy"),
        "log_likelihood_per_class",
    ]
    assert set(EXPECTED) == set(METRICS)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("name", EXPECTED)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_a_metric_is_scikit_learns(name: str, rows: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(classes), rows)
    targets = random.integers(0, classes, rows)
    answers, metric = answers_of(probabilities, targets), METRICS[name]
    assert metric.of(answers) == pytest.approx(
        EXPECTED[name](targets, probabilities, np.ones(rows)), rel=1e-6, abs=1e-9
    )
    weights = random.integers(1, 4, (3, rows)).astype(float)
    expected = [EXPECTED[name](targets, probabilities, row) for row in weights]
    np.testing.assert_allclose(metric.score(answers, weights), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", EXPECTED)
def test_an_image_that_is_not_drawn_does_not_count(name: str) -> None:
    random = np.random.default_rng(3)
    probabilities, targets = random.dirichlet(np.ones(3), 9), np.array([0] * 4 + [1] * 3 + [2] * 2)
    drawn = np.array([1, 0, 2, 1, 1, 1, 0, 0, 0.0])  # and no image of the last class
    rows = np.repeat(np.arange(9), drawn.astype(int))
    metric = METRICS[name]
    (found,) = metric.score(answers_of(probabilities, targets), drawn[None])
    assert found == pytest.approx(metric.of(answers_of(probabilities[rows], targets[rows])))


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_one_more_right_answer_changes_a_share_by_a_step_or_more(name: str) -> None:
    random = np.random.default_rng(0)
    probabilities, targets = random.dirichlet(np.ones(3), 60), np.repeat([0, 1, 2], [30, 20, 10])
    metric, before = METRICS[name], answers_of(probabilities, targets)
    gains = []
    for row in np.flatnonzero(before.predicted != targets):
        other = probabilities.copy()
        other[row] = np.eye(3)[targets[row]]
        gains.append(metric.of(answers_of(other, targets)) - metric.of(before))
    assert 0.7 * metric.step(before) <= min(gains) <= 1.5 * metric.step(before)


@pytest.mark.parametrize("name", ["cross_entropy", "log_likelihood_per_class"])
def test_a_probability_of_zero_is_bad_but_no_infinity(name: str) -> None:
    found = METRICS[name].of(answers_of(np.array([[1, 0], [1, 0]], np.float32), np.array([0, 1])))
    assert 40 < abs(found) < 50


@pytest.mark.parametrize("name", EXPECTED)
def test_of_no_image_there_is_none(name: str) -> None:
    nothing = answers_of(np.zeros((0, 2)), np.zeros(0, dtype=int))
    assert np.isnan(METRICS[name].of(nothing))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules count as the metrics' own."""
    import sys

    package = sys.modules["regbench.metrics"]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"regbench.metrics.{path.stem}", None)
        vars(package).pop(path.stem, None)


def test_a_file_is_enough_for_a_metric(folder: Path) -> None:
    (folder / "error.py").write_text(
        "from regbench.metrics.base import Metric, mean_of_images, one_image\n"
        'METRIC = Metric(name="error", title="error", meaning="m", step=one_image,\n'
        "    score=lambda of, weights: mean_of_images(of.predicted != of.targets, weights),\n"
        "    higher_is_better=False)\n"
    )
    found = registry._discovered()
    assert set(found) == {*METRICS, "error"}
    assert found["error"].of(answers_of(np.eye(4), np.array([0, 1, 0, 0]))) == 0.5


@pytest.mark.parametrize("text", ["", "METRIC = 3", 'METRIC = METRICS["accuracy"]'])
def test_a_file_without_its_metric_is_named(folder: Path, text: str) -> None:
    (folder / "wrong.py").write_text(f"from regbench.metrics.registry import METRICS\n{text}\n")
    with pytest.raises(TypeError, match=r"wrong\.py: METRIC is to be a metric of the file's name"):
        registry._discovered()


def test_a_name_that_is_not_stored_is_accuracy() -> None:
    assert registry.metric_named(None).name == "accuracy"
    assert registry.metric_named(float("nan")).name == "accuracy"
    assert registry.metric_named("macro_f1").title == "macro F1"
