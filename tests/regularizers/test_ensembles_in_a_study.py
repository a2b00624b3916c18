"""A whole small study with ensembles: results, report, labels, history, resuming."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regbench.datasets.network_dataset import NetworkDataset

Run = Callable[..., dict[str, Any]]
SETTINGS: dict[str, Any] = {
    "techniques": {
        **dict.fromkeys(
            (
                *("l2", "l1", "augmentation", "zca", "zca_dropout", "early_stopping", "dropout"),
                *("batch_normalization", "dropout_augmentation"),
            )
        ),
        "bags": {"bagging": 2, "dropout": 0.2},
        "stacked": {"stacking": {"members": 2}, "early_stopping": {"patience": 1}},
        "taught": {"self_distillation": True},
    },
    "networks": {"mlp": {"hidden_units": [8]}},
    "ingest": {"size": 8, "mode": "L"},
    "evaluation": {"robustness_images": 10},
    "protocol": {"seeds": 2, "epochs": 3},
    "prediction": {"technique": "stacked"},
    "history": {"keep_networks": 2},
}


@pytest.fixture(scope="module")
def study(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ensembles") / "data"
    run_in(root, **SETTINGS)
    run_in(root, "prediction", **SETTINGS)
    return root


def figures(study: Path, technique: str) -> dict[str, Any]:
    path = study / f"07_model_output/{technique}/seed_1/metrics.json"
    made: dict[str, Any] = json.loads(path.read_text())
    return made


def test_costs_are_the_sums_over_the_networks(study: Path) -> None:
    single = figures(study, "baseline")
    bags, stacked, taught = (figures(study, name) for name in ("bags", "stacked", "taught"))
    assert bags["weights"] == 2 * single["weights"]
    assert bags["multiply_adds"] == 2 * single["multiply_adds"]
    assert bags["epochs"] == 6
    layer = 2 * 10 * 10
    assert stacked["weights"] == 2 * single["weights"] + layer + 10
    assert stacked["multiply_adds"] == 2 * single["multiply_adds"] + layer
    assert taught["weights"] == single["weights"]
    assert taught["epochs"] == 6
    table = pd.read_csv(study / "08_reporting/comparison.csv").set_index("technique")
    for name in ("bags", "stacked", "taught"):
        assert table.loc[name, "status"] == "trained"
        of_seeds = []
        for seed in (1, 2):
            history = pd.read_csv(study / f"07_model_output/{name}/seed_{seed}/history.csv")
            assert set(history["member"]) == {1, 2}
            of_seeds.append(history["seconds"].sum())
        assert table.loc[name, "seconds"] == pytest.approx(sum(of_seeds) / 2)


def test_is_reported_labelled_with_and_kept(study: Path) -> None:
    page = (study / "08_reporting/report.html").read_text()
    for title in ("bagging", "stacking", "self-distillation"):
        assert title in page
    labelled = pd.read_csv(study / "07_model_output/unlabeled_predictions.csv")
    assert len(labelled) == 12
    kept = [path.name for path in study.rglob("*.keras") if "stacked" in str(path)]
    assert len(kept) == 4  # each seed's, and the archive's link to it
    (first, *_) = (path for path in study.rglob("*.keras") if "stacked/seed_1" in str(path))
    names = NetworkDataset(filepath=str(first)).weights()
    assert {name.split("/")[0].split(".")[0] for name in names} == {
        "member_1",
        "member_2",
        "logits",
    }


def test_a_resumed_run_trains_nothing_again(study: Path, run_in: Run) -> None:
    def times() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in study.rglob("*.keras")}

    before = times()
    run_in(study, only_missing_outputs=True, **SETTINGS)
    assert times() == before
