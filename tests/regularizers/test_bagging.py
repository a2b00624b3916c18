"""Bagging: each network has a bootstrap sample."""

import numpy as np
from tests.training.small_ensembles import RecordedMembers, answers, ensemble
from tests.training.small_study import IMAGES, TRAIN, VALIDATION, network_of, predicted, protocol

from regbench.regularizers.bagging import Bagging, bootstrap
from regbench.study.technique import Technique
from regbench.training.train import SplitPart, train


def test_a_sample_is_a_bootstrap() -> None:
    rows = np.stack([bootstrap(2000, 1, number, 5) for number in range(1, 11)])
    assert rows.shape == (10, 2000)
    distinct = [len(set(row.tolist())) / 2000 for row in rows]
    # 1 - 1/e of the images, and a standard deviation of 0.007 (Breiman, 1996).
    np.testing.assert_allclose(distinct, 1 - np.exp(-1), atol=0.03)
    counts = np.bincount(rows.ravel(), minlength=2000)
    assert counts.mean() == 10  # each is drawn once on average
    assert abs(counts.var() - 10) < 1.5  # Poisson's, nearly
    assert (rows == bootstrap(2000, 1, 1, 5)).all(axis=1).tolist() == [True] + [False] * 9
    assert (bootstrap(2000, 2, 1, 5) != rows[0]).any()


def test_each_network_is_trained_on_its_sample() -> None:
    made = ensemble(Technique(bagging=2))
    members = RecordedMembers()
    members.seed = 1
    means = []
    for number in (1, 2):
        rows = bootstrap(len(TRAIN.rows), 1, number, Bagging.stream())
        network = network_of(Technique(), members.seed_of(number))
        part = SplitPart(TRAIN.rows[rows], TRAIN.targets[rows])
        train(network, IMAGES, part, VALIDATION, protocol(), members.seed_of(number))
        means.append(predicted(network, VALIDATION))
    np.testing.assert_allclose(answers(made.network), np.mean(means, axis=0), atol=1e-6)


def test_default_number_is_the_papers() -> None:
    assert Bagging().networks() == Bagging().trainings() == 10
