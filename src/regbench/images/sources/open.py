"""Open a set of images in a folder or a zip."""

import os
from pathlib import Path

from regbench.errors import StudyError
from regbench.images.sources.base import ImageSource, rare_garbage_collection
from regbench.images.sources.folder import FolderSource
from regbench.images.sources.zip import ZipSource


def open_source(path: Path, display: str = "") -> ImageSource:
    """Return an open set of images, to be closed by the caller (a context manager).

    Args:
        path: A folder or a zip.
        display: The name of the set in messages; default: the path.

    Raises:
        StudyError: The path does not exist, or is neither a folder nor a readable zip.
    """
    display = display or str(path)
    if os.path.isdir(path):
        return FolderSource(display, str(path))
    if not os.path.exists(path):
        raise StudyError(f"the set of images {display!r} does not exist")
    if not os.path.isfile(path):  # opening a named pipe would wait for somebody to write
        raise StudyError(f"{display!r} is neither a folder nor a readable zip: not a file")
    try:
        with rare_garbage_collection():
            return ZipSource.open(display, str(path))
    except Exception as error:  # zipfile raises many types for a damaged file
        problem = str(error) or type(error).__name__
        raise StudyError(f"{display!r} is neither a folder nor a readable zip: {problem}") from None
