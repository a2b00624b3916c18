"""Kedro datasets for a set of images and its digest."""

import logging
from typing import NoReturn

from kedro.io import DatasetError

from regbench.datasets.one_file import OneFileDataset
from regbench.errors import KEDRO_RUN, StudyError
from regbench.images.sources.base import ImageSource
from regbench.images.sources.open import open_source
from regbench.images.sources.store import fetch_set
from regbench.storage.stored_file import LocalFile

logger = logging.getLogger(__name__)

# The pipeline that writes a file of this name.
_PIPELINES = {"mnist.zip": "fetch_mnist", "digits.zip": "sample_mnist"}


class ImageSourceDataset(OneFileDataset[NoReturn, ImageSource]):
    """A read-only folder or zip of pictures, whose files are read one by one.

    A set in a store is downloaded to the cache first.
    """

    def load(self) -> ImageSource:
        """Return the open set, to be closed by the caller.

        Raises:
            StudyError: It does not exist, or is neither a folder nor a zip.
        """
        name = self._file.path.name
        if isinstance(self._file, LocalFile) and name in _PIPELINES and not self._file.exists():
            pipeline = _PIPELINES[name]
            raise StudyError(
                f"{self._file} does not exist yet; {KEDRO_RUN} --pipelines={pipeline} makes it"
            )
        return self._open()

    def save(self, data: NoReturn) -> NoReturn:
        """Raise ``DatasetError``: the user's images are never written."""
        raise DatasetError("a set of images is only read")

    def _open(self) -> ImageSource:
        if isinstance(self._file, LocalFile):
            return open_source(self._file.path)
        return open_source(fetch_set(self._file), str(self._file))


class ImageDigestDataset(ImageSourceDataset):
    """The digest of a set of images, to detect a change since its ingestion."""

    def load(self) -> str | None:  # type: ignore[override]  # the digest in place of the set
        """Return ``ImageSource.digest``; None, with a warning, if the set cannot be read."""
        try:
            with self._open() as source:
                return source.digest()
        except StudyError as error:
            logger.warning("%s; what follows is of the images that were read from it", error)
            return None
