"""Checkpoints: a long training goes on from its last one after a kill, to the same bits."""

import logging
import time
from collections.abc import Callable

import numpy as np

from regbench.errors import DamagedFileError, explanation
from regbench.storage.atomic import damaged_file_errors
from regbench.storage.stored_file import StoredFile

logger = logging.getLogger(__name__)

_MADE_FROM = "made_from"


class Checkpoint:
    """The state of a training in one ``.npz`` file, bound to what the training is made from."""

    def __init__(
        self,
        file: StoredFile,
        made_from: str,
        minutes: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set where, of what and how often.

        Args:
            file: Where it is kept.
            made_from: Digest of the training's fingerprint and seed.
            minutes: How long a training goes on before the next checkpoint.
            clock: Returns seconds.
        """
        self._file, self._made_from = file, made_from
        self._minutes, self._clock = minutes, clock
        self._last = clock()

    def __str__(self) -> str:
        return str(self._file)

    def read(self) -> dict[str, np.ndarray] | None:
        """Return the state to go on from; None, and a line, if there is none that fits."""
        if not self._file.exists():
            return None
        try:
            with (
                damaged_file_errors(self._file),
                np.load(self._file.local_copy(), allow_pickle=False) as arrays,
            ):
                state: dict[str, np.ndarray] = dict(arrays)
        except DamagedFileError as error:
            logger.warning("%s; the training begins anew", error.message)
            return None
        if str(state.pop(_MADE_FROM, "")) != self._made_from:
            logger.info("%s is of other settings, images or code: it is not used", self._file)
            return None
        return state

    def is_due(self) -> bool:
        """Return whether the time since the start or the last checkpoint is over."""
        return self._clock() - self._last >= 60 * self._minutes

    def write(self, state: dict[str, np.ndarray]) -> None:
        """Write a state atomically. Where that fails, a line says so: the training goes on."""
        try:
            with self._file.atomic_write() as partial:
                np.savez(partial, allow_pickle=False, **state, **{_MADE_FROM: self._made_from})
        except Exception as error:
            fault = explanation(error)
            if fault is None:
                raise
            logger.warning("no checkpoint, the training goes on: %s", fault.message)
        self._last = self._clock()
