"""What makes a training of a learning curve stale, and which technique is the best."""

import copy
from typing import Any

import pytest
from tests.study.base_study import BASE

from regbench.scaling.chosen import by_rank
from regbench.scaling.fingerprint import fingerprint_of_cell
from regbench.study.cells import Cell, inputs_of_cells
from regbench.study.code import reachable_statements
from regbench.study.reader import read_study

DATA = {"data": "a", "split": "b"}
CELL = Cell("l2", "mlp", 100, 1)


def fingerprint(
    changed: dict[str, Any] | None = None, cell: Cell = CELL, length: str = "steps"
) -> dict[str, str]:
    settings = copy.deepcopy(BASE)
    for path, value in (changed or {}).items():
        *groups, key = path.split(".")
        group = settings
        for name in groups:
            group = group[name]
        group[key] = value
    study = read_study(settings)
    parameters = study.as_parameters() | inputs_of_cells(study)
    return fingerprint_of_cell(parameters, DATA, cell, cell.technique, length)


@pytest.mark.parametrize(
    ("changed", "components"),
    [
        ({"techniques.l2": {"l2": 0.5}}, {"technique"}),
        ({"techniques.dropout": {"dropout": 0.4}}, set()),
        ({"protocol.epochs": 77}, {"protocol"}),
        ({"protocol.seeds": 3}, set()),
        ({"normalization.method": "mean_std"}, {"protocol"}),
        ({"networks.mlp.hidden_units": [7]}, {"protocol"}),
        ({"learning_curve.draws": 9}, set()),
        ({"reporting.equivalence_band": 0.1}, set()),
    ],
)
def test_settings_change_what_depends_on_them(
    changed: dict[str, Any], components: set[str]
) -> None:
    before, after = fingerprint(), fingerprint(changed)
    assert {part for part in before if before[part] != after[part]} == components


def test_size_draw_and_length_are_part_of_it() -> None:
    found = {
        str(each)
        for each in (
            fingerprint(),
            fingerprint(cell=CELL._replace(size=300)),
            fingerprint(cell=CELL._replace(draw=2)),
            fingerprint(length="epochs"),
        )
    }
    assert len(found) == 4
    of_all = CELL._replace(size="all")  # as many steps and epochs as in the study
    assert fingerprint(cell=of_all) == fingerprint(cell=of_all, length="epochs")


def test_the_code_of_subsets_and_of_what_is_fitted_counts() -> None:
    reached = reachable_statements("regbench.scaling.train")
    assert {"regbench.scaling.subsets", "regbench.images.normalization"} <= reached.keys()


def test_ranks_stand_for_the_next_best_that_is_not_named() -> None:
    known, ranked = ["baseline", "l1", "l2", "dropout"], ["l2", "dropout"]
    assert by_rank(["baseline", "best", "best_2", "best_3"], ranked, known) == {
        "baseline": "baseline",
        "best": "l2",
        "best_2": "dropout",
        "best_3": None,
    }
    # One that is named is not trained twice.
    assert by_rank(["best", "l2"], ranked, known) == {"best": None, "l2": "l2"}
