"""Trained Keras networks."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from regbench.files import atomic_write, made_by_regbench
from regbench.results import FailedTraining

if TYPE_CHECKING:
    import keras


class NetworkDataset(
    AbstractDataset["keras.Model | FailedTraining", "keras.Model | FailedTraining"]
):
    """A network as a ``.keras`` file, loaded in safe mode: the file cannot execute anything.

    In the place of one that could not be trained, a file ``.failed.json`` says why. It counts as
    missing, so that a resumed run tries again.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the file; ``metadata`` is for kedro-viz."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> "keras.Model | FailedTraining":
        """Return the network, uncompiled: for prediction."""
        if self._failed.exists():
            with made_by_regbench(self._failed):
                return FailedTraining(**json.loads(self._failed.read_text(encoding="utf-8")))
        import keras  # noqa: PLC0415 - takes seconds; only who loads a network pays

        with made_by_regbench(self._filepath):
            return keras.models.load_model(self._filepath, compile=False, safe_mode=True)

    def check(self) -> None:
        """Read the file in full without loading the network, which would take seconds.

        Raises:
            DamagedFileError: It is damaged.
        """
        with made_by_regbench(self._filepath), zipfile.ZipFile(self._filepath) as parts:
            damaged = parts.testzip()
            if damaged:
                raise ValueError(f"{damaged} in it")

    def save(self, data: "keras.Model | FailedTraining") -> None:
        """Write the network whole or not at all."""
        if isinstance(data, FailedTraining):
            with atomic_write(self._failed) as partial:
                partial.write_text(json.dumps(asdict(data)), encoding="utf-8")
            self._filepath.unlink(missing_ok=True)
            return
        with atomic_write(self._filepath) as partial:
            data.save(partial)
        self._failed.unlink(missing_ok=True)

    @property
    def _failed(self) -> Path:
        return self._filepath.with_suffix(".failed.json")

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
