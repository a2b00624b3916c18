"""Open a set of images, whatever holds it."""

import os
from pathlib import Path

from regbench.errors import StudyError
from regbench.images.sources.base import ImageSource, rare_garbage_collection
from regbench.images.sources.folder import FolderSource
from regbench.images.sources.zip import ZipSource


def open_source(path: Path, display: str = "") -> ImageSource:
    """Open a set of images, to be closed by ``with``.

    Args:
        path: A folder or a zip.
        display: How messages call it; default: by its path.

    Raises:
        StudyError: The path does not exist, or is neither.
    """
    display = display or str(path)
    if os.path.isdir(path):
        return FolderSource(display, str(path))
    if not os.path.exists(path):
        raise StudyError(f"the set of images {display!r} does not exist")
    try:
        with rare_garbage_collection():
            return ZipSource.open(display, str(path))
    except Exception as error:  # zipfile raises many kinds, some of them by accident
        problem = str(error) or type(error).__name__
        raise StudyError(f"{display!r} is neither a folder nor a readable zip: {problem}") from None
