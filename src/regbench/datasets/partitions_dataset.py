"""A Kedro dataset for a folder of files, such as all trained networks."""

from kedro_datasets.partitions import PartitionedDataset

from regbench.storage.remote import RemoteFile
from regbench.storage.stored_file import stored_file


class PartitionsDataset(PartitionedDataset):
    """A ``PartitionedDataset`` that lists a store's files with retries (``RemoteFile``)."""

    def _list_partitions(self) -> list[str]:
        folder = stored_file(self._path, self._credentials)
        if not isinstance(folder, RemoteFile):
            partitions: list[str] = super()._list_partitions()
            return partitions
        names = sorted(folder.listing())
        return [f"{folder}/{name}" for name in names if name.endswith(self._filename_suffix)]
