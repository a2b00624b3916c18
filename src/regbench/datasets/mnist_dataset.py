"""MNIST from the web or from a file, and sets of images in the layout that a study reads."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError
from rich.console import Console
from rich.progress import Progress

from regbench.images.mnist.arrays import ImageSet, Mnist, load_mnist, local_path
from regbench.images.mnist.download import OnProgress
from regbench.images.mnist.write_set import write_set
from regbench.storage.stored_file import LocalFile, stored_file

logger = logging.getLogger(__name__)


class MnistDataset(AbstractDataset[NoReturn, Mnist]):
    """The four arrays of ``mnist.npz``, checked; what is on the web is downloaded once."""

    def __init__(
        self, *, filepath: str, cache: dict[str, str], metadata: dict[str, Any] | None = None
    ) -> None:
        """Name the source and where a download of it is kept.

        Args:
            filepath: An http(s) or file address, or a local path.
            cache: The file for a download under ``filepath``: a mapping, because Kedro makes
                the paths under this key relative to the project.
            metadata: For kedro-viz.
        """
        self._source = filepath
        self._cache = stored_file(cache["filepath"]).path
        self.metadata = metadata

    def load(self) -> Mnist:
        """Return MNIST.

        Raises:
            DatasetError: Caused by the ``StudyError`` that says what is wrong with the source.
        """
        with _progress("Downloading MNIST") as on_progress:
            return load_mnist(self._source, self._cache, on_progress)

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: MNIST is what it is."""
        raise DatasetError("MNIST is only read")

    def _exists(self) -> bool:
        return (local_path(self._source) or self._cache).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._source, "cache": self._cache}


class ImageSetDataset(AbstractDataset[ImageSet, NoReturn]):
    """Images written as a zip with ``Train/train.csv``, ``Test.csv`` and their pictures."""

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the zip; ``credentials`` are for a store, ``metadata`` for kedro-viz."""
        self._file = stored_file(filepath, credentials)
        self.metadata = metadata

    def load(self) -> NoReturn:
        """Refuse: a set is read by the data nodes, which take any set."""
        raise DatasetError(f"{self._file} is only written here; --params=images=... reads it")

    def save(self, data: ImageSet) -> None:
        """Write the set whole or not at all.

        Raises:
            DatasetError: Caused by the ``StudyError`` that says why it cannot be written.
        """
        with _progress(f"Writing {self._file.path.name}") as on_progress:
            if isinstance(self._file, LocalFile):
                write_set(self._file.path, data.labeled, data.unlabeled, on_progress)
            else:
                with self._file.written() as partial:
                    write_set(partial, data.labeled, data.unlabeled, on_progress)
        logger.info("Written; to use it: --params=images=%s", self._file)

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}


@contextmanager
def _progress(label: str) -> Iterator[OnProgress]:
    """Show how far something is: a bar on a terminal, otherwise a log line every 10 %.

    Args:
        label: What is being done.

    Yields:
        What to call with how much is done and how much there is in all. Until then, nothing
        shows.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _logged(label)
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(label, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def _logged(label: str) -> OnProgress:
    """Log the first call and every further tenth."""
    logged = -1

    def log(done: int, total: int | None) -> None:
        nonlocal logged
        tenths = 10 * done // total if total else 0
        if tenths > logged:
            logged = tenths
            logger.info("%s: %s", label, f"{tenths * 10} %" if total else "started")

    return log
