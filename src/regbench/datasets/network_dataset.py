"""Trained Keras networks."""

import json
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from regbench.files import made_by_regbench
from regbench.results import FailedTraining
from regbench.storage import StoredFile, stored_file

if TYPE_CHECKING:
    import keras


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

    def check(self) -> None:
        """Read the file in full without loading the network, which would take seconds.

        Raises:
            DamagedFileError: It is damaged.
        """
        with made_by_regbench(self._file), zipfile.ZipFile(self._file.readable()) as parts:
            damaged = parts.testzip()
            if damaged:
                raise ValueError(f"{damaged} in it")

    def save(self, data: "keras.Model | FailedTraining") -> None:
        """Write the network whole or not at all."""
        if isinstance(data, FailedTraining):
            with self._failed.written() as partial:
                partial.write_text(json.dumps(asdict(data)), encoding="utf-8")
            self._file.remove()
            return
        with self._file.written() as partial:
            data.save(partial)
        self._failed.remove()

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}
