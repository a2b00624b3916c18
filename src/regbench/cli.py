"""RegBench's own ``kedro run``: Kedro's, with trainings side by side as the default."""

import copy

import click
from kedro.framework.cli.project import run as kedro_run

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


run = click.Command(
    "run",
    callback=kedro_run.callback,
    params=[_with_default_runner(option) for option in kedro_run.params],
    help=f"Run pipelines; trainings run side by side ({DEFAULT_RUNNER}).",
)
cli.add_command(run)
