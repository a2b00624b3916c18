"""The contract of a format in which a network is exported: a value of ``export.formats``.

A file of this folder declares one as a subclass of ``Format``; there is no list to add it to. The
values that the setting allows, the check of what is installed, the model card and the example of
use are derived from it.

The settings import these files: import TensorFlow and the like inside of methods.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import keras
    import numpy as np

TOLERANCE = 1e-4  # of an exact format's probabilities to those of the network itself

# From B x H x W x C images, uint8, to B x classes probabilities, float32.
Predict = Callable[["np.ndarray"], "np.ndarray"]


class Format(ABC):
    """A format: how a network is written in it, and how such a file is used."""

    title: ClassVar[str]  # in tables and model cards
    file: ClassVar[str]  # what is written: a file, or a folder
    main_file: ClassVar[str]  # without it the network cannot be loaded; often the same
    packages: ClassVar[tuple[str, ...]] = ()  # to be imported, of the extra ``export``
    exact: ClassVar[bool] = True  # whether its probabilities are to be within ``TOLERANCE``

    # The example of use: what it needs, and its lines that differ between formats. ``here`` is the
    # folder, ``pixels`` one image as 1 x H x W x C, uint8, ``probabilities`` one for each class.
    needs: ClassVar[str]
    imports: ClassVar[str]
    loads: ClassVar[str]
    predicts: ClassVar[str]

    @classmethod
    def name(cls) -> str:
        """Return the format's name in ``conf``: the name of its module."""
        return cls.__module__.rpartition(".")[2]

    @abstractmethod
    def write(self, network: "keras.Model", folder: Path, calibration: "np.ndarray") -> None:
        """Write a network into an empty folder, as ``file``.

        Args:
            network: From raw uint8 images to probabilities.
            folder: Where ``file`` goes.
            calibration: Train images, M x H x W x C, uint8, for formats that need the ranges of
                values.

        Raises:
            Exception: Whatever the converter raises for a network that it cannot convert.
        """

    @abstractmethod
    def load(self, folder: Path) -> Predict:
        """Return the function from images to probabilities of what ``write`` has written."""
