"""A Kedro dataset for trained Keras networks."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from regbench.datasets.one_file import OneFileDataset
from regbench.evaluation.results import FailedTraining
from regbench.storage.atomic import damaged_file_errors
from regbench.storage.stored_file import StoredFile

if TYPE_CHECKING:
    import keras
    import numpy as np

_WEIGHTS_ENTRY = "model.weights.h5"


class NetworkDataset(
    OneFileDataset["keras.Model | FailedTraining", "keras.Model | FailedTraining"]
):
    """A trained network as a ``.keras`` file, or a failed training as a ``.failed.json`` file.

    Networks are loaded in Keras' safe mode: a file cannot execute code. A failed training counts
    as missing, so that a resumed run trains again.
    """

    @property
    def _failed(self) -> StoredFile:
        return self._file.with_name(f"{self._file.path.stem}.failed.json")

    def load(self) -> "keras.Model | FailedTraining":
        """Return the network, not compiled (for inference), or the failed training.

        Raises:
            DamagedFileError: The file cannot be read.
        """
        if self._failed.exists():
            with damaged_file_errors(self._failed):
                return FailedTraining(**json.loads(self._failed.local_copy().read_text("utf-8")))
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

    def save(self, data: "keras.Model | FailedTraining") -> None:
        """Write the network or the failed training atomically, and delete the other's file.

        The other file is deleted first: a process killed in between leaves neither, so a resumed
        run trains again.
        """
        if isinstance(data, FailedTraining):
            self._file.remove()
            with self._failed.atomic_write() as partial:
                partial.write_text(json.dumps(asdict(data)), encoding="utf-8")
            return
        self._failed.remove()
        with self._file.atomic_write() as partial:
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
