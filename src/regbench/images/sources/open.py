"""Open a set of images in a folder, a zip or a tar, or in arrays in one of them."""

import os
import zipfile
from pathlib import Path

from regbench.errors import StudyError
from regbench.images.sources.array_files import with_arrays_as_pictures
from regbench.images.sources.base import ImageSource, Unreadable, rare_garbage_collection
from regbench.images.sources.folder import FolderSource
from regbench.images.sources.inflate import compression_of
from regbench.images.sources.tar import TarSource, is_tar
from regbench.images.sources.zip import ZipSource

# Archives that are told by their first bytes, and not read.
_OTHER_ARCHIVES = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x04\x22\x4d\x18": "LZ4",
}
_ARRAYS = {
    b"\x93NUMPY": "an npy file",
    b"\0\0\x08\x01": "an IDX file",
    b"\0\0\x08\x03": "an IDX file",
}


def open_source(path: Path, display: str = "") -> ImageSource:
    """Return an open set of images, to be closed by the caller (a context manager).

    Args:
        path: A folder, a zip, a tar (plain, or compressed by gzip, bzip2 or xz), or an npz. What
            it is is told by the content. Where it holds arrays, these are the pictures.
        display: The name of the set in messages; default: the path.

    Raises:
        StudyError: The path does not exist, is none of these, or is damaged.
    """
    display = display or str(path)
    with rare_garbage_collection():
        source = _open(path, display)
        try:
            return with_arrays_as_pictures(source)
        except BaseException:
            source.close()
            raise


def _open(path: Path, display: str) -> ImageSource:
    if os.path.isdir(path):
        return FolderSource(display, str(path))
    if not os.path.exists(path):
        raise StudyError(f"the set of images {display!r} does not exist")
    if not os.path.isfile(path):  # opening a named pipe would wait for somebody to write
        raise StudyError(f"{display!r} is neither a folder nor a readable zip: not a file")
    try:
        with path.open("rb") as file:
            begin = file.read(512)
        if not zipfile.is_zipfile(path):
            _refuse(begin, display)
            if is_tar(begin) or compression_of(begin):
                return TarSource.open(display, path.open("rb"))
        return ZipSource.open(display, str(path))
    except StudyError:
        raise
    except Unreadable as fault:
        raise StudyError(f"{display!r} cannot be read: {fault.reason}") from None
    except Exception as error:  # zipfile raises many types for a damaged file
        problem = str(error) or type(error).__name__
        raise StudyError(
            f"{display!r} is neither a folder nor a readable zip or tar: {problem}"
        ) from None


def _refuse(begin: bytes, display: str) -> None:
    """Raise ``StudyError`` with the way out for known files that are no sets."""
    for signature, kind in _OTHER_ARCHIVES.items():
        if begin.startswith(signature):
            raise StudyError(
                f"{display!r} is a {kind} archive, which is not read; unpack it and set images to "
                "the folder"
            )
    for signature, kind in _ARRAYS.items():
        if begin.startswith(signature):
            raise StudyError(
                f"{display!r} is {kind}, one array; set images to the folder that also holds the "
                "labels"
            )
