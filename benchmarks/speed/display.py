"""What the live display on a terminal costs an epoch."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from benchmarks.speed import sets
from benchmarks.speed.harness import Figure, Options, Outcome, interleave, ratio
from benchmarks.speed.machine import usable_cores
from benchmarks.speed.processes import side_by_side
from regbench.runs.progress_display import LiveProgress
from regbench.training.events import EpochDone, report


def measure_progress(options: Options, rounds: int) -> Outcome:
    """Train side by side with and without a display that follows both trainings."""
    folder = sets.arrays(options)
    cores = usable_cores()
    arguments = [
        {"folder": str(folder), "epochs": options.epochs, "threads": 1, "tells_as": run}
        for run in range(1, cores + 1)
    ]
    shares: dict[bool, list[float]] = {True: [], False: []}  # with display, without

    def train(shown: bool, on_event: Callable[[dict[str, Any]], None]) -> float:
        began, busy = time.perf_counter(), time.process_time()
        seconds = side_by_side("epoch:train", arguments, on_event)
        passed = time.perf_counter() - began
        shares[shown].append((time.process_time() - busy) / passed / cores)
        return statistics.mean(statistics.median(of_one) for of_one in seconds) / cores

    def with_display() -> float:
        with _display(cores, 1 + options.epochs) as show:
            return train(True, show)

    made = interleave(
        {"with live display": with_display, "without": lambda: train(False, lambda event: None)},
        rounds,
        "s",
    )
    one, other = made.values()
    costs = [more - less for more, less in zip(shares[True], shares[False], strict=True)]
    return Outcome(
        list(made.values()),
        [
            Figure(
                "processor time of the display / of all cores",
                statistics.median(costs),
                0.01,
                low=min(costs),
                high=max(costs),
            ),
            ratio("epoch with display / without", one, other),
        ],
        [
            "The display draws on a pseudo terminal, in this process, for as many trainings as "
            "there are cores. Its processor time, less that of the same process without it, "
            "is the figure: the two epochs differ by less than epochs differ among themselves."
        ],
    )


@contextmanager
def _display(runs: int, epochs: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A live display on a pseudo terminal that another process reads."""
    terminal, screen = os.openpty()
    reader = subprocess.Popen(
        ["cat"], stdin=terminal, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(terminal)
    with os.fdopen(screen, "w") as file:
        display = LiveProgress(runs, Console(file=file, force_terminal=True, width=100))
        display.start()

        def show(event: dict[str, Any]) -> None:
            accuracy = event["train_accuracy"]
            report(EpochDone("baseline", event["run"], event["epoch"], epochs, accuracy, accuracy))

        try:
            yield show
        finally:
            display.stop()
    reader.wait()
