"""What is wrong with a file of MNIST that is read, written or downloaded, in words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regbench.errors import StudyError


@contextmanager
def writing(target: Path, needed: int | None = None) -> Iterator[None]:
    """Say why a file (of so many bytes, if that is known) cannot be written."""
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


def root_cause(error: BaseException) -> BaseException:
    """The error that an error goes back to: below those of the web's libraries, the system's."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


def reason(error: BaseException) -> str:
    """What went wrong, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
