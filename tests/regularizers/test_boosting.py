"""Boosting: SAMME's weights against a worked example and an independent formula."""

import math

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier
from tests.training.small_ensembles import RecordedMembers, answers, ensemble
from tests.training.small_study import CLASSES, TARGETS, TRAIN, protocol

from regbench.regularizers.boosting import Boosting, samme
from regbench.study.technique import Technique


def test_a_worked_example() -> None:
    """Of 4 images and 3 classes one is wrong: err 1/4, alpha log(3) + log(2) = log(6)."""
    round_ = samme(np.array([False, True, False, False]), np.full(4, 0.25), 3)
    assert round_ is not None
    assert round_.alpha == pytest.approx(math.log(6))
    np.testing.assert_allclose(round_.weights, np.array([1, 6, 1, 1]) / 9)
    # The wrong one weighs 6/9 now; a network that is wrong there is no better than chance, 2/3.
    assert samme(np.array([False, True, False, False]), round_.weights, 3) is None


def test_alphas_and_weights_are_those_of_scikit_learn() -> None:
    values = np.random.default_rng(0).normal(size=(200, 4))
    targets = (values[:, 0] + values[:, 1] > 0).astype(int) + (values[:, 2] > 1)
    boosted = AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=1), n_estimators=5, random_state=0
    ).fit(values, targets)
    weights = np.full(200, 1 / 200)
    for tree, alpha, error in zip(
        boosted.estimators_, boosted.estimator_weights_, boosted.estimator_errors_, strict=True
    ):
        wrong = tree.predict(values) != targets
        assert weights[wrong].sum() == pytest.approx(error)
        round_ = samme(wrong, weights, 3)
        assert round_ is not None
        assert round_.alpha == pytest.approx(alpha)
        weights = round_.weights


def one_hot(targets: np.ndarray, wrong: int, first: int = 0) -> np.ndarray:
    """Return answers of which ``wrong`` ones, from the first, are the next class."""
    chosen = targets.copy()
    chosen[first : first + wrong] = (chosen[first : first + wrong] + 1) % CLASSES
    return np.eye(CLASSES)[chosen]


def test_each_network_has_images_drawn_by_the_weights_and_a_share_by_alpha() -> None:
    targets = TARGETS[TRAIN.rows]
    wrong_ones = [(13, 0), (5, 10), (20, 30)]
    members = RecordedMembers([one_hot(targets, *which) for which in wrong_ones])
    made = Boosting(members=3).train_members(members)
    n, weights, alphas = len(targets), np.full(len(targets), 1 / len(targets)), []
    for number, member in enumerate(members.asked, start=1):
        drawn = np.random.default_rng([members.seed, number, Boosting.stream()])
        np.testing.assert_array_equal(member.rows, drawn.choice(n, n, p=weights))
        assert member.seed == members.seed_of(number)
        count, first = wrong_ones[number - 1]
        wrong = (np.arange(n) >= first) & (np.arange(n) < first + count)
        error = weights[wrong].sum()
        alphas.append(math.log((1 - error) / error) + math.log(CLASSES - 1))
        weights = np.where(wrong, weights * math.exp(alphas[-1]), weights)
        weights /= weights.sum()
    assert made.shares == pytest.approx(np.array(alphas) / sum(alphas))


def test_a_network_that_gets_all_images_right_is_the_last() -> None:
    targets = TARGETS[TRAIN.rows]
    members = RecordedMembers([one_hot(targets, 13), one_hot(targets, 0), one_hot(targets, 1)])
    made = Boosting(members=3).train_members(members)
    assert made.networks == ["network 1", "network 2"]
    alphas = [math.log(52 / 13) + math.log(2), math.log(2 * 65 - 1) + math.log(2)]
    assert made.shares == pytest.approx(np.array(alphas) / sum(alphas))


@pytest.mark.parametrize(("before", "kept"), [([], ["network 1"]), ([13], ["network 1"])])
def test_a_network_no_better_than_chance_ends_it(before: list[int], kept: list[str]) -> None:
    targets = TARGETS[TRAIN.rows]
    members = RecordedMembers([one_hot(targets, wrong) for wrong in [*before, 60, 1]])
    made = Boosting(members=3).train_members(members)
    assert made.networks == kept


def test_probabilities_are_the_mean_by_alpha() -> None:
    made = ensemble(Technique(boosting=3), protocol(epochs=3))
    numbers = sorted(made.history["member"].unique())
    of_members = [made.network.get_layer(f"member_{number}") for number in numbers]
    weights, alphas = np.full(len(TRAIN.rows), 1 / len(TRAIN.rows)), []
    for network in of_members:
        wrong = answers(network, TRAIN.rows).argmax(axis=1) != TRAIN.targets
        round_ = samme(wrong, weights, CLASSES)
        assert round_ is not None
        weights = round_.weights
        alphas.append(round_.alpha)
    mean = np.average([answers(network) for network in of_members], axis=0, weights=alphas)
    np.testing.assert_allclose(answers(made.network), mean, atol=1e-6)
