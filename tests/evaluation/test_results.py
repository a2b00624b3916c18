"""The results of a technique: its trainings, collected in four tables."""

from dataclasses import fields

import numpy as np
import pandas as pd
from tests.comparison.trainings import FINGERPRINT, collected, failed, history, predictions, trained

from regbench.evaluation.results import Results
from regbench.study.fingerprints import COMPONENTS

TABLES = [table.name for table in fields(Results)]


def results() -> Results:
    return Results(
        pd.DataFrame({"seed": [3, 1, 2], "status": "trained", "figure": [0.3, 0.1, 0.2]}),
        pd.DataFrame({"seed": [3, 3, 1, 2, 2], "epoch": [1, 2, 1, 1, 2]}),
        pd.DataFrame({"seed": [3, 1, 1], "filename": ["a", "a", "b"]}),  # seed 2 failed
        pd.DataFrame({"seed": [1], "measure": ["recall"], "setting": ["x"], "value": [0.5]}),
    )


def test_of_some_seeds_are_all_their_rows_in_the_old_order() -> None:
    found = results().of_seeds(seed for seed in (2, 3, 9))  # an iterator can be read only once
    assert found.trainings["seed"].tolist() == [3, 2]
    assert found.epochs["seed"].tolist() == [3, 3, 2, 2]
    assert found.predictions["filename"].tolist() == ["a"]
    assert found.measurements.empty
    assert results().of_seeds([1, 2, 3]).trainings.equals(results().trainings)


def test_of_no_seed_are_empty_tables_with_all_columns() -> None:
    found = results().of_seeds([])
    for table in TABLES:
        assert getattr(found, table).empty
        assert list(getattr(found, table)) == list(getattr(results(), table))


def test_of_a_technique_that_is_not_trained_are_tables_without_rows() -> None:
    none = Results.none()
    assert all(getattr(none, table).empty and "seed" in getattr(none, table) for table in TABLES)
    assert all(getattr(none.of_seeds([1]), table).empty for table in TABLES)
    assert "filename" in none.predictions


class TestCollecting:
    trainings = (
        trained(
            4,
            0.9,
            test_macro_f1=0.91,
            accuracy_after_pruning={"0.5": 0.8, "0.95": 0.4},
            accuracy_under_corruption={"blur": 0.7, "stripe": 0.2},
            recall={"cat": 0.5, "1": 1.0},
        ),
        failed(2),
        trained(
            3, 0.8, accuracy_after_pruning={"0.5": 0.6}, fingerprint=FINGERPRINT | {"data": "x"}
        ),
    )
    found = collected(*trainings)

    def test_makes_a_row_of_every_training(self) -> None:
        nested = [
            "fingerprint",
            "accuracy_after_pruning",
            "accuracy_under_corruption",
            "recall",
        ]
        flat = pd.DataFrame(self.trainings).drop(columns=nested)
        pd.testing.assert_frame_equal(self.found.trainings[flat.columns.tolist()], flat)
        assert self.found.trainings["fingerprint_data"].tolist() == [
            "digest of data",
            "digest of data",
            "x",
        ]
        assert set(self.found.trainings) == {
            *flat,
            *(f"fingerprint_{component}" for component in COMPONENTS),
        }

    def test_makes_a_row_of_every_measurement(self) -> None:
        assert self.found.measurements.to_numpy().tolist() == [
            [4, "accuracy_after_pruning", "0.5", 0.8],
            [4, "accuracy_after_pruning", "0.95", 0.4],
            [4, "accuracy_under_corruption", "blur", 0.7],
            [4, "accuracy_under_corruption", "stripe", 0.2],
            [4, "recall", "cat", 0.5],
            [4, "recall", "1", 1.0],
            [3, "accuracy_after_pruning", "0.5", 0.6],
        ]
        assert self.found.measurements.columns.tolist() == ["seed", "measure", "setting", "value"]

    def test_keeps_every_epoch_and_prediction_with_its_seed(self) -> None:
        for one in self.trainings:
            seed = one["seed"]
            for table, made in (("epochs", history(one)), ("predictions", predictions(one))):
                kept = getattr(self.found, table).query(f"seed == {seed}").drop(columns="seed")
                expected = made.drop(columns="probabilities", errors="ignore")
                assert kept.to_numpy().tolist() == expected.to_numpy().tolist()
                assert kept.columns.tolist() == expected.columns.tolist()
        assert self.found.predictions["confidence"].dtype == np.float32

    def test_of_failures_alone_has_all_columns(self) -> None:
        found = collected(failed(1), failed(2))
        assert found.predictions.empty
        assert found.measurements.empty
        assert {"seed", "filename", "split", "label", "predicted"} <= set(found.predictions)
        assert found.epochs["seed"].tolist() == [1, 1, 2, 2]
