"""Tables to read: the right figures in the right form, and notes that explain what is missing."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from regbench.comparison.compare import compare
from regbench.evaluation.results import Results
from regbench.report import text_table
from regbench.report.text_table import (
    ReadableTable,
    as_markdown,
    comparison_table,
    print_table,
    results_table,
    status_notes,
)

COMMAND = "kedro run --env=mine"
REASON = "the loss stopped being finite in epoch 3"


def training(seed: int, test: float, **more: Any) -> dict[str, Any]:
    return {
        "seed": seed,
        "status": "trained",
        "validation_accuracy": test + 0.01,
        "test_accuracy": test,
        "train_accuracy": 1.0,
        "generalization_gap": 1 - test,
        "near_zero_share": 0.0321,
        "best_validation_accuracy": test + 0.02,
        "epochs": 10,
        "seconds": 61.26,
        **more,
    }


def failed(seed: int) -> dict[str, Any]:
    return {"seed": seed, "status": "failed", "reason": REASON, "epochs": 3, "seconds": 1.0}


def results(*trainings: dict[str, Any]) -> Results:
    """Results with as many right answers, of 100 images, as the accuracies say."""
    predictions = [
        pd.DataFrame(
            {
                "filename": [str(number) for number in range(100)],
                "split": part,
                "label": "a",
                "predicted": np.where(np.arange(100) < round(100 * one[f"{part}_accuracy"]), *"ab"),
                "seed": one["seed"],
            }
        )
        for one in trainings
        for part in ("validation", "test")
        if f"{part}_accuracy" in one
    ]
    nothing = Results.none()
    answers = pd.concat(predictions) if predictions else nothing.predictions
    return Results(pd.DataFrame(trainings), nothing.epochs, answers, nothing.measurements)


RESULTS = {
    "baseline": results(training(1, 0.9), training(2, 0.92)),
    "l2": results(training(1, 0.95), training(2, 0.93)),
    "l1": results(training(1, 0.85), failed(2)),
    "zca": Results.none(),
    "dropout": Results.none(),
}
UNTRAINED = Results.none()


def table_of(
    made: dict[str, Results],
    stale: dict[str, str] | None = None,
    published: dict[str, float] | None = None,
) -> ReadableTable:
    return comparison_table(compare(made, stale or {}, 0.001, published), COMMAND)


def cell(table: ReadableTable, row: str, column: str) -> str:
    rows = {line[0]: line for line in table.rows}
    return rows[row][table.columns.index(column)]


class TestComparisonTable:
    table = table_of(RESULTS, published={"l2": 0.9739})

    def test_has_a_row_for_every_technique_that_is_trained(self) -> None:
        assert [line[0] for line in self.table.rows] == [
            "l2",
            "baseline (reference)",
            "l1",
        ]
        assert all(len(line) == len(self.table.columns) for line in self.table.rows)

    def test_headline_first_with_mean_and_spread(self) -> None:
        assert self.table.columns[:3] == ["technique", "test accuracy", "to baseline [95 %]"]
        spread = np.std([0.95, 0.93], ddof=1)
        assert cell(self.table, "l2", "test accuracy") == f"0.9400 ± {spread:.4f}"
        assert cell(self.table, "l1", "test accuracy") == "0.8500; 1 of 2 failed"

    def test_differences_are_percentage_points_with_their_interval(self) -> None:
        column = "to baseline [95 %]"
        interval = stats.ttest_rel([0.95, 0.93], [0.90, 0.92]).confidence_interval(0.95)
        low, high = (f"{100 * end:+.2f}" for end in interval)
        assert float(low) < 0 < float(high)
        assert cell(self.table, "l2", column) == f"+3.00 [{low}, {high}]"
        assert cell(self.table, "l1", column) == "-5.00"  # of one pair there is no interval
        assert cell(self.table, "baseline (reference)", column) == "–"

    def test_of_few_seeds_is_descriptive(self) -> None:
        verdicts = dict(zip([r[0] for r in self.table.rows], self.verdicts(), strict=True))
        assert verdicts == {
            "l2": "descriptive only",
            "l1": "descriptive only",
            "baseline (reference)": "–",
        }
        assert any("a verdict needs at least 5 seeds" in note for note in self.table.notes)

    def verdicts(self) -> list[str]:
        return [row[self.table.columns.index("verdict")] for row in self.table.rows]

    def test_of_enough_seeds_has_verdicts_and_says_what_they_rest_on(self) -> None:
        accuracies = {"baseline": [0.90, 0.91, 0.92, 0.9, 0.91], "l2": [0.94, 0.96, 0.95, 0.96, 1]}
        made = {
            name: results(*(training(seed, figure) for seed, figure in enumerate(figures)))
            for name, figures in accuracies.items()
        }
        table = table_of(made)
        assert cell(table, "l2", "verdict") == "better"
        said = " ".join(table.notes)
        assert "over 5 seeds" in said
        assert "each at 5 % and corrected for the techniques by Holm" in said
        assert "escriptive" not in said

    def test_names_techniques_that_lack_seeds(self) -> None:
        trained = {"baseline": 3, "l2": 2, "l1": 0}
        compared = pd.DataFrame(
            {
                "technique": trained.keys(),
                "status": ["trained", "trained", "not trained"],
                "trainings": trained.values(),
                "failed_trainings": 0,
                "missing_trainings": [3 - had for had in trained.values()],
            }
        )
        notes = text_table.status_notes(compared, COMMAND)
        assert "l2 has 2 of 3 seeds." in notes
        assert not any("baseline has" in note or "l1 has" in note for note in notes)
        assert f"{COMMAND} --only-missing-outputs trains what is stale or missing." in notes

    def test_further_figures(self) -> None:
        assert cell(self.table, "l2", "published") == "0.9739"
        assert cell(self.table, "baseline (reference)", "published") == "–"
        assert cell(self.table, "l2", "gap") == "+6.00"
        assert cell(self.table, "l2", "seconds") == "61.3"

    def test_notes_say_how_to_read_it_and_what_is_missing(self) -> None:
        answer, legend, _, failures, untrained = self.table.notes
        assert answer.startswith(
            "A description, not a verdict, which takes 5 seeds: with 2 seeds, l2 is"
        )
        assert "at most 2 seeds" in legend
        assert "paired by seed, over the seeds that both have" in legend
        assert failures == f"l1: 1 of 2 trainings failed: {REASON}"
        assert untrained == (
            f"Not trained: dropout, zca; {COMMAND} --pipelines=dropout,zca,reporting trains them."
        )

    def test_of_failures_alone_says_why(self) -> None:
        table = table_of({"baseline": results(failed(1)), "l2": UNTRAINED})
        assert [line[:2] for line in table.rows] == [
            ["baseline (reference)", "failed"],
        ]
        assert f"baseline: 1 of 1 trainings failed: {REASON}" in table.notes

    def test_stale_techniques_have_one_command_for_all(self) -> None:
        stale = {"l1": "changed since: the split", "zca": "changed since: the protocol, the split"}
        table = table_of(RESULTS | {"l1": results(training(1, 0.85))}, stale)
        assert cell(table, "zca", "test accuracy") == "stale"
        assert cell(table, "l1", "test accuracy") == "0.8500"  # of the training that is up to date
        assert "l1 is stale; changed since: the split." in table.notes
        assert "zca is stale; changed since: the protocol, the split." in table.notes
        commands = [note for note in table.notes if "--only-missing-outputs" in note]
        assert commands == [f"{COMMAND} --only-missing-outputs trains what is stale or missing."]
        assert not any("Not trained" in note and "zca" in note for note in table.notes)

    def test_without_a_test_part_validation_is_first(self) -> None:
        made = {
            name: Results(
                of_one.trainings.drop(columns="test_accuracy", errors="ignore"),
                of_one.epochs,
                of_one.predictions,
                of_one.measurements,
            )
            for name, of_one in RESULTS.items()
        }
        table = table_of(made)
        assert table.columns[:2] == ["technique", "validation accuracy"]
        assert table.columns.count("validation accuracy") == 1
        assert cell(table, "l2", "to baseline [95 %]").startswith("+3.00 [")
        assert "gap: train accuracy minus validation accuracy" in table.notes[1]

    def test_without_a_trained_baseline(self) -> None:
        table = table_of({"l2": RESULTS["l2"], "baseline": UNTRAINED})
        assert not {"to baseline [95 %]", "verdict"} & set(table.columns)
        assert any("No differences" in note for note in table.notes)

    def test_of_one_seed_has_no_spread(self) -> None:
        table = table_of({"baseline": results(training(1, 0.9)), "l2": results(training(1, 0.95))})
        assert cell(table, "l2", "test accuracy") == "0.9500"
        assert cell(table, "l2", "to baseline [95 %]") == "+5.00"
        assert table.notes[1].startswith("One seed each")

    def test_of_nothing_trained_names_the_command(self) -> None:
        table = table_of({"baseline": UNTRAINED, "l2": UNTRAINED})
        assert [line[:2] for line in table.rows] == [
            ["baseline (reference)", "not trained"],
        ]
        assert f"{COMMAND} --pipelines=baseline,l2,reporting" in table.notes[-1]

    def test_is_the_same_from_a_stored_comparison(self) -> None:
        # The terminal's table is made from comparison.csv.
        compared = compare(RESULTS, {"zca": "changed since: the split"}, 0.001, {"l2": 0.97})
        again = pd.read_csv(io.StringIO(compared.to_csv(index=False)))
        assert comparison_table(again, COMMAND) == comparison_table(compared, COMMAND)


def test_where_nothing_is_missing_there_is_nothing_to_say() -> None:
    whole = {"baseline": RESULTS["baseline"], "l2": RESULTS["l2"]}
    assert status_notes(compare(whole, {}, 0.001), COMMAND) == []


class TestResultsTable:
    def test_has_a_row_for_every_seed(self) -> None:
        table = results_table("l1", RESULTS["l1"].trainings)
        assert table.title == "Results of l1"
        assert table.columns[:4] == ["seed", "status", "test accuracy", "validation accuracy"]
        assert [line[:3] for line in table.rows] == [
            ["1", "trained", "0.8500"],
            ["2", "failed", "–"],
        ]
        assert table.notes == [f"seed 2: {REASON}"]

    def test_of_failures_alone(self) -> None:
        table = results_table("l1", pd.DataFrame([failed(2)]).drop(columns="seconds"))
        assert table.columns == ["seed", "status", "epochs"]
        assert table.rows == [["2", "failed", "3.0"]]


TRICKY = ReadableTable(
    "A title",
    ["name", "a|b"],
    [["x|y", "0.5"], ["[red]z[/red]", "–"]],
    ["a [note] " + "long " * 99],
)


class TestMarkdown:
    def test_is_a_table_that_survives_pipes(self) -> None:
        lines = as_markdown(TRICKY).splitlines()
        assert lines[0] == "# A title"
        assert lines[2:6] == [
            "| name | a\\|b |",
            "|---|---:|",
            "| x\\|y | 0.5 |",
            "| [red]z[/red] | – |",
        ]
        assert lines[-1].startswith("- a [note] long")

    def test_has_the_cells_of_the_table(self) -> None:
        table = table_of(RESULTS)
        lines = as_markdown(table).splitlines()
        body = [line for line in lines if line.startswith("| ")][1:]
        assert [[c.strip() for c in line.strip("|").split("|")] for line in body] == table.rows

    def test_without_notes_ends_with_the_table(self) -> None:
        text = as_markdown(ReadableTable("t", ["a"], [["1"]], []))
        assert text == "# t\n\n| a |\n|---|\n| 1 |\n"


class TestPrinting:
    def test_off_a_terminal_nothing_is_wrapped(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_table(table_of(RESULTS, published={"l2": 0.9739}))
        printed = capsys.readouterr().out
        row = next(line for line in printed.splitlines() if "reference" in line)
        assert "0.9100" in row
        assert "61.3" in row
        assert "Comparison of techniques" in printed
        assert f"{COMMAND} --pipelines=dropout,zca,reporting trains them." in printed
        assert "\x1b" not in printed

    def test_on_a_terminal_its_width_is_kept(self) -> None:
        file = io.StringIO()
        print_table(TRICKY, Console(file=file, force_terminal=True, width=60))
        table, _, notes = file.getvalue().partition("a [note]")
        assert "A title" in table
        assert all(len(line) < 100 for line in table.splitlines())
        assert "long " * 99 in notes  # the terminal wraps it, and it can be copied whole

    def test_text_is_printed_as_it_is(self) -> None:
        file = io.StringIO()
        print_table(TRICKY, Console(file=file))
        assert "x|y" in file.getvalue()
        assert "[red]z[/red]" in file.getvalue()
