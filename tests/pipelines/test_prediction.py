"""Which network labels, and what is said when there is none."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regbench.errors import StudyError
from regbench.evaluation.results import Results
from regbench.pipelines.prediction.nodes import choose_network, label_images
from regbench.storage.stored_file import LocalFile

PREPARATION = {"ingest": "i", "split": "p"}
STORED = {"data": "d", "split": "s", "made_from": PREPARATION}
TRAINING = {"protocol": "p", "technique": "t", "training": "c"}
FINGERPRINTS = {name: {"training": TRAINING, "evaluation": "e"} for name in ("baseline", "l2")}
CURRENT = {**TRAINING, "data": "d", "split": "s", "evaluation": "e"}
UNTRAINED = Results.none()


def results(*accuracies: float, **others: str) -> Results:
    """Trainings with seeds 1, 2, ... and validation accuracies, up to date or not."""
    made = {f"fingerprint_{part}": value for part, value in (CURRENT | others).items()}
    trainings = [
        {"seed": seed, "status": "trained", "validation_accuracy": accuracy, **made}
        | {"fingerprint_weights": f"w{seed}"}
        for seed, accuracy in enumerate(accuracies, start=1)
    ]
    return Results(
        pd.DataFrame(trainings), UNTRAINED.epochs, UNTRAINED.predictions, UNTRAINED.measurements
    )


def failed(of: Results) -> Results:
    trainings = of.trainings.assign(status="failed", reason="out of memory")
    return Results(trainings, UNTRAINED.epochs, UNTRAINED.predictions, UNTRAINED.measurements)


def choose(
    technique: str,
    baseline: Results,
    l2: Results,
    seeds: tuple[int, ...] = (1, 2),
    metric: str = "accuracy",
    refit: dict[str, Any] | None = None,
) -> dict[str, Any]:
    parameters = {
        "fingerprints": FINGERPRINTS,
        "preparation": PREPARATION,
        "protocol": {"seeds": list(seeds)},
        "prediction": {"technique": technique},
        "reporting": {"metric": metric},
        "command": "uv run kedro run",
        "refit": {"technique": "best", "parts": ["train", "validation"], "seeds": [1, 2]},
    }
    return choose_network(parameters, STORED, refit, baseline, l2)


def chosen(technique: str, seed: int) -> dict[str, Any]:
    return {
        "made_by": "study",
        "technique": technique,
        "seed": seed,
        "weights": f"w{seed}",
        "file": f"{technique}/seed_{seed}",
        "out_of_sample": [f"{technique}/seed_{seed}"],
    }


class Network:
    """As much of a network as choosing needs."""

    input_shape = (None, 28, 28, 1)


class Colourblind(Network):
    input_shape = (None, 9, 9, 1)
    output_shape = (None, 3)


def test_the_best_is_best_on_validation() -> None:
    assert choose("best", results(0.7, 0.8), results(0.9, 0.5)) == chosen("baseline", 2)
    assert choose("best", results(0.7, 0.8), results(0.9, 0.8)) == chosen("l2", 1)


def test_the_best_training_of_a_named_technique() -> None:
    assert choose("baseline", results(0.7, 0.8), results(0.9, 0.95)) == chosen("baseline", 2)


def test_trainings_made_from_something_else_are_not_chosen() -> None:
    stale = results(0.99, 0.98, split="another")
    assert choose("best", results(0.7), stale)["technique"] == "baseline"


def test_trainings_with_seeds_of_an_earlier_study_are_not_chosen() -> None:
    assert choose("best", results(0.7, 0.8, 0.9), UNTRAINED, (1, 2))["seed"] == 2


def test_a_named_technique_has_to_be_trained() -> None:
    said = "l2 is not trained; uv run kedro run --pipelines=l2 trains it"
    with pytest.raises(StudyError, match=said):
        choose("l2", results(0.7), UNTRAINED)


def test_a_named_technique_has_to_be_up_to_date() -> None:
    said = r"l2 is stale \(changed since: the images\); uv run kedro run --pipelines=l2 trains it"
    with pytest.raises(StudyError, match=said):
        choose("l2", results(0.7), results(0.9, data="other images"))


def test_of_a_technique_that_failed_the_reason_is_said() -> None:
    said = r"l2 has failed: l2 seed 1 \(out of memory\); .*; uv run kedro run --pipelines=l2 trains"
    with pytest.raises(StudyError, match=said):
        choose("l2", results(0.7), failed(results(0.9, 0.8)))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (UNTRAINED, "no technique is trained yet; uv run kedro run trains them all"),
        (
            results(0.9, technique="x"),
            r"no technique is up to date \(changed since: the technique.*; uv run kedro run trains",
        ),
        (failed(results(0.9)), r"every training that is up to date has failed: l2 seed 1 \(out of"),
    ],
)
def test_without_any_network_there_is_no_best(made: Results, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        choose("best", UNTRAINED, made)


@pytest.mark.parametrize(
    ("networks", "said"),
    [
        ({}, "the network l2/seed_3 is gone; uv run kedro run --pipelines=l2"),
        ({"l2/seed_3": Colourblind}, "knows 3 classes, the set has 2; .*--pipelines=l2 trains it"),
        ({"l2/seed_3": Network}, r"takes images of \(28, 28, 1\), these are \(9, 9"),
    ],
)
def test_a_network_that_is_gone_or_does_not_fit(networks: dict[str, type], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        label_images(
            chosen("l2", 3),
            networks,
            np.zeros((2, 9, 9, 1), np.uint8),
            pd.DataFrame({"filename": ["a", "b"]}),
            ["0", "1"],
            {},
            LocalFile(Path("parts")),
            "uv run kedro run",
        )
