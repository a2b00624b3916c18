"""A run's surroundings, before anything runs: encoding, time zone, temporary files."""

import os
import sys
import tempfile
from datetime import datetime

from regbench.early_signals import is_kedro_run
from regbench.errors import SettingsError, quoted


def start_again_in_utf8(command: list[str]) -> None:
    """Start a ``kedro run`` again in Python's UTF-8 mode if it can name files in ASCII only.

    ``LC_ALL=C PYTHONUTF8=0`` does that. Paths and classes with other letters would be refused, or
    have other names than elsewhere.

    Args:
        command: The words of the process: Python, its options, the program and its arguments.
    """
    if sys.getfilesystemencoding() == "ascii" and is_kedro_run(command):
        os.environ["PYTHONUTF8"] = "1"  # for the processes that it starts
        os.execv(sys.executable, [command[0], "-X", "utf8", *command[1:]])  # noqa: S606


def check_surroundings() -> None:
    """Check the time zone and the folder for temporary files.

    Raises:
        SettingsError: One cannot be used.
    """
    try:
        datetime.now().astimezone()
    except (ValueError, OverflowError) as error:
        raise SettingsError(
            f"TZ: {quoted(os.environ.get('TZ', ''))}: no time zone that Python takes ({error}); "
            "name one such as Europe/Berlin, or UTC"
        ) from error
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise SettingsError(
            f"TMPDIR: no folder for temporary files can be written to ({error.strerror}); name one"
        ) from error
