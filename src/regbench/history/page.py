"""The history as one HTML page, which links to the runs' reports."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd

from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import ACCURACY, Figure, Shown
from regbench.history import trend
from regbench.history.runs_table import runs_table
from regbench.history.table import by_arm
from regbench.report.numbers import in_unit, interval_text, listed, percent, signed
from regbench.report.page import page_environment, template_text
from regbench.report.svg import Picture, inline_svg


def render_history(history: pd.DataFrame, alarms: Sequence[str], images: str) -> str:
    """Return the page of a study's history.

    Args:
        history: From ``table.append_run``.
        alarms: Messages of the last run's alarms.
        images: Path or address of the images.

    Returns:
        HTML. Its only references are to the runs' reports, ``reports/<run>.html`` beside it.
    """
    environment = page_environment("regbench.history")
    environment.filters["percent"] = partial(in_unit, unit=ACCURACY)
    history = by_arm(history)
    table = _newest_first(history)
    page = environment.get_template("history.html.j2").render(
        style=template_text("regbench.report", "report.css"),
        own_style=template_text("regbench.history", "history.css"),
        images=images,
        alarms=alarms,
        sentence=_sentence(table),
        runs=table,
        figures=_figures(history),
        trends=_trends(history),
        most_runs=trend.MOST_RUNS,
    )
    return page.encode(errors="replace").decode()  # a file name may be no valid text


def duration(seconds: float) -> str:
    """Return a time as text: '45 s', '6 min', '2 h 05 min'; '–' for NaN seconds."""
    if math.isnan(seconds):
        return "–"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


def _newest_first(history: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of the table of runs with formatted texts, the last run first."""
    if history.empty:
        return []
    shown = []
    for run in reversed(runs_table(history).to_dict("records")):
        texts = {
            "when": f"{run['time']:%Y-%m-%d %H:%M}",
            "figure": f"{in_unit(run['accuracy'], ACCURACY)} "
            f"{interval_text(run, 'accuracy')}".strip(),
            "training": duration(run["training_seconds"]),
            "duration": duration(run["run_seconds"]),
            "alarm_lines": run["alarms"].splitlines(),
        }
        shown.append({str(key): value for key, value in run.items()} | texts)
    return shown


def _figures(history: pd.DataFrame) -> dict[str, Any]:
    """Return the last run's figures by technique, each with its change since the run before."""
    runs_of = [of for _, of in history.groupby("run", sort=False)]
    if not runs_of:
        return {"columns": [], "rows": []}
    now = runs_of[-1]
    part = str(now["part"].iloc[0])
    # Figures of different split parts are not compared.
    alike = len(runs_of) > 1 and runs_of[-2]["part"].iloc[0] == part
    then = (runs_of[-2] if alike else now[:0]).set_index("technique")
    shown = [of for of in registry.single(Shown.HISTORY) if now[of.name].notna().any()]
    rows = [
        {
            "technique": row["technique"],
            "cells": [
                (
                    in_unit(row[figure.name], figure.unit, figure.digits),
                    _change(row, then, figure),
                )
                for figure in shown
            ],
        }
        for row in now.to_dict("records")
        if any(pd.notna(row[figure.name]) for figure in shown)
    ]
    columns = [(figure.full_heading(part), figure.legend(part)) for figure in shown]
    return {"columns": columns, "rows": rows, "compared": alike}


def _change(row: dict[Any, Any], then: pd.DataFrame, figure: Figure) -> str:
    """Return a figure minus the run before's, with its sign; empty if either is missing."""
    if row["technique"] not in then.index:
        return ""
    change = row[figure.name] - then.at[row["technique"], figure.name]
    return "" if pd.isna(change) else signed(figure.unit.factor * change, f",.{figure.digits}f")


def _sentence(newest_first: Sequence[dict[str, Any]]) -> str:
    """Return the last run's best accuracy and its change since the run before, in a sentence."""
    if not newest_first:
        return "No run has compared anything yet."
    now = newest_first[0]
    if now["best"] is None or pd.isna(now["accuracy"]):
        return f"The last run, of {now['when']} UTC, has no figures: every technique failed."
    said = (
        f"The last run, of {now['when']} UTC: {now['best']} is best on validation, with "
        f"{percent(now['accuracy'], 2)} {now['part']} accuracy"
    )
    earlier = newest_first[1] if len(newest_first) > 1 else None
    if earlier is None or pd.isna(earlier["accuracy"]) or earlier["part"] != now["part"]:
        return f"{said}."
    rose = 100 * (now["accuracy"] - earlier["accuracy"])
    compared = (
        "as much as"
        if abs(rose) < 0.005
        else f"{abs(rose):.2f} points {'more' if rose > 0 else 'less'} than"
    )
    then = f"{compared} the best of the run before"
    changed = f"; changed since: {listed(now['changes'])}" if now["changes"] else ""
    return f"{said}, {then}{changed}."


def _trends(history: pd.DataFrame) -> list[Picture]:
    """Draw each technique's accuracy over the runs, all with the same y axis."""
    shown = trend.recent_runs(history)
    pictures = []
    for name in trend.techniques_with_figures(shown):
        own = shown[(shown["technique"] == name) & shown["accuracy"].notna()]
        last = own.iloc[-1]
        first, now, least, most = (
            percent(figure, 2)
            for figure in (
                own["accuracy"].iloc[0],
                last["accuracy"],
                own["accuracy"].min(),
                own["accuracy"].max(),
            )
        )
        several = f"s, from {first} to {now}, between {least} and {most}"
        alternative = (
            f"{name}: {last['part']} accuracy over {len(own)} run"
            f"{several if len(own) > 1 else f': {now}'}."
        )
        svg = inline_svg(trend.trend_plot(history, [name]), f"trend {name}", alternative)
        pictures.append(Picture(svg, title=name, remark=now))
    return pictures
