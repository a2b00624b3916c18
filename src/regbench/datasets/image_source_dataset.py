"""A set of images as a Kedro dataset."""

import logging
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from regbench.errors import StudyError
from regbench.images.sources.base import ImageSource
from regbench.images.sources.open import open_source
from regbench.images.sources.store import brought_here
from regbench.storage.stored_file import LocalFile, stored_file

logger = logging.getLogger(__name__)

_MADE_BY = {"mnist.zip": "fetch_mnist", "digits.zip": "sample_mnist"}


class ImageSourceDataset(AbstractDataset[NoReturn, ImageSource]):
    """A folder or a zip of pictures, opened for reading; pictures are read one by one.

    A set in a store is brought here first.
    """

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the folder or zip; ``credentials`` are for a store, ``metadata`` for kedro-viz."""
        self._file = stored_file(filepath, credentials)
        self.metadata = metadata

    def load(self) -> ImageSource:
        """Open the set; who takes it closes it.

        Raises:
            StudyError: It does not exist, or is neither a folder nor a zip.
        """
        name = self._file.path.name
        if isinstance(self._file, LocalFile) and name in _MADE_BY and not self._file.exists():
            raise StudyError(
                f"{self._file} does not exist yet; kedro run --pipelines={_MADE_BY[name]} makes it"
            )
        return self._open()

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: a person's images are never written."""
        raise DatasetError("a set of images is only read")

    def _exists(self) -> bool:
        return self._file.exists()

    def _open(self) -> ImageSource:
        if isinstance(self._file, LocalFile):
            return open_source(self._file.path)
        return open_source(brought_here(self._file), str(self._file))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}


class ImageDigestDataset(ImageSourceDataset):
    """The digest of a set of images, to tell whether it is the one that was read."""

    def load(self) -> str | None:  # type: ignore[override]  # what of the set is loaded
        """Return the digest; None, with a warning, if the set cannot be read any more."""
        try:
            with self._open() as source:
                return source.digest()
        except StudyError as error:
            logger.warning("%s; what follows is of the images that were read from it", error)
            return None
