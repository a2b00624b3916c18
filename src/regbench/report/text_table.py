"""The comparison as a text table, for the terminal and for Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from regbench.comparison.compare import (
    UNTRAINED,
    headline_of,
    metric_of,
    networks_of,
)
from regbench.comparison.looks import describe_end, is_staged
from regbench.comparison.scope import ONE_SPLIT
from regbench.comparison.verdicts import DESCRIPTIVE, UNDECIDED
from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import ACCURACY, Figure, Shown
from regbench.evaluation.results import FAILED
from regbench.evaluation.split_parts import SPLIT_PARTS, judged_part
from regbench.metrics.registry import DEFAULT, metric_named
from regbench.report.across_networks import sentence_on_networks, short_sentence_on_networks
from regbench.report.ailing import Findings
from regbench.report.answer import undecided_with_needs, verdict_sentence
from regbench.report.numbers import LARGEST_CLASS, MISSING, in_text, listed, with_spread
from regbench.report.outcome import seeds_of_a_verdict
from regbench.report.status_notes import MOST_NAMED, status_notes
from regbench.study.schema import BASELINE
from regbench.text.visible import in_one_line


@dataclass(frozen=True)
class ReadableTable:
    """A table of text; the first column is left-aligned, the others right-aligned."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]


def comparison_tables(
    comparison: pd.DataFrame, command: str, findings: Findings = ()
) -> list[ReadableTable]:
    """Return the comparison as text tables, one for each network of the study.

    The first says whether the verdicts hold on every network, where there are several.

    Args:
        comparison: From ``compare``.
        command: As for ``comparison_table``.
        findings: The doctor's, on all networks.
    """
    shown = [
        replace(table, title=f"{table.title}: {network}") if network else table
        for network, own in networks_of(comparison).items()
        for on_it in [[of for of in findings if of["network"] in ("", network)]]
        for table in [comparison_table(own, command, on_it)]
    ]
    if len(shown) > 1:
        first, *others = shown
        short, whole = short_sentence_on_networks(comparison), sentence_on_networks(comparison)
        notes = [*dict.fromkeys((short, whole)), *first.notes]
        shown = [replace(first, notes=notes), *others]
    return shown


def comparison_table(
    comparison: pd.DataFrame, command: str, findings: Findings = ()
) -> ReadableTable:
    """Return the comparison as a text table: the headline, the difference, the verdict, the cost.

    Techniques that are not trained are in a note; the last line is that of always answering the
    largest class.

    Args:
        comparison: From ``compare``.
        command: The study's ``kedro run`` command, for notes that suggest the next command.
        findings: The doctor's on this network, for the answer in a sentence.
    """
    part = judged_part(comparison.columns)
    headline = headline_of(comparison)
    whole = comparison
    is_untrained = (comparison["status"] == UNTRAINED) & (comparison["technique"] != BASELINE)
    comparison = comparison[~is_untrained]
    columns = {"technique": comparison.apply(_name, axis=1).tolist()}
    if headline not in comparison:
        columns["status"] = comparison["status"].tolist()
    else:
        heading = registry.named(headline).text_heading(part)
        columns[heading] = comparison.apply(_headline, axis=1, figure=headline).tolist()
    if "difference" in comparison:
        columns["to baseline [95 %]"] = comparison.apply(_interval, axis=1).tolist()
        columns["verdict"] = comparison["verdict"].fillna(MISSING).tolist()
        if "pairs" in comparison:
            columns["seeds"] = comparison.apply(_seeds, axis=1).tolist()
    if "published_accuracy" in comparison:
        published = comparison["published_accuracy"]
        columns["published"] = [in_text(value, ACCURACY) for value in published]
    columns |= {
        figure.text_heading(part): _cells(comparison, figure)
        for figure in _further_figures(comparison)
    }
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    notes = [
        verdict_sentence(whole, findings),
        *_legend(comparison),
        *_on_undecided(comparison),
        *status_notes(whole, command),
    ]
    if headline in comparison and "largest_class" in comparison:
        figure, value = registry.named(headline), comparison["largest_class"].iloc[0]
        line = [LARGEST_CLASS, in_text(value, figure.unit, figure.digits)]
        rows.append(line + [MISSING] * (len(columns) - len(line)))
    return ReadableTable("Comparison of techniques", list(columns), rows, notes)


def results_table(
    technique: str,
    results: pd.DataFrame,
    metric: str = DEFAULT,
    largest_class: float | None = None,
) -> ReadableTable:
    """Return a technique's trainings as a text table, a row per seed.

    Args:
        technique: Name of the technique.
        results: The table ``trainings`` of its results.
        metric: The name of the metric that decides.
        largest_class: The metric of always answering the largest class, for a last row.
    """
    part = judged_part(results.columns)
    headline, deciding = f"{part}_{metric}", {f"{of}_{metric}" for of in SPLIT_PARTS}
    columns = {"seed": [str(seed) for seed in results["seed"]], "status": list(results["status"])}
    shown = [
        figure
        for figure in registry.figures()
        if figure.name in results
        and ((Shown.TRAININGS in figure.shown and not figure.setting) or figure.name in deciding)
    ]
    order = [headline, f"validation_{metric}"]
    shown.sort(key=lambda of: order.index(of.name) if of.name in order else len(order))
    for figure in shown:
        columns[figure.text_heading(part)] = [
            in_text(value, figure.unit, figure.digits) for value in results[figure.name]
        ]
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    if largest_class is not None and headline in results:
        of = registry.named(headline)
        line = [LARGEST_CLASS, MISSING, in_text(largest_class, of.unit, of.digits)]
        rows.append(line + [MISSING] * (len(columns) - len(line)))
    failed = results[results["status"] == FAILED]
    notes = [f"seed {training.seed}: {training.reason}" for training in failed.itertuples()]
    return ReadableTable(f"Results of {technique}", list(columns), rows, notes)


def as_markdown(table: ReadableTable) -> str:
    """Return the table as Markdown, pipes in cells escaped."""

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(_in_markdown(cell).replace("|", "\\|") for cell in cells) + " |"

    alignment = ["---"] + ["---:"] * (len(table.columns) - 1)
    lines = [f"# {table.title}", "", line(table.columns), "|" + "|".join(alignment) + "|"]
    lines += [line(row) for row in table.rows]
    lines += ["", *(f"- {_in_markdown(note)}" for note in table.notes)] if table.notes else []
    return "\n".join(lines) + "\n"


def _in_markdown(text: str) -> str:
    """Return a text that starts no HTML in Markdown, in one line without control characters."""
    return in_one_line(text).replace("<", "&lt;")


def print_table(table: ReadableTable, console: Console | None = None) -> None:
    """Print a table, by default on standard output; in a file, lines are 240 characters wide."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=240)
    drawn = Table(title=table.title, title_justify="left", box=box.SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if number else "left", no_wrap=number == 0)
    for row in table.rows:
        drawn.add_row(*map(in_one_line, row))
    console.print(drawn, highlight=False, markup=False)
    for note in table.notes:
        console.print(in_one_line(note), highlight=False, markup=False, soft_wrap=True)


def print_lines(lines: Sequence[str], console: Console | None = None) -> None:
    """Print lines below a table, by default on standard output."""
    console = console or Console()
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _name(row: pd.Series) -> str:
    name = str(row["technique"])
    return f"{name} (reference)" if name == BASELINE else name


def _headline(row: pd.Series, figure: str) -> str:
    """Return the headline figure with its spread and failed trainings, or else the status."""
    if pd.isna(row[figure]):
        return str(row["status"])
    of = registry.named(figure)
    value = with_spread(in_text, row[figure], row.get(f"{figure}_sd"), of.unit, of.digits)
    failed = (
        f"; {row['failed_trainings']} of {row['trainings']} failed"
        if row["failed_trainings"]
        else ""
    )
    return value + failed


def _interval(row: pd.Series) -> str:
    """Return the difference to the baseline in points or nats, with its 95 % interval."""
    if pd.isna(row["difference"]):
        return MISSING
    metric = metric_named(row.get("metric"))
    mean, low, high = (
        f"{metric.factor * row.get(figure, np.nan):+.{metric.digits}f}"
        for figure in ("difference", "difference_low", "difference_high")
    )
    if pd.isna(row.get("difference_low")):
        return mean
    return f"{mean} [{low}, {high}]"


def _further_figures(comparison: pd.DataFrame) -> list[Figure]:
    """Return the figures of any technique, other than the headline and what selects.

    Of accuracies only that of the judged part is shown, where another metric decides.
    """
    part, metric = judged_part(comparison.columns), metric_of(comparison)
    first = {f"{of}_{metric.name}" for of in SPLIT_PARTS}
    first |= {f"{of}_accuracy" for of in SPLIT_PARTS if of != part}
    return [
        figure
        for figure in registry.single(Shown.TEXT)
        if figure.name in comparison and figure.name not in first
    ]


def _cells(comparison: pd.DataFrame, figure: Figure) -> list[str]:
    """Return the cells of a figure's column, a technique each."""
    means = comparison[figure.name]
    spreads = comparison.get(f"{figure.name}_sd", pd.Series(np.nan, comparison.index))
    return [
        with_spread(in_text, mean, sd, figure.unit, figure.digits)
        for mean, sd in zip(means, spreads, strict=True)
    ]


def _legend(comparison: pd.DataFrame) -> list[str]:
    """Return notes on what the columns mean and how the verdicts were reached."""
    trained = comparison["trainings"] - comparison["failed_trainings"]
    seeds = int(trained.max())
    most = "" if (trained[trained > 0] == seeds).all() else "at most "
    over = (
        f"Mean ± standard deviation over {most}{seeds} seeds"
        if seeds > 1
        else "One seed each"
        if seeds
        else "No training is up to date"
    )
    part = judged_part(comparison.columns)
    meanings = [
        f"{of.text_heading(part)}: {of.legend(part)}" for of in _further_figures(comparison)
    ]
    metric = metric_of(comparison)
    better = "" if metric.higher_is_better else ", less is better"
    # The baseline's mean is then over more seeds than some differences are.
    common = ", over the seeds that both have" if most else ""
    paired = f"'to baseline' in {metric.unit}, paired by seed{common}{better}"
    if "difference" not in comparison:
        legend = [f"{'; '.join([over, *meanings])}."]
        return [*legend, "No differences: the baseline and another technique must be trained."]
    legend = [f"{'; '.join([over, paired, *meanings])}."]
    if (comparison["verdict"] == DESCRIPTIVE).any():
        needed = seeds_of_a_verdict(comparison)
        at = "a first look at" if is_staged(comparison) else "at least"
        return [*legend, f"Descriptive only: a verdict needs {at} {needed} seeds."]
    about = comparison["scope"].iloc[0] if "scope" in comparison else ONE_SPLIT
    width = "the band"
    if "band" in comparison.attrs:
        size = metric.factor * comparison.attrs["band"]
        width = f"±{size:g} {metric.short_unit}, the band"
    if is_staged(comparison):
        return [
            *legend,
            f"Verdicts at looks ({describe_end(comparison)}): equivalent if the interval lies "
            f"within {width}, better or worse if it leaves out 0, otherwise undecided; in 95 % of "
            "studies all of them are right and all intervals hold the true differences, over "
            f"techniques{_everywhere(comparison)} and looks together. They are about {about}. A "
            "difference that decided early is on average a little too large.",
        ]
    return [
        *legend,
        f"Verdicts: paired t tests, and two one-sided tests for 'equivalent' (within {width}), "
        "each at 5 % and "
        f"corrected for the techniques{_everywhere(comparison)} by Holm; they are about {about}.",
    ]


def _on_undecided(comparison: pd.DataFrame) -> list[str]:
    """Return a note on what each undecided technique would take, if any is."""
    if "verdict" not in comparison:
        return []
    rows = comparison[comparison["verdict"] == UNDECIDED].to_dict("records")
    if not rows:
        return []
    setting = "a later look" if is_staged(comparison) else "protocol.seeds"
    needs = listed(undecided_with_needs(rows, comparison), MOST_NAMED)
    return [
        "Undecided is no proof of equality. A verdict takes so many seeds if means and spreads "
        f"stay as they are; {setting} adds them: {needs}."
    ]


def _seeds(row: pd.Series) -> str:
    """Return how many seeds a verdict rests on."""
    return MISSING if pd.isna(row["pairs"]) else f"{row['pairs']:.0f}"


def _everywhere(comparison: pd.DataFrame) -> str:
    """Return a remark if the correction counts the techniques of several networks, else ''."""
    return " on all networks" if comparison.attrs.get("networks", 1) > 1 else ""
