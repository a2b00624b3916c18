"""Alarms: conditions on a run's results that a user asked to be notified of."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from regbench.comparison.compare import UNTRAINED, failure
from regbench.evaluation.results import FAILED
from regbench.history.table import by_arm, is_complete, technique_row
from regbench.report.numbers import percent
from regbench.study.arms import arm_named
from regbench.study.monitoring import Alarms
from regbench.study.schema import BEST

_ROUNDING = 1e-9  # added to a tolerance: rounding alone is no alarm


@dataclass(frozen=True)
class Alarm:
    """A condition that a run's results meet.

    Attributes:
        kind: The setting that asks for the alarm: drop, floor, rejected or failed.
        message: What happened, in one line.
    """

    kind: str
    message: str


def check(run: pd.DataFrame, earlier: pd.DataFrame, settings: Alarms) -> list[Alarm]:
    """Return the alarms that a run raises.

    Args:
        run: The run's rows of the history.
        earlier: The history without the run.
        settings: The tolerances; an alarm whose setting is None is off.
    """
    if run.empty:
        return []
    run, earlier = by_arm(run), by_arm(earlier)
    watched = _watched(run, settings)
    found = [
        *_failed(run, settings),
        *(alarm for name in watched for alarm in _drop(run, earlier, name, settings)),
        *(alarm for name in watched for alarm in _floor(run, name, settings)),
        *_rejected(run, earlier, settings),
    ]
    # Programs read alarms, too: they search for "95.00 %" with a plain space.
    return [Alarm(alarm.kind, alarm.message.replace("\u00a0", " ")) for alarm in found]


def _watched(run: pd.DataFrame, settings: Alarms) -> list[str]:
    """Return the names whose accuracy is watched: of several networks the technique on each."""
    if settings.technique == BEST:
        return [BEST]
    on_networks = [name for name in run["technique"] if arm_named(name).network]
    if not on_networks:
        return [settings.technique]
    return [name for name in on_networks if arm_named(name).technique == settings.technique]


def last_comparable_run(run: pd.DataFrame, earlier: pd.DataFrame, technique: str) -> pd.DataFrame:
    """Return the rows of the last earlier run whose accuracy can be compared with a run's.

    Such a run has the same protocol and the same judged part, and the technique was trained with
    all seeds. For ``BEST`` this holds for every technique trained then, and each of them is
    trained or failed now: the best of fewer techniques would be lower without any change.

    Args:
        run: The run's rows of the history.
        earlier: The history without the run.
        technique: Name of a technique, or ``BEST`` for the best on validation.

    Returns:
        Rows of the history; none if there is no such run.
    """
    shared = ["network", "protocol", "part"]  # each network of a study has its own protocol
    now = set(run[shared].fillna("").itertuples(index=False, name=None))
    then = earlier[shared].fillna("").itertuples(index=False, name=None)
    alike: pd.DataFrame = earlier[pd.Series([row in now for row in then], earlier.index, bool)]
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
    """Yield an alarm per failed technique."""
    if not settings.failed:
        return
    for row in run[run["status"] == FAILED].to_dict("records"):
        yield Alarm("failed", failure(row))


def _drop(
    run: pd.DataFrame, earlier: pd.DataFrame, technique: str, settings: Alarms
) -> Iterator[Alarm]:
    """Yield an alarm if the accuracy fell since the last comparable run, in percentage points."""
    if settings.drop is None:
        return
    last = last_comparable_run(run, earlier, technique)
    now, then = technique_row(run, technique), technique_row(last, technique)
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


def _floor(run: pd.DataFrame, technique: str, settings: Alarms) -> Iterator[Alarm]:
    """Yield an alarm if the accuracy is below a fixed share of 1."""
    now = technique_row(run, technique)
    if settings.floor is None or now is None:
        return
    if now["accuracy"] < settings.floor - _ROUNDING:
        yield Alarm(
            "floor",
            f"{_named(now, settings)} has {percent(now['accuracy'], 2)} {now['part']} accuracy, "
            f"below the floor of {percent(settings.floor, 2)}",
        )


def _rejected(run: pd.DataFrame, earlier: pd.DataFrame, settings: Alarms) -> Iterator[Alarm]:
    """Yield an alarm if the share of rejected images rose since the run before."""
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
    """Return the rejected images as a share of all images read."""
    images = row["images_train"] + row["images_validation"] + row["images_test"]
    return float(row["rejected"] / max(1, row["rejected"] + images))


def _named(row: dict[str, object], settings: Alarms) -> str:
    """Return the technique of a row, and that it is the best if the settings ask for the best."""
    best = ", the best on validation," if settings.technique == BEST else ""
    return f"{row['technique']}{best}"
