"""The comparison on several networks: pairing, the correction, and one network's rows."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel
from statsmodels.stats.multitest import multipletests
from tests.comparison.network_study import BAND, STUDY, compared

from regbench.comparison.compare import compare, networks_of
from regbench.evaluation.results import Results
from regbench.study.arms import by_network

FIGURES = ["difference", "difference_low", "difference_high", "p_value", "bootstrap_low"]


def accuracies(arm: str) -> np.ndarray:
    return STUDY[arm].trainings.sort_values("seed")["test_accuracy"].to_numpy()


def test_a_technique_is_paired_with_the_baseline_of_its_own_network() -> None:
    table = compared().set_index(["network", "technique"])
    for network in ("mlp", "cnn"):
        for technique in ("dropout", "shifts"):
            pair = accuracies(f"{technique}.{network}"), accuracies(f"baseline.{network}")
            row = table.loc[(network, technique)]
            assert row["difference"] == pytest.approx(np.mean(pair[0] - pair[1]))
            assert row["p_value"] == pytest.approx(ttest_rel(*pair).pvalue)


def test_the_correction_counts_all_techniques_on_all_networks() -> None:
    table = compared().dropna(subset=["p_value"])
    assert len(table) == 4
    _, adjusted, *_ = multipletests(table["p_value"], method="holm")
    assert table["p_adjusted"].to_numpy() == pytest.approx(adjusted)
    alone = compare(by_network(STUDY)["mlp"], {}, BAND, seeds=5)
    joint = compared()
    one = alone.set_index("technique").loc["shifts", "p_adjusted"]
    other = joint[joint["network"] == "mlp"].set_index("technique").loc["shifts", "p_adjusted"]
    assert one <= other


def test_each_networks_rows_are_its_own_comparison_but_for_the_correction() -> None:
    separate = networks_of(compared())
    assert list(separate) == ["mlp", "cnn"]
    for network, rows in separate.items():
        alone = compare(by_network(STUDY)[network], {}, BAND, seeds=5)
        assert rows["technique"].tolist() == alone["technique"].tolist()  # the best first
        pd.testing.assert_frame_equal(rows[FIGURES], alone[FIGURES])
        assert "network" not in rows
        assert rows.attrs["networks"] == 2


def test_one_network_has_the_columns_that_it_had() -> None:
    alone = compare(by_network(STUDY)["mlp"], {}, BAND, seeds=5)
    assert "network" not in alone
    assert networks_of(alone)[""] is alone
    assert compared().columns.tolist()[:2] == ["network", "technique"]


def test_what_is_not_trained_or_failed_on_one_network_only() -> None:
    study = STUDY | {"dropout.cnn": Results.none()}
    stale = {"dropout.cnn": "changed since: the protocol"}
    table = compare(study, stale, BAND, seeds=5, died=["shifts"]).set_index(
        ["network", "technique"]
    )
    assert table.loc[("cnn", "dropout"), "status"] == "stale"
    assert table.loc[("mlp", "dropout"), "status"] == "trained"
    assert pd.isna(table.loc[("cnn", "dropout"), "difference"])
    assert (table.loc[(slice(None), "shifts"), "status"] == "trained").all()  # complete anyway
    table = compare(
        study | {"shifts.mlp": Results.none()}, {}, BAND, seeds=5, died=["shifts"]
    ).set_index(["network", "technique"])
    assert table.loc[("mlp", "shifts"), "status"] == "failed"
    assert table.loc[("cnn", "shifts"), "status"] == "trained"


def test_without_a_baseline_on_one_network_nothing_is_compared_there() -> None:
    table = compare(STUDY | {"baseline.cnn": Results.none()}, {}, BAND, seeds=5)
    assert set(table.dropna(subset=["difference"])["network"]) == {"mlp"}
