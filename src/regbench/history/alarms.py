"""Alarms: what somebody wants to be told of a run that nobody watches."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from regbench.comparison.compare import UNTRAINED, failure
from regbench.evaluation.results import FAILED
from regbench.history.table import is_complete, watched
from regbench.report.numbers import percent
from regbench.study.schema import BEST, Alarms

_ROUNDING = 1e-9  # a drop of exactly the tolerance is tolerated, whatever floats make of it


@dataclass(frozen=True)
class Alarm:
    """Something that went wrong.

    Attributes:
        kind: The setting that it goes off by: drop, floor, rejected or failed.
        message: One line.
    """

    kind: str
    message: str


def check(run: pd.DataFrame, earlier: pd.DataFrame, settings: Alarms) -> list[Alarm]:
    """Compare a run with the settings and with the runs before it.

    Args:
        run: Its rows of the history.
        earlier: The history without it.
        settings: Which alarms there are; None turns one off.
    """
    if run.empty:
        return []
    return [
        *_failed(run, settings),
        *_drop(run, earlier, settings),
        *_floor(run, settings),
        *_rejected(run, earlier, settings),
    ]


def comparable(run: pd.DataFrame, earlier: pd.DataFrame, technique: str) -> pd.DataFrame:
    """Find the last run that a run's accuracy can be compared with.

    It has the same protocol, is judged on the same part, and what is looked at is trained with
    all seeds: the technique, or for the best every technique that is trained at all. Every one
    that it had figures of has some now, or has failed: the best of fewer says nothing.

    Returns:
        Its rows; none if there is no such run.
    """
    shared = ["protocol", "part"]
    alike: pd.DataFrame = earlier[(earlier[shared] == run[shared].iloc[0]).all(axis="columns")]
    judged = set(run.loc[run["accuracy"].notna() | (run["status"] == FAILED), "technique"])
    for name in reversed(list(dict.fromkeys(alike["run"]))):
        found: pd.DataFrame = alike[alike["run"] == name]
        if technique == BEST:
            looked_at = found[found["status"] != UNTRAINED]
            usable = set(looked_at["technique"]) <= judged
        else:
            looked_at = found[found["technique"] == technique]
            usable = len(looked_at) > 0
        if usable and is_complete(looked_at):
            return found
    return alike[:0]


def _failed(run: pd.DataFrame, settings: Alarms) -> Iterator[Alarm]:
    if not settings.failed:
        return
    for row in run[run["status"] == FAILED].to_dict("records"):
        yield Alarm("failed", failure(row))


def _drop(run: pd.DataFrame, earlier: pd.DataFrame, settings: Alarms) -> Iterator[Alarm]:
    if settings.drop is None:
        return
    last = comparable(run, earlier, settings.technique)
    now, then = watched(run, settings.technique), watched(last, settings.technique)
    if now is None or then is None:
        return
    fell = 100 * (then["accuracy"] - now["accuracy"])
    if fell > settings.drop + _ROUNDING:
        by = f" ({then['technique']})" if then["technique"] != now["technique"] else ""
        yield Alarm(
            "drop",
            f"{_named(now, settings)} has {percent(now['accuracy'], 2)} {now['part']} accuracy, "
            f"{fell:.2f} points less than {percent(then['accuracy'], 2)} in run "
            f"{then['run']}{by}; {settings.drop:g} are tolerated",
        )


def _floor(run: pd.DataFrame, settings: Alarms) -> Iterator[Alarm]:
    now = watched(run, settings.technique)
    if settings.floor is None or now is None:
        return
    if now["accuracy"] < settings.floor - _ROUNDING:
        yield Alarm(
            "floor",
            f"{_named(now, settings)} has {percent(now['accuracy'], 2)} {now['part']} accuracy, "
            f"below the floor of {percent(settings.floor, 2)}",
        )


def _rejected(run: pd.DataFrame, earlier: pd.DataFrame, settings: Alarms) -> Iterator[Alarm]:
    if settings.rejected is None or earlier.empty:
        return
    now, then = _share_rejected(run.iloc[0]), _share_rejected(earlier.iloc[-1])
    if 100 * (now - then) > settings.rejected + _ROUNDING:
        yield Alarm(
            "rejected",
            f"{percent(now, 2)} of the images were rejected, {100 * (now - then):.2f} points more "
            f"than in run {earlier['run'].iloc[-1]}; {settings.rejected:g} are tolerated",
        )


def _share_rejected(row: pd.Series) -> float:
    images = row["images_train"] + row["images_validation"] + row["images_test"]
    return float(row["rejected"] / max(1, row["rejected"] + images))


def _named(row: dict[str, object], settings: Alarms) -> str:
    best = ", the best on validation," if settings.technique == BEST else ""
    return f"{row['technique']}{best}"
