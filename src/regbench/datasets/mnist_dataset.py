"""Kedro datasets for MNIST as a source and for a set of images to be written."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError
from rich.console import Console
from rich.progress import Progress

from regbench.datasets.one_file import OneFileDataset
from regbench.images.mnist.arrays import ImageSet, Mnist, load_mnist, local_path
from regbench.images.mnist.download import OnProgress
from regbench.images.mnist.write_set import write_set
from regbench.storage.stored_file import LocalFile, stored_file

logger = logging.getLogger(__name__)


class MnistDataset(AbstractDataset[NoReturn, Mnist]):
    """The four arrays of ``mnist.npz``, verified by checksums; a download is cached."""

    def __init__(
        self, *, filepath: str, cache: dict[str, str], metadata: dict[str, Any] | None = None
    ) -> None:
        """Configure the dataset.

        Args:
            filepath: An http(s) or file URL, or a local path.
            cache: ``{"filepath": ...}``, the file that a download is saved to. A mapping, because
                Kedro resolves paths under this key relative to the project.
            metadata: For kedro-viz; not used here.
        """
        self._source = filepath
        self._cache = stored_file(cache["filepath"]).path
        self.metadata = metadata

    def load(self) -> Mnist:
        """Return the four arrays of MNIST, uint8.

        Raises:
            DatasetError: The source cannot be read or is not MNIST; the cause is a ``StudyError``.
        """
        with _progress("Downloading MNIST") as on_progress:
            return load_mnist(self._source, self._cache, on_progress)

    def save(self, data: NoReturn) -> NoReturn:
        """Raise ``DatasetError``: MNIST is read-only."""
        raise DatasetError("MNIST is only read")

    def _exists(self) -> bool:
        return (local_path(self._source) or self._cache).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._source, "cache": self._cache}


class ImageSetDataset(OneFileDataset[ImageSet, NoReturn]):
    """A set of images as a write-only zip: ``Train/train.csv``, ``Test.csv`` and PNG files."""

    def load(self) -> NoReturn:
        """Raise ``DatasetError``: sets are read by ``ImageSourceDataset``."""
        raise DatasetError(f"{self._file} is only written here; --params=images=... reads it")

    def save(self, data: ImageSet) -> None:
        """Write the set atomically.

        Raises:
            DatasetError: The zip cannot be written; the cause is a ``StudyError``.
        """
        with _progress(f"Writing {self._file.path.name}") as on_progress:
            if isinstance(self._file, LocalFile):
                write_set(self._file.path, data, on_progress)
            else:
                with self._file.atomic_write() as partial:
                    write_set(partial, data, on_progress)
        logger.info("Written; to use it: --params=images=%s", self._file)


@contextmanager
def _progress(label: str) -> Iterator[OnProgress]:
    """Show progress: a bar on a terminal, otherwise a log line every 10 %.

    Args:
        label: The description shown.

    Yields:
        A callback for the amount done and the total; nothing is shown before its first call.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _logged(label)
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(label, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def _logged(label: str) -> OnProgress:
    """Return a callback that logs its first call and every further tenth of the total."""
    logged = -1

    def log(done: int, total: int | None) -> None:
        nonlocal logged
        tenths = 10 * done // total if total else 0
        if tenths > logged:
            logged = tenths
            logger.info("%s: %s", label, f"{tenths * 10} %" if total else "started")

    return log
