"""Trained Keras networks."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from regbench.evaluation.results import FailedTraining
from regbench.storage.atomic import made_by_regbench
from regbench.storage.stored_file import StoredFile, stored_file

if TYPE_CHECKING:
    import keras
    import numpy as np

_WEIGHTS_ENTRY = "model.weights.h5"


class NetworkDataset(
    AbstractDataset["keras.Model | FailedTraining", "keras.Model | FailedTraining"]
):
    """A network as a ``.keras`` file, loaded in safe mode: the file cannot execute anything.

    In the place of one that could not be trained, a file ``.failed.json`` says why. It counts as
    missing, so that a resumed run tries again.
    """

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file; ``credentials`` are for a store, ``metadata`` for kedro-viz."""
        self._file = stored_file(filepath, credentials)
        self.metadata = metadata

    @property
    def _failed(self) -> StoredFile:
        return self._file.beside(f"{self._file.path.stem}.failed.json")

    def load(self) -> "keras.Model | FailedTraining":
        """Return the network, uncompiled: for prediction."""
        if self._failed.exists():
            with made_by_regbench(self._failed):
                return FailedTraining(**json.loads(self._failed.readable().read_text("utf-8")))
        import keras  # noqa: PLC0415 - takes seconds; only who loads a network pays

        with made_by_regbench(self._file):
            return keras.models.load_model(self._file.readable(), compile=False, safe_mode=True)

    def weights(self) -> dict[str, "np.ndarray"]:
        """Read the file in full, and its weights without Keras, which would take seconds.

        Returns:
            Its weights by layer and number, such as ``hidden_1.0``; of the same layers and in the
            same order as ``regbench.networks.weights.weights_of`` returns them.

        Raises:
            DamagedFileError: It is damaged.
        """
        import h5py  # noqa: PLC0415 - only who checks a network pays

        with made_by_regbench(self._file), zipfile.ZipFile(self._file.readable()) as parts:
            damaged = parts.testzip()
            if damaged:
                raise ValueError(f"{damaged} in it")
            with h5py.File(io.BytesIO(parts.read(_WEIGHTS_ENTRY))) as stored:
                return dict(_weights(stored["layers"], ""))

    def save(self, data: "keras.Model | FailedTraining") -> None:
        """Write the network whole or not at all.

        The other file goes first: who is killed in between leaves none, and it is made again.
        """
        if isinstance(data, FailedTraining):
            self._file.remove()
            with self._failed.written() as partial:
                partial.write_text(json.dumps(asdict(data)), encoding="utf-8")
            return
        self._failed.remove()
        with self._file.written() as partial:
            data.save(partial)

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}


def _weights(group: Any, path: str) -> Iterator[tuple[str, "np.ndarray"]]:
    """The weights in a group of layers, and in the layers within them.

    Args:
        group: Of the file; a layer in it has ``vars`` with its name and, by number, its weights.
        path: Of the layers around it, their names joined by slashes.
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
