"""What becomes of trainings that fail, and of a baseline without any that did not."""

import pytest
from tests.study.base_study import BASE

from regbench.errors import StudyError
from regbench.pipelines.scaling import nodes
from regbench.study.cells import Cell, inputs_of_cells
from regbench.study.reader import read_study
from regbench.training.if_needed import ends_at_once
from regbench.training.on_failure import on_failure

PLAN = {
    "techniques": {"baseline": "baseline", "best": "l2", "best_2": None},
    "sizes": {"100": 100, "all": 500, "3000": None},
    "train_images": 500,
    "judged": "test",
    "network": "mlp",
}


def test_one_that_is_killed_leaves_its_reason_and_what_it_was_of() -> None:
    study = read_study(BASE)
    parameters = study.as_parameters() | inputs_of_cells(study)
    fallback = on_failure(nodes.train)
    assert fallback is not None
    made = fallback(
        "killed twice",
        parameters=parameters,
        data_fingerprint={"data": "a", "split": "b"},
        plan=PLAN,
        cell=list(Cell("best", "mlp", 100, 2)),
        images=None,
    )
    assert (made["status"], made["reason"]) == ("failed", "killed twice")
    assert made["fingerprint"]["data"] == "a"


@pytest.mark.parametrize(
    ("cell", "skipped"),
    [
        (Cell("best", "mlp", 100, 1), False),
        (Cell("best", "mlp", 3000, 1), True),
        (Cell("best_2", "mlp", "all", 1), True),
    ],
)
def test_no_process_is_started_for_a_training_that_there_is_not(cell: Cell, skipped: bool) -> None:
    stored = {"plan": PLAN, "params:cell": list(cell)}
    inputs = {"plan": "plan", "cell": "params:cell", "images": "images"}
    assert ends_at_once(nodes.train, inputs, stored.__getitem__) is skipped


def test_without_a_baseline_the_reasons_are_told() -> None:
    study = read_study(BASE)
    cells = inputs_of_cells(study)["cells"]["learning_curve"]
    outcomes = [{"status": "failed", "reason": "no memory"} for _ in cells]
    with pytest.raises(StudyError, match="every training of the baseline failed: no memory"):
        nodes.conclude_learning_curve(PLAN, study.as_parameters(), *outcomes)
