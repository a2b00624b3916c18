"""Tables to read: the right figures in the right form, and notes that explain what is missing."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from regbench.comparison import compare
from regbench.tables import (
    ReadableTable,
    as_markdown,
    comparison_table,
    print_table,
    results_table,
)


def run(seed: int, test: float, **more: Any) -> dict[str, Any]:
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
    reason = "the loss stopped being finite in epoch 3"
    return {"seed": seed, "status": "failed", "reason": reason, "epochs": 3, "seconds": 1.0}


RESULTS = {
    "baseline": pd.DataFrame([run(1, 0.9), run(2, 0.92)]),
    "l2": pd.DataFrame([run(1, 0.95), run(2, 0.93)]),
    "l1": pd.DataFrame([run(1, 0.85), failed(2)]),
    "zca": pd.DataFrame(),
    "dropout": pd.DataFrame(),
}


def cell(table: ReadableTable, row: str, column: str) -> str:
    rows = {line[0]: line for line in table.rows}
    return rows[row][table.columns.index(column)]


class TestComparisonTable:
    table = comparison_table(compare(RESULTS, {"l2": 0.9739}))

    def test_has_a_row_for_every_technique(self) -> None:
        assert [line[0] for line in self.table.rows] == [
            "l2",
            "baseline (reference)",
            "l1",
            "dropout",
            "zca",
        ]
        assert all(len(line) == len(self.table.columns) for line in self.table.rows)

    def test_headline_first_with_mean_and_spread(self) -> None:
        assert self.table.columns[:3] == ["technique", "test accuracy", "validation accuracy"]
        spread = np.std([0.95, 0.93], ddof=1)
        assert cell(self.table, "l2", "test accuracy") == f"0.9400 ± {spread:.4f}"
        assert cell(self.table, "l1", "test accuracy") == "0.8500; 1 of 2 failed"
        assert cell(self.table, "zca", "test accuracy") == "not trained"

    def test_differences_are_percentage_points_with_a_sign(self) -> None:
        assert cell(self.table, "l2", "to baseline") == "+3.00"
        assert cell(self.table, "l1", "to baseline") == "-5.00"
        assert cell(self.table, "baseline (reference)", "to baseline") == "–"

    def test_further_figures(self) -> None:
        assert cell(self.table, "l2", "published") == "0.9739"
        assert cell(self.table, "baseline (reference)", "published") == "–"
        assert cell(self.table, "l2", "gap") == "+6.00"
        assert cell(self.table, "l2", "near-zero weights") == "3.2%"
        assert cell(self.table, "l2", "best epoch's validation") == "0.9600"
        assert cell(self.table, "l2", "epochs") == "10.0"
        assert cell(self.table, "l2", "seconds") == "61.3"

    def test_notes_say_how_to_read_it_and_what_is_missing(self) -> None:
        first, failures, untrained = self.table.notes
        assert "at most 2 seeds" in first
        assert failures == "l1: 1 of 2 runs failed: the loss stopped being finite in epoch 3"
        assert untrained == (
            "Not trained: dropout, zca; kedro run --pipelines=dropout,zca,reporting trains them."
        )

    def test_of_failures_alone_says_why(self) -> None:
        table = comparison_table(compare({"baseline": RESULTS["l1"][1:], "l2": RESULTS["zca"]}))
        assert [line[:2] for line in table.rows] == [
            ["baseline (reference)", "failed"],
            ["l2", "not trained"],
        ]
        assert "baseline: 1 of 1 runs failed: the loss stopped" in "\n".join(table.notes)

    def test_a_technique_judged_on_other_images_has_no_figures(self) -> None:
        results = {
            "baseline": RESULTS["baseline"].assign(scored_images="these"),
            "l2": RESULTS["l2"].assign(scored_images="those"),
        }
        table = comparison_table(compare(results))
        assert cell(table, "l2", "test accuracy") == "judged on other images"
        assert cell(table, "l2", "seconds") == "–"
        assert "kedro run --pipelines=l2,reporting trains it again" in table.notes[-1]

    def test_without_a_test_part_validation_is_first(self) -> None:
        results = {k: v.drop(columns="test_accuracy", errors="ignore") for k, v in RESULTS.items()}
        table = comparison_table(compare(results))
        assert table.columns[:2] == ["technique", "validation accuracy"]
        assert cell(table, "l2", "to baseline") == "+3.00"

    def test_without_a_trained_baseline(self) -> None:
        table = comparison_table(compare({"l2": RESULTS["l2"], "baseline": RESULTS["zca"]}))
        assert "to baseline" not in table.columns
        assert any("No differences" in note for note in table.notes)

    def test_of_one_seed_has_no_spread(self) -> None:
        results = {"baseline": RESULTS["baseline"][:1], "l2": RESULTS["l2"][:1]}
        table = comparison_table(compare(results))
        assert cell(table, "l2", "test accuracy") == "0.9500"
        assert cell(table, "l2", "to baseline") == "+5.00"

    def test_of_nothing_trained_names_the_command(self) -> None:
        table = comparison_table(compare({"baseline": RESULTS["zca"], "l2": RESULTS["zca"]}))
        assert [line[:2] for line in table.rows] == [
            ["baseline (reference)", "not trained"],
            ["l2", "not trained"],
        ]
        assert "kedro run --pipelines=baseline,l2,reporting" in table.notes[-1]


class TestResultsTable:
    def test_has_a_row_for_every_seed(self) -> None:
        table = results_table("l1", RESULTS["l1"])
        assert table.title == "Results of l1"
        assert table.columns[:4] == ["seed", "status", "test accuracy", "validation accuracy"]
        assert [line[:3] for line in table.rows] == [
            ["1", "trained", "0.8500"],
            ["2", "failed", "–"],
        ]
        assert table.notes == ["seed 2: the loss stopped being finite in epoch 3"]

    def test_of_failures_alone(self) -> None:
        table = results_table("l1", RESULTS["l1"][1:][["seed", "status", "reason", "epochs"]])
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
        table = comparison_table(compare(RESULTS))
        lines = as_markdown(table).splitlines()
        body = [line for line in lines if line.startswith("| ")][1:]
        assert [[c.strip() for c in line.strip("|").split("|")] for line in body] == table.rows

    def test_without_notes_ends_with_the_table(self) -> None:
        text = as_markdown(ReadableTable("t", ["a"], [["1"]], []))
        assert text == "# t\n\n| a |\n|---|\n| 1 |\n"


class TestPrinting:
    def test_off_a_terminal_nothing_is_wrapped(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_table(comparison_table(compare(RESULTS, {"l2": 0.9739})))
        printed = capsys.readouterr().out
        row = next(line for line in printed.splitlines() if "reference" in line)
        assert "0.9100" in row
        assert "61.3" in row
        assert "Comparison of techniques" in printed
        assert "kedro run --pipelines=dropout,zca,reporting trains them." in printed
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
