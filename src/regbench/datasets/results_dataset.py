"""A technique's results, which may not be there yet."""

import io
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from regbench.datasets.atomic import table_preview
from regbench.files import atomic_write
from regbench.results import Results


class ResultsDataset(AbstractDataset[Results, Results]):
    """The tables of ``Results`` as one zip: whole or absent, a Parquet file for each.

    The comparison takes all techniques, trained or not, and says which is which: a missing file
    is loaded as no results.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the file; ``metadata`` is for kedro-viz."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Results:
        """Return the results, or four empty tables."""
        if not self._exists():
            return Results.none()
        with zipfile.ZipFile(self._filepath) as tables:
            return Results(
                *(
                    pd.read_parquet(io.BytesIO(tables.read(f"{table.name}.parquet")))
                    for table in fields(Results)
                )
            )

    def save(self, data: Results) -> None:
        """Write all tables or none."""
        with (
            atomic_write(self._filepath) as partial,
            zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as tables,
        ):
            for table in fields(data):
                frame: pd.DataFrame = getattr(data, table.name)
                tables.writestr(f"{table.name}.parquet", frame.to_parquet(index=False))

    def preview(self) -> TablePreview:
        """The runs, for kedro-viz."""
        return table_preview(self.load().runs.to_dict(orient="split"))

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
