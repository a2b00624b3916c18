"""Ctrl-C, SIGTERM and SIGHUP from Python's first own instruction on, until ``signals`` takes over.

``regbench_signals.pth`` imports this as Python starts. It imports only what Python has imported
by then, so that handlers stand within 2 ms; ``signal``, ``typing`` and the like take 20 to 40 ms.
"""

import _signal  # type: ignore[import-not-found]  # noqa: PLC2701 - compiled part of ``signal``
import os

TYPE_CHECKING = False  # that of ``typing``
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
NOTHING_RAN = "stopped before anything ran"
_REASONS = {
    "SIGINT": "",
    "SIGTERM": "terminated (SIGTERM): ",
    "SIGHUP": "the terminal was closed (SIGHUP): ",
}


def watch_the_start(command: list[str]) -> None:
    """End a ``kedro run`` at once on a signal, from now on; leave any other program alone.

    Ignored signals stay ignored (``nohup``).

    Args:
        command: The words of the process: Python, its options, the program and its arguments.
    """
    if is_kedro_run(command):
        for number in _names():
            if _signal.getsignal(number) != _signal.SIG_IGN:
                _signal.signal(number, end_at_once)


def is_kedro_run(command: list[str]) -> bool:
    """Return whether a command line is ``kedro run ...`` or ``python -m kedro run ...``."""
    words = iter(command[1:])
    for word in words:
        if word in ("-X", "-W"):  # options of Python with a value
            next(words, "")
        elif word == "-m" or not word.startswith("-"):
            program = next(words, "") if word == "-m" else os.path.basename(word)
            arguments = [each for each in words if not each.startswith("-")]
            return program in ("kedro", "kedro.exe") and arguments[:1] == ["run"]
        elif word == "-c":
            return False
    return False


def end_at_once(number: int, _: "FrameType | None" = None) -> "NoReturn":
    """Say the line and end the process: nothing is made yet, so there is nothing to clean up."""
    names = _names()
    for each in names:
        _signal.signal(each, _signal.SIG_IGN)  # one request may be several signals
    say(names[number], NOTHING_RAN)
    os._exit(EXIT_CODES[names[number]])


def say(name: str, how_far: str) -> None:
    """Write the line past any buffer that the process may hold locked."""
    try:  # noqa: SIM105 - see above
        os.write(2, f"Error: {message(name, how_far)}\n".encode())
    except OSError:  # the terminal is gone
        pass


def message(name: str, how_far: str) -> str:
    """Return the line that says which signal ended a run, and how far the run was."""
    return f"{_REASONS[name]}{how_far}"


def _names() -> dict[int, str]:
    """Return the names of the signals that are handled, by number; Windows has no SIGHUP."""
    return {int(getattr(_signal, n)): n for n in EXIT_CODES if hasattr(_signal, n)}
