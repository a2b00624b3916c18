"""Where networks look in the images that techniques differ on: which images, which networks."""

import logging
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from regbench.evaluation.results import Results
from regbench.networks.grad_cam import grad_cam
from regbench.networks.weights import weights_of
from regbench.pipelines.reporting.explanation_nodes import (
    choose_explained,
    explain_images,
    explanation_failed,
)
from regbench.pipelines.reporting.pipeline import create_pipeline
from regbench.study import digests

CLASSES = ["ant", "bee"]
INDEX = pd.DataFrame(
    {
        "filename": [f"{place}.png" for place in range(12)],
        "label": np.resize(CLASSES, 12).astype(object),
        "split": ["train"] * 4 + ["test"] * 8,
    }
)


def results(wrong: set[int], seeds: tuple[int, ...] = (3, 2)) -> Results:
    """Results of a technique that is wrong about some test images, with every seed."""
    test = INDEX.iloc[4:]
    other = {"ant": "bee", "bee": "ant"}
    said = [
        other[label] if place in wrong else label
        for place, label in test["label"].to_dict().items()
    ]
    answers = [test.assign(predicted=said, confidence=np.float32(0.9), seed=seed) for seed in seeds]
    trainings = pd.DataFrame(
        {
            "seed": seeds,
            "status": "trained",
            "fingerprint_weights": [f"weights {seed}" for seed in seeds],
        }
    )
    none = Results.none()
    return Results(trainings, none.epochs, pd.concat(answers), none.measurements)


def test_images_are_those_that_techniques_differ_on() -> None:
    study = {"baseline": results({4, 9, 11}), "dropout": results({9, 6}), "l2": Results.none()}
    chosen = choose_explained(study, INDEX, CLASSES)
    assert sorted(chosen["images"]) == [4, 6, 11]
    first = {"seed": 2, "weights": "weights 2"}
    assert chosen["networks"] == {
        "baseline": {"file": "baseline/seed_2", **first},
        "dropout": {"file": "dropout/seed_2", **first},
    }


@pytest.mark.parametrize("study", [{}, {"baseline": results({4}), "l2": results({4})}])
def test_no_network_is_asked_where_techniques_agree(study: dict[str, Results]) -> None:
    assert choose_explained(study, INDEX, CLASSES) == {"images": [], "networks": {}}
    nothing: dict[str, Any] = {"images": [], "networks": {}}
    made = explain_images(nothing, {}, np.zeros((12, 8, 8, 1), np.uint8))
    assert {name: values.tolist() for name, values in made.items()} == {"rows": []}


def a_network(*, convolutional: bool) -> keras.Model:
    keras.utils.set_random_seed(0)
    body = (
        [keras.layers.Conv2D(3, 3), keras.layers.GlobalAveragePooling2D()]
        if convolutional
        else [keras.layers.Flatten()]
    )
    first = [keras.Input((8, 8, 1), dtype="uint8"), keras.layers.Rescaling(1 / 255)]
    return keras.Sequential([*first, *body, keras.layers.Dense(2), keras.layers.Softmax()])


def test_maps_are_those_of_the_evaluated_networks(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), dtype=np.uint8)
    cnn, dense = a_network(convolutional=True), a_network(convolutional=False)
    stored = {"cnn/seed_1": lambda: cnn, "other/seed_1": lambda: cnn, "mlp/seed_1": lambda: dense}
    weights = {
        "cnn": digests.digest_of_weights(weights_of(cnn)),
        "other": "others",
        "mlp": digests.digest_of_weights(weights_of(dense)),
        "gone": "any",
    }
    networks = {
        name: {"file": f"{name}/seed_1", "seed": 1, "weights": of} for name, of in weights.items()
    }
    made = explain_images({"images": [5, 2], "networks": networks}, stored, images)
    assert set(made) == {"rows", "cnn.maps", "cnn.answers", "cnn.seed"}
    expected = grad_cam(cnn, images[[5, 2]])
    assert expected is not None
    np.testing.assert_array_equal(made["cnn.answers"], expected[1])
    np.testing.assert_allclose(made["cnn.maps"] / 255, expected[0], atol=0.003)
    assert sorted(caplog.messages) == [
        "no Grad-CAM of gone: its network is gone or another one",
        "no Grad-CAM of mlp: it has no feature maps of its own",
        "no Grad-CAM of other: its network is gone or another one",
    ]


def test_the_report_does_without_if_it_fails() -> None:
    made = explanation_failed("no memory", {"images": [5, 2], "networks": {}}, images=None)
    assert {name: values.tolist() for name, values in made.items()} == {"rows": [5, 2]}


def test_only_studies_with_feature_maps_have_the_nodes() -> None:
    without = create_pipeline(["baseline"], with_publication=False)
    assert not any("tensorflow" in node.tags for node in without.nodes)
    with_maps = create_pipeline(["baseline"], with_publication=False, with_feature_maps=True)
    added = {node.name for node in with_maps.nodes} - {node.name for node in without.nodes}
    assert added == {"reporting.choose_explained", "reporting.explain"}
