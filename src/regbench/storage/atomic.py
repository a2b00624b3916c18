"""Atomic file writes: a file has its old or its new content, never a part of one."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regbench.errors import (
    KEDRO_RUN,
    DamagedFileError,
    ResultsGoneError,
    explanation,
    with_causes,
)
from regbench.process import presence
from regbench.process.signals import own_file

_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.partial(\.\w+)?")
_LAYERS = "0?_*"  # Kedro's data layers, 01_raw to 09_...; other folders may be another study's


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, renamed to ``path`` when the block succeeds.

    The content is flushed to the disk (``fsync``) before the rename. If the block raises, the
    temporary file is removed and ``path`` keeps its previous content.

    Args:
        path: The file to write. Missing parent folders are created.

    Yields:
        The path to write to, with the suffix of ``path``: some writers choose a format by it.

    Raises:
        OSError: The file cannot be written (no space, no permission).
        ResultsGoneError: The folder of results is no longer there.
    """
    gone = presence.problem()
    if gone:  # or the folder would be made anew, where it was mounted
        raise ResultsGoneError(gone)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(4)}.partial{path.suffix}")
    with own_file(temporary):
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
        except Exception as error:
            for cause in with_causes(error):  # Kedro wraps the disk's error in its own
                of_this = (None, str(temporary), temporary)
                if isinstance(cause, OSError) and cause.filename in of_this:
                    cause.filename = str(path)  # messages name the target, not the temporary file
            raise


def remove_leftovers(data_root: Path) -> None:
    """Delete temporary files that killed processes left in the data layers.

    No other process may be writing below ``data_root``. Folders within ``01_raw`` are not
    searched: they hold the user's images, possibly millions.
    """
    for layer in data_root.glob(_LAYERS):
        paths = layer.glob("*") if layer.name == "01_raw" else layer.rglob(".*")
        for path in paths:
            if _TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)


@contextmanager
def damaged_file_errors(path: object) -> Iterator[None]:
    """Turn any error in reading a file that RegBench wrote into a ``DamagedFileError``.

    Errors of the file system (missing, no permission, disk errors) and of memory pass unchanged.

    Args:
        path: The file, as messages name it.

    Raises:
        DamagedFileError: The content cannot be read; the message says to delete the file.
    """
    try:
        yield
    except (FileNotFoundError, MemoryError):
        raise
    except Exception as error:  # parsers raise nearly any type for damaged content
        if explanation(error):
            raise
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        if "pickle" in reason:  # NumPy's message would advise the unsafe allow_pickle=True
            reason = "no plain array"
        if any(isinstance(cause, FileNotFoundError) for cause in with_causes(error)):
            raise DamagedFileError(
                f"{path} is gone; {KEDRO_RUN} --only-missing-outputs makes it anew"
            ) from error
        raise DamagedFileError(
            f"{path} is damaged, or made by another version of RegBench ({reason}); delete it, and "
            f"{KEDRO_RUN} --only-missing-outputs makes it anew"
        ) from error
