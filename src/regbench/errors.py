"""The one error that is meant for the person who runs a study."""

import click


class StudyError(click.ClickException):
    """Something that the user can put right, said in one line.

    Every ``kedro`` command is a click command, and click prints such an error as
    ``Error: <message>`` and exits with ``exit_code`` instead of showing a stack trace.
    """

    exit_code = 1


class SettingsError(StudyError):
    """The configuration is wrong; nothing has run yet."""

    exit_code = 2


class FailedRunsError(StudyError):
    """Everything ran, and at least one training run failed."""

    exit_code = 3


class InterruptedStudyError(StudyError):
    """The user stopped the study; what was finished is kept."""

    exit_code = 130
