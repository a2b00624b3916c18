"""The one error that is meant for the person who runs a study."""

import errno
from collections.abc import Iterator

import click

from regbench.redaction import without_secrets


class StudyError(click.ClickException):
    """Something that the user can put right, said in one line.

    Every ``kedro`` command is a click command, and click prints such an error as
    ``Error: <message>`` and exits with ``exit_code`` instead of showing a stack trace.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(message))


class UnreachableError(StudyError):
    """A store cannot be reached, or refuses: what it has is not known."""


class SettingsError(StudyError):
    """The configuration is wrong; nothing has run yet."""

    exit_code = 2


class DamagedFileError(StudyError):
    """A file that RegBench has made cannot be read any more."""


class FailedTrainingsError(StudyError):
    """Everything ran, and at least one training run failed."""

    exit_code = 3


class InUseError(StudyError):
    """Another run is at work in the same folder of results."""

    exit_code = 4


class AlarmError(StudyError):
    """Everything ran, and an alarm went off."""

    exit_code = 5


class InterruptedStudyError(StudyError):
    """The user stopped the study; what was finished is kept."""

    exit_code = 130


class TerminatedStudyError(InterruptedStudyError):
    """Something else stopped it: a time limit, a service manager, a machine that shuts down."""

    exit_code = 143


class Terminated(KeyboardInterrupt):
    """The signal SIGTERM has come."""


def stopped(by: KeyboardInterrupt, how_far: str) -> InterruptedStudyError:
    """Say who stopped the study, and how far it is."""
    if isinstance(by, Terminated):
        return TerminatedStudyError(f"terminated (SIGTERM): {how_far}")
    return InterruptedStudyError(how_far)


_LONGEST_QUOTE = 120  # of a value that is wrong, which may be a whole file


def quoted(value: object) -> str:
    """A value as messages quote it: as Python writes it, the middle left out if it is long."""
    text = repr(value)
    if len(text) <= _LONGEST_QUOTE:
        return text
    return f"{text[: _LONGEST_QUOTE // 2]} ... {text[-_LONGEST_QUOTE // 4 :]}"


# Faults of the disk and of paths, which are the user's to mend.
_EXPLAINED = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOLCK, errno.ESTALE),
}


def explanation(error: BaseException) -> StudyError | None:
    """Find what the user can put right among an error and its causes.

    Returns:
        The ``StudyError`` itself, one that says which file the disk refused, or None.
    """
    for cause in with_causes(error):
        if isinstance(cause, StudyError):
            return cause
        if isinstance(cause, OSError) and cause.errno in _EXPLAINED:
            file = cause.filename2 or cause.filename  # of a rename, what it was to become
            return StudyError(f"{cause.strerror}: {file}" if file else str(cause.strerror))
    return None


def with_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its cause, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
