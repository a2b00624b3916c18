"""Errors that the user can put right, with exit codes, and how they are shown."""

import errno
from collections.abc import Iterator

import click

from regbench.redaction import without_secrets


class StudyError(click.ClickException):
    """An error that the user can put right, in one line.

    Every ``kedro`` command is a click command, and click prints such an error as
    ``Error: <message>`` and exits with ``exit_code`` instead of showing a stack trace.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(message))


class UnreachableError(StudyError):
    """A store cannot be reached or refuses access; its content is unknown."""


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


class Terminated(KeyboardInterrupt):
    """The process received SIGTERM."""


def stopped(by: KeyboardInterrupt, how_far: str) -> InterruptedStudyError:
    """Return the error for a run that Ctrl-C or SIGTERM stopped.

    Args:
        by: ``Terminated`` for SIGTERM, any other for Ctrl-C.
        how_far: The run's progress, in words.
    """
    if isinstance(by, Terminated):
        return TerminatedStudyError(f"terminated (SIGTERM): {how_far}")
    return InterruptedStudyError(how_far)


_LONGEST_QUOTE = 120  # characters; a wrong value may be a whole file


def quoted(value: object) -> str:
    """Return the ``repr`` of a value for a message, its middle replaced by dots if it is long."""
    text = repr(value)
    if len(text) <= _LONGEST_QUOTE:
        return text
    return f"{text[: _LONGEST_QUOTE // 2]} ... {text[-_LONGEST_QUOTE // 4 :]}"


# Errors of the disk and of paths that the user can put right.
_EXPLAINED = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOLCK, errno.ESTALE),
}


def explanation(error: BaseException) -> StudyError | None:
    """Return the first of an error and its causes that the user can put right.

    Returns:
        A ``StudyError`` as it is; for an ``OSError`` of ``_EXPLAINED``, one that names the file;
        None if there is neither.
    """
    for cause in with_causes(error):
        if isinstance(cause, StudyError):
            return cause
        if isinstance(cause, OSError) and cause.errno in _EXPLAINED:
            file = cause.filename2 or cause.filename  # of a rename, the target
            return StudyError(f"{cause.strerror}: {file}" if file else str(cause.strerror))
    return None


def with_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its ``__cause__``, the cause of that, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
