"""A Kedro dataset for the labels of any number of images, as CSV or Parquet."""

from typing import TYPE_CHECKING, Any

import pandas as pd
from kedro_datasets._typing import TablePreview

from regbench.datasets.atomic import CSVDataset, ParquetDataset, table_preview
from regbench.datasets.one_file import OneFileDataset
from regbench.errors import SettingsError
from regbench.storage.spreadsheet import csv_quoting, escape_formulas

if TYPE_CHECKING:
    from regbench.use.labels import LabelledParts
else:  # it imports TensorFlow
    LabelledParts = Any


class LabelsDataset(OneFileDataset[LabelledParts, pd.DataFrame]):
    """A table of labels, joined from parts one after another; the file's suffix is its format."""

    def __init__(self, *, filepath: str, **arguments: Any) -> None:
        """Configure the dataset.

        Args:
            filepath: The path or URL of a .csv or .parquet file.
            **arguments: Those of ``OneFileDataset``.

        Raises:
            SettingsError: The file has another suffix.
        """
        super().__init__(filepath=filepath, **arguments)
        if self._file.path.suffix not in (".csv", ".parquet"):
            raise SettingsError(
                f"catalog: unlabeled_predictions: filepath: {filepath} must end in .csv or .parquet"
            )
        self._credentials = arguments.get("credentials")

    def load(self) -> pd.DataFrame:
        """Return the whole table: filename, label, confidence, sure."""
        kind = CSVDataset if self._file.path.suffix == ".csv" else ParquetDataset
        table: pd.DataFrame = kind(filepath=str(self._file), credentials=self._credentials).load()
        return table

    def save(self, data: LabelledParts) -> None:
        """Write the parts to one file, atomically, and delete them."""
        with self._file.atomic_write() as partial:
            if self._file.path.suffix == ".csv":
                with partial.open("w", encoding="utf-8", newline="") as file:
                    for number, table in enumerate(data.tables()):
                        safe = escape_formulas(table)
                        own: Any = {"quoting": csv_quoting(safe), "header": number == 0}
                        safe.to_csv(file, index=False, **own)
            else:
                _join(data, str(partial))
        other = {".csv": ".parquet", ".parquet": ".csv"}[self._file.path.suffix]
        self._file.with_name(f"{self._file.path.stem}{other}").remove()  # of another format before
        data.remove()

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows, for kedro-viz."""
        return table_preview(self.load().head(nrows).to_dict(orient="split"))


def _join(data: LabelledParts, path: str) -> None:
    """Write all parts to one Parquet file, a row group each."""
    import pyarrow as pa  # noqa: PLC0415 - needed only here
    import pyarrow.parquet as pq  # noqa: PLC0415

    writer = None
    try:
        for table in data.tables():
            arrow = pa.Table.from_pandas(table, preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(path, arrow.schema, write_page_checksum=True)
            writer.write_table(arrow.cast(writer.schema))
    finally:
        if writer:
            writer.close()
