"""Files that may not be there: results of another study, or of an earlier run."""

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
    """A table as CSV; None if there is no such file."""

    def load(self) -> pd.DataFrame | None:
        """Return the table, or None."""
        return super().load() if self._exists() else None


class OptionalJSONDataset(JSONDataset):
    """Plain values as JSON; None if there is no such file."""

    def load(self) -> Any:
        """Return the values, or None."""
        return super().load() if self._exists() else None


class EarlierIngestionDataset(AbstractDataset[NoReturn, EarlierIngestion | None]):
    """What the last run has read: only read here, for Kedro has no dataset go in and out."""

    def __init__(
        self,
        *,
        filepath: str,
        images: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the record and the images.

        Args:
            filepath: The record of the files.
            images: The array of images.
            credentials: For a store.
            metadata: For kedro-viz.
        """
        self._files = ParquetDataset(filepath=filepath, credentials=credentials)
        self._images = ArrayDataset(filepath=images, credentials=credentials)
        self.metadata = metadata

    def load(self) -> EarlierIngestion | None:
        """Return record and images; None if there is no record, or, with a warning, none to read.

        The images are loaded when they are asked for.
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
        """Refuse: the node that reads the images writes both."""
        raise DatasetError("an earlier ingestion is only read")

    def _exists(self) -> bool:
        return bool(self._files.exists() and self._images.exists())

    def _describe(self) -> dict[str, Any]:
        return {"files": self._files, "images": self._images}
