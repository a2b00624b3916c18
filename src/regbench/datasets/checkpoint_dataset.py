"""A Kedro dataset for the place of a training's checkpoint."""

from typing import NoReturn

from kedro.io import DatasetError

from regbench.datasets.one_file import OneFileDataset
from regbench.storage.stored_file import StoredFile


class CheckpointDataset(OneFileDataset[NoReturn, StoredFile]):
    """The file that a training writes and removes while it is trained; it need not exist."""

    def load(self) -> StoredFile:
        """Return the file, here or in a store."""
        return self._file

    def save(self, data: NoReturn) -> NoReturn:
        """Raise ``DatasetError``: the training writes the file, not its node's output."""
        raise DatasetError("a checkpoint is written by the training")

    def _exists(self) -> bool:
        """Return True: the place is always there."""
        return True
