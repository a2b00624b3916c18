"""Trained Keras networks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from regbench.files import atomic_write

if TYPE_CHECKING:
    import keras


class NetworkDataset(AbstractDataset["keras.Model", "keras.Model"]):
    """A network as a ``.keras`` file, loaded in safe mode: the file cannot execute anything."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the file; ``metadata`` is for kedro-viz."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> "keras.Model":
        """Return the network, uncompiled: for prediction."""
        import keras  # noqa: PLC0415 - takes seconds; only who loads a network pays

        return keras.models.load_model(self._filepath, compile=False, safe_mode=True)

    def save(self, data: "keras.Model") -> None:
        """Write the network whole or not at all."""
        with atomic_write(self._filepath) as partial:
            data.save(partial)

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
