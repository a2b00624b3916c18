"""A Kedro dataset for trained Keras networks."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Union

from regbench.datasets.one_file import OneFileDataset
from regbench.evaluation.results import FailedTraining, NotNeeded
from regbench.storage.atomic import damaged_file_errors
from regbench.storage.stored_file import StoredFile

if TYPE_CHECKING:
    import keras
    import numpy as np

_WEIGHTS_ENTRY = "model.weights.h5"


Network = Union["keras.Model", FailedTraining, NotNeeded]


class NetworkDataset(OneFileDataset[Network, Network]):
    """A trained network as a ``.keras`` file, or a small file that says why there is none.

    Networks are loaded in Keras' safe mode: a file cannot execute code. A failed training is a
    ``.failed.json`` file, and counts as missing, so that a resumed run trains again. One that was
    not needed is a ``.not_needed.json`` file, and exists.
    """

    @property
    def _failed(self) -> StoredFile:
        return self._file.with_name(f"{self._file.path.stem}.failed.json")

    @property
    def _not_needed(self) -> StoredFile:
        return self._file.with_name(f"{self._file.path.stem}.not_needed.json")

    def _exists(self) -> bool:
        return super()._exists() or self.is_not_needed()

    def is_not_needed(self) -> bool:
        """Return whether the training was not needed."""
        return self._not_needed.exists()

    def load(self) -> Network:
        """Return the network, not compiled (for inference), or what takes its place.

        Raises:
            DamagedFileError: The file cannot be read.
        """
        if self._failed.exists():
            with damaged_file_errors(self._failed):
                return FailedTraining(**json.loads(self._failed.local_copy().read_text("utf-8")))
        if self._not_needed.exists():
            with damaged_file_errors(self._not_needed):
                return NotNeeded(**json.loads(self._not_needed.local_copy().read_text("utf-8")))
        import keras  # noqa: PLC0415 - takes seconds, needed only here

        with damaged_file_errors(self._file):
            return keras.models.load_model(self._file.local_copy(), compile=False, safe_mode=True)

    def weights(self) -> dict[str, "np.ndarray"]:
        """Return the network's weights, read with h5py: importing Keras would take seconds.

        All checksums (CRC-32) of the file are verified.

        Returns:
            The arrays by layer and number, such as ``hidden_1.0``; the layers and their order are
            those of ``regbench.networks.weights.weights_of``.

        Raises:
            DamagedFileError: The file cannot be read, or a checksum is wrong.
        """
        import h5py  # noqa: PLC0415 - needed only here

        with damaged_file_errors(self._file), zipfile.ZipFile(self._file.local_copy()) as archive:
            damaged = archive.testzip()
            if damaged:
                raise ValueError(f"{damaged} in it")
            with h5py.File(io.BytesIO(archive.read(_WEIGHTS_ENTRY))) as stored:
                return dict(_weights(stored["layers"], ""))

    def save(self, data: Network) -> None:
        """Write the network or what takes its place atomically, and delete the others' files.

        The others are deleted first: a process killed in between leaves none, so a resumed run
        trains again.
        """
        files = {FailedTraining: self._failed, NotNeeded: self._not_needed}
        written = files.get(type(data), self._file)
        for other in (*files.values(), self._file):
            if other is not written:
                other.remove()
        with written.atomic_write() as partial:
            if isinstance(data, FailedTraining | NotNeeded):
                partial.write_text(json.dumps(asdict(data)), encoding="utf-8")
            else:
                data.save(partial)


def _weights(group: Any, path: str) -> Iterator[tuple[str, "np.ndarray"]]:
    """Yield the weights of all layers in an HDF5 group, recursively.

    Keras 3 stores each layer as a group with a subgroup ``vars``: its attribute ``name`` is the
    layer's name, its datasets ``0``, ``1``, ... are the weights.

    Args:
        group: An ``h5py.Group`` of layers.
        path: The names of the enclosing layers, joined by slashes.

    Yields:
        The name, such as ``hidden_1.0``, and the array.
    """
    for key, layer in group.items():
        own = layer.get("vars")
        named = own is not None and "name" in own.attrs
        name = str(own.attrs["name"]) if named else ""
        inside = "/".join(filter(None, (path, name)))
        if named:
            for number in range(len(own)):
                yield f"{inside}.{number}", own[str(number)][()]
        if key != "vars":
            inner = {k: v for k, v in layer.items() if k != "vars" and hasattr(v, "items")}
            yield from _weights(inner, inside)
