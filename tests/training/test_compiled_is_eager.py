"""The compiled step computes what its Python code says, line by line, when nothing is compiled."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.training.small_study import protocol, trained

from regbench.regularizers.gaussian_dropout import GaussianDropout
from regbench.study.technique import Technique
from regbench.training import step

# Adam would make a step of a gradient that is nothing but rounding.
SHARED = protocol(epochs=2, optimizer={"name": "sgd", "learning_rate": 0.05})


@pytest.fixture(autouse=True)
def _compiled_anew() -> Iterator[None]:
    step.compiled_step.cache_clear()
    yield
    tf.config.run_functions_eagerly(False)
    step.compiled_step.cache_clear()


@pytest.mark.parametrize(
    "technique",
    [
        {"flip": True, "random_erasing": True, "mixup": 0.4, "label_smoothing": 0.1},
        {"elastic": {"alpha": 4, "sigma": 1}, "cutmix": True, "focal_loss": 2},
        {"randaugment": True, "cutout": 0.5, "confidence_penalty": 0.1, "max_norm": 0.5},
        {"sam": 0.05, "gradient_clipping": {"by": "norm", "limit": 0.5}, "weight_decay": 0.1},
        {"lookahead": {"steps": 2}, "gradient_noise": 0.01, "orthogonal": 0.01},
        {"swa": True, "batch_normalization": True, "activity_penalty": {"kind": "kl"}},
        {"ema": 0.9, "spectral_norm": 1, "augmix": True},
    ],
    ids="_".join,
)
def test_weights_and_figures(technique: dict[str, Any]) -> None:
    network, history = trained(Technique.model_validate(technique), SHARED)
    step.compiled_step.cache_clear()
    tf.config.run_functions_eagerly(True)
    plain, plain_history = trained(Technique.model_validate(technique), SHARED)
    for one, other in zip(network.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)
    figures = ["train_cross_entropy", "train_accuracy", "validation_cross_entropy", "penalty"]
    np.testing.assert_allclose(history[figures], plain_history[figures], atol=2e-3)


def test_a_second_pass_over_a_batch_draws_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[tuple[int, ...]] = []

    def noted(_: GaussianDropout, values: tf.Tensor, seed: tf.Tensor, __: tf.Tensor) -> tf.Tensor:
        seeds.append(tuple(np.asarray(seed).tolist()))
        return values

    monkeypatch.setattr(GaussianDropout, "change_values", noted)
    tf.config.run_functions_eagerly(True)
    trained(Technique(sam=0.05, gaussian_dropout=0.5), protocol(epochs=1))
    assert len(seeds) == 2 * 2 * 5  # layers, passes and steps
    assert len(set(seeds)) == len(seeds)
