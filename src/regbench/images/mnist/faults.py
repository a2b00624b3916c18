"""Error messages for files of MNIST that cannot be read, written or downloaded."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regbench.errors import StudyError


@contextmanager
def write_errors(target: Path, needed: int | None = None) -> Iterator[None]:
    """Turn an ``OSError`` in writing a file into a ``StudyError`` that names the reason.

    Args:
        target: The file.
        needed: Its size in bytes, if known.

    Raises:
        StudyError: No space, no permission, or another error of the file system.
    """
    try:
        yield
    except OSError as error:
        size = "" if needed is None else f": {needed / 1e6:.1f} MB needed"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"no space left in {target.parent}{size} for {target.name}"
        elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
            message = f"no permission to write {target.name} in {target.parent}"
        else:
            message = f"cannot write {target}: {reason(error)}"
        raise StudyError(message) from error


def reason(error: BaseException) -> str:
    """Return an error's message in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
