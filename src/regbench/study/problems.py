"""Wrong keys and values of a study, each in one line."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from regbench.errors import quoted
from regbench.optimization.optimizers import OPTIMIZERS
from regbench.optimization.schedules import SCHEDULES
from regbench.regularizers.registry import REGULARIZERS, called, plain_name
from regbench.study.reporting import Publication
from regbench.study.schema import Study
from regbench.study.technique import Technique

# Message for a wrong value, by pydantic's name of the error.
_FAULTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    **dict.fromkeys(
        ("greater_than", "greater_than_equal", "less_than", "less_than_equal"),
        lambda bounds: f"must be {_range(bounds)}",
    ),
    "string_too_short": lambda bound: f"must have at least {bound['min_length']} character",
    "string_too_long": lambda bound: f"must have at most {bound['max_length']} character",
    "too_short": lambda bound: f"must have at least {bound['min_length']} entry",
    "literal_error": lambda bound: f"must be {bound['expected']}",
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
        lambda _: "must be a whole number",
    ),
    **dict.fromkeys(("float_type", "float_parsing"), lambda _: "must be a number"),
    "finite_number": lambda _: "must be a finite number",
    **dict.fromkeys(("bool_type", "bool_parsing"), lambda _: "must be true or false"),
    **dict.fromkeys(("string_type", "invalid_key"), lambda _: "must be text (put it in quotes)"),
    **dict.fromkeys(
        ("model_type", "dict_type", "model_attributes_type"), lambda _: "must be a mapping"
    ),
    "union_tag_invalid": lambda choice: f"must be {choice['expected_tags']}",
    "list_type": lambda _: "must be a list",
}

# Entries whose keys depend on their ``name``: the classes of their settings by name.
_BY_NAME: dict[tuple[str, ...], Mapping[str, type[BaseModel]]] = {
    ("protocol", "optimizer"): OPTIMIZERS,
    ("protocol", "schedule"): SCHEDULES,
}


@dataclass(frozen=True)
class Problem:
    """One wrong key or value.

    Attributes:
        path: Where it stands, by keys.
        message: What is wrong with it.
        leave_out: The technique without which there is no problem; empty if there is none.
    """

    path: tuple[str, ...]
    message: str
    leave_out: str = ""


class InvalidStudy(ValueError):  # noqa: N818 - the configuration's reader turns it into an error
    """The settings are no valid study.

    Attributes:
        problems: Every wrong key and value found.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{shown_path(p.path)}: {p.message}" for p in problems))


def shown_path(path: Iterable[str]) -> str:
    """Return a path of keys for a message: joined by dots, odd and long keys quoted."""
    return ".".join(key if key.isprintable() and len(key) <= 80 else quoted(key) for key in path)


def problems_of(
    error: ValidationError,
    parent: tuple[str, ...] = (),
    allowed_keys: Callable[[tuple[str, ...]], list[str]] | None = None,
) -> list[Problem]:
    """Return pydantic's errors as problems.

    Args:
        error: Raised by a model.
        parent: Path of the keys that the model stands under.
        allowed_keys: Returns the keys that may stand under a path; by default a study's.
    """
    problems = []
    for detail in error.errors():
        path = (*parent, *(str(key) for key in detail["loc"]))
        if detail["type"] == "extra_forbidden":
            allowed = (allowed_keys or _allowed_keys)(path[:-1])
            may_stand = f"allowed: {', '.join(allowed)}" if allowed else "it has no settings"
            message = f"unknown key; {may_stand}{_hint(path, allowed)}"
        elif detail["type"] == "missing":
            message = "is missing"
        elif detail["type"] == "union_tag_not_found":
            path, message = (*path, "name"), "is missing"
        elif detail["type"] == "value_error":
            message = detail["msg"].removeprefix("Value error, ")
        else:
            fault = _FAULTS.get(detail["type"], lambda _, said=detail["msg"]: said)
            given, context = detail["input"], detail.get("ctx", {})
            if detail["type"] == "union_tag_invalid":
                path, given = (*path, "name"), given["name"]
            message = f"{fault(_bounds(path, context))}, not {quoted(given)}"
            if detail["type"] in ("literal_error", "union_tag_invalid"):
                expected = context.get("expected") or context.get("expected_tags", "")
                choices = re.findall("'(.*?)'", expected)
                message += nearest(str(given), choices)
        problems.append(Problem(_as_written(path), message))
    return problems


def _as_written(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return a path as the settings have it.

    That is without the name that pydantic puts after an entry of ``_BY_NAME``; looks stand under
    seeds.
    """
    if path[:2] == ("protocol", "looks"):
        return ("protocol", "seeds", "looks")
    if len(path) > 2 and path[2] in _BY_NAME.get(path[:2], {}):
        return (*path[:2], *path[3:])
    return path


def _range(bounds: Mapping[str, Any]) -> str:
    """Return the values between bounds, in words: 'greater than 0 and less than 1'."""
    words = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
    return " and ".join(f"{words[key]} {bounds[key]:.10g}" for key in words if key in bounds)


def _bounds(path: tuple[str, ...], violated: dict[str, Any]) -> dict[str, Any]:
    """Return the bound of a value that is violated, and the other one if its setting has one."""
    if not set(violated) & {"gt", "ge", "lt", "le"}:
        return violated
    try:
        field = _model_under(*_nearest_model(path[:-1])).model_fields[path[-1]]
    except KeyError:
        return violated  # an entry of a list, or of a network: its own bound is enough
    constraints = {
        key: bound
        for of in field.metadata
        for key in ("gt", "ge", "lt", "le")
        if (bound := getattr(of, key, None)) is not None
    }
    return constraints | violated


def _allowed_keys(path: tuple[str, ...]) -> list[str]:
    """Return the keys that may stand under a path of a study's keys."""
    model, path = _nearest_model(path)
    keys = keys_in(model, path)
    return [*keys, "combine", "networks"] if model is Technique and not path else keys


def keys_in(model: type[BaseModel], path: Iterable[str]) -> list[str]:
    """Return the keys of a model, or of the model that a path of keys leads to in it."""
    found = _model_under(model, path)
    return [field.alias or name for name, field in found.model_fields.items()]


def _nearest_model(path: tuple[str, ...]) -> tuple[type[BaseModel], tuple[str, ...]]:
    """Return the last model of a study's path that mappings lead to, and the rest of the path."""
    if path[:1] == ("techniques",):
        if len(path) > 2 and path[2] in REGULARIZERS:
            return REGULARIZERS[path[2]], path[3:]
        return Technique, path[2:]
    if path[:2] == ("reporting", "published") and len(path) > 2:
        return Publication, path[3:]
    if len(path) > 2 and path[:2] in _BY_NAME:
        return _BY_NAME[path[:2]][path[2]], path[3:]
    return Study, path


def _model_under(model: type[BaseModel], path: Iterable[str]) -> type[BaseModel]:
    for key in path:
        model = _model_in(model.model_fields[key].annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel]:
    """Return the model in ``Model`` or ``Model | None``.

    Raises:
        KeyError: There is none.
    """
    options = get_args(annotation) or (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    raise KeyError(annotation)


def _hint(path: tuple[str, ...], allowed: list[str]) -> str:
    """Return a hint at the valid key that an unknown one stands for; empty if there is none.

    Of a technique's keys, also those that Keras, PyTorch or papers call otherwise.
    """
    name = path[-1]
    if path[:1] == ("techniques",) and len(path) == 3:
        known = called(name)
        if len(known) == 1 and plain_name(name) == plain_name(known[0]):
            return f"; did you mean {known[0]!r}?"
        if known:
            titles = [f"{key} ({REGULARIZERS[key].title})" for key in known]
            return f"; {quoted(name)} is here {' or '.join(titles)}"
    return nearest(name, allowed)


def nearest(name: str, names: Iterable[Any]) -> str:
    """Return a hint at the most similar valid name; empty if none is similar."""
    near = get_close_matches(name, [str(other) for other in names], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
