"""The settings of the published study, as ``kedro run --env=article`` has them."""

from functools import cache
from typing import Any

import yaml

from benchmarks.speed.harness import ROOT
from regbench.regularizers.augmentation import Augmentation
from regbench.study.schema import Ingest, Normalization, Protocol


def protocol() -> Protocol:
    """What all techniques share."""
    return Protocol.model_validate(_read()["protocol"])


def augmentation() -> Augmentation:
    """Rotation, shift and zoom."""
    return Augmentation.model_validate(_read()["augmentation"])


def ingest() -> Ingest:
    """How sets are read."""
    return Ingest.model_validate(_read()["ingest"])


def normalization() -> Normalization:
    """How pixels are scaled."""
    return Normalization.model_validate(_read()["normalization"])


def techniques() -> list[str]:
    """The names of all techniques."""
    return list(_read()["techniques"])


@cache
def _read() -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for env in ("base", "article"):
        for path in sorted((ROOT / "conf" / env).glob("parameters_*.yml")):
            _merge(merged, yaml.safe_load(path.read_text(encoding="utf-8")))
    return merged


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
