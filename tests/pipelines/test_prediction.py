"""Which network labels, and what is said when there is none."""

import numpy as np
import pandas as pd
import pytest

from regbench.errors import StudyError
from regbench.pipelines.prediction.nodes import choose_network, label_images

TECHNIQUES = {"baseline": {}, "l2": {"l2": 0.1}}
TRAINED = pd.DataFrame(
    {"seed": [1, 2], "status": ["trained", "trained"], "validation_accuracy": [0.7, 0.8]}
)


class Network:
    """As much of a network as choosing needs."""

    input_shape = (None, 28, 28, 1)


class Colourblind(Network):
    input_shape = (None, 9, 9, 1)
    output_shape = (None, 3)


def test_a_named_technique_has_to_be_trained() -> None:
    with pytest.raises(StudyError, match="l2 is not trained; kedro run --pipelines=l2 does it"):
        choose_network(TECHNIQUES, {"technique": "l2"}, TRAINED, pd.DataFrame())


def test_the_best_run_of_a_named_technique() -> None:
    chosen = choose_network(TECHNIQUES, {"technique": "baseline"}, TRAINED, pd.DataFrame())
    assert chosen == {"technique": "baseline", "seed": 2}


@pytest.mark.parametrize(
    ("networks", "said"),
    [
        ({}, "the network l2/seed_3 is gone; kedro run --pipelines=l2"),
        ({"l2/seed_3": Colourblind}, "knows 3 classes, the set has 2: train again"),
        ({"l2/seed_3": Network}, r"takes images of \(28, 28, 1\), the unlabelled ones are \(9, 9"),
    ],
)
def test_a_network_that_is_gone_or_does_not_fit(networks: dict[str, type], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        label_images(
            {"technique": "l2", "seed": 3},
            networks,
            np.zeros((2, 9, 9, 1), np.uint8),
            pd.DataFrame({"filename": ["a", "b"]}),
            ["0", "1"],
        )
