"""A Kedro dataset for the place of the trainings' checkpoints."""

from typing import NoReturn

from kedro.io import DatasetError

from regbench.datasets.one_file import OneFileDataset
from regbench.storage.stored_file import StoredFile


class CheckpointsDataset(OneFileDataset[NoReturn, StoredFile]):
    """The folder below which trainings write and remove files; it need not exist.

    One dataset for all of them: one for each training would be an input of the graph for each.
    """

    def load(self) -> StoredFile:
        """Return the folder, here or in a store."""
        return self._file

    def save(self, data: NoReturn) -> NoReturn:
        """Raise ``DatasetError``: the trainings write the files, not their nodes' outputs."""
        raise DatasetError("a checkpoint is written by its training")

    def _exists(self) -> bool:
        """Return True: the place is always there."""
        return True
