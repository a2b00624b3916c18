"""A long training that is interrupted goes on from its checkpoint, to the same bits."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.small_study import (
    IMAGES,
    SHAKEN,
    TRAIN,
    VALIDATION,
    network_of,
    protocol,
    regularizers_of,
)

from regbench.networks.base import Phase
from regbench.networks.weights import weights_of
from regbench.regularizers.early_stopping import EarlyStopping
from regbench.storage.stored_file import LocalFile
from regbench.study.digests import digest_of_weights
from regbench.study.technique import Technique
from regbench.training import step as training_step
from regbench.training.checkpoint import Checkpoint
from regbench.training.course import Epoch
from regbench.training.train import train

EPOCHS = 5
EVERYTHING = Technique(dropout=0.4, l2=1e-3, batch_normalization=True)
PHASES = (Phase("head", 2, 0.02, frozenset({"hidden_1"})), Phase("all", 3, 0.01))


class InterruptedTrainingError(Exception):
    pass


def run(
    checkpoint: Checkpoint | None,
    until: int | None = None,
    phases: tuple[Phase, ...] = (),
    **changes: Any,
) -> tuple[str, pd.DataFrame, str]:
    """Train; return the digests of the weights, and the history without seconds."""

    def told(epoch: Epoch) -> None:
        told_of.append(epoch.epoch)
        if epoch.epoch == until:
            raise InterruptedTrainingError

    network = network_of(EVERYTHING)
    shared = protocol(**{"epochs": EPOCHS, "schedule": {"name": "cosine"}, **changes})
    stopping = EarlyStopping(patience=4, monitor="validation_cross_entropy")
    regularizers = [*regularizers_of(EVERYTHING), SHAKEN, stopping]
    history, best = train(
        network, IMAGES, TRAIN, VALIDATION, shared, 1, regularizers, told, phases, checkpoint
    )
    weights = digest_of_weights(weights_of(network))
    return weights, history.drop(columns="seconds"), digest_of_weights(best)


told_of: list[int] = []


def checkpoint_in(folder: Path, made_from: str = "this", minutes: float = 0) -> Checkpoint:
    return Checkpoint(LocalFile(folder / "checkpoint.npz"), made_from, minutes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"phases": PHASES},
        {"optimizer": {"name": "rmsprop", "learning_rate": 0.01, "momentum": 0.9}},
        {
            "schedule": {
                "name": "plateau",
                "patience": 1,
                "factor": 0.5,
                "monitor": "validation_cross_entropy",
            }
        },
    ],
    ids=["adam", "phases", "rmsprop", "plateau"],
)
def test_resumes_to_the_same_bits(changes: dict[str, Any], tmp_path: Path) -> None:
    whole = run(None, **changes)
    epochs = len(whole[1])
    for interrupted_in in range(2, epochs + 1):  # also between two phases
        folder = tmp_path / str(interrupted_in)
        with pytest.raises(InterruptedTrainingError):
            run(checkpoint_in(folder), until=interrupted_in, **changes)
        training_step.compiled_step.cache_clear()  # another process
        told_of.clear()
        weights, history, best = run(checkpoint_in(folder), **changes)
        assert told_of[0] == interrupted_in  # the epoch that was interrupted, not the first
        assert weights == whole[0]
        pd.testing.assert_frame_equal(history, whole[1])
        assert best == whole[2]


def test_of_a_training_that_has_ended_gives_what_it_made(tmp_path: Path) -> None:
    whole = run(checkpoint_in(tmp_path))
    told_of.clear()
    again = run(checkpoint_in(tmp_path))
    assert told_of == []
    assert again[0] == whole[0]
    pd.testing.assert_frame_equal(again[1], whole[1])


@pytest.mark.parametrize(
    "fault", ["other settings", "no archive", "cut off", "flipped", "lacks", "shape", "pickle"]
)
def test_a_damaged_or_foreign_one_is_not_used(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = run(None)
    with pytest.raises(InterruptedTrainingError):
        run(checkpoint_in(tmp_path), until=3)
    path = tmp_path / "checkpoint.npz"
    content = path.read_bytes()
    with np.load(path) as arrays:
        state = dict(arrays)
    name = next(name for name in state if name.startswith("step:optimizer"))
    made_from = "that" if fault == "other settings" else "this"
    if fault == "no archive":
        path.write_bytes(b"not an archive")
    elif fault == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif fault == "flipped":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif fault == "lacks":
        del state[name]
        np.savez(path, **state)
    elif fault == "shape":
        np.savez(path, **state | {name: np.zeros((1, 2, 3), np.float32)})
    elif fault == "pickle":
        np.savez(path, **state | {name: np.array([{}], dtype=object)})
    told_of.clear()
    with caplog.at_level(logging.INFO):
        weights, history, _ = run(checkpoint_in(tmp_path, made_from))
    assert told_of[0] == 1
    assert weights == whole[0]
    pd.testing.assert_frame_equal(history, whole[1])
    said = [record.getMessage() for record in caplog.records]
    assert sum("begins anew" in line or "is not used" in line for line in said) == 1
    assert not any("allow_pickle=True" in line for line in said)


def test_is_written_when_its_time_has_come(tmp_path: Path) -> None:
    now = 0.0
    file = LocalFile(tmp_path / "checkpoint.npz")
    checkpoint = Checkpoint(file, "this", 10, clock=lambda: now)
    assert not checkpoint.is_due()
    now = 599
    assert not checkpoint.is_due()
    now = 600
    assert checkpoint.is_due()
    checkpoint.write({"a": np.ones(2)})
    assert not checkpoint.is_due()
    read = checkpoint.read()
    assert read is not None
    assert read["a"].tolist() == [1, 1]
    assert list(tmp_path.iterdir()) == [file.path]


def test_a_short_training_writes_none(tmp_path: Path) -> None:
    run(checkpoint_in(tmp_path, minutes=10), epochs=1)
    assert not list(tmp_path.iterdir())


def test_where_it_cannot_be_written_the_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    checkpoint = Checkpoint(LocalFile(tmp_path / "file" / "checkpoint.npz"), "this", 0)
    found = run(checkpoint, epochs=2)
    assert found[0] == run(None, epochs=2)[0]
    assert "no checkpoint, the training goes on" in caplog.text
