"""TensorFlow as trainings have it, for all tests of training."""

import pytest

from regbench.training.tensorflow_setup import set_up_tensorflow


@pytest.fixture(autouse=True, scope="module")
def _deterministic() -> None:
    set_up_tensorflow()
