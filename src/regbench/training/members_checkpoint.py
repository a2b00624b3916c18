"""The checkpoint of an ensemble's training: members that are done, and the state of the next."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from regbench.training.checkpoint import Checkpoint

logger = logging.getLogger(__name__)

Arrays = dict[str, np.ndarray]
_NEXT = "next"


@dataclass(frozen=True)
class MemberMade:
    """What the training of a member made.

    Attributes:
        variables: The network's, in its order: weights and states of random generators.
        history: From ``train``.
        best_epoch_weights: From ``train``.
    """

    variables: list[np.ndarray]
    history: pd.DataFrame
    best_epoch_weights: Arrays

    def as_arrays(self) -> Arrays:
        """Return it as arrays by name, of which ``from_arrays`` makes it again."""
        groups: dict[str, Mapping[str, np.ndarray]] = {
            "variables": {f"{place:06}": value for place, value in enumerate(self.variables)},
            "history": {
                str(name): np.asarray(column.tolist()) for name, column in self.history.items()
            },
            "best": self.best_epoch_weights,
        }
        return {f"{g}:{name}": value for g, made in groups.items() for name, value in made.items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "MemberMade":
        """Return what arrays describe."""
        variables = _group(arrays, "variables")
        history = {name: column.tolist() for name, column in _group(arrays, "history").items()}
        return cls(
            [variables[name] for name in sorted(variables)],
            pd.DataFrame(history),
            _group(arrays, "best"),
        )


class MembersCheckpoint:
    """Keeps the members that are done in the file of a training's checkpoint.

    They are written with the state of the one that is trained, when that is due: what was done
    since is trained again after a kill.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Read what an interrupted training left, if anything fits."""
        self._checkpoint = checkpoint
        stored = checkpoint.read() or {}
        self._members: list[Arrays] = []
        while own := _group(stored, f"member_{len(self._members) + 1}"):
            self._members.append(own)
        self._restored = len(self._members)
        self._used = 0
        self._next: Arrays | None = _group(stored, _NEXT) or None

    def restore_next(self, network: keras.Model) -> MemberMade | None:
        """Return the next member if it was done before, and give a network its variables.

        Returns:
            None if it was not, or, with a warning, if it does not fit: it is trained then, and so
            are those after it.
        """
        if self._used == self._restored:
            return None
        try:
            made = MemberMade.from_arrays(self._members[self._used])
            found, own = (
                [v.shape for v in made.variables],
                [tuple(v.shape) for v in network.variables],
            )
            if found != own or made.history.empty:
                raise ValueError(f"network {self._used + 1} has other variables")
        except (LookupError, TypeError, ValueError) as error:
            logger.warning("%s does not fit (%s): trained anew from there", self._checkpoint, error)
            self._forget()
            return None
        for variable, value in zip(network.variables, made.variables, strict=True):
            variable.assign(value)
        self._used += 1
        return made

    def _forget(self) -> None:
        """Drop what is not used yet of an interrupted training: it does not fit."""
        del self._members[self._used :]
        self._restored, self._next = self._used, None

    def add(self, made: MemberMade) -> None:
        """Keep a member that is done."""
        self._members.append(made.as_arrays())
        self._next = None

    def of_next(self) -> Checkpoint:
        """Return the checkpoint of the member that comes after those that are done."""
        return _CheckpointOfMember(self._checkpoint, self._members, self._next)


class _CheckpointOfMember(Checkpoint):
    """A member's part of the checkpoint of a training."""

    def __init__(self, whole: Checkpoint, done: list[Arrays], state: Arrays | None) -> None:
        self._whole, self._done, self._state = whole, done, state

    def __str__(self) -> str:
        return f"{self._whole} (network {len(self._done) + 1})"

    def read(self) -> Arrays | None:
        """Return the state to go on from; None if there is none."""
        return self._state

    def is_due(self) -> bool:
        """Return whether the whole checkpoint is."""
        return self._whole.is_due()

    def write(self, state: Arrays) -> None:
        """Write the state, and all members that are done."""
        groups = {f"member_{n}": made for n, made in enumerate(self._done, start=1)}
        groups[_NEXT] = state
        self._whole.write({f"{g}:{k}": v for g, made in groups.items() for k, v in made.items()})


def _group(arrays: Arrays, group: str) -> Arrays:
    """Return the arrays of a group by their names in it."""
    prefix = f"{group}:"
    return {key.removeprefix(prefix): v for key, v in arrays.items() if key.startswith(prefix)}
