"""Several updates in one technique: their order, checkpoints, and what does not go together."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tests.networks.every_kind import ENTRIES
from tests.regularizers.by_hand import (
    assert_weights,
    batches,
    gradient,
    moved,
    norm_of,
    plain_descent,
    recorded,
    set_trained,
    weights,
)
from tests.study.base_study import BASE, problems
from tests.training.small_study import (
    IMAGES,
    TRAIN,
    VALIDATION,
    network_of,
    protocol,
    regularizers_of,
    trained,
)

from regbench.networks.base import Phase, Plan
from regbench.networks.registry import network_of as network_of_kind
from regbench.networks.weights import weights_of
from regbench.regularizers.places.update import Update
from regbench.regularizers.registry import REGULARIZERS
from regbench.storage.stored_file import LocalFile
from regbench.study.digests import digest_of_weights
from regbench.study.reader import read_study
from regbench.study.technique import Technique
from regbench.training import step as training_step
from regbench.training.checkpoint import Checkpoint
from regbench.training.course import Epoch
from regbench.training.train import SplitPart, train

TOGETHER: list[dict[str, Any]] = [
    {
        "ema": 0.8,
        "sam": 0.1,
        "gradient_noise": 1e-4,
        "gradient_clipping": 0.5,
        "weight_decay": 0.1,
        "max_norm": 1.0,
        "orthogonal": {"factor": 0.01, "probes": 2},
        "batch_normalization": True,
    },
    {"swa": {"start": 0.4}, "gradient_clipping": {"by": "adaptive"}, "elastic_net": {}},
    {"lookahead": {"steps": 3}, "sam": {"adaptive": True}, "dropout": 0.3},
    {"unit_norm": True, "gradient_noise": 1e-4, "batch_normalization": True},
]


def test_each_update_is_in_a_technique_here() -> None:
    tried = {key for technique in TOGETHER for key in technique}
    assert {key for key, kind in REGULARIZERS.items() if kind.does("update")} <= tried


class InterruptedTrainingError(Exception):
    pass


def run(
    technique: dict[str, Any], checkpoint: Checkpoint | None = None, until: int | None = None
) -> tuple[str, pd.DataFrame]:
    def told(epoch: Epoch) -> None:
        if epoch.epoch == until:
            raise InterruptedTrainingError

    of = Technique.model_validate(technique)
    network = network_of(of)
    shared = protocol(epochs=4, schedule={"name": "cosine"})
    history, _ = train(
        network,
        IMAGES,
        TRAIN,
        VALIDATION,
        shared,
        1,
        regularizers_of(of),
        told,
        checkpoint=checkpoint,
    )
    return digest_of_weights(weights_of(network)), history.drop(columns="seconds")


@pytest.mark.parametrize("technique", TOGETHER, ids="+".join)
def test_a_seed_gives_the_same_bits_after_an_interruption_too(
    technique: dict[str, Any], tmp_path: Path
) -> None:
    whole, history = run(technique)
    file = LocalFile(tmp_path / "checkpoint.npz")
    with pytest.raises(InterruptedTrainingError):
        run(technique, Checkpoint(file, "this", 0), until=3)
    training_step.compiled_step.cache_clear()  # another process
    again, resumed = run(technique, Checkpoint(file, "this", 0))
    assert again == whole
    pd.testing.assert_frame_equal(resumed, history)
    assert len(history) == 4


def test_a_step_goes_in_the_order_that_is_said() -> None:
    # Without noise: SAM's gradient, clipped; then decay; then the step; then the constraint.
    technique = Technique(
        sam=0.3, gradient_clipping=0.1, weight_decay=0.5, max_norm=0.5, lookahead={"steps": 2}
    )
    shared = plain_descent(epochs=2)  # of two steps each
    model, _ = trained(technique, shared)
    plain = network_of(Technique())
    slow = weights(plain)
    kernels = [n for n, v in enumerate(plain.trainable_variables) if v.name == "kernel"]
    for number, rows in enumerate(batches(shared), start=1):
        at = weights(plain)
        found = gradient(plain, rows)
        set_trained(plain, moved(at, found, 0.3 / norm_of(found)))
        there = gradient(plain, rows)
        clipped = [g * min(1, 0.1 / norm_of(there)) for g in there]
        decayed = [w * 0.95 if n in kernels else w for n, w in enumerate(at)]
        new = moved(decayed, clipped, -0.1)
        for n in kernels[:-1]:
            new[n] = new[n] * np.minimum(1, 0.5 / np.linalg.norm(new[n], axis=0))
        if number % 2 == 0:
            slow = new = [s + 0.5 * (f - s) for s, f in zip(slow, new, strict=True)]
        set_trained(plain, new)
    assert_weights(weights(model), weights(plain))


def test_noise_is_added_to_clipped_gradients() -> None:
    shared = plain_descent(batch_size=65, epochs=1)
    both, _ = trained(Technique(gradient_clipping=1e-6, gradient_noise=0.01), shared)
    start = network_of(Technique())
    steps = [(a - b) / 0.1 for a, b in zip(weights(both), weights(start), strict=True)]
    assert np.concatenate([s.ravel() for s in steps]).std() == pytest.approx(0.1, rel=0.1)


def told(technique: dict[str, Any], **changes: Any) -> list[str]:
    study = {
        **BASE,
        "protocol": {**BASE["protocol"], **changes},
        "techniques": {"baseline": {}, "mine": technique},
    }
    return [f"{'.'.join(found.path)}: {found.message}" for found in problems(study)]


ADAMW = {"name": "adamw", "learning_rate": 0.001}
SGD = {"name": "sgd", "learning_rate": 0.1, "weight_decay": 5e-4}


@pytest.mark.parametrize(
    ("technique", "changes", "said"),
    [
        (
            {"weight_decay": 0.1},
            {"optimizer": ADAMW},
            "weight_decay: the optimizer decays already (protocol.optimizer: adamw, weight_decay: "
            "0.004), for every technique: take another optimizer, or leave this out",
        ),
        (
            {"weight_decay": 0.1},
            {"optimizer": SGD},
            "weight_decay: the optimizer decays already (protocol.optimizer: sgd, weight_decay: "
            "0.0005), for every technique: set that to 0, or leave this out",
        ),
        (
            {"swa": {}},
            {"schedule": {"name": "plateau"}},
            "swa: averages the last epochs, and under protocol.schedule plateau nobody knows which "
            "those are: take another schedule",
        ),
        (
            {"swa": {}, "early_stopping": {}},
            {},
            "swa: averages the last epochs, which early_stopping cuts off: leave out one of them",
        ),
        (
            {"unit_norm": True, "ema": 0.9},
            {},
            "unit_norm: does not hold for the averaged weights of ema, which are shorter: leave "
            "out one of them",
        ),
        (
            {"unit_norm": True, "max_norm": 2},
            {},
            "max_norm: means nothing with unit_norm, which sets every norm to 1: leave out one of "
            "them",
        ),
        (
            {"elastic_net": {}, "l1": 0.1},
            {},
            "elastic_net: has the penalty of l1 already: set its own l1",
        ),
    ],
)
def test_what_does_not_go_together_is_told(
    technique: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    assert told(technique, **changes) == [f"techniques.mine.{said}"]


def test_two_averages_are_told() -> None:
    assert told({"ema": 0.9, "lookahead": {}}) == [
        "techniques.mine: ema and lookahead each average the weights: a technique can have one of "
        "them"
    ]


def test_what_goes_together_is_taken() -> None:
    cnn = {"kind": "cnn", "filters": [4], "normalization": "none"}
    study = {
        **BASE,
        "networks": {"mine": cnn},
        "protocol": {**BASE["protocol"], "network": "mine"},
        "techniques": {
            "baseline": {},
            "chosen": {"ema": 0.9, "early_stopping": {}},
            **{f"t{number}": technique for number, technique in enumerate(TOGETHER)},
        },
    }
    assert len(read_study(study).techniques) == len(TOGETHER) + 2


@pytest.mark.parametrize("name", ["cnn", "own with hooks"])
def test_they_train_on_networks_with_filters(name: str) -> None:
    technique = Technique.model_validate(
        {key: value for key, value in TOGETHER[0].items() if key != "batch_normalization"}
    )
    regularizers = technique.regularizers({})
    normalization = {"offset": [60.0], "scale": [40.0]}
    shape = (8, 8, 1)
    network = network_of_kind(ENTRIES[name]).built(Plan(shape, 3, 1, normalization, regularizers))
    images = np.random.default_rng(0).integers(0, 256, (12, *shape), dtype=np.uint8)
    part = SplitPart(np.arange(12), np.arange(12) % 3)
    history, _ = train(
        network, images, part, part, plain_descent(batch_size=6, epochs=1), 1, regularizers
    )
    assert np.isfinite(history["validation_cross_entropy"]).all()
    assert history["penalty"].item() > 0


def test_each_phase_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    after = recorded(monkeypatch)
    technique = Technique(ema=0.9)
    network = network_of(technique)
    phases = (Phase("head", 2, 0.1, frozenset({"hidden_1"})), Phase("all", 3, 0.05))
    shared = plain_descent(batch_size=65)
    regularizers = regularizers_of(technique)
    train(network, IMAGES, TRAIN, VALIDATION, shared, 1, regularizers, phases=phases)
    expected = [np.mean([values[n] for values in after[-3:]], axis=0) for n in range(6)]
    assert_weights(weights(network), expected)  # 0.9 takes the plain mean of 10 steps


def test_an_update_without_steps_of_its_own_is_compiled_without_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    update = Update()

    @tf.function
    def compiled(rate: tf.Tensor) -> tf.Tensor:
        update.before_step(rate)
        update.after_step(rate)
        return rate

    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    try:
        assert compiled(tf.constant(0.1)).numpy() == pytest.approx(0.1)
    finally:
        logger.removeHandler(caplog.handler)
    assert not caplog.messages
