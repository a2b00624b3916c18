"""Every number that the schema of a study declares, with its bounds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from regbench.networks.registry import NETWORKS
from regbench.optimization.optimizers import OPTIMIZERS
from regbench.optimization.schedules import SCHEDULES
from regbench.study.schedule import Schedule
from regbench.study.schema import Study


@dataclass(frozen=True)
class Number:
    """A declared number.

    Attributes:
        path: Where it stands in a study's settings.
        beside: What else its group must have, to be one of its kind.
        whole: Whether it is an integer.
        bounds: By ``gt``, ``ge``, ``lt`` and ``le``.
        in_list: Whether it is an entry of a list.
    """

    path: tuple[str, ...]
    beside: dict[str, str]
    whole: bool
    bounds: dict[str, float]
    in_list: bool

    @property
    def low(self) -> float | None:
        return self.bounds.get("ge", self.bounds.get("gt"))

    @property
    def high(self) -> float | None:
        return self.bounds.get("le", self.bounds.get("lt"))

    def __str__(self) -> str:
        return ".".join(self.path)


def declared_numbers() -> list[Number]:
    """Return the numbers of a study's groups, regularizers, networks, optimizers, schedules."""
    found = list(_of_model(Study, (), {}))
    for kind, network in NETWORKS.items():
        found += _of_model(network, ("networks", "odd"), {"kind": kind})
    for name, optimizer in OPTIMIZERS.items():
        found += _of_model(optimizer, ("protocol", "optimizer"), {"name": name})
    for name, schedule in SCHEDULES.items():
        found += _of_model(schedule, ("protocol", "schedule"), {"name": name})
    return found


def scheduled_numbers() -> list[Number]:
    """Return the numbers of ``airflow.yml``."""
    return list(_of_model(Schedule, ("default",), {}))


def _of_model(
    model: type[BaseModel], parents: tuple[str, ...], beside: dict[str, str]
) -> Iterator[Number]:
    for name, field in model.model_fields.items():
        path = (*parents, field.alias or name)
        if path not in (("protocol", "optimizer"), ("protocol", "schedule")):
            yield from _of_type(field.annotation, field.metadata, path, beside, in_list=False)


def _of_type(
    annotation: Any,
    metadata: list[Any],
    path: tuple[str, ...],
    beside: dict[str, str],
    *,
    in_list: bool,
) -> Iterator[Number]:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from _of_type(inner, [*more, *metadata], path, beside, in_list=in_list)
    elif annotation in (int, float):
        yield Number(path, beside, annotation is int, _bounds(metadata), in_list)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _of_model(annotation, path, beside)
    elif (origin := get_origin(annotation)) is not None:
        several = origin in (list, tuple, dict)
        path = (*path, "odd") if origin is dict else path
        for inner in get_args(annotation):
            kept = [] if several else metadata
            yield from _of_type(
                inner, kept, path, beside, in_list=in_list or origin in (list, tuple)
            )


def _bounds(metadata: list[Any]) -> dict[str, float]:
    bounds: dict[str, float] = {}
    for entry in metadata:
        for constraint in entry.metadata if isinstance(entry, FieldInfo) else [entry]:
            for kind, key in ((Gt, "gt"), (Ge, "ge"), (Lt, "lt"), (Le, "le")):
                if isinstance(constraint, kind):
                    bounds[key] = float(getattr(constraint, key))
    return bounds
