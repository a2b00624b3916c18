"""Attempts at a training: one whose process is killed in the middle of it is not begun for ever."""

import json
from contextlib import suppress

from regbench.storage.stored_file import StoredFile

_MOST = 2  # in one run


class Attempts:
    """The record of how often a training was begun in a run, kept beside its file."""

    def __init__(self, file: StoredFile, run: str) -> None:
        """Take the record's file, and the run's beginning: those of other runs do not count."""
        self._file, self._run = file, run

    def begin(self) -> str:
        """Take note of another attempt; return why there is none any more, empty if there is."""
        before = self._before()
        if before >= _MOST:
            return f"its process was killed {before} times"
        with self._file.atomic_write() as partial:
            partial.write_text(json.dumps({"run": self._run, "times": before + 1}))
        return ""

    def end(self) -> None:
        """Remove the record: the training is kept."""
        self._file.remove()

    def _before(self) -> int:
        with suppress(FileNotFoundError, ValueError):  # a torn record is of no attempt of this run
            record = json.loads(self._file.local_copy().read_text())
            if record.get("run") == self._run:
                return int(record["times"])
        return 0
