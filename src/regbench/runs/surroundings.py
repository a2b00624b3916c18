"""Checks of a run's surroundings before anything runs: time zone, temporary files."""

import os
import tempfile
from datetime import datetime

from regbench.errors import SettingsError, quoted


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
