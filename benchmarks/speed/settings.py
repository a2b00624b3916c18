"""The settings of the published study, as ``kedro run --env=article`` has them."""

from functools import cache
from typing import Any

from omegaconf import OmegaConf

from benchmarks.harness import ROOT
from regbench.study import Augmentation, Ingest, Normalization, Protocol


@cache
def raw() -> dict[str, Any]:
    """All parameters, the article's over the base's."""
    paths = [p for env in ("base", "article") for p in (ROOT / "conf" / env).glob("parameters_*")]
    merged: Any = OmegaConf.to_container(OmegaConf.merge(*map(OmegaConf.load, paths)))
    return dict(merged)


def techniques(only: str | None = None) -> list[str]:
    """Those of a text like a,b; all without one."""
    return only.split(",") if only else list(raw()["techniques"])


def protocol() -> Protocol:
    """What all techniques share."""
    return Protocol.model_validate(raw()["protocol"])


def augmentation() -> Augmentation:
    """Rotation, shift and zoom."""
    return Augmentation.model_validate(raw()["augmentation"])


def ingest() -> Ingest:
    """How sets are read."""
    return Ingest.model_validate(raw()["ingest"])


def normalization() -> Normalization:
    """How pixels are scaled."""
    return Normalization.model_validate(raw()["normalization"])
