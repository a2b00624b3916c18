"""Ensemble of seeds: the mean of networks that differ by their seeds."""

import numpy as np
from tests.training.small_ensembles import RecordedMembers, answers, ensemble
from tests.training.small_study import IMAGES, VALIDATION, predicted, protocol, trained

from regbench.networks.inference import predict
from regbench.regularizers.seed_ensemble import SeedEnsemble
from regbench.study.technique import Technique


def test_probabilities_are_the_mean_of_those_of_trainings_with_its_seeds() -> None:
    made = ensemble(Technique(seed_ensemble=3))
    seeds = [RecordedMembersOf(1).seed_of(number) for number in (1, 2, 3)]
    alone = [trained(Technique(), protocol(), seed)[0] for seed in seeds]
    mean = np.mean([predicted(network, VALIDATION) for network in alone], axis=0)
    np.testing.assert_allclose(answers(made.network), mean, atol=1e-6)
    np.testing.assert_allclose(predict(made.network, IMAGES, VALIDATION.rows), mean, atol=1e-6)


class RecordedMembersOf(RecordedMembers):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed


def test_seeds_are_the_trainings_own_and_others() -> None:
    seeds = [RecordedMembersOf(seed).seed_of(n) for seed in range(20) for n in range(1, 11)]
    assert seeds[::10] == list(range(20))
    assert len(set(seeds)) == 200
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_members_are_trained_on_all_images() -> None:
    members = RecordedMembers()
    made = SeedEnsemble(members=4).train_members(members)
    assert len(made.networks) == 4
    assert made.shares is None
    assert [member.seed for member in members.asked] == [members.seed_of(n) for n in (1, 2, 3, 4)]
    assert {(member.rows, member.epochs, member.teacher) for member in members.asked} == {
        (None, None, None)
    }
