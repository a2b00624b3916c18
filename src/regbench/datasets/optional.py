"""Kedro datasets that load None if the file is missing: of another study, or an earlier run."""

import logging
from typing import Any, NoReturn

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from regbench.datasets.array_dataset import ArrayDataset
from regbench.datasets.atomic import CSVDataset, JSONDataset, ParquetDataset
from regbench.errors import explanation
from regbench.images.known_files import EarlierIngestion

logger = logging.getLogger(__name__)


class OptionalCSVDataset(CSVDataset):
    """A table as CSV; None if the file is missing."""

    def load(self) -> pd.DataFrame | None:
        """Return the table, or None."""
        return super().load() if self._exists() else None


class OptionalJSONDataset(JSONDataset):
    """A JSON file; None if it is missing."""

    def load(self) -> Any:
        """Return the values, or None."""
        return super().load() if self._exists() else None


class EarlierIngestionDataset(AbstractDataset[NoReturn, EarlierIngestion | None]):
    """The last run's ingestion, read-only: a Kedro node cannot read and write the same dataset."""

    def __init__(
        self,
        *,
        filepath: str,
        images: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Configure the dataset.

        Args:
            filepath: The path or URL of the record of files (``KnownFiles.to_frame``).
            images: The path or URL of the array of images.
            credentials: Options of the store's file system.
            metadata: For kedro-viz; not used here.
        """
        self._files = ParquetDataset(filepath=filepath, credentials=credentials)
        self._images = ArrayDataset(filepath=images, credentials=credentials)
        self.metadata = metadata

    def load(self) -> EarlierIngestion | None:
        """Return the record and a loader of the images.

        None if either file is missing or, with a warning, if the record is unreadable.
        """
        if not self._exists():
            return None
        try:
            files = self._files.load()
        except Exception as error:
            fault = explanation(error)
            if fault is None:
                raise
            logger.warning("%s; until then every picture is read", fault.message)
            return None
        return EarlierIngestion(files, self._images.load)

    def save(self, data: NoReturn) -> NoReturn:
        """Raise ``DatasetError``: the ingestion node writes both files as other datasets."""
        raise DatasetError("an earlier ingestion is only read")

    def _exists(self) -> bool:
        return bool(self._files.exists() and self._images.exists())

    def _describe(self) -> dict[str, Any]:
        return {"files": self._files, "images": self._images}
