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

_SECONDS_FOR_ONE_REQUEST = 10  # `timeout` signals a command and its group, `uv run` passes it on
_HOW_TO_GO_ON = (
    "what was finished is kept; the same command with --only-missing-outputs goes on from there"
)
_kedro_run = cast(Callable[..., None], kedro_run.callback)


@click.group(name="kedro")
def cli() -> None:
    """Commands of the project."""


def _as_ours(option: click.Parameter) -> click.Parameter:
    """An option of Kedro's: the runner with our default, and faults told in one line."""
    option = copy.copy(option)
    if option.name == "runner":
        option.default = DEFAULT_RUNNER
    if option.callback:
        option.callback = partial(_read, option.callback)
    return option


def _read(
    callback: Callable[[click.Context, click.Parameter, Any], Any],
    context: click.Context,
    option: click.Parameter,
    value: Any,
) -> Any:
    """Have Kedro read what an option was given.

    Raises:
        SettingsError: It cannot be read: of ``--params`` and ``--config``, OmegaConf and the YAML
            parser say nearly anything.
    """
    try:
        return callback(context, option, value)
    except Exception as error:
        reason = error.message if isinstance(error, click.ClickException) else str(error)
        if isinstance(error, KeyError | TypeError | AttributeError):  # of Kedro's, in passing
            reason = f"not of the form that Kedro reads: {type(error).__name__}: {reason}"
        raise SettingsError(f"{option.opts[0]}: {' '.join(reason.split())}") from error


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
            _run_if_possible(**options)
    except KeyboardInterrupt as stop:  # outside the trainings, or with another runner
        raise stopped(stop, _HOW_TO_GO_ON) from None
    except StudyError as error:  # told in one line
        if verbose:
            trace = "".join(traceback.format_exception(error))
            click.echo(without_secrets(trace), err=True, nl=False)
        raise


def _run_if_possible(**options: Any) -> None:
    """Run as Kedro does, but say in one line what the command line asks for in vain."""
    check_runner(options["runner"], options["runner_params"])
    try:
        _kedro_run(**options)
    except KedroCliError as error:
        raise SettingsError(error.message) from error
    except (ValueError, DatasetError):  # of a name that there is not, before anything has run
        single = [options["pipeline"]] if options["pipeline"] else []
        check_selection({**options, "pipeline_names": single or options["pipelines"]})
        raise


run = click.Command(
    "run",
    callback=_run,
    params=[
        *(_as_ours(option) for option in kedro_run.params),
        click.Option(["--verbose"], is_flag=True, help="Show the stack trace of an error too."),
    ],
    help=f"Run pipelines; trainings run side by side ({DEFAULT_RUNNER}).",
)
cli.add_command(run)
