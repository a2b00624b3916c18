"""The history of a study, and the time of a run."""

import datetime
import logging
import shutil
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from regbench.datasets.atomic import ParquetDataset, table_preview
from regbench.errors import UnreachableError, explanation

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_SHOWN_FIRST = (
    *("time", "technique", "status", "accuracy", "accuracy_low", "accuracy_high"),
    *("difference", "difference_low", "difference_high", "verdict", "alarms"),
)
_NOT_SHOWN = ("schema", "versions")  # the versions alone would make each row fill the page
_IN_ONE_LINE = "%Y\u2011%m\u2011%d\u00a0%H:%M"


class HistoryDataset(ParquetDataset):
    """A history as Parquet; an empty one if there is none.

    One that cannot be read is not written over: it is set aside under a name that says so, and a
    new one begun.
    """

    def load(self) -> "pd.DataFrame":
        """Return the history, or an empty one."""
        from regbench.history import table  # noqa: PLC0415 - imports pandas

        if not self._exists():
            return table.empty_history()
        fault = self._fault()
        if fault is None:
            return table.validated(super().load())
        said = "%s cannot be read as a history (%s): a new one begins"
        logger.warning(said, self._file, _reason(fault))
        return table.empty_history()

    def save(self, data: "pd.DataFrame") -> None:
        """Write the history whole or not at all, and set aside one that cannot be read."""
        if self._exists():
            fault = self._fault()
            if fault is not None:
                now = datetime.datetime.now(datetime.UTC)
                stem = self._file.path.stem
                aside = self._file.beside(f"{stem}.unreadable-{now:%Y%m%dT%H%M%S.%fZ}.parquet")
                with aside.written() as partial:
                    shutil.copyfile(self._file.readable(), partial)
                logger.warning("kept the unreadable history (%s) as %s", _reason(fault), aside)
        super().save(data)

    def preview(self, nrows: int = 50) -> TablePreview:
        """The last runs, the newest first, each in the order of its comparison, for kedro-viz."""
        runs = self.load().sort_values("time", ascending=False, kind="stable")
        newest = runs.head(nrows).drop(columns=list(_NOT_SHOWN))
        minutes = newest["time"].dt.strftime(_IN_ONE_LINE)
        others = [name for name in newest.columns if name not in _SHOWN_FIRST]
        shown = newest.assign(time=minutes)[[*_SHOWN_FIRST, *others]].astype(object)
        return table_preview(shown.to_dict(orient="split"))

    def _fault(self) -> BaseException | None:
        """Why the stored file is no history; None if it is one.

        Raises:
            Exception: The disk or the store refuses it, which says nothing about the file.
        """
        from regbench.history import table  # noqa: PLC0415 - imports pandas

        try:
            table.validated(super().load())
        except MemoryError:
            raise
        except Exception as error:
            cause = _first_cause(error)
            refused = isinstance(cause, OSError) and explanation(cause)
            if refused or isinstance(explanation(error), UnreachableError):
                raise
            return cause
        return None


def _reason(fault: BaseException) -> str:
    return " ".join(str(fault).split())[:100] or type(fault).__name__


class RunClock(AbstractDataset[NoReturn, dict[str, str]]):
    """When this run began, and what time it is: a node is a function of what it is given."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        """Begin; Kedro makes its datasets at the start of a run."""
        self.metadata = metadata
        self._started = _now()

    def load(self) -> dict[str, str]:
        """Return ``started`` and ``now``, ISO 8601 in UTC."""
        return {"started": self._started, "now": _now()}

    def digest(self) -> str:
        """Nothing: time alone makes no report stale."""
        return ""

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: nobody sets this clock."""
        raise DatasetError("the time is only read")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {}


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()
