"""Ensembles: members, the network that they become, their history, and their checkpoints."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from tests.training.small_ensembles import answers, ensemble
from tests.training.small_study import CLASSES, IMAGES, TARGETS, VALIDATION, protocol, trained

from regbench.datasets.network_dataset import NetworkDataset
from regbench.evaluation.corruption import CORRUPTIONS
from regbench.evaluation.evaluate import evaluate
from regbench.evaluation.pruning import pruned_accuracy
from regbench.networks.inference import predict
from regbench.networks.multiply_adds import multiply_adds
from regbench.networks.weights import set_weights, weights_of
from regbench.regularizers.early_stopping import EarlyStopping
from regbench.regularizers.registry import REGULARIZERS
from regbench.storage.stored_file import LocalFile
from regbench.study.digests import digest_of_weights
from regbench.study.technique import Technique
from regbench.training import step as training_step
from regbench.training.checkpoint import Checkpoint
from regbench.training.ensembles import Done

ALL: dict[str, Any] = {
    "seed_ensemble": 3,
    "snapshot_ensemble": 2,
    "bagging": 3,
    "boosting": 3,
    "stacking": {"members": 2},
    "self_distillation": {"alpha": 0.7, "temperature": 2.0, "generations": 2},
}
TRAININGS = {"snapshot_ensemble": 1, "stacking": 2}  # the others: 3


def technique_of(key: str, **more: Any) -> Technique:
    return Technique.model_validate({key: ALL[key], **more})


def test_all_ensembles_are_tested_here() -> None:
    acting = {key for key, kind in REGULARIZERS.items() if "ensemble" in kind.acts()}
    assert acting == set(ALL)
    assert all(REGULARIZERS[key].meaning_on("mlp") == "the same" for key in ALL)


@pytest.mark.parametrize("key", ALL)
def test_the_first_member_is_the_training_without_ensemble(key: str) -> None:
    if key in ("bagging", "boosting"):
        pytest.skip("its first member has a sample of the train images")
    cosine = {"name": "cosine"}  # as of a snapshot's cycle
    epochs = 1 if key == "snapshot_ensemble" else 2
    _, alone = trained(Technique(dropout=0.3), protocol(epochs=epochs, schedule=cosine))
    made = ensemble(technique_of(key, dropout=0.3), protocol(schedule=cosine))
    first = made.history[made.history["member"] == 1]
    columns = alone.columns.drop(["seconds", "kept"])
    pd.testing.assert_frame_equal(first[columns], alone[columns])


@pytest.mark.parametrize("key", ALL)
def test_is_one_network_that_all_figures_are_of(key: str, tmp_path: Path) -> None:
    epochs = 6 if key == "boosting" else 2  # after 2, its second network is no better than chance
    made = ensemble(technique_of(key, batch_normalization=True), protocol(epochs=epochs))
    single, _ = trained(Technique(batch_normalization=True))
    networks = 1 if key == "self_distillation" else ALL[key]
    networks = networks["members"] if isinstance(networks, dict) else networks
    stored = NetworkDataset(filepath=str(tmp_path / "network.keras"))
    stored.save(made.network)
    loaded = stored.load()
    assert isinstance(loaded, keras.Model)  # in safe mode
    np.testing.assert_array_equal(
        predict(loaded, IMAGES, VALIDATION.rows), predict(made.network, IMAGES, VALIDATION.rows)
    )
    digest = digest_of_weights(weights_of(made.network))
    assert digest == digest_of_weights(weights_of(loaded)) == digest_of_weights(stored.weights())
    on_top = 6 * CLASSES if key == "stacking" else 0
    extra = on_top + CLASSES if key == "stacking" else 0
    assert made.network.count_params() == networks * single.count_params() + extra
    assert multiply_adds(made.network) == networks * multiply_adds(single) + on_top
    probabilities = answers(made.network)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    index = pd.DataFrame(
        {
            "filename": [f"{row}.png" for row in range(90)],
            "label": [str(target) for target in TARGETS],
            "target": TARGETS,
            "split": ["train"] * 65 + ["validation"] * 10 + ["test"] * 15,
        }
    )
    _, metrics = evaluate(
        loaded,
        IMAGES,
        index,
        ["0", "1", "2"],
        made.history,
        made.best_epoch_weights,
        np.stack([IMAGES[75:]] * len(CORRUPTIONS)),
        np.arange(75, 90),
    )
    assert metrics["weights"] == networks * (single.count_params() - 48) + extra
    assert metrics["epochs"] == len(made.history) == epochs * TRAININGS.get(key, 3)
    assert metrics["seconds"] == pytest.approx(made.history["seconds"].sum())
    assert set(pruned_accuracy(loaded, IMAGES, VALIDATION.rows, VALIDATION.targets)) == {
        *(0.5, 0.8, 0.9, 0.95)
    }


@pytest.mark.parametrize("key", ALL)
def test_a_seed_gives_the_same_bits_and_another_seed_others(key: str) -> None:
    technique = technique_of(key, dropout=0.3)
    one, same, other = (ensemble(technique, seed=seed) for seed in (1, 1, 2))
    assert digest_of_weights(weights_of(one.network)) == digest_of_weights(weights_of(same.network))
    assert digest_of_weights(weights_of(one.network)) != digest_of_weights(
        weights_of(other.network)
    )


def test_history_counts_members_and_their_epochs() -> None:
    told: list[Done] = []
    made = ensemble(technique_of("seed_ensemble"), on_epoch=told.append)
    assert made.history["member"].tolist() == [1, 1, 2, 2, 3, 3]
    assert made.history["epoch"].tolist() == [1, 2] * 3
    assert made.history["kept"].tolist() == [False, True] * 3
    assert [done.number for done in told] == [1, 2, 3, 4, 5, 6]
    assert {(done.planned, done.members) for done in told} == {(6, 3)}
    assert [done.member for done in told] == made.history["member"].tolist()


def test_a_snapshot_goes_on_and_so_do_its_epochs() -> None:
    told: list[Done] = []
    shared = protocol(epochs=5)
    made = ensemble(technique_of("snapshot_ensemble"), shared, on_epoch=told.append)
    assert made.history["member"].tolist() == [1, 1, 1, 2, 2]
    assert made.history["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert [(done.number, done.planned, done.members) for done in told] == [
        (number, 5, 2) for number in range(1, 6)
    ]


def test_of_self_distillation_only_the_student_is_kept() -> None:
    made = ensemble(technique_of("self_distillation"))
    kept = made.history[made.history["kept"]]
    assert kept["member"].tolist() == [3]


def test_each_member_stops_early_for_itself_and_keeps_its_best_epoch() -> None:
    stopping = EarlyStopping(patience=1, monitor="validation_cross_entropy")
    shared = protocol(epochs=12, learning_rate=0.05)
    made = ensemble(technique_of("seed_ensemble"), shared, more=[stopping])
    for _, member in made.history.groupby("member"):
        best = member["validation_cross_entropy"].argmin()
        assert member["kept"].tolist() == [place == best for place in range(len(member))]
    assert len(made.history) < 36


def test_best_epoch_weights_are_those_of_each_members_best_epoch() -> None:
    shared = protocol(epochs=6, learning_rate=0.05)
    made = ensemble(technique_of("seed_ensemble"), shared)
    assert made.best_epoch_weights
    set_weights(made.network, made.best_epoch_weights)
    for number in (1, 2, 3):
        member = made.history[made.history["member"] == number]
        network = made.network.get_layer(f"member_{number}")
        right = answers(network).argmax(axis=1) == VALIDATION.targets
        assert right.mean() == pytest.approx(member["validation_accuracy"].max())


def test_a_member_that_diverges_ends_the_training() -> None:
    made = ensemble(technique_of("seed_ensemble"), protocol(epochs=3, learning_rate=1e30))
    assert made.history["member"].unique().tolist() == [1]
    assert not np.isfinite(made.history["validation_cross_entropy"].iloc[-1])


class InterruptedTrainingError(Exception):
    pass


def interrupted(technique: Technique, folder: Path, until: int | None) -> tuple[str, Any, str, int]:
    """Train until an epoch; return digests of what was made, and the first epoch told of."""
    told: list[int] = []

    def tell(done: Done) -> None:
        told.append(done.number)
        if done.number == until:
            raise InterruptedTrainingError

    checkpoint = Checkpoint(LocalFile(folder / "checkpoint.npz"), "this", 0)
    stopping = EarlyStopping(patience=4, monitor="validation_cross_entropy")
    made = ensemble(
        technique,
        protocol(epochs=2, schedule={"name": "cosine"}),
        more=[stopping],
        on_epoch=tell,
        checkpoint=checkpoint,
    )
    weights = digest_of_weights(weights_of(made.network))
    best = digest_of_weights(made.best_epoch_weights)
    return weights, made.history.drop(columns="seconds"), best, told[0]


@pytest.mark.parametrize("key", ALL)
def test_resumes_to_the_same_bits(key: str, tmp_path: Path) -> None:
    technique = technique_of(key, dropout=0.4, batch_normalization=True)
    whole = interrupted(technique, tmp_path / "whole", None)
    # In the first member, between it and the second, and in the last.
    for until in sorted({2, min(3, len(whole[1])), len(whole[1])}):
        folder = tmp_path / str(until)
        with pytest.raises(InterruptedTrainingError):
            interrupted(technique, folder, until)
        training_step.compiled_step.cache_clear()  # another process
        weights, history, best, first = interrupted(technique, folder, None)
        assert first == until  # the epoch that was interrupted: no member is trained again
        assert weights == whole[0]
        pd.testing.assert_frame_equal(history, whole[1])
        assert best == whole[2]


def test_a_member_that_does_not_fit_is_trained_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    technique = technique_of("seed_ensemble")
    whole = interrupted(technique, tmp_path / "whole", None)
    with pytest.raises(InterruptedTrainingError):
        interrupted(technique, tmp_path, 6)
    path = tmp_path / "checkpoint.npz"
    with np.load(path) as arrays:
        state = dict(arrays)
    name = next(name for name in state if name.startswith("member_2:variables"))
    np.savez(path, **state | {name: np.zeros((1, 2, 3), np.float32)})
    weights, history, _, first = interrupted(technique, tmp_path, None)
    assert "does not fit" in caplog.text
    assert first == 3
    assert weights == whole[0]
    pd.testing.assert_frame_equal(history, whole[1])


def test_phases_are_those_of_each_member() -> None:
    from regbench.networks.base import Phase

    phases = (Phase("head", 1, 0.02, frozenset({"hidden_1"})), Phase("all", 2, 0.01))
    made = ensemble(technique_of("seed_ensemble"), phases_of=lambda network: phases)
    assert made.history["phase"].tolist() == ["head", "all", "all"] * 3
    assert made.history["epoch"].tolist() == [1, 2, 3] * 3
