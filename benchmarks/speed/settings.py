"""The settings of the published study, as ``kedro run --env=article`` has them."""

from functools import cache
from typing import Any, TypeVar

from omegaconf import OmegaConf
from pydantic import BaseModel

from benchmarks.harness import ROOT
from regbench.networks.base import Network
from regbench.networks.registry import network_of

Model = TypeVar("Model", bound=BaseModel)


@cache
def raw() -> dict[str, Any]:
    """All parameters, the article's over the base's."""
    paths = [p for env in ("base", "article") for p in (ROOT / "conf" / env).glob("parameters_*")]
    merged: Any = OmegaConf.to_container(OmegaConf.merge(*map(OmegaConf.load, paths)))
    return dict(merged)


def of(model: type[Model]) -> Model:
    """Those of ``Protocol``, ``Augmentation``, ``Ingest`` or ``Normalization``."""
    return model.model_validate(raw()[model.__name__.lower()])


def network() -> Network:
    """The network that every technique trains."""
    return network_of(raw()["networks"][raw()["protocol"]["network"]])


def techniques(only: str | None = None) -> list[str]:
    """Those of a text like a,b; all without one."""
    return only.split(",") if only else list(raw()["techniques"])
