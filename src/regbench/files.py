"""Writing files so that what stands under a name is always whole."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    except OSError as error:
        if error.filename in (None, str(temporary), temporary):
            error.filename = str(path)  # the name that the user knows
        raise
    finally:
        temporary.unlink(missing_ok=True)
