"""Provenance of a report: data, code, software and machine that its figures were made with."""

import datetime
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from regbench.evaluation.results import Results
from regbench.study.arms import by_network

_PACKAGES = (
    *("regbench", "kedro", "tensorflow", "keras", "numpy"),
    *("scipy", "pandas", "pillow"),
)


def study_provenance(
    data_fingerprint: Mapping[str, Any],
    fingerprints: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, Results],
) -> dict[str, str]:
    """Return fingerprints, machines, software versions and date of a report.

    Args:
        data_fingerprint: The stored digests, with the keys ``data`` and ``split``.
        fingerprints: Digests of settings and code, by arm.
        results: The trainings that are up to date, by technique.

    Returns:
        Texts by name, in the order in which the report lists them.
    """
    of_any = next(iter(fingerprints.values()))
    protocols = {
        network: next(iter(own.values()))["training"]["protocol"]
        for network, own in by_network(fingerprints).items()
    }
    trained_on = {
        machine
        for of_one in results.values()
        if "fingerprint_trained_on" in of_one.trainings
        for machine in of_one.trainings["fingerprint_trained_on"]
    }
    return {
        "data fingerprint": f"{data_fingerprint['data']} (split {data_fingerprint['split']})",
        "protocol fingerprint": ", ".join(
            f"{network} {digest}".strip() for network, digest in protocols.items()
        ),
        "training code fingerprint": of_any["training"]["training"],
        "trained on": " and ".join(sorted(trained_on)) or "nothing yet",
        "compiled on": f"{platform.platform()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "compiled with": software_versions(),
        "compiled at": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
    }


def software_versions() -> str:
    """Return the versions of RegBench and the packages that its figures depend on, in a line."""
    return ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # of RegBench itself, when it is run without being installed
        return "(not installed)"
