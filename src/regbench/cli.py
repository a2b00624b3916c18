"""RegBench's own ``kedro run``: Kedro's, with trainings side by side as the default."""

import copy
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from regbench.errors import InterruptedStudyError

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


def _run(**options: Any) -> Any:
    """Run, and say of Ctrl-C outside of trainings what ``StudyRunner`` says of it inside."""
    try:
        return kedro_run.callback(**options)  # type: ignore[misc]  # it has one
    except KeyboardInterrupt:
        raise InterruptedStudyError(
            "interrupted; what was finished is kept; the same command with "
            "--only-missing-outputs goes on from there"
        ) from None


run = click.Command(
    "run",
    callback=_run,
    params=[_with_default_runner(option) for option in kedro_run.params],
    help=f"Run pipelines; trainings run side by side ({DEFAULT_RUNNER}).",
)
cli.add_command(run)
