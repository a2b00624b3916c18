"""Writing files so that what stands under a name is always whole."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regbench.errors import DamagedFileError, explanation, with_causes

_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.partial(\.\w+)?")
_LAYERS = "0?_*"  # what RegBench writes in; beside them may lie another study's data root


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its name when the block ends well.

    The temporary file keeps the suffix of ``path``, for writers that go by it. If the block
    raises, it is removed and whatever stood under ``path`` stays as it was.

    Args:
        path: The file to write. Missing parent folders are made.

    Yields:
        The path to write to.

    Raises:
        OSError: The file cannot be written (no space, no permission).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(4)}.partial{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except Exception as error:
        for cause in with_causes(error):  # Kedro's error stands before that of the disk
            if isinstance(cause, OSError) and cause.filename in (None, str(temporary), temporary):
                cause.filename = str(path)  # the name that the user knows
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(data_root: Path) -> None:
    """Remove the temporary files of processes that were killed while they wrote.

    Nobody else may be writing below ``data_root``. The raw images are a person's own and may be
    many: there, only what stands beside them is looked at.
    """
    for layer in data_root.glob(_LAYERS):
        paths = layer.glob("*") if layer.name == "01_raw" else layer.rglob(".*")
        for path in paths:
            if _TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)


@contextmanager
def made_by_regbench(path: object) -> Iterator[None]:
    """Say of a file that RegBench has made and cannot read what is to be done about it.

    Args:
        path: The file, or what names it in messages.

    Raises:
        DamagedFileError: Reading failed, whatever way; a missing file and a refusing disk speak for
            themselves.
    """
    try:
        yield
    except (FileNotFoundError, MemoryError):
        raise
    except Exception as error:  # a damaged file makes its reader raise nearly anything
        if explanation(error):
            raise
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        if "pickle" in reason:  # NumPy, of what is no array: it then says how to load it unsafely
            reason = "no plain array"
        raise DamagedFileError(
            f"{path} is damaged, or made by another version of RegBench ({reason}); delete it, and "
            "kedro run --only-missing-outputs makes it anew"
        ) from error
