"""Ctrl-C, SIGTERM and SIGHUP: the command ends with one line and one exit code, at any moment.

A ``kedro run`` has three stages. Before it is at work, nothing is made yet, and a signal ends the
process at once; so does one after it. While it is at work, the first signal raises ``Stopped`` in
the main thread, so that locks, processes and half-written files are cleaned up; later ones change
nothing. A cleaning up that takes longer than ``SECONDS_TO_CLEAN_UP`` is cut short.

From Python's start until this module is imported, the handlers are those of ``early_signals``.
"""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from regbench.early_signals import EXIT_CODES, NOTHING_RAN, is_kedro_run, say

SECONDS_TO_CLEAN_UP = 10.0
_SECONDS_BETWEEN_LOOKS = 0.2
HOW_TO_GO_ON = (
    "what was finished is kept; the same command with --only-missing-outputs goes on from there"
)


class Stopped(KeyboardInterrupt):
    """A signal asks the command to end.

    It is a ``KeyboardInterrupt``, so that no ``except Exception`` keeps it.

    Attributes:
        name: The signal's, such as ``SIGTERM``.
    """

    def __init__(self, name: str = "SIGINT") -> None:
        super().__init__(name)
        self.name = name


class _Command:
    """The signals of this process's command."""

    def __init__(self) -> None:
        self.received: str | None = None
        self.at_work = False
        self.pending: Stopped | None = None
        self.deferrals = 0
        self.was_lost = False
        self.clean_ups = ExitStack()
        self.files: set[Path] = set()
        self.how_far = NOTHING_RAN

    def end_now(self, name: str) -> NoReturn:
        """Clean up what is registered, say the line, and end the process without a stack trace."""
        say(name, self.how_far)
        try:
            with suppress(Exception):  # whatever fails, the process has to end
                self.clean_ups.close()
            for file in list(self.files):
                with suppress(OSError):
                    file.unlink(missing_ok=True)
        finally:
            os._exit(EXIT_CODES[name])


_command = _Command()


def end_at_once(number: int, _: FrameType | None = None) -> NoReturn:
    """End the process on a signal; the handler before and after the work."""
    name = signal.Signals(number).name
    for each in _handled():
        signal.signal(each, signal.SIG_IGN)  # one request may be several signals
    _command.end_now(name)


def watch_the_start(command: list[str]) -> None:
    """End a ``kedro run`` at once on a signal, from now on; leave any other program alone.

    Args:
        command: The words of the process: Python, its options, the program and its arguments.
    """
    if is_kedro_run(command):
        _set_handlers(end_at_once)


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise ``Stopped`` in the main thread on the first signal; ignore the others.

    After the block, a signal ends the process at once, or changes nothing if one has been handled
    or Python has begun to end.
    In another thread, and where a signal is ignored (``nohup``), nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    command = _command
    command.received, command.pending, command.deferrals = None, None, 0
    command.how_far = HOW_TO_GO_ON
    before = _set_handlers(_stop)
    unraisable = sys.unraisablehook
    sys.unraisablehook = _note_a_lost_stop
    command.at_work = True
    watchdog = threading.Thread(target=_cut_short, args=(command,), daemon=True)
    watchdog.start()
    try:
        yield
    finally:
        command.at_work = False
        sys.unraisablehook = unraisable
        atexit.register(_set_handlers, signal.SIG_IGN)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if command.received else handler)


def received() -> str | None:
    """Return the name of the signal that has asked this run to end, if one has."""
    return _command.received


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off ``Stopped`` until the block has ended; only for what takes an instant.

    The processes that the block starts inherit SIGINT and SIGHUP blocked: a terminal sends them to
    all, and this one decides what they mean.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _command.deferrals += 1
    mask = getattr(signal, "pthread_sigmask", None)  # Windows has none
    blocked = mask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP}) if mask else None
    try:
        yield
    finally:
        if mask:
            mask(signal.SIG_SETMASK, blocked)
        _command.deferrals -= 1
        if not _command.deferrals and _command.pending:
            stop, _command.pending = _command.pending, None
            raise stop


def at_the_end(do: Callable[..., Any], *arguments: Any) -> None:
    """Have something done when the present command ends, however it ends."""
    if _command.at_work:
        _command.clean_ups.callback(do, *arguments)


def clean_up() -> None:
    """Do what ``at_the_end`` was given, last first."""
    with uninterrupted():
        _command.clean_ups.pop_all().close()


@contextmanager
def own_file(path: Path) -> Iterator[None]:
    """Delete a file after the block, if it exists, also where the process is cut short."""
    _command.files.add(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        _command.files.discard(path)


def _stop(number: int, _: FrameType | None = None) -> None:
    """Raise ``Stopped`` on the first signal; the handler while the command is at work."""
    if _command.received:
        return
    _command.received = signal.Signals(number).name
    stop = Stopped(_command.received)
    if _command.deferrals:
        _command.pending = stop
    else:
        raise stop


def _note_a_lost_stop(unraisable: "sys.UnraisableHookArgs") -> None:
    """Note that ``Stopped`` was raised where Python drops errors, such as in a finalizer."""
    if isinstance(unraisable.exc_value, Stopped):
        _command.was_lost = True
    elif not _command.received:  # what breaks as the process ends is of no use to anybody
        sys.__unraisablehook__(unraisable)


def _cut_short(command: _Command) -> None:
    """End the process if cleaning up after a signal takes too long; runs in a thread."""
    seconds = 0.0
    while command.at_work and seconds < SECONDS_TO_CLEAN_UP:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        seconds = seconds + _SECONDS_BETWEEN_LOOKS if command.received else 0.0
        if command.was_lost and command.received:
            number = signal.Signals[command.received]
            command.was_lost, command.received = False, None
            _raise_in_main_thread(number)
    if command.at_work and command.received:
        command.end_now(command.received)


def _raise_in_main_thread(number: signal.Signals) -> None:
    """Send this process a signal that the main thread receives, and is woken by if it waits."""
    main = threading.main_thread().ident
    if main is None or not hasattr(signal, "pthread_kill"):  # Windows: handled as a wait ends
        signal.raise_signal(number)
    else:
        signal.pthread_kill(main, number)


def _handled() -> list[signal.Signals]:
    """Return the signals that are handled; Windows has no SIGHUP."""
    return [signal.Signals[name] for name in EXIT_CODES if hasattr(signal, name)]


def _set_handlers(handler: Any) -> dict[signal.Signals, Any]:
    """Set the handler of all signals but ignored ones, and return those before."""
    before = {number: signal.getsignal(number) for number in _handled()}
    taken = {n: old for n, old in before.items() if old is not signal.SIG_IGN}
    for number in taken:
        signal.signal(number, handler)
    return taken
