"""Snapshot ensemble: the paper's cyclic rate, and a network at the end of each cycle."""

import math

import numpy as np
import pytest
from tests.study.base_study import problem, techniques
from tests.training.small_ensembles import RecordedMembers, answers, ensemble
from tests.training.small_study import VALIDATION, protocol

from regbench.regularizers.snapshot_ensemble import SnapshotEnsemble, cycle_epochs, share_in_cycle
from regbench.study.technique import Technique


def test_the_rate_is_that_of_the_paper() -> None:
    members = RecordedMembers(epochs=15)
    SnapshotEnsemble(cycles=5).train_members(members)
    steps_an_epoch, cycles = 7, 5
    total = 15 * steps_an_epoch  # T
    length = math.ceil(total / cycles)
    # Equation 2 of the paper for iteration t from 1, with an initial rate of 1.
    paper = [(math.cos(math.pi * ((t - 1) % length) / length) + 1) / 2 for t in range(1, total + 1)]
    made = []
    for member in members.asked:
        assert member.epochs is not None
        assert member.share_of_rate is not None
        steps = member.epochs * steps_an_epoch
        made += [member.share_of_rate(step, steps) for step in range(steps)]
    np.testing.assert_allclose(made, paper, atol=1e-12)


def test_each_cycle_goes_on_where_the_last_one_ended() -> None:
    members = RecordedMembers(epochs=7)
    made = SnapshotEnsemble(cycles=3).train_members(members)
    assert made.networks == ["network 1", "network 2", "network 3"]
    assert [m.begins_with for m in members.asked] == [None, "network 1", "network 2"]
    assert [m.epochs for m in members.asked] == [3, 2, 2]
    assert [m.after for m in members.asked] == [0, 3, 5]


@pytest.mark.parametrize(("epochs", "cycles"), [(15, 5), (16, 5), (5, 5), (7, 2)])
def test_cycles_share_the_epochs(epochs: int, cycles: int) -> None:
    lengths = cycle_epochs(epochs, cycles)
    assert sum(lengths) == epochs
    assert len(lengths) == cycles
    assert max(lengths) - min(lengths) <= 1


def test_probabilities_are_the_mean_of_the_snapshots_which_differ() -> None:
    made = ensemble(Technique(snapshot_ensemble=2), protocol(epochs=4))
    snapshots = [answers(made.network.get_layer(f"member_{number}")) for number in (1, 2)]
    np.testing.assert_allclose(answers(made.network), np.mean(snapshots, axis=0), atol=1e-6)
    assert np.abs(snapshots[0] - snapshots[1]).max() > 0.01
    # Each is the network whose figures the history has of the cycle's last epoch.
    last = made.history.groupby("member").tail(1)["validation_accuracy"]
    found = [(each.argmax(axis=1) == VALIDATION.targets).mean() for each in snapshots]
    np.testing.assert_allclose(found, last)
    first = made.history.groupby("member").head(1)
    assert first["learning_rate"].tolist() == [0.01, 0.01]  # it restarts


def test_what_does_not_suit_is_told() -> None:
    ensemble_of = SnapshotEnsemble()
    assert ensemble_of.length_problem(15, []) is None
    assert "cycles" in str(ensemble_of.length_problem(4, []))
    assert "head, fine_tune" in str(ensemble_of.length_problem(15, ["head", "fine_tune"]))
    assert (ensemble_of.trainings(), ensemble_of.networks()) == (1, 5)
    assert share_in_cycle(0, 9) == 1


@pytest.mark.parametrize("other", ["swa", "early_stopping"])
def test_cycles_are_not_cut_off(other: str) -> None:
    message = problem(techniques(snapshots={"snapshot_ensemble": 2, other: {}})).message
    assert "cycles" in message
    assert message.endswith("leave out one of them")
