"""A set of images as a Kedro dataset."""

import logging
from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from regbench.errors import StudyError
from regbench.sources import ImageSource, open_source

logger = logging.getLogger(__name__)

_MADE_BY = {"mnist.zip": "fetch_mnist", "digits.zip": "sample_mnist"}


class ImageSourceDataset(AbstractDataset[NoReturn, ImageSource]):
    """A folder or a zip of pictures, opened for reading; pictures are read one by one."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the folder or zip; ``metadata`` is for kedro-viz."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> ImageSource:
        """Open the set; who takes it closes it.

        Raises:
            StudyError: It does not exist, or is neither a folder nor a zip.
        """
        if self._filepath.name in _MADE_BY and not self._filepath.exists():
            raise StudyError(
                f"{self._filepath} does not exist yet; kedro run "
                f"--pipelines={_MADE_BY[self._filepath.name]} makes it"
            )
        return open_source(self._filepath)

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: a person's images are never written."""
        raise DatasetError("a set of images is only read")

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


class ImageDigestDataset(ImageSourceDataset):
    """The digest of a set of images, to tell whether it is the one that was read."""

    def load(self) -> str | None:  # type: ignore[override]  # what of the set is loaded
        """Return the digest; None, with a warning, if the set cannot be read any more."""
        try:
            with open_source(self._filepath) as source:
                return source.digest()
        except StudyError as error:
            logger.warning("%s; what follows is of the images that were read from it", error)
            return None
