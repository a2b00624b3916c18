"""The history of a study: a table with a row per run and technique, and what it tells.

A *run* here is one compiled comparison: what ``kedro run`` ends with. Compiling the same results
once more is the same run.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from regbench.comparison.statistics import LEVEL
from regbench.comparison.verdicts import BETTER
from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import Shown
from regbench.evaluation.results import FAILED, TRAINED, Results
from regbench.evaluation.split_parts import judged_part
from regbench.study.schema import BASELINE, BEST

SCHEMA = 2  # of the table; counted up when a column changes its name or meaning, or goes
_OF_SCHEMA_1 = {
    "runs": "trainings",
    "failed_runs": "failed_trainings",
    "missing_runs": "missing_trainings",
}

# Figures are shares of 1, times are UTC, seconds are wall time. ``accuracy`` is the headline's, of
# ``part``: mean over seeds, standard deviation (n - 1) and the 95 % t interval of the mean.
_OWN = {
    "schema": "int64",
    "run": "str",
    "time": "datetime64[us, UTC]",
    "run_seconds": "float64",  # from the start of the command until the comparison
    "versions": "str",
    "alarms": "str",  # a line each
    "images_train": "int64",
    "images_validation": "int64",
    "images_test": "int64",
    "rejected": "int64",
    "data": "str",  # fingerprints
    "split": "str",
    "protocol": "str",
    "training": "str",
    "evaluation": "str",
    "settings": "str",  # the technique's
    "technique": "str",
    "status": "str",
    "trainings": "int64",
    "failed_trainings": "int64",
    "missing_trainings": "int64",
    "failed_seeds": "str",
    "reason": "str",
    "part": "str",
    "accuracy": "float64",
    "accuracy_sd": "float64",
    "accuracy_low": "float64",
    "accuracy_high": "float64",
    "validation_accuracy": "float64",
    "difference": "float64",
    "difference_low": "float64",
    "difference_high": "float64",
    "verdict": "str",
    "seconds": "float64",  # of training, mean over seeds
}
# Beside these every figure that is shown in the history, mean over seeds.
COLUMNS = _OWN | {
    figure.name: "float64" for figure in registry.single(Shown.HISTORY) if figure.name not in _OWN
}
_OF_THE_OCCASION = ("run", "time", "run_seconds", "versions", "alarms")
# What a run has in common over its techniques, as a reader is told of a change in it.
_CHANGES = {
    "data": "data",
    "split": "split",
    "protocol": "protocol",
    "training": "code",
    "evaluation": "evaluation",
}
_OWN_CHANGE = ("settings", "settings")  # a technique's own


def empty() -> pd.DataFrame:
    """The history of a study without a run."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in COLUMNS.items()})


def checked(table: pd.DataFrame) -> pd.DataFrame:
    """Take a stored table for a history.

    Returns:
        The history; a figure that the table does not know is missing, and one that this version
        does not know is kept behind the others.

    Raises:
        ValueError: It is none, or of another version of RegBench.
    """
    # What version 1 called runs of a technique are trainings.
    table = table.rename(columns={old: new for old, new in _OF_SCHEMA_1.items() if old in table})
    table = table.assign(schema=table["schema"].replace(1, SCHEMA)) if "schema" in table else table
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
) -> pd.DataFrame:
    """Take from a comparison what the history keeps.

    Args:
        compared: From ``compare``.
        results: The runs that it is made from, by technique.
        fingerprints: From ``fingerprint.current``.
        data_fingerprint: The stored one, with ``data`` and ``split``.
        parts: Every image's part of the split.
        rejected: How many images were.

    Returns:
        A row per technique, without what ``identified`` adds; no row if no technique was trained.
    """
    part = judged_part(compared)
    counts = parts.value_counts()
    shared = {
        "schema": SCHEMA,
        **{f"images_{of}": int(counts.get(of, 0)) for of in ("train", "validation", "test")},
        "rejected": rejected,
        "data": data_fingerprint["data"],
        "split": data_fingerprint["split"],
        "part": part,
    }
    rows = []
    for row in compared.to_dict("records"):
        made_from = fingerprints[row["technique"]]
        rows.append(
            shared
            | {key: made_from[key] for key in ("protocol", "training", "evaluation")}
            | {
                "settings": made_from["technique"],
                "failed_seeds": _failed_seeds(results.get(row["technique"])),
                "accuracy": row.get(f"{part}_accuracy"),
                "accuracy_sd": row.get(f"{part}_accuracy_sd"),
                **_interval(row, f"{part}_accuracy"),
            }
            | {key: row.get(key) for key in COLUMNS if key in row}
        )
    if not any(row["status"] in {TRAINED, FAILED} or _is_figure(row["accuracy"]) for row in rows):
        return empty()
    return _table(rows)


def identified(
    rows: pd.DataFrame, history: pd.DataFrame, clock: Mapping[str, str], versions: str
) -> pd.DataFrame:
    """Give a run its name, time, duration and versions.

    Args:
        rows: From ``rows_of_run``.
        history: Without this run, or with it as the last one, whose name and time it then keeps.
        clock: When the command ``started`` and what time it is ``now``: ISO 8601, UTC.
        versions: Of the software, in a line.
    """
    if rows.empty:
        return rows
    last = _last(history)
    if not last.empty and _outcome(last).equals(_outcome(rows)):
        occasion = {name: last[name].iloc[0] for name in _OF_THE_OCCASION}
    else:
        started, now = (datetime.datetime.fromisoformat(clock[at]) for at in ("started", "now"))
        occasion = {
            "run": _new_name(now, set(history["run"])),
            "time": now,
            "run_seconds": (now - started).total_seconds(),
            "versions": versions,
            "alarms": "",
        }
    return rows.assign(**occasion).astype(COLUMNS)


def before(history: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The runs before the one that ``rows`` describes."""
    return history[~history["run"].isin(rows["run"])]


def with_run(history: pd.DataFrame, rows: pd.DataFrame, alarms: Sequence[str]) -> pd.DataFrame:
    """Append a run, or put it in the place of itself if it is the last one."""
    if rows.empty:
        return history
    described = rows.assign(alarms="\n".join(alarms)).astype(COLUMNS)
    earlier = before(history, rows)
    return described if earlier.empty else pd.concat([earlier, described], ignore_index=True)


def networks_to_keep(
    history: pd.DataFrame, run: str, results: Mapping[str, Results], last: int
) -> dict[str, Any]:
    """Say which networks are kept beside those that every training leaves.

    Args:
        history: With the run.
        run: Its name; empty if nothing is trained.
        results: The runs of its report.
        last: Of how many runs networks are kept; those of the newest are where the trainings left
            them, and are kept for later only if there will be a later one to keep them for.

    Returns:
        ``run``; ``networks``: the digest of each one's weights, by ``<technique>/seed_<n>``; and
        ``keep``: the names of the runs to keep.
    """
    names = list(dict.fromkeys(history["run"]))
    networks = {}
    for technique, found in results.items() if last > 1 and run else ():
        for made in found.trainings[found.trainings["status"] == TRAINED].to_dict("records"):
            networks[f"{technique}/seed_{made['seed']}"] = made["fingerprint_weights"]
    return {"run": run, "networks": networks, "keep": names[-last:]}


def watched(run: pd.DataFrame, technique: str) -> dict[str, Any] | None:
    """The row of a run's technique, or of the best on validation; None if it has no figures."""
    return _watched(_records(run), technique)


def _watched(run: Sequence[dict[str, Any]], technique: str) -> dict[str, Any] | None:
    trained = [row for row in run if _is_figure(row["accuracy"])]
    if technique == BEST:
        judged = [row for row in trained if _is_figure(row["validation_accuracy"])]
        return max(judged, key=lambda row: row["validation_accuracy"], default=None)
    return next((row for row in trained if row["technique"] == technique), None)


def runs(history: pd.DataFrame) -> pd.DataFrame:
    """A row per run, the earliest first.

    Returns:
        run, time, run_seconds, versions, alarms, part; training_seconds (of all trainings that
        it compares); images and rejected; techniques, trained (how many have figures), failed
        (the techniques that are); best (on validation), accuracy and its ends;
        baseline_accuracy; better (techniques with that verdict) and changes: what differs from
        the run before.
    """
    by_run: dict[str, list[dict[str, Any]]] = {}
    for row in _records(history):  # once: there may be years of nights
        by_run.setdefault(row["run"], []).append(row)
    changed = changes(history)
    rows = []
    for name, run in by_run.items():
        first = run[0]
        best, baseline = _watched(run, BEST), _watched(run, BASELINE)
        of_best = {key: (best or {}).get(key) for key in _ACCURACY}
        seconds = [row["seconds"] * (row["trainings"] - row["failed_trainings"]) for row in run]
        rows.append(
            {key: first[key] for key in (*_OF_THE_OCCASION, "part", "rejected")}
            | {
                "training_seconds": float(np.nansum(seconds)),
                "images": sum(first[f"images_{part}"] for part in _PARTS),
                "techniques": len(run),
                "trained": sum(_is_figure(row["accuracy"]) for row in run),
                "failed": ", ".join(row["technique"] for row in run if row["status"] == FAILED),
                "best": best["technique"] if best else None,
                **of_best,
                "baseline_accuracy": baseline["accuracy"] if baseline else None,
                "better": ", ".join(row["technique"] for row in run if row["verdict"] == BETTER),
                "changes": changed[name],
            }
        )
    return pd.DataFrame(rows)


def changes(history: pd.DataFrame, technique: str | None = None) -> dict[str, list[str]]:
    """What differs from the run before, in a word each, by run.

    Args:
        history: All techniques.
        technique: With it, a change of its own settings counts as well.
    """
    keys = dict(_CHANGES)
    if technique is not None:
        keys |= [_OWN_CHANGE]
        history = history[history["technique"] == technique]
    found: dict[str, list[str]] = {}
    previous: dict[str, Any] | None = None
    for row in _records(history.drop_duplicates("run")):
        differing = (keys[key] for key in keys if previous and row[key] != previous[key])
        words = list(dict.fromkeys(differing))
        if "data" in words and "split" in words:
            words.remove("split")  # other images cannot be split alike
        found[row["run"]] = words
        previous = row
    return found


_PARTS = ("train", "validation", "test")
_ACCURACY = ("accuracy", "accuracy_low", "accuracy_high")


def is_complete(run: pd.DataFrame) -> bool:
    """Whether every technique of these rows is trained with all its seeds."""
    whole = (
        (run["status"] == TRAINED)
        & (run["failed_trainings"] == 0)
        & (run["missing_trainings"] == 0)
    )
    return bool(whole.all())


def _table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a table with the history's columns and types; missing texts are empty."""
    table = pd.DataFrame(rows).reindex(columns=[*COLUMNS])
    texts = [name for name, dtype in COLUMNS.items() if dtype == "str"]
    table[texts] = table[texts].astype(object).fillna("")
    table["run_seconds"] = table["run_seconds"].astype(float)
    return table.astype({name: dtype for name, dtype in COLUMNS.items() if name != "time"})


def _outcome(run: pd.DataFrame) -> pd.DataFrame:
    """What makes two runs the same one."""
    compared = run[[name for name in COLUMNS if name not in _OF_THE_OCCASION]]
    return compared.sort_values("technique", ignore_index=True)


def _last(history: pd.DataFrame) -> pd.DataFrame:
    return history[history["run"] == history["run"].iloc[-1]] if len(history) else history


def _new_name(now: datetime.datetime, taken: set[str]) -> str:
    """A name that is also a folder's and a file's: the time, to the second."""
    name = f"{now:%Y-%m-%dT%H%M%SZ}"
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    return unique


def _failed_seeds(found: Results | None) -> str:
    if found is None or found.trainings.empty:
        return ""
    seeds = found.trainings.loc[found.trainings["status"] == FAILED, "seed"]
    return ", ".join(str(seed) for seed in sorted(seeds))


def _interval(row: Mapping[Any, Any], figure: str) -> dict[str, float]:
    """The t interval of a mean over the runs that did not fail, within 0 and 1."""
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to import

    mean, spread = row.get(figure, np.nan), row.get(f"{figure}_sd", np.nan)
    seeds = row["trainings"] - row["failed_trainings"]
    if seeds < 2 or pd.isna(mean) or pd.isna(spread):
        return {"accuracy_low": np.nan, "accuracy_high": np.nan}
    reach = float(stdtrit(seeds - 1, 1 - LEVEL / 2)) * spread / seeds**0.5
    return {"accuracy_low": max(0.0, mean - reach), "accuracy_high": min(1.0, mean + reach)}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _is_figure(value: Any) -> bool:
    return value is not None and not pd.isna(value)
