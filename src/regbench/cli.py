"""RegBench's own ``kedro run``: Kedro's, with trainings in parallel as the default.

A run that is stopped, by Ctrl-C, SIGTERM or SIGHUP, ends its trainings and names the command that
goes on. Whatever ends a run, the last thing said is one line.
"""

import copy
import io
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import KedroCliError
from kedro.io import DatasetError

from regbench.errors import SettingsError, StudyError, explanation, stopped
from regbench.process import signals
from regbench.runs.command_line import DEFAULT_RUNNER, check_runner, check_selection
from regbench.runs.surroundings import check_surroundings, start_again_in_utf8
from regbench.text.redaction import SafeRecord, without_secrets

logger = logging.getLogger(__name__)
logging.setLogRecordFactory(SafeRecord)  # Kedro imports this before it runs a command

signals.watch_the_start(sys.orig_argv)  # in the place of early_signals' handlers
start_again_in_utf8(sys.orig_argv)
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


def _run(*, verbose: bool, **options: Any) -> None:
    """Run as Kedro does; end with one line and an exit code, whatever happens.

    Raises:
        StudyError: The line; click shows it.
    """
    try:
        with signals.stop_on_signals():
            _run_to_its_end(options, verbose=verbose)
    except KeyboardInterrupt as stop:  # while the end was told
        raise stopped(stop, signals.HOW_TO_GO_ON) from None


def _run_to_its_end(options: dict[str, Any], *, verbose: bool) -> None:
    """Run as Kedro does, clean up, and raise the error that click is to show.

    Raises:
        click.ClickException: The run did not end well.
    """
    _write_any_letter()
    with _cleaned_up():
        try:
            _run_checked(**options)
        except (Exception, KeyboardInterrupt) as error:
            if verbose:
                trace = "".join(traceback.format_exception(error))
                click.echo(without_secrets(trace), err=True, nl=False)
            ending = _ending(error)
            raise ending from (None if ending is error else error)


@contextmanager
def _cleaned_up() -> Iterator[None]:
    """Release locks and processes after the block; a fault in that hides no error of the block."""
    try:
        yield
    finally:
        try:
            signals.clean_up()
        except Exception as error:
            logger.warning("while cleaning up: %s: %s", type(error).__name__, error)


def _ending(error: BaseException) -> BaseException:
    """Return the error that click is to show for the one that ended a run."""
    if isinstance(error, click.ClickException | click.exceptions.Exit):
        return error
    stop = signals.received()
    if stop or isinstance(error, KeyboardInterrupt):  # outside the trainings
        # Compiled code may have turned the interruption into an error of its own.
        how_far = signals.HOW_TO_GO_ON
        by = error if isinstance(error, KeyboardInterrupt) else signals.Stopped(stop or "SIGINT")
        return stopped(by, how_far)
    return explanation(error) or _unexpected(error)


def _unexpected(error: BaseException) -> StudyError:
    """Return the line for an error that nobody has foreseen."""
    words = " ".join(str(error).split())
    return StudyError(
        f"{type(error).__name__}: {words or 'no message'} (unexpected; --verbose shows where it "
        f"arose); {signals.HOW_TO_GO_ON}"
    )


def _write_any_letter() -> None:
    """Write what the terminal's encoding lacks as an escape instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run_checked(**options: Any) -> None:
    """Run as Kedro does, with a ``SettingsError`` for options that cannot be met."""
    check_surroundings()
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
