"""What files hold, in short digests: to tell whether they are what was written."""

from collections.abc import Mapping
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from regbench.storage.stored_file import digest, stored_file


class FileDigestsDataset(AbstractDataset[NoReturn, dict[str, str]]):
    """The digests of files, as they are when it is loaded."""

    def __init__(
        self,
        *,
        path: str,
        files: Mapping[str, str],
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the files.

        Args:
            path: The folder of all results.
            files: The addresses of files below it, by the names of their datasets.
            credentials: For a store.
            metadata: For kedro-viz.
        """
        self.path = path
        self.files = {name: stored_file(file, credentials) for name, file in files.items()}
        self.metadata = metadata

    def load(self) -> dict[str, str]:
        """Return the digests by name; empty for a file that is not there."""
        return {name: digest(file) for name, file in self.files.items()}

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the files are written one by one."""
        raise DatasetError("digests are only read")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"path": self.path, "files": list(self.files)}
