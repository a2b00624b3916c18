"""The history of studies of several networks: rows, labels, alarms, changes, networks kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.comparison.network_study import STUDY, compared

from regbench.history import kept_networks, runs_table, table, tracking
from regbench.history.alarms import check
from regbench.history.page import render_history
from regbench.history.trend import trend_plot
from regbench.study.monitoring import Alarms

APast = Callable[..., pd.DataFrame]
OFF = {"drop": None, "floor": None, "rejected": None, "failed": False, "notify_on_error": False}
FINGERPRINTS = {
    name: {
        "protocol": f"protocol of {name.partition('.')[2]}",
        "training": "t",
        "evaluation": "e",
        "technique": name.partition(".")[0],
    }
    for name in STUDY
}


def on_networks(day: int, past: APast, **accuracies: dict[str, float]) -> pd.DataFrame:
    """A run's rows: by network, the accuracies of techniques."""
    runs = [
        past(day, of_network).assign(network=network, protocol=f"protocol of {network}")
        for network, of_network in accuracies.items()
    ]
    return pd.concat(runs, ignore_index=True)


def messages(run: pd.DataFrame, earlier: pd.DataFrame, **given: Any) -> list[str]:
    found = check(run, earlier, Alarms.model_validate(OFF | {"technique": "best"} | given))
    return [alarm.message for alarm in found]


def test_a_row_for_each_technique_on_each_network() -> None:
    rows = table.rows_of_run(
        compared(), STUDY, FINGERPRINTS, {"data": "d", "split": "s"}, pd.Series(["test"]), 0
    )
    assert set(zip(rows["technique"], rows["network"], strict=True)) == {
        tuple(name.split(".")) for name in STUDY
    }
    assert (rows["protocol"] == "protocol of " + rows["network"]).all()
    assert set(table.by_arm(rows)["technique"]) == set(STUDY)
    one = rows[rows["network"] == "cnn"].set_index("technique")
    accuracies = STUDY["shifts.cnn"].trainings["test_accuracy"]
    assert one.loc["shifts", "accuracy"] == pytest.approx(np.mean(accuracies))


def test_rows_of_earlier_versions_are_of_one_network(a_past_run: APast) -> None:
    stored = a_past_run(1, {"l2": 0.9, "baseline": 0.8}).drop(columns="network")
    read = table.validated(stored)
    assert (read["network"] == "").all()
    assert table.by_arm(read) is read


def test_the_same_results_on_two_networks_are_the_same_run(a_past_run: APast) -> None:
    then = on_networks(1, a_past_run, mlp={"l2": 0.9}, cnn={"l2": 0.95})
    again = then.iloc[::-1].reset_index(drop=True)
    clock = {"started": "2026-01-02T00:00:00+00:00", "now": "2026-01-02T00:01:00+00:00"}
    assert set(table.identify_run(again, then, clock, "v")["run"]) == {"2026-01-01T020000Z"}


class TestAlarms:
    def test_the_best_is_over_all_networks_and_named_with_its_own(self, a_past_run: APast) -> None:
        then = on_networks(1, a_past_run, mlp={"l2": 0.9}, cnn={"l2": 0.95})
        now = on_networks(2, a_past_run, mlp={"l2": 0.9}, cnn={"l2": 0.8})
        assert messages(now, then, drop=1) == [
            "l2.mlp, the best on validation, has 90.00 % test accuracy, 5.00 points less than "
            "95.00 % in run 2026-01-01T020000Z (l2.cnn); 1 are tolerated"
        ]

    def test_a_named_technique_is_watched_on_every_network(self, a_past_run: APast) -> None:
        then = on_networks(1, a_past_run, mlp={"l2": 0.9}, cnn={"l2": 0.95})
        now = on_networks(2, a_past_run, mlp={"l2": 0.9}, cnn={"l2": 0.8})
        (drop,) = messages(now, then, drop=1, technique="l2")
        assert drop.startswith("l2.cnn has 80.00 % test accuracy, 15.00 points less")
        floors = messages(now, then, floor=0.92, technique="l2")
        assert [floor.split()[0] for floor in floors] == ["l2.mlp", "l2.cnn"]

    def test_another_protocol_of_one_network_is_not_compared(self, a_past_run: APast) -> None:
        then = on_networks(1, a_past_run, mlp={"l2": 0.9}, cnn={"l2": 0.95})
        now = on_networks(2, a_past_run, mlp={"l2": 0.7}, cnn={"l2": 0.8})
        now.loc[now["network"] == "cnn", "protocol"] = "another"
        found = messages(now, then, drop=1, technique="l2")
        assert [alarm.split()[0] for alarm in found] == ["l2.mlp"]

    def test_one_network_is_not_compared_with_the_same_among_several(
        self, a_past_run: APast
    ) -> None:
        then = a_past_run(1, {"l2": 0.9}).assign(protocol="protocol of mlp")
        now = on_networks(2, a_past_run, mlp={"l2": 0.5})
        assert messages(now, then, drop=1, technique="l2") == []


def test_a_change_of_one_networks_protocol_is_named(a_past_run: APast) -> None:
    then = on_networks(1, a_past_run, mlp={"l2": 0.9}, cnn={"l2": 0.95})
    now = on_networks(2, a_past_run, mlp={"l2": 0.9}, cnn={"l2": 0.8})
    both = pd.concat([then, now], ignore_index=True)
    assert list(runs_table.changes(both).values()) == [[], []]
    both.loc[(both["network"] == "cnn") & (both["time"].dt.day == 2), "protocol"] = "another"
    assert list(runs_table.changes(both).values()) == [[], ["protocol"]]
    assert list(runs_table.changes(table.by_arm(both), "l2.mlp").values()) == [[], []]


def test_page_and_plot_name_the_network_and_know_its_baseline(a_past_run: APast) -> None:
    accuracies = {"l2": 0.9, "baseline": 0.8}
    past = on_networks(1, a_past_run, mlp=accuracies, cnn={"l2": 0.95, "baseline": 0.7})
    page = render_history(past, [], "set")
    assert "l2.cnn is best on validation" in page
    figure = trend_plot(past)
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["l2.mlp", "baseline.mlp", "l2.cnn", "baseline.cnn"]
    drawn = {round(float(y), 6) for line in figure.axes[2].lines for y in line.get_ydata()}
    assert {95.0, 70.0} <= drawn
    assert 80.0 not in drawn
    row = runs_table.runs_table(past).iloc[0]
    assert (row["best"], row["baseline_accuracy"]) == ("l2.cnn", 0.7)


def test_the_networks_that_are_kept_lie_below_their_networks_folder(a_past_run: APast) -> None:
    history = on_networks(1, a_past_run, mlp={"l2": 0.9})
    named = {name: of.trainings.assign(fingerprint_weights=name) for name, of in STUDY.items()}
    results = {
        name: type(of)(named[name], of.epochs, of.predictions, of.measurements)
        for name, of in STUDY.items()
    }
    kept = kept_networks.networks_to_keep(history, "2026-01-01T020000Z", results, 2)
    assert kept["networks"]["cnn/dropout/seed_3"] == "dropout.cnn"
    assert len(kept["networks"]) == 30


def test_mlflow_sees_each_network_as_a_study_of_its_own() -> None:
    settings = {
        "protocol": {"network": ["mlp", "cnn"], "epochs": 3},
        "networks": {"mlp": {"kind": "mlp"}, "cnn": {"kind": "cnn"}},
    }
    own = tracking.settings_of_network(settings, "cnn")
    assert own["network"] == {"kind": "cnn"}
    assert own["protocol"] == {"network": "cnn", "epochs": 3}
    assert tracking.settings_of_network(settings | {"network": {}}, "")["network"] == {}
