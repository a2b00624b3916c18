"""The kedro-datasets classes that RegBench uses, written so that a file is whole or absent.

A killed process or a full disk leaves the previous file, never half of the next one, so a
resumed run can trust whatever exists.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from kedro_datasets import json, matplotlib, pandas, text

from regbench.files import atomic_write


class AtomicSave:
    """Let a versionless local dataset write beside its file and take its place at the end."""

    _filepath: PurePosixPath
    _partial: PurePosixPath | None = None

    def save(self, data: Any) -> None:
        """Write ``data`` whole or not at all.

        Raises:
            kedro.io.DatasetError: The file cannot be written; what stood there is unchanged.
        """
        with atomic_write(Path(self._filepath)) as partial:
            self._partial = PurePosixPath(partial)
            try:
                super().save(data)  # type: ignore[misc]  # the kedro dataset's
            finally:
                self._partial = None

    def _get_save_path(self) -> PurePosixPath:
        return self._partial or self._filepath


class CSVDataset(AtomicSave, pandas.CSVDataset):
    """A table as CSV."""


class ParquetDataset(AtomicSave, pandas.ParquetDataset):
    """A table as Parquet."""


class JSONDataset(AtomicSave, json.JSONDataset):
    """Plain values as JSON."""

    def remove(self) -> None:
        """Delete the file, if there is one."""
        Path(self._filepath).unlink(missing_ok=True)


class TextDataset(AtomicSave, text.TextDataset):
    """A text file."""


class MatplotlibDataset(AtomicSave, matplotlib.MatplotlibDataset):
    """A figure as a picture."""
