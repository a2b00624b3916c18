"""Single trainings on subsets of tiny images, and what networks cost."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.study.base_study import changed

from regbench.images.normalization import fit_normalization, fit_zca
from regbench.metrics.registry import METRICS
from regbench.scaling import networks, train
from regbench.scaling.outcomes import errors_of
from regbench.scaling.subsets import subset_rows
from regbench.study.cells import Cell, inputs_of_cells
from regbench.study.reader import read_study

generator = np.random.default_rng(0)
TARGETS = np.tile([0, 1], 30)
IMAGES = (80 * TARGETS[:, None, None, None] + generator.integers(0, 99, (60, 4, 4, 1))).astype(
    np.uint8
)
INDEX = pd.DataFrame({"target": TARGETS, "split": ["train"] * 40 + ["validation"] * 20})


def parameters(**techniques: dict[str, Any]) -> dict[str, Any]:
    settings = changed("networks.mlp.hidden_units", [3])
    settings["techniques"] = {"baseline": {}} | techniques
    settings["protocol"] |= {"epochs": 3, "batch_size": 10}
    study = read_study(settings)
    return study.as_parameters() | inputs_of_cells(study)


def trained(technique: str, size: int, length: str, **techniques: dict[str, Any]) -> dict[str, Any]:
    cell = Cell(technique, "mlp", size, 1)
    settings = parameters(**techniques)
    return train.train_cell(IMAGES, INDEX, ["a", "b"], settings, cell, technique, size, length)


def test_what_is_fitted_is_fitted_on_the_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted_on = []
    for fit in (fit_normalization, fit_zca):

        def spied(images: np.ndarray, rows: np.ndarray, *others: Any, fit: Any = fit) -> Any:
            fitted_on.append(rows)
            return fit(images, rows, *others)

        monkeypatch.setattr(train, fit.__name__, spied)
    made = trained("zca", 12, "steps", zca={"zca": True})
    assert made["status"] == "trained"
    # 40 images take 4 steps of 10 in each of 3 epochs; 12 images, three times each, too.
    assert (made["epochs"], made["steps"]) == (3, 12)
    assert made["judged_images"] == 20
    assert made["step"] == 1 / 20
    assert "test_accuracy" not in made
    assert len(fitted_on) == 2
    for rows in fitted_on:
        np.testing.assert_array_equal(rows, subset_rows(INDEX, 1, 12))


def test_as_many_epochs_are_fewer_steps() -> None:
    made = trained("baseline", 12, "epochs")
    assert (made["epochs"], made["steps"]) == (3, 6)


def test_a_technique_that_does_not_fit_the_network_has_failed_with_the_reason() -> None:
    cell = Cell("odd", "mlp", "all", 1)
    settings = parameters(odd={"l2": 0.1})
    settings["techniques"]["odd"] = {"stochastic_depth": 0.5}
    made = train.train_cell(IMAGES, INDEX, ["a", "b"], settings, cell, "odd", 40, "steps")
    assert made["status"] == "failed"
    assert "stochastic_depth" in made["reason"]


def test_an_ensemble_costs_all_its_networks() -> None:
    settings = parameters(three={"seed_ensemble": 3})
    one, three = (
        networks.cost_of(IMAGES, 2, settings, "mlp", name) for name in ("baseline", "three")
    )
    assert one["weights"] == 16 * 3 + 3 + 3 * 2 + 2
    assert (three["weights"], three["multiply_adds"]) == (3 * one["weights"], 3 * 54)


def test_errors_are_least_at_the_best_value() -> None:
    values = np.array([0.25, 1.0])
    assert errors_of(values, METRICS["accuracy"]).tolist() == [0.75, 0]
    assert errors_of(values, METRICS["cross_entropy"]).tolist() == [0.25, 1]
    assert errors_of(-values, METRICS["log_likelihood_per_class"]).tolist() == [0.25, 1]
