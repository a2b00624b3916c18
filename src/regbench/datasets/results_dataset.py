"""A technique's results, which may not be there yet."""

import hashlib
import io
import logging
import zipfile
from dataclasses import fields
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from regbench.datasets.atomic import table_preview
from regbench.errors import DamagedFileError
from regbench.evaluation.results import Results
from regbench.storage.atomic import made_by_regbench
from regbench.storage.stored_file import stored_file

logger = logging.getLogger(__name__)

_VERSION = 2  # of the tables: one more whenever their names or columns change
_NAMES_OF_1 = {"trainings": "runs"}
_VERSION_ENTRY = "format"


class ResultsDataset(AbstractDataset[Results, Results]):
    """The tables of ``Results`` as one zip: whole or absent, a Parquet file for each.

    The comparison takes all techniques, trained or not, and says which is which: a missing file
    is loaded as no results.
    """

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file; ``credentials`` are for a store, ``metadata`` for kedro-viz."""
        self._file = stored_file(filepath, credentials)
        self.metadata = metadata

    def load(self) -> Results:
        """Return the results, or four empty tables.

        A damaged file, or one of another version, counts as missing, with a warning that says so:
        the other techniques are compared nevertheless, and a resumed run makes it anew.
        """
        names = [table.name for table in fields(Results)]
        tables = self._read_or_warn(names)
        return Results(*tables) if tables else Results.none()

    def trainings(self) -> pd.DataFrame:
        """Return the table of trainings of a file that is whole; an empty one as ``load`` does.

        The predictions, most of a file, are checked against their checksums and not parsed.
        """
        tables = self._read_or_warn(["trainings"])
        return tables[0] if tables else Results.none().trainings

    def digest(self) -> str:
        """Identify the stored tables by the zip's own checksums; empty if there are none."""
        try:
            with zipfile.ZipFile(self._file.readable()) as tables:
                entries = [f"{info.filename} {info.CRC}" for info in tables.infolist()]
        except (OSError, ValueError, zipfile.BadZipFile):
            return ""
        return hashlib.blake2b("\n".join(entries).encode(), digest_size=8).hexdigest()

    def _read_or_warn(self, names: list[str]) -> list[pd.DataFrame]:
        if not self._exists():
            return []
        try:
            with made_by_regbench(self._file):
                return self._read(names)
        except DamagedFileError as error:
            logger.warning("%s", error.message)
            return []

    def _read(self, names: list[str]) -> list[pd.DataFrame]:
        with zipfile.ZipFile(self._file.readable()) as tables:
            version = int(tables.read(_VERSION_ENTRY)) if _VERSION_ENTRY in tables.namelist() else 0
            former = _NAMES_OF_1 if version == 1 else {}
            if version not in (1, _VERSION):
                raise ValueError(f"it has format {version}, this version of RegBench {_VERSION}")
            damaged = tables.testzip()
            if damaged:
                raise ValueError(f"{damaged} does not have its checksum")
            contents = [tables.read(f"{former.get(name, name)}.parquet") for name in names]
        return [pd.read_parquet(io.BytesIO(content)) for content in contents]

    def save(self, data: Results) -> None:
        """Write all tables or none."""
        with (
            self._file.written() as partial,
            zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as tables,
        ):
            tables.writestr(_VERSION_ENTRY, str(_VERSION))
            for table in fields(data):
                frame: pd.DataFrame = getattr(data, table.name)
                tables.writestr(f"{table.name}.parquet", frame.to_parquet(index=False))

    def preview(self) -> TablePreview:
        """The trainings, for kedro-viz."""
        return table_preview(self.load().trainings.to_dict(orient="split"))

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}
