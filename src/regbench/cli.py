"""RegBench's own ``kedro run``: Kedro's, with trainings side by side as the default."""

import copy
import logging
import traceback
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from regbench.errors import InterruptedStudyError, StudyError
from regbench.redaction import SafeRecord, without_secrets

logging.setLogRecordFactory(SafeRecord)  # Kedro imports this before it runs a command

DEFAULT_RUNNER = "regbench.runner.StudyRunner"


@click.group(name="kedro")
def cli() -> None:
    """Commands of the project."""


def _with_default_runner(option: click.Parameter) -> click.Parameter:
    if option.name != "runner":
        return option
    option = copy.copy(option)
    option.default = DEFAULT_RUNNER
    return option


def _run(*, verbose: bool, **options: Any) -> Any:
    """Run as Kedro does, but for two things.

    Ctrl-C outside of trainings is told of as ``StudyRunner`` tells of it inside. And of an error
    that is said in one line, the stack trace is shown too if somebody asks for it.
    """
    try:
        return kedro_run.callback(**options)  # type: ignore[misc]  # it has one
    except KeyboardInterrupt:
        raise InterruptedStudyError(
            "interrupted; what was finished is kept; the same command with "
            "--only-missing-outputs goes on from there"
        ) from None
    except StudyError as error:
        if verbose:
            trace = "".join(traceback.format_exception(error))
            click.echo(without_secrets(trace), err=True, nl=False)
        raise


run = click.Command(
    "run",
    callback=_run,
    params=[
        *(_with_default_runner(option) for option in kedro_run.params),
        click.Option(["--verbose"], is_flag=True, help="Show the stack trace of an error too."),
    ],
    help=f"Run pipelines; trainings run side by side ({DEFAULT_RUNNER}).",
)
cli.add_command(run)
