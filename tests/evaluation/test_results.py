"""A technique's results as four tables."""

from dataclasses import fields

import pandas as pd

from regbench.evaluation.results import Results

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
