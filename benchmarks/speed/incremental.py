"""A set that has grown: reading it with the last ingestion at hand, and from scratch."""

import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.speed import sets, settings
from benchmarks.speed.harness import Options, Outcome, Side, interleave, ratio
from benchmarks.speed.processes import in_fresh_process

BEFORE, NEW = 49_000, 500
JPEGS, NEW_JPEGS, SIDE = 2_000, 20, 256


def measure_incremental(options: Options, rounds: int) -> Outcome:
    """Time 49,000 PNG files and 500 new ones, as a zip and a folder, and JPEGs as a zip."""
    grown = {
        f"zip, {BEFORE:,} PNG + {NEW} new": (
            sets.repeated(options, BEFORE),
            sets.repeated(options, BEFORE + NEW),
        ),
        f"folder, {BEFORE:,} PNG + {NEW} new": (
            sets.repeated_folder(options, BEFORE),
            sets.repeated_folder(options, BEFORE + NEW),
        ),
        f"zip, {JPEGS:,} JPEG of {SIDE} x {SIDE} + {NEW_JPEGS} new": (
            sets.coloured(options, JPEGS, SIDE),
            sets.coloured(options, JPEGS + NEW_JPEGS, SIDE),
        ),
    }
    sides: list[Side] = []
    figures = []
    for what, (before, after) in grown.items():
        known = str(options.folder("known"))
        in_fresh_process("incremental:read", path=str(before), save_to=known)
        made = interleave(
            {
                f"{what}: incremental": partial(
                    in_fresh_process, "incremental:read", path=str(after), known=known
                ),
                f"{what}: from scratch": partial(
                    in_fresh_process, "incremental:read", path=str(after)
                ),
            },
            rounds,
            "s",
        )
        sides += made.values()
        figures.append(ratio(f"{what}: incremental / from scratch", *made.values()))
    note = (
        "Reading only, from the page cache; a fresh process each time, imports not counted. Of a "
        "zip only the new pictures are read, and the list of entries, which takes a third of the "
        "time that is left; of a folder all files are read and hashed, and the new ones decoded."
    )
    return Outcome(sides, figures, [note])


def read(path: str, known: str = "", save_to: str = "") -> float:
    """Time an ingestion.

    Args:
        path: The set.
        known: A folder with what an earlier ingestion has left; empty for none.
        save_to: Where to leave that for a later one.

    Raises:
        ValueError: A picture is rejected, or not taken over that could be.
    """
    import pyarrow.parquet  # noqa: F401 - pandas would do so, within the time

    from regbench.images.ingest import ingest_labeled
    from regbench.images.known_files import EarlierIngestion
    from regbench.images.sources.open import open_source

    started = time.perf_counter()
    earlier = None
    if known:
        earlier = EarlierIngestion(
            pd.read_parquet(f"{known}/files.parquet"),
            lambda: np.load(f"{known}/images.npy", mmap_mode="r"),
        )
    with open_source(Path(path)) as source:
        made = ingest_labeled(source, settings.ingest(), earlier)
    seconds = time.perf_counter() - started
    if len(made.rejected):
        raise ValueError(f"{len(made.rejected)} pictures rejected")
    if earlier and not set(earlier.files["content"]) <= set(made.files["content"]):
        raise ValueError("the larger set does not hold the smaller one")
    if save_to:
        made.files.to_parquet(f"{save_to}/files.parquet")
        np.save(f"{save_to}/images.npy", made.images)
    return seconds
