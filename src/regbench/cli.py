"""RegBench's own ``kedro run``: Kedro's, with trainings side by side as the default.

A study that is stopped, by Ctrl-C or by SIGTERM, ends its trainings and says how to go on.
"""

import copy
import logging
import math
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import click
from kedro.framework.cli.project import run as kedro_run

from regbench.errors import StudyError, Terminated, stopped
from regbench.redaction import SafeRecord, without_secrets

logging.setLogRecordFactory(SafeRecord)  # Kedro imports this before it runs a command

DEFAULT_RUNNER = "regbench.runner.StudyRunner"
_SECONDS_FOR_ONE_REQUEST = 10  # `timeout` signals a command and its group, `uv run` passes it on
_HOW_TO_GO_ON = (
    "what was finished is kept; the same command with --only-missing-outputs goes on from there"
)
_kedro_run = cast(Callable[..., None], kedro_run.callback)


@click.group(name="kedro")
def cli() -> None:
    """Commands of the project."""


def _with_default_runner(option: click.Parameter) -> click.Parameter:
    if option.name != "runner":
        return option
    option = copy.copy(option)
    option.default = DEFAULT_RUNNER
    return option


@contextmanager
def _terminated_in_order() -> Iterator[None]:
    """Make SIGTERM end a command as Ctrl-C does, instead of at once."""
    first = -math.inf

    def terminate(*_: object) -> None:
        nonlocal first
        if time.monotonic() - first > _SECONDS_FOR_ONE_REQUEST:
            first = time.monotonic()
            raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        if first == -math.inf:
            signal.signal(signal.SIGTERM, before)


def _run(*, verbose: bool, **options: Any) -> None:
    """Run as Kedro does, but say who stopped a run, and show stack traces if asked to."""
    try:
        with _terminated_in_order():
            _kedro_run(**options)
    except KeyboardInterrupt as stop:  # outside the trainings, or with another runner
        raise stopped(stop, _HOW_TO_GO_ON) from None
    except StudyError as error:  # told in one line
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
