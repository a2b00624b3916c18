"""A Kedro dataset for a technique's results, empty if missing."""

import hashlib
import logging
import zipfile
from collections.abc import Sequence

import pandas as pd
from kedro_datasets._typing import TablePreview

from regbench.datasets.atomic import table_preview
from regbench.datasets.one_file import OneFileDataset
from regbench.errors import DamagedFileError
from regbench.evaluation.results import Results
from regbench.evaluation.results_file import TABLES, read_tables, write_results

logger = logging.getLogger(__name__)


class ResultsDataset(OneFileDataset[Results, Results]):
    """The tables of ``Results`` in one file; see ``evaluation.results_file``.

    A missing file is loaded as empty tables: the comparison lists techniques without trainings,
    too.
    """

    def load(self) -> Results:
        """Return the results; empty tables if the file is missing.

        A damaged file, or one of an unknown format version, counts as missing and a warning is
        logged: the other techniques are still compared, and a resumed run writes it again.
        """
        tables = self._read_or_warn(TABLES)
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

    def _read_or_warn(self, names: Sequence[str]) -> list[pd.DataFrame]:
        if not self._exists():
            return []
        try:
            return read_tables(self._file, names)
        except DamagedFileError as error:
            logger.warning("%s", error.message)
            return []

    def save(self, data: Results) -> None:
        """Write the tables atomically."""
        write_results(self._file, data)

    def preview(self) -> TablePreview:
        """Return the table of trainings, for kedro-viz."""
        return table_preview(self.load().trainings.to_dict(orient="split"))
