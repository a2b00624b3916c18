"""Errors that the user can put right, with exit codes, and how they are shown."""

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, NoReturn

import click

from regbench import early_signals
from regbench.process import presence, signals
from regbench.text.redaction import without_secrets
from regbench.text.visible import visible

# How messages name a command that can be pasted: as the README runs it.
KEDRO = "uv run kedro"
KEDRO_RUN = f"{KEDRO} run"
_NAMED = 3  # failures of one reason that are named; of more, the others are counted


class StudyError(click.ClickException):
    """An error that the user can put right, in one line.

    Every ``kedro`` command is a click command, and click prints such an error as
    ``Error: <message>`` and exits with ``exit_code`` instead of showing a stack trace.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(visible(without_secrets(message)))

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line; a terminal that is gone changes neither the exit code nor the end."""
        with suppress(OSError):
            super().show(file)


def by_reason(failures: Iterable[str]) -> list[str]:
    """Return failures with those of one reason together, if they are more than three.

    Args:
        failures: Such as ``l2 seed 1 (out of memory)``.

    Returns:
        In their order; many of one reason are 'l2 seed 1, l2 seed 2, l2 seed 3 and 9 more (...)'.
    """
    names: dict[str, list[str]] = {}
    for failure in failures:
        name, bracket, reason = failure.partition(" (")
        names.setdefault(bracket + reason, []).append(name)
    told = []
    for reason, of in names.items():
        if len(of) <= _NAMED:
            told += [name + reason for name in of]
        else:
            told.append(f"{', '.join(of[:_NAMED])} and {len(of) - _NAMED} more{reason}")
    return told


class UnreachableError(StudyError):
    """A store cannot be reached or refuses access; its content is unknown."""


class ResultsGoneError(StudyError):
    """The folder of results was unmounted, moved or deleted while a run was at work."""


class SettingsError(StudyError):
    """The configuration is wrong; nothing has run yet."""

    exit_code = 2


class DamagedFileError(StudyError):
    """A file that RegBench wrote can no longer be read."""


class FailedTrainingsError(StudyError):
    """The run completed, and at least one training failed."""

    exit_code = 3


class InUseError(StudyError):
    """Another run is writing to the same folder of results."""

    exit_code = 4


class AlarmError(StudyError):
    """The run completed, and an alarm was raised."""

    exit_code = 5


class InterruptedStudyError(StudyError):
    """The user stopped the run with Ctrl-C; finished results are kept."""

    exit_code = 130


class TerminatedStudyError(InterruptedStudyError):
    """SIGTERM stopped the run: a time limit, a service manager, a shutdown."""

    exit_code = 143


class HungUpStudyError(InterruptedStudyError):
    """SIGHUP stopped the run: its terminal was closed."""

    exit_code = 129


_STOPPED_BY = {"SIGTERM": TerminatedStudyError, "SIGHUP": HungUpStudyError}


def stopped(by: KeyboardInterrupt, how_far: str) -> InterruptedStudyError:
    """Return the error for a run that Ctrl-C, SIGTERM or SIGHUP stopped, with its exit code.

    Args:
        by: ``signals.Stopped``; any other is taken for Ctrl-C.
        how_far: The run's progress, in words.
    """
    name = by.name if isinstance(by, signals.Stopped) else "SIGINT"
    return _STOPPED_BY.get(name, InterruptedStudyError)(early_signals.message(name, how_far))


_LONGEST_QUOTE = 120  # characters; a wrong value may be a whole file


def quoted(value: object) -> str:
    """Return the ``repr`` of a value for a message, its middle replaced by dots if it is long."""
    text = repr(value)
    if len(text) <= _LONGEST_QUOTE:
        return text
    return f"{text[: _LONGEST_QUOTE // 2]} ... {text[-_LONGEST_QUOTE // 4 :]}"


# A disk, share or mount that has gone while a run was at work.
GONE = {
    getattr(errno, name)
    for name in (
        *("ENODEV", "ENXIO", "ENOTCONN", "ESHUTDOWN", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN"),
        *("ENETUNREACH", "ETIMEDOUT", "EREMOTEIO", "ENOMEDIUM", "ENOLINK", "ESTALE", "EIO"),
    )
    if hasattr(errno, name)
}

# Errors of the disk and of paths that the user can put right.
_EXPLAINED = GONE | {
    *(errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOLCK),
}


def explanation(error: BaseException) -> StudyError | None:
    """Return the first of an error and its causes that the user can put right.

    Returns:
        If the folder of results is gone, an error that says so: it explains any other. A
        ``StudyError`` as it is; for an ``OSError`` of ``_EXPLAINED``, one that names the file; None
        if there is neither.
    """
    gone = presence.problem()
    if gone and not isinstance(error, ResultsGoneError):
        return ResultsGoneError(gone)
    for cause in with_causes(error):
        if isinstance(cause, StudyError):
            return cause
        if isinstance(cause, OSError) and cause.errno in _EXPLAINED:
            file = cause.filename2 or cause.filename  # of a rename, the target
            told = f"{cause.strerror}: {file}" if file else str(cause.strerror)
            if cause.errno in GONE:
                told += f" (is the disk or share there?); {signals.HOW_TO_GO_ON}"
            if cause.errno == errno.EEXIST and file and os.path.islink(file):
                told = (
                    f"{file} is a link to {os.readlink(file)}, which is not there (is its disk "
                    "mounted?)"
                )
            return StudyError(told)
    return None


def show_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Show an error that ends the process: in one line if a ``StudyError`` explains it.

    It is a ``sys.excepthook``: for what arises before click handles errors, as in importing the
    project. ``SystemExit`` is the way in which such a hook sets the exit code.
    """
    explained = explanation(error)
    if explained is None:
        sys.__excepthook__(kind, error, trace)
        return
    explained.show()
    raise SystemExit(explained.exit_code)


def raise_explained(error: BaseException) -> NoReturn:
    """Raise the ``StudyError`` that explains an error, or the error itself if there is none."""
    explained = explanation(error)
    if explained is None or explained is error:
        raise error  # "from error" would make it its own cause
    raise explained from error


def with_causes(error: BaseException, *, contexts: bool = False) -> Iterator[BaseException]:
    """Yield an error, its ``__cause__``, the cause of that, and so on, each error once.

    Args:
        error: The first; its chain may lead back to itself.
        contexts: Whether to go on to ``__context__`` where there is no ``__cause__``.
    """
    seen = set[int]()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__ or (cause.__context__ if contexts else None)


def root_cause(error: BaseException, *, contexts: bool = False) -> BaseException:
    """Return the last error that ``with_causes`` yields."""
    *_, last = with_causes(error, contexts=contexts)
    return last
