"""A learning rate of the technique's own: a factor on the protocol's, and a schedule."""

import pytest
from tests.study.base_study import changed, problem, techniques
from tests.training.small_study import protocol, trained

from regbench.regularizers.learning_rate import LearningRate
from regbench.study.reader import read_study
from regbench.study.technique import Technique

STEPS, EPOCHS = 5, 4


def scheduled(step: int, epochs: int) -> float:
    return 1 - step / (epochs * STEPS)


def rates(**settings: object) -> list[float]:
    of = LearningRate.model_validate(settings)
    steps = range(STEPS * EPOCHS)
    return [of.factor_of_rate() * of.change_rate(scheduled, step, EPOCHS, STEPS) for step in steps]


def test_is_a_multiple_of_the_protocols() -> None:
    assert rates(factor=3) == [3 * scheduled(step, EPOCHS) for step in range(20)]
    assert rates(factor=0.5, schedule="constant") == [0.5] * 20


@pytest.mark.parametrize("schedule", ["protocol", "constant"])
@pytest.mark.parametrize("factor", [0.1, 5])
def test_averaged_epochs_have_a_share_of_its_own_rate(schedule: str, factor: float) -> None:
    shared = protocol(epochs=8, schedule={"name": "cosine"})
    swa = {"start": 0.5, "rate": 0.2}
    own = {"factor": factor, "schedule": schedule}
    _, plain = trained(Technique(swa=swa, learning_rate={"schedule": schedule}), shared)
    _, found = trained(Technique(swa=swa, learning_rate=own), shared)
    expected = [factor * rate for rate in plain["learning_rate"]]
    assert found["learning_rate"].tolist() == pytest.approx(expected)
    assert found["learning_rate"].tolist()[4:] == pytest.approx([0.01 * factor * 0.2] * 4)


def test_the_cosine_is_that_of_the_protocol() -> None:
    shared = protocol(schedule={"name": "cosine"}, epochs=3)
    _, expected = trained(Technique(), shared)
    constant = protocol(schedule={"name": "constant"}, epochs=3)
    _, found = trained(Technique(learning_rate={"schedule": "cosine"}), constant)
    assert found["learning_rate"].tolist() == pytest.approx(expected["learning_rate"].tolist())
    assert found["train_cross_entropy"].tolist() == pytest.approx(
        expected["train_cross_entropy"].tolist(), rel=1e-5
    )


def test_with_its_defaults_nothing_changes() -> None:
    shared = protocol(epochs=2)
    _, expected = trained(Technique(), shared)
    _, found = trained(Technique(learning_rate=True), shared)
    assert found["train_cross_entropy"].tolist() == expected["train_cross_entropy"].tolist()


def test_the_baseline_may_have_it_and_nothing_else() -> None:
    study = read_study(changed("techniques.baseline", {"learning_rate": {"factor": 2}}))
    assert study.techniques["baseline"].entries().keys() == {"learning_rate"}
    found = problem(changed("techniques.baseline", {"l2": 0.1, "learning_rate": {"factor": 2}}))
    assert found.message == "must have no regularizers: the others are compared with it"


def test_snapshots_keep_their_cycles() -> None:
    cycles = {"snapshot_ensemble": 3, "learning_rate": {"schedule": "constant"}}
    found = problem(techniques(snapshots=cycles))
    assert found.message == "leaves snapshot_ensemble without its cycles; set schedule: protocol"


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_plateau_lowers_the_rate_whatever_its_schedule(schedule: str) -> None:
    study = changed("protocol.schedule", {"name": "plateau"})
    study["techniques"]["own"] = {"learning_rate": {"schedule": schedule}}
    assert problem(study).message.startswith(f"has schedule {schedule}, and under protocol.sched")
    study["techniques"]["own"] = {"learning_rate": {"factor": 2}}
    assert read_study(study).techniques["own"]
