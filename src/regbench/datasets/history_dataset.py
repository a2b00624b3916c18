"""Kedro datasets for the history of runs and for the time of the current run."""

import datetime
import logging
import shutil
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from regbench.datasets.atomic import ParquetDataset, table_preview
from regbench.errors import UnreachableError, explanation, root_cause

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_SHOWN_FIRST = (
    *("time", "technique", "status", "accuracy", "accuracy_low", "accuracy_high"),
    *("difference", "difference_low", "difference_high", "verdict", "alarms"),
)
_NOT_SHOWN = ("schema", "versions")  # the long text of versions would make each row very high
_TIME_FORMAT = "%Y\u2011%m\u2011%d\u00a0%H:%M"  # with non-breaking hyphens and space


class HistoryDataset(ParquetDataset):
    """The history of runs as Parquet; empty if the file is missing.

    An unreadable file is never overwritten: it is kept under another name, and a new history
    started.
    """

    def load(self) -> "pd.DataFrame":
        """Return the history; empty, with a warning, if the file is unreadable."""
        from regbench.history import table  # noqa: PLC0415 - imports pandas

        if not self._exists():
            return table.empty_history()
        fault = self._fault()
        if fault is None:
            return table.validated(super().load())
        message = "%s cannot be read as a history (%s): a new one begins"
        logger.warning(message, self._file, _reason(fault))
        return table.empty_history()

    def save(self, data: "pd.DataFrame") -> None:
        """Write the history atomically; an unreadable file is copied to another name first."""
        if self._exists():
            fault = self._fault()
            if fault is not None:
                now = datetime.datetime.now(datetime.UTC)
                stem = self._file.path.stem
                aside = self._file.with_name(f"{stem}.unreadable-{now:%Y%m%dT%H%M%S.%fZ}.parquet")
                with aside.atomic_write() as partial:
                    shutil.copyfile(self._file.local_copy(), partial)
                logger.warning("kept the unreadable history (%s) as %s", _reason(fault), aside)
        super().save(data)

    def preview(self, nrows: int = 50) -> TablePreview:
        """Return the last rows for kedro-viz: the newest run first, each as in its comparison."""
        runs = self.load().sort_values("time", ascending=False, kind="stable")
        newest = runs.head(nrows).drop(columns=list(_NOT_SHOWN))
        minutes = newest["time"].dt.strftime(_TIME_FORMAT)
        others = [name for name in newest.columns if name not in _SHOWN_FIRST]
        shown = newest.assign(time=minutes)[[*_SHOWN_FIRST, *others]].astype(object)
        return table_preview(shown.to_dict(orient="split"))

    def _fault(self) -> BaseException | None:
        """Return the error why the stored file is no history; None if it is one.

        Raises:
            Exception: The file cannot be accessed (disk, store, memory), so its content is
                unknown.
        """
        from regbench.history import table  # noqa: PLC0415 - imports pandas

        try:
            table.validated(super().load())
        except MemoryError:
            raise
        except Exception as error:
            cause = root_cause(error)
            refused = isinstance(cause, OSError) and explanation(cause)
            if refused or isinstance(explanation(error), UnreachableError):
                raise
            return cause
        return None


def _reason(fault: BaseException) -> str:
    return " ".join(str(fault).split())[:100] or type(fault).__name__


class RunClock(AbstractDataset[NoReturn, dict[str, str]]):
    """The run's start time and the current time, so that nodes stay functions of their inputs."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        """Record the start time: Kedro creates its datasets when a run starts."""
        self.metadata = metadata
        self._started = _now()

    def load(self) -> dict[str, str]:
        """Return ``started`` and ``now``, ISO 8601 in UTC."""
        return {"started": self._started, "now": _now()}

    def digest(self) -> str:
        """Return a constant, as time alone makes no report stale."""
        return ""

    def save(self, data: NoReturn) -> NoReturn:
        """Raise ``DatasetError``: the time is read-only."""
        raise DatasetError("the time is only read")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()
