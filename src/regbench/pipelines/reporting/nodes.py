"""Nodes that compile the report from the techniques' results."""

from typing import Any

import pandas as pd

from regbench import comparison, tables


def compare_techniques(
    techniques: dict[str, Any], settings: dict[str, Any], *results: pd.DataFrame
) -> pd.DataFrame:
    """Compare all techniques with the baseline, those without results included."""
    return comparison.compare(dict(zip(techniques, results, strict=True)), settings["published"])


def write_markdown(compared: pd.DataFrame) -> str:
    """Write the comparison as a Markdown table."""
    return tables.as_markdown(tables.comparison_table(compared))


def plot_comparison(
    compared: pd.DataFrame, techniques: dict[str, Any], *results: pd.DataFrame
) -> Any:
    """Draw every run's headline accuracy by technique.

    Returns:
        A Matplotlib figure.
    """
    from regbench import plots  # noqa: PLC0415 - imports Matplotlib

    return plots.comparison_plot(compared, dict(zip(techniques, results, strict=True)))
