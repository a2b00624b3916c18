"""The metric decides: differences, verdicts, order and the best, against scikit-learn and loops."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from tests.comparison.metric_study import SCORES, SEEDS, STUDY, TARGETS, probabilities, results

from regbench.comparison import tables
from regbench.comparison.compare import (
    best_seed,
    best_technique,
    compare,
    headline_of,
    metric_of,
    of_largest_class,
)
from regbench.comparison.statistics import bootstrap_interval, bootstrap_interval_of
from regbench.metrics.base import answers_of
from regbench.metrics.registry import METRICS


@pytest.mark.parametrize("name", SCORES)
def test_differences_are_in_the_metric_and_verdicts_know_its_better_way(name: str) -> None:
    found = compare(STUDY, {}, 0.001, metric=name)
    assert found["metric"].tolist() == [name] * 3
    assert (metric_of(found).name, headline_of(found)) == (name, f"test_{name}")
    rows = found.set_index("technique")
    assert rows["verdict"].to_dict() == pytest.approx(
        {"better": "better", "baseline": np.nan, "worse": "worse"}, nan_ok=True
    )
    assert found["technique"].tolist() == ["better", "baseline", "worse"]  # the best first
    assert rows["win_share"][["better", "worse"]].tolist() == [1, 0]
    for technique in ("better", "worse"):
        one, other = (STUDY[of].by_seed(f"test_{name}") for of in (technique, "baseline"))
        difference = (one - other).to_numpy()
        tested = stats.ttest_1samp(difference, 0)
        low, high = tested.confidence_interval()
        row = rows.loc[technique]
        assert row["difference"] == pytest.approx(difference.mean())
        assert row["p_value"] == pytest.approx(tested.pvalue)
        assert [row["difference_low"], row["difference_high"]] == pytest.approx([low, high])
        assert row["bootstrap_low"] < row["difference"] < row["bootstrap_high"]
        assert (row["difference"] > 0) == (
            (technique == "better") == METRICS[name].higher_is_better
        )


@pytest.mark.parametrize("name", SCORES)
def test_the_best_is_best_in_the_metric(name: str) -> None:
    assert best_technique(STUDY, name) == "better"
    by_seed = STUDY["worse"].by_seed(f"validation_{name}")
    best = by_seed.idxmax() if METRICS[name].higher_is_better else by_seed.idxmin()
    assert best_seed(STUDY["worse"], name) == best
    comparison = compare(STUDY, {}, 0.001, metric=name)
    assert tables.best_besides_baseline(comparison, STUDY) == "better"
    drawn = tables.seed_differences(STUDY, name)["worse"]
    expected = by_seed - STUDY["baseline"].by_seed(f"validation_{name}")  # both parts are alike
    np.testing.assert_allclose(drawn, expected)


def test_the_order_may_depend_on_the_metric() -> None:
    """One technique answers the largest class only, the other is right about the small ones."""
    large = np.tile([0.5, 0.25, 0.25], (len(TARGETS), 1))
    small = np.where(TARGETS[:, None] == 0, [0.2, 0.5, 0.3], np.eye(3)[TARGETS] * 0.8 + 0.0667)
    accuracy, balanced = (
        [METRICS[name].of(answers_of(given, TARGETS)) for given in (large, small)]
        for name in ("accuracy", "balanced_accuracy")
    )
    assert accuracy[0] > accuracy[1]
    assert balanced[0] < balanced[1]


@pytest.mark.parametrize("name", SCORES)
def test_the_bootstrap_interval_is_that_of_plain_loops(name: str) -> None:
    given = [probabilities(seed, 1.0) for seed in (1, 2, 3)]
    other = [probabilities(seed, 0.7) for seed in (4, 5, 6)]
    found = bootstrap_interval_of(
        METRICS[name],
        [answers_of(one, TARGETS) for one in given],
        [answers_of(one, TARGETS) for one in other],
    )
    random = np.random.default_rng(1)
    means = []
    for _ in range(400):
        images = random.integers(0, len(TARGETS), len(TARGETS))
        drawn = [
            SCORES[name](TARGETS[images], given[seed][images])
            - SCORES[name](TARGETS[images], other[seed][images])
            for seed in random.integers(0, 3, 3)
        ]
        means.append(np.mean(drawn))
    expected = np.percentile(means, [2.5, 97.5])
    np.testing.assert_allclose(found, expected, atol=0.25 * (expected[1] - expected[0]))


def test_the_bootstrap_interval_of_accuracy_is_that_of_its_own_method() -> None:
    answers = [
        [answers_of(probabilities(seed, skill), TARGETS) for seed in SEEDS] for skill in (1.5, 0.9)
    ]
    right = [np.stack([of.predicted == of.targets for of in one]) for one in answers]
    found = bootstrap_interval_of(METRICS["accuracy"], *answers)
    np.testing.assert_allclose(found, bootstrap_interval(*right), atol=0.015)


@pytest.mark.parametrize("name", SCORES)
def test_always_the_largest_class_is_scikit_learns_dummy(name: str) -> None:
    random = np.random.default_rng(0)
    parts = random.choice(["train", "validation", "test"], 300, p=[0.6, 0.2, 0.2])
    targets = random.choice(3, 300, p=[0.2, 0.7, 0.1])
    index = pd.DataFrame({"target": targets, "split": parts})
    train, test = targets[parts == "train"], targets[parts == "test"]
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(train), 1)), train)
    shares = dummy.predict_proba(np.zeros((len(test), 1)))
    assert of_largest_class(index, "test", name) == pytest.approx(SCORES[name](test, shares))
    assert of_largest_class(index[parts != "test"], "test", name) is None


def test_a_class_without_train_images_is_unlikely_but_no_infinity() -> None:
    index = pd.DataFrame({"target": [0, 0, 1], "split": ["train", "train", "test"]})
    found = of_largest_class(index, "test", "cross_entropy")
    assert found is not None
    assert 80 < found < 100


def test_a_study_without_spread_is_judged_by_half_a_step() -> None:
    """All seeds alike: a t test of it would be certain."""
    alike = {name: results(skill, spread=0) for name, skill in (("baseline", 1.0), ("l2", 1.0))}
    row: dict[str, Any] = (
        compare(alike, {}, 0.001, metric="balanced_accuracy").set_index("technique").loc["l2"]
    ).to_dict()
    assert row["difference"] == 0
    assert row["difference_sd"] == pytest.approx(0.5 / 3 / 60)
    assert row["verdict"] == "undecided"
