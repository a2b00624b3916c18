"""A Kedro dataset of the digests of files, to detect changes since they were written."""

from collections.abc import Mapping
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from regbench.storage.stored_file import digest, stored_file


class FileDigestsDataset(AbstractDataset[NoReturn, dict[str, str]]):
    """The digests of files, computed when the dataset is loaded."""

    def __init__(
        self,
        *,
        path: str,
        files: Mapping[str, str],
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Configure the dataset.

        Args:
            path: The data root, a path or URL.
            files: The paths or URLs of files below it, by the names of their datasets.
            credentials: Options of the store's file system.
            metadata: For kedro-viz; not used here.
        """
        self.path = path
        self.files = {name: stored_file(file, credentials) for name, file in files.items()}
        self.metadata = metadata

    def load(self) -> dict[str, str]:
        """Return the BLAKE2b digests by dataset name; empty for a missing file."""
        return {name: digest(file) for name, file in self.files.items()}

    def save(self, data: NoReturn) -> NoReturn:
        """Raise ``DatasetError``: digests are read-only."""
        raise DatasetError("digests are only read")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"path": self.path, "files": list(self.files)}
