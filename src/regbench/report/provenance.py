"""Where a report's figures come from."""

import datetime
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from regbench.evaluation.results import Results

_PACKAGES = (
    *("regbench", "kedro", "tensorflow", "keras", "numpy"),
    *("scipy", "pandas", "pillow"),
)


def of_study(
    data_fingerprint: Mapping[str, Any],
    fingerprints: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, Results],
) -> dict[str, str]:
    """Say what was trained on, with what, and when and where the report was compiled.

    Args:
        data_fingerprint: The stored one.
        fingerprints: Each technique's, of settings and code.
        results: Each technique's trainings that are up to date.

    Returns:
        Values by name, in the order to show them.
    """
    of_any = next(iter(fingerprints.values()))
    trained_on = {
        machine
        for of_one in results.values()
        if "fingerprint_trained_on" in of_one.trainings
        for machine in of_one.trainings["fingerprint_trained_on"]
    }
    return {
        "data fingerprint": f"{data_fingerprint['data']} (split {data_fingerprint['split']})",
        "protocol fingerprint": of_any["training"]["protocol"],
        "training code fingerprint": of_any["training"]["training"],
        "trained on": " and ".join(sorted(trained_on)) or "nothing yet",
        "compiled on": f"{platform.platform()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "compiled with": versions(),
        "compiled at": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
    }


def versions() -> str:
    """Say in a line with which software a report is compiled."""
    return ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # of RegBench itself, when it is run without being installed
        return "(not installed)"
