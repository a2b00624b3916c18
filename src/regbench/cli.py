"""RegBench's own ``kedro run``: Kedro's, with trainings in parallel as the default.

A run that is stopped, by Ctrl-C or by SIGTERM, ends its trainings and names the command that goes
on.
"""

import copy
import logging
import math
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import KedroCliError
from kedro.io import DatasetError

from regbench.errors import SettingsError, StudyError, Terminated, stopped
from regbench.redaction import SafeRecord, without_secrets
from regbench.runs.command_line import DEFAULT_RUNNER, check_runner, check_selection

logging.setLogRecordFactory(SafeRecord)  # Kedro imports this before it runs a command

# `timeout` signals a command and its group, and `uv run` repeats it: one request, two signals.
_SECONDS_FOR_ONE_REQUEST = 10
_HOW_TO_GO_ON = (
    "what was finished is kept; the same command with --only-missing-outputs goes on from there"
)
_kedro_run = cast(Callable[..., None], kedro_run.callback)


@click.group(name="kedro")
def cli() -> None:
    """Commands of the project."""


def _with_our_default(option: click.Parameter) -> click.Parameter:
    """Return one of Kedro's options, with our default runner and with faults told in one line."""
    option = copy.copy(option)
    if option.name == "runner":
        option.default = DEFAULT_RUNNER
    if option.callback:
        option.callback = partial(_read_option, option.callback)
    return option


def _read_option(
    callback: Callable[[click.Context, click.Parameter, Any], Any],
    context: click.Context,
    option: click.Parameter,
    value: Any,
) -> Any:
    """Return the value of an option as Kedro reads it.

    Raises:
        SettingsError: It cannot be read. For ``--params`` and ``--config``, OmegaConf and the YAML
            parser raise errors of nearly any type.
    """
    try:
        return callback(context, option, value)
    except Exception as error:
        reason = error.message if isinstance(error, click.ClickException) else str(error)
        if isinstance(
            error, KeyError | TypeError | AttributeError
        ):  # a mistake that Kedro does not expect
            reason = f"not of the form that Kedro reads: {type(error).__name__}: {reason}"
        raise SettingsError(f"{option.opts[0]}: {' '.join(reason.split())}") from error


@contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    """Make SIGTERM end a command as Ctrl-C does, so that locks and processes are cleaned up."""
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
    """Run as Kedro does; raise an error that says who stopped the run, show traces if asked to."""
    try:
        with _sigterm_like_ctrl_c():
            _run_checked(**options)
    except KeyboardInterrupt as stop:  # outside the trainings, or with another runner
        raise stopped(stop, _HOW_TO_GO_ON) from None
    except StudyError as error:  # click shows its one line
        if verbose:
            trace = "".join(traceback.format_exception(error))
            click.echo(without_secrets(trace), err=True, nl=False)
        raise


def _run_checked(**options: Any) -> None:
    """Run as Kedro does, with a ``SettingsError`` for options that cannot be met."""
    check_runner(options["runner"], options["runner_params"])
    try:
        _kedro_run(**options)
    except KedroCliError as error:
        raise SettingsError(error.message) from error
    except (ValueError, DatasetError):  # perhaps of an unknown name, before any node has run
        single = [options["pipeline"]] if options["pipeline"] else []
        check_selection({**options, "pipeline_names": single or options["pipelines"]})
        raise


run = click.Command(
    "run",
    callback=_run,
    params=[
        *(_with_our_default(option) for option in kedro_run.params),
        click.Option(["--verbose"], is_flag=True, help="Show the stack trace of an error too."),
    ],
    help=f"Run pipelines; trainings run in parallel ({DEFAULT_RUNNER}).",
)
cli.add_command(run)
