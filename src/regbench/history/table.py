"""The history of a study: a table with a row per run and technique.

A *run* is one ``kedro run`` that ends with a comparison. Comparing the same results once more
counts as the same run.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from regbench.comparison.compare import metric_of
from regbench.comparison.scope import variance_ratio_of
from regbench.comparison.statistics import LEVEL, standard_error
from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import Shown
from regbench.evaluation.results import FAILED, TRAINED, Results
from regbench.evaluation.split_parts import judged_part
from regbench.metrics.registry import DEFAULT
from regbench.study.arms import Arm, arm_named
from regbench.study.schema import BEST

SCHEMA = 2  # version of the table, raised when a column is renamed, redefined or removed
_RENAMED_SINCE_SCHEMA_1 = {
    "runs": "trainings",
    "failed_runs": "failed_trainings",
    "missing_runs": "missing_trainings",
}

# Figures are shares of 1, times are UTC, seconds are wall time. ``accuracy`` is that on the judged
# part, which the column ``part`` names, whatever the metric: runs stay comparable. It is a mean
# over seeds, with the standard deviation (n - 1) and the 95 % t interval of the mean.
_OWN = {
    "schema": "int64",
    "run": "str",
    "time": "datetime64[us, UTC]",
    "run_seconds": "float64",  # from the start of the command until the comparison
    "versions": "str",  # of the software
    "alarms": "str",  # a line each
    "findings": "str",  # the doctor's, by code, the most important first
    "images_train": "int64",
    "images_validation": "int64",
    "images_test": "int64",
    "rejected": "int64",
    "data": "str",  # a fingerprint, as are the next four
    "split": "str",
    "protocol": "str",
    "training": "str",
    "evaluation": "str",
    "settings": "str",  # the fingerprint of the technique's settings
    "technique": "str",
    "network": "str",  # that it trained, in a study of several; empty in one of a single network
    "status": "str",
    "trainings": "int64",
    "failed_trainings": "int64",
    "missing_trainings": "int64",
    "failed_seeds": "str",
    "reason": "str",
    "part": "str",
    "metric": "str",  # that the difference and the verdict are of
    "accuracy": "float64",
    "accuracy_sd": "float64",
    "accuracy_low": "float64",
    "accuracy_high": "float64",
    "validation_accuracy": "float64",
    "difference": "float64",
    "difference_low": "float64",
    "difference_high": "float64",
    "verdict": "str",
    "stopped_at": "float64",  # seeds at the look that ended a technique's trainings; NaN without
    "seconds": "float64",  # of a training, mean over seeds
}
# Then a column per figure that the history shows, mean over seeds.
COLUMNS = _OWN | {
    figure.name: "float64" for figure in registry.single(Shown.HISTORY) if figure.name not in _OWN
}
# Columns of the command itself, not of its results.
RUN_ATTRIBUTES = ("run", "time", "run_seconds", "versions", "alarms")


def empty_history() -> pd.DataFrame:
    """Return a history without runs: no rows, all columns with their types."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in COLUMNS.items()})


def validated(table: pd.DataFrame) -> pd.DataFrame:
    """Return a stored table as a history with this version's columns and types.

    Args:
        table: As read from the file; a table of schema 1 has its columns renamed.

    Returns:
        The history. Figures that the table lacks are NaN. Numeric columns unknown to this version,
        such as a later version's figures, are kept after the others.

    Raises:
        ValueError: A column is missing, or the table has a schema that this version cannot read.
    """
    renamed = {old: new for old, new in _RENAMED_SINCE_SCHEMA_1.items() if old in table}
    table = table.rename(columns=renamed)
    table = table.assign(schema=table["schema"].replace(1, SCHEMA)) if "schema" in table else table
    earlier: dict[str, Any] = {
        "metric": DEFAULT,
        "network": "",
        "stopped_at": np.nan,
        "findings": "",
    }  # of versions without these columns
    table = table.assign(**{name: of for name, of in earlier.items() if name not in table})
    missing = [name for name in _OWN if name not in table]
    if missing:
        raise ValueError(f"no column {missing[0]}")
    others = set(table["schema"]) - {SCHEMA}
    if others:
        raise ValueError(f"schema {others.pop()}, and this version reads {SCHEMA}")
    unknown = [
        name for name in table if name not in COLUMNS and is_numeric_dtype(table[name].dtype)
    ]
    complete = table.reindex(columns=[*COLUMNS, *unknown])
    return complete.astype(COLUMNS | dict.fromkeys(unknown, "float64"))


def rows_of_run(
    compared: pd.DataFrame,
    results: Mapping[str, Results],
    fingerprints: Mapping[str, Mapping[str, str]],
    data_fingerprint: Mapping[str, Any],
    parts: pd.Series,
    rejected: int,
    findings: str = "",
) -> pd.DataFrame:
    """Return a comparison as rows of the history.

    Args:
        compared: From ``compare``.
        results: The trainings that were compared, by arm.
        fingerprints: From ``fingerprints.current``, by arm.
        data_fingerprint: The stored digests, with the keys ``data`` and ``split``.
        parts: Each image's split part.
        rejected: Number of images that were not used.
        findings: The doctor's, by code.

    Returns:
        A row per technique, without the columns that ``identify_run`` fills; no rows if no
        technique was trained.
    """
    part = judged_part(compared)
    counts = parts.value_counts()
    shared = {
        "schema": SCHEMA,
        **{f"images_{of}": int(counts.get(of, 0)) for of in ("train", "validation", "test")},
        "rejected": rejected,
        "findings": findings,
        "data": data_fingerprint["data"],
        "split": data_fingerprint["split"],
        "part": part,
        "metric": metric_of(compared).name,
    }
    rows = []
    for row in compared.to_dict("records"):
        arm = Arm(row["technique"], row.get("network", "")).name
        made_from = fingerprints[arm]
        rows.append(
            shared
            | {key: made_from[key] for key in ("protocol", "training", "evaluation")}
            | {
                "settings": made_from["technique"],
                "failed_seeds": _failed_seeds(results.get(arm)),
                "accuracy": row.get(f"{part}_accuracy"),
                "accuracy_sd": row.get(f"{part}_accuracy_sd"),
                **_interval(row, f"{part}_accuracy"),
            }
            | {key: row.get(key) for key in COLUMNS if key in row}
        )
    if not any(row["status"] in {TRAINED, FAILED} or is_figure(row["accuracy"]) for row in rows):
        return empty_history()
    return _table(rows)


def identify_run(
    rows: pd.DataFrame, history: pd.DataFrame, clock: Mapping[str, str], versions: str
) -> pd.DataFrame:
    """Return a run's rows with its name, time, duration and versions filled in.

    A run with the same results as the last run of the history keeps that run's name and time.

    Args:
        rows: From ``rows_of_run``.
        history: The runs so far.
        clock: When the command ``started`` and the time ``now``: ISO 8601, UTC.
        versions: Versions of the software, in one line.
    """
    if rows.empty:
        return rows
    last = _last(history)
    if not last.empty and _outcome(last).equals(_outcome(rows)):
        attributes = {name: last[name].iloc[0] for name in RUN_ATTRIBUTES}
    else:
        started, now = (datetime.datetime.fromisoformat(clock[at]) for at in ("started", "now"))
        attributes = {
            "run": _new_name(now, set(history["run"])),
            "time": now,
            "run_seconds": (now - started).total_seconds(),
            "versions": versions,
            "alarms": "",
        }
    return rows.assign(**attributes).astype(COLUMNS)


def earlier_runs(history: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the history without the run that ``rows`` belong to."""
    return history[~history["run"].isin(rows["run"])]


def append_run(history: pd.DataFrame, rows: pd.DataFrame, alarms: Sequence[str]) -> pd.DataFrame:
    """Return the history with a run at its end; a run of the same name is replaced.

    Args:
        history: The runs so far.
        rows: From ``identify_run``.
        alarms: Messages of the run's alarms, a line each.
    """
    if rows.empty:
        return history
    described = rows.assign(alarms="\n".join(alarms)).astype(COLUMNS)
    earlier = earlier_runs(history, rows)
    return described if earlier.empty else pd.concat([earlier, described], ignore_index=True)


def by_arm(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the arm's name as technique: of several networks ``dropout.mlp``."""
    networks = table["network"].fillna("")
    if (networks == "").all():
        return table
    techniques = [arm_named(name).technique for name in table["technique"]]
    names = [Arm(*pair).name for pair in zip(techniques, networks, strict=True)]
    return table.assign(technique=names)


def technique_row(run: pd.DataFrame, technique: str) -> dict[str, Any] | None:
    """Return a technique's row of a run; None if the technique has no accuracy.

    Args:
        run: The run's rows of the history.
        technique: Its name, or ``BEST`` for the one with the best validation accuracy.
    """
    return row_of_technique(records(run), technique)


def row_of_technique(run: Sequence[dict[str, Any]], technique: str) -> dict[str, Any] | None:
    """Return the same as ``technique_row``, from rows that are mappings."""
    trained = [row for row in run if is_figure(row["accuracy"])]
    if technique == BEST:
        judged = [row for row in trained if is_figure(row["validation_accuracy"])]
        judged.sort(key=lambda row: str(row["technique"]))  # test selects nothing, in ties neither
        return max(judged, key=lambda row: row["validation_accuracy"], default=None)
    return next((row for row in trained if row["technique"] == technique), None)


def is_complete(run: pd.DataFrame) -> bool:
    """Return whether every technique of a run's rows is trained with all its seeds."""
    whole = (
        (run["status"] == TRAINED)
        & (run["failed_trainings"] == 0)
        & (run["missing_trainings"] == 0)
    )
    return bool(whole.all())


def _table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table with the history's columns and types; missing texts are empty."""
    table = pd.DataFrame(rows).reindex(columns=[*COLUMNS])
    texts = [name for name, dtype in COLUMNS.items() if dtype == "str"]
    table[texts] = table[texts].astype(object).fillna("")
    table["run_seconds"] = table["run_seconds"].astype(float)
    return table.astype({name: dtype for name, dtype in COLUMNS.items() if name != "time"})


def _outcome(run: pd.DataFrame) -> pd.DataFrame:
    """Return a run's rows without the columns in which two runs of the same results differ.

    The doctor's findings are said of results, and change with the band.
    """
    differing = (*RUN_ATTRIBUTES, "findings")
    compared = run[[name for name in COLUMNS if name not in differing]]
    return compared.sort_values(["network", "technique"], ignore_index=True)


def _last(history: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the last run."""
    return history[history["run"] == history["run"].iloc[-1]] if len(history) else history


def _new_name(now: datetime.datetime, taken: set[str]) -> str:
    """Return a run's name, valid as a file name: the UTC time to the second, numbered if taken."""
    name = f"{now:%Y-%m-%dT%H%M%SZ}"
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    return unique


def _failed_seeds(found: Results | None) -> str:
    """Return the seeds of a technique's failed trainings, such as '2, 5'."""
    if found is None or found.trainings.empty:
        return ""
    seeds = found.trainings.loc[found.trainings["status"] == FAILED, "seed"]
    return ", ".join(str(seed) for seed in sorted(seeds))


def _interval(row: Mapping[Any, Any], figure: str) -> dict[str, float]:
    """Return the 95 % t interval of a mean over the trained seeds, clipped to 0 and 1."""
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to import

    mean, spread = row.get(figure, np.nan), row.get(f"{figure}_sd", np.nan)
    seeds = row["trainings"] - row["failed_trainings"]
    if seeds < 2 or pd.isna(mean) or pd.isna(spread):
        return {"accuracy_low": np.nan, "accuracy_high": np.nan}
    error = standard_error(spread, seeds, variance_ratio_of(row))
    reach = float(stdtrit(seeds - 1, 1 - LEVEL / 2)) * error
    return {"accuracy_low": max(0.0, mean - reach), "accuracy_high": min(1.0, mean + reach)}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as mappings by column."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def is_figure(value: Any) -> bool:
    """Return whether a cell holds a figure: neither None nor NaN."""
    return value is not None and not pd.isna(value)
