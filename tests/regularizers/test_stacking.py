"""Stacking: the last layer answers as scikit-learn's regression."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.training.small_ensembles import answers, ensemble
from tests.training.small_study import IMAGES, VALIDATION

from regbench.errors import StudyError
from regbench.networks.inference import predict
from regbench.regularizers.stacking import regression
from regbench.study.technique import Technique


def softmax(logits: np.ndarray) -> np.ndarray:
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))


def test_probabilities_are_those_of_scikit_learn() -> None:
    made = ensemble(Technique.model_validate({"stacking": {"members": 3, "c": 2.0}}))
    of_members = [
        predict(made.network.get_layer(f"member_{number}"), IMAGES, np.arange(90))
        for number in (1, 2, 3)
    ]
    features = np.concatenate(of_members, axis=1).astype(float)
    fitted = LogisticRegression(C=2.0, max_iter=10_000).fit(
        features[VALIDATION.rows], VALIDATION.targets
    )
    expected = fitted.predict_proba(features)
    np.testing.assert_allclose(answers(made.network, np.arange(90)), expected, atol=1e-5)


@pytest.mark.parametrize("seen", [[0, 1, 2, 3], [1, 3], [0, 2, 3]])
def test_classes_that_validation_lacks_are_never_chosen(seen: list[int]) -> None:
    drawn = np.random.default_rng(0)
    targets = np.asarray(seen)[drawn.integers(0, len(seen), 60)]
    features = drawn.random((60, 8)) + 0.3 * np.eye(8)[targets]
    kernel, bias = regression(features, targets, 4, 1.0)
    found = softmax(features @ kernel + bias)
    fitted = LogisticRegression(C=1.0, max_iter=10_000).fit(features, targets)
    np.testing.assert_allclose(found[:, seen], fitted.predict_proba(features), atol=1e-5)
    assert np.delete(found, seen, axis=1).sum() < 1e-9
    assert kernel.dtype == bias.dtype == np.float32


def test_images_of_one_class_are_told() -> None:
    with pytest.raises(StudyError, match="one class"):
        regression(np.ones((4, 6)), np.zeros(4, dtype=int), 3, 1.0)
