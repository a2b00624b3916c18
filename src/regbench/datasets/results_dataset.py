"""A Kedro dataset for a technique's results, empty if missing."""

import hashlib
import io
import logging
import zipfile
from dataclasses import fields

import pandas as pd
from kedro_datasets._typing import TablePreview

from regbench.datasets.atomic import table_preview
from regbench.datasets.one_file import OneFileDataset
from regbench.errors import DamagedFileError
from regbench.evaluation.results import Results
from regbench.storage.atomic import damaged_file_errors

logger = logging.getLogger(__name__)

_VERSION = 3  # of the tables' names and columns; increment on every change
_READABLE = (1, 2, 3)  # version 2 had no column label_probability in its predictions
_VERSION_1_NAMES = {"trainings": "runs"}  # tables that had another name in version 1
_VERSION_ENTRY = "format"


class ResultsDataset(OneFileDataset[Results, Results]):
    """The tables of ``Results`` as one zip with a Parquet file per table, written atomically.

    A missing file is loaded as empty tables: the comparison lists techniques without trainings,
    too.
    """

    def load(self) -> Results:
        """Return the results; empty tables if the file is missing.

        A damaged file, or one of an unknown format version, counts as missing and a warning is
        logged: the other techniques are still compared, and a resumed run writes it again.
        """
        names = [table.name for table in fields(Results)]
        tables = self._read_or_warn(names)
        return Results(*tables) if tables else Results.none()

    def trainings(self) -> pd.DataFrame:
        """Return the table of trainings only; empty where ``load`` returns empty tables.

        The other tables, most of the file, are verified by their checksums but not parsed.
        """
        tables = self._read_or_warn(["trainings"])
        return tables[0] if tables else Results.none().trainings

    def digest(self) -> str:
        """Return a BLAKE2b digest of the zip's CRC-32 sums, 16 hexadecimal digits.

        Empty if the file is missing or no zip.
        """
        try:
            with zipfile.ZipFile(self._file.local_copy()) as tables:
                entries = [f"{info.filename} {info.CRC}" for info in tables.infolist()]
        except (OSError, ValueError, zipfile.BadZipFile):
            return ""
        return hashlib.blake2b("\n".join(entries).encode(), digest_size=8).hexdigest()

    def _read_or_warn(self, names: list[str]) -> list[pd.DataFrame]:
        if not self._exists():
            return []
        try:
            with damaged_file_errors(self._file):
                return self._read(names)
        except DamagedFileError as error:
            logger.warning("%s", error.message)
            return []

    def _read(self, names: list[str]) -> list[pd.DataFrame]:
        with zipfile.ZipFile(self._file.local_copy()) as tables:
            version = int(tables.read(_VERSION_ENTRY)) if _VERSION_ENTRY in tables.namelist() else 0
            former = _VERSION_1_NAMES if version == 1 else {}
            if version not in _READABLE:
                raise ValueError(f"it has format {version}, this version of RegBench {_VERSION}")
            damaged = tables.testzip()
            if damaged:
                raise ValueError(f"{damaged} does not have its checksum")
            contents = [tables.read(f"{former.get(name, name)}.parquet") for name in names]
        return [pd.read_parquet(io.BytesIO(content)) for content in contents]

    def save(self, data: Results) -> None:
        """Write the tables atomically."""
        with (
            self._file.atomic_write() as partial,
            zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as tables,
        ):
            tables.writestr(_VERSION_ENTRY, str(_VERSION))
            for table in fields(data):
                frame: pd.DataFrame = getattr(data, table.name)
                tables.writestr(f"{table.name}.parquet", frame.to_parquet(index=False))

    def preview(self) -> TablePreview:
        """Return the table of trainings, for kedro-viz."""
        return table_preview(self.load().trainings.to_dict(orient="split"))
