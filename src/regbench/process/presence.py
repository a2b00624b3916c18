"""Whether the folder of results is still the one in which a run began.

While trainings last for hours, a disk may be unmounted, and a folder moved or deleted. The path
then leads nowhere or to another folder, and what is written there is mixed with what is no part of
the study. A run's own record in the folder, of a random name, tells: while it is there, the folder
is the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regbench.process.signals import HOW_TO_GO_ON

_watched: tuple[Path, Path] | None = None


def watch(folder: Path, record: Path) -> None:
    """Have ``problem`` look at a folder of results from now on; for a training process.

    Args:
        folder: The folder of results.
        record: A file in it that nobody but this run makes or removes.
    """
    global _watched  # noqa: PLW0603
    _watched = folder, record


@contextmanager
def watching(folder: Path, record: Path) -> Iterator[None]:
    """Have ``problem`` look at a folder of results during the block; see ``watch``."""
    global _watched  # noqa: PLW0603
    watch(folder, record)
    try:
        yield
    finally:
        _watched = None


def watched() -> tuple[Path, Path] | None:
    """Return the folder and the record that are looked at, for ``watch`` in another process."""
    return _watched


def problem() -> str | None:
    """Return the line that says that the folder of results is gone; None while it is there.

    None also where nothing is watched, or where the disk does not answer: the error of what is
    written or read next says why.
    """
    if _watched is None:
        return None
    folder, record = _watched
    try:
        if record.exists():
            return None
    except OSError:
        return None
    return (
        f"{folder} is no longer the folder in which this run began (unmounted, moved or deleted?): "
        f"its lock {record.relative_to(folder)} is not there. Nothing more is written; bring it "
        f"back: {HOW_TO_GO_ON}"
    )
