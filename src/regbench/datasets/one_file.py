"""What all datasets have in common that are one file, here or in a store."""

from typing import Any, TypeVar

from kedro.io import AbstractDataset

from regbench.storage.stored_file import stored_file

Saved = TypeVar("Saved")
Loaded = TypeVar("Loaded")


class OneFileDataset(AbstractDataset[Saved, Loaded]):
    """A dataset that is one file; how it is read and written, its subclass says."""

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Configure the dataset.

        Args:
            filepath: The path or URL of the file.
            credentials: Options of the store's file system.
            metadata: For kedro-viz; not used here.
        """
        self._file = stored_file(filepath, credentials)
        self.metadata = metadata

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}
