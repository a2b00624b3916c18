"""The contract of an ensemble: a regularizer whose training trains several networks, the members.

An ensemble stands around a training. It calls ``members.train`` as often as it needs networks, and
says how they are put together. All other regularizers of the technique act in every member.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from regbench.regularizers.base import Regularizer

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Member:
    """How one network is trained; what is left out is as in a training without ensemble.

    Attributes:
        seed: Of initial weights, batches' order and random changes; from ``Members.seed_of``.
        rows: Which of the n train images, any number of ints from 0, repeated or not.
        epochs: Their number. Networks with phases keep theirs.
        share_of_rate: In place of the schedule: returns the share of the learning rate for a step,
            by its number from 0 and the number of the member's steps.
        begins_with: A network whose weights it begins with.
        after: The number of epochs before the first: the history counts on from there.
        teacher: A network from whose logits it learns: ``distil`` is called.
    """

    seed: int
    rows: "np.ndarray | None" = None
    epochs: int | None = None
    share_of_rate: Callable[[int, int], float] | None = None
    begins_with: "keras.Model | None" = None
    after: int = 0
    teacher: "keras.Model | None" = None


@dataclass(frozen=True)
class Combination:
    """The networks of an ensemble, and how their probabilities become one answer.

    A single network is itself the answer.

    Attributes:
        networks: K of them, from ``Members.train``.
        shares: Of the weighted mean of probabilities, of sum 1; None for equal ones.
        logits: In place of the mean: kernel (K classes x classes) and bias (classes) of a layer
            whose softmax is the answer; it takes the probabilities of all, one after another.
    """

    networks: "Sequence[keras.Model]"
    shares: Sequence[float] | None = None
    logits: "tuple[np.ndarray, np.ndarray] | None" = None


class Members(ABC):
    """What an ensemble has at hand to train its networks.

    Attributes:
        seed: Of the training.
        epochs: Of a training without ensemble, if nothing ends it earlier.
        classes: Number of classes.
        targets: Classes of the train images, n ints from 0.
        validation_targets: Classes of the validation images, v ints from 0.
    """

    seed: int
    epochs: int
    classes: int
    targets: "np.ndarray"
    validation_targets: "np.ndarray"

    def seed_of(self, number: int) -> int:
        """Return the seed of a member by its number, from 1.

        The first has the training's: it is what the technique trains without ensemble. The others'
        depend on the training's seed and the number alone, so that all ensembles are paired.
        """
        import numpy as np

        if number == 1:
            return self.seed
        state = np.random.SeedSequence([self.seed, number]).generate_state(1)
        return int(state[0] >> 1)

    @abstractmethod
    def train(self, member: Member) -> "keras.Model":
        """Return a trained network: raw uint8 images in, class probabilities out."""

    @abstractmethod
    def probabilities(self, network: "keras.Model") -> "np.ndarray":
        """Return a network's probabilities for the train images, not augmented, n x classes."""

    @abstractmethod
    def validation_probabilities(self, network: "keras.Model") -> "np.ndarray":
        """Return a network's probabilities for the validation images, v x classes."""


class Ensemble(Regularizer):
    """A regularizer that trains several networks; a technique has one at most."""

    # Whether it fits something on the validation images. Where they are the judged part, it would
    # be judged by what it was fitted on.
    fits_on_validation: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ()  # of which results depend on the version, beyond all

    @classmethod
    def family(cls) -> str:
        """Return ``ensemble``, wherever else it acts."""
        return "ensemble"

    @abstractmethod
    def networks(self) -> int:
        """Return how many networks there are at once, at most: what memory is needed for."""

    def trainings(self) -> int:
        """Return how many trainings it takes, at most: its cost."""
        return self.networks()

    def length_problem(self, epochs: int, phases: Sequence[str]) -> str | None:
        """Return why it does not suit a training's length; None if it does.

        Args:
            epochs: Of the protocol.
            phases: Names of the network's phases, which have epochs of their own.
        """
        return None

    @abstractmethod
    def train_members(self, members: Members) -> Combination:
        """Return the trained networks, and how they are put together.

        An interrupted training calls it anew: what it does follows from the members alone, and
        those that were done are not trained again.
        """
