"""Nodes and pipelines of a study of several networks."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.comparison.network_study import STUDY, compared
from tests.study.base_study import BASE

from regbench.errors import StudyError
from regbench.pipelines.data.nodes import check_networks
from regbench.pipelines.reporting.nodes import separate_networks, write_markdown
from regbench.pipelines.reporting.pipeline import create_pipeline

NETWORKS: dict[str, Any] = {
    "small": {"kind": "mlp", "hidden_units": [4], "activation": "relu"},
    "deep": {"kind": "cnn", "filters": [4] * 6},
}


STEP: dict[str, Any] = {"batch_size": 8, "precision": "float32"}


def check(chosen: list[str], technique: dict[str, Any]) -> None:
    trainings = {
        f"{name}.{network}": {"technique": f"{name}.{network}", "regularizers": regularizers}
        for name, regularizers in {"baseline": {}, "mine": technique}.items()
        for network in chosen
    }
    images = np.zeros((6, 8, 8, 1), np.uint8)
    check_networks(images, ["a", "b"], NETWORKS, chosen, trainings, **STEP)


def test_what_fits_every_network_is_passed() -> None:
    check(["small"], {"dropout": {"rate": 0.5}})


def test_images_that_one_network_cannot_take() -> None:
    with pytest.raises(StudyError, match=r"^on network deep: parameters_networks.yml: cnn: .*8"):
        check(["small", "deep"], {})


def test_a_technique_that_means_nothing_on_one_network() -> None:
    networks = NETWORKS | {"normal": {"kind": "cnn", "filters": [4]}}
    trainings = {
        "mine.normal": {"technique": "mine.normal", "regularizers": {"batch_normalization": {}}}
    }
    images = np.zeros((6, 8, 8, 1), np.uint8)
    with pytest.raises(StudyError, match=r"^on network normal: .*techniques\.mine\.batch_norm"):
        check_networks(images, ["a", "b"], networks, ["normal"], trainings, **STEP)


def test_each_network_is_separated_with_its_comparison() -> None:
    of_mlp, of_cnn, table_of_mlp, table_of_cnn = separate_networks(STUDY, compared())
    assert of_mlp == {name: STUDY[f"{name}.mlp"] for name in ("baseline", "dropout", "shifts")}
    assert of_cnn["shifts"] is STUDY["shifts.cnn"]
    for table, best in ((table_of_mlp, 0.926), (table_of_cnn, 0.986)):
        assert isinstance(table, pd.DataFrame)
        assert table["test_accuracy"].max() == pytest.approx(best)
        assert "network" not in table


def test_markdown_has_a_table_for_each() -> None:
    text = write_markdown(compared(), "kedro run", BASE["reporting"], [])
    assert text.count("| technique |") == 2


def test_pictures_of_one_network_have_the_names_that_they_had() -> None:
    one = create_pipeline(["baseline", "l2"], with_publication=False)
    several = create_pipeline(["baseline.mlp", "baseline.cnn"], with_publication=False)
    pictures = {"comparison_plot", "gap_plot", "learning_curves", "pruning_plot"}
    assert pictures <= one.all_outputs()
    assert not any("." in name for name in one.all_outputs())
    assert {f"{network}.{name}" for network in ("mlp", "cnn") for name in pictures} <= (
        several.all_outputs()
    )
    names = {node.name for node in one.nodes}
    assert {"reporting.plot_gaps", "reporting.plot_differences"} <= names
