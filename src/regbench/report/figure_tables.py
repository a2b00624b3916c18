"""Tables of figures that the report opens with a click, as text."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regbench.comparison import tables
from regbench.evaluation.figures import registry
from regbench.evaluation.figures.accuracy_after_pruning import ACCURACY_AFTER_PRUNING
from regbench.evaluation.figures.accuracy_under_corruption import ACCURACY_UNDER_CORRUPTION
from regbench.evaluation.figures.base import Shown
from regbench.evaluation.results import Results
from regbench.report import numbers


def percentages(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table of shares of 1 as text in percent."""
    return {
        "columns": [str(column).replace("_", " ") for column in table.columns],
        "rows": [
            {"name": name, "cells": [numbers.percent(value) for value in row]}
            for name, row in zip(table.index, table.to_numpy(), strict=True)
        ],
    }


def further_figures(trained: Mapping[str, Results], part: str) -> list[dict[str, Any]]:
    """Return the figures with several values and without a plot: a table by technique each."""
    found = []
    for figure in registry.by_setting(Shown.REPORT):
        table = tables.setting_table(trained, figure.name)
        if figure in (ACCURACY_AFTER_PRUNING, ACCURACY_UNDER_CORRUPTION) or table.empty:
            continue
        rows = [
            {"name": name, "cells": [numbers.in_unit(of, figure.unit, figure.digits) for of in row]}
            for name, row in zip(table.index, table.to_numpy(), strict=True)
        ]
        shown = {"columns": [str(column) for column in table.columns], "rows": rows}
        heading, meaning = figure.heading(part), figure.legend(part)
        found.append({"heading": heading, "meaning": meaning, "table": shown})
    return found
