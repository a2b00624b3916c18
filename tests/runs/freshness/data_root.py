"""What the tests of staleness read in a folder of results."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

Run = Callable[..., dict[str, Any]]
ONE_SEED = {"seeds": [1]}


def comparison(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "08_reporting/comparison.csv").set_index("technique")


def made_at(root: Path) -> dict[str, int]:
    """When each network was written, by technique and seed."""
    networks = sorted((root / "06_models").glob("*/*.keras"))
    return {f"{path.parent.name}/{path.stem}": path.stat().st_mtime_ns for path in networks}


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name, time in after.items() if before.get(name) != time}
