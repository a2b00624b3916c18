"""Declared settings in words, for the pages of the documentation."""

from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from regbench.fields import Settings
from regbench.regularizers.base import Choice, Range

_BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
_KINDS = {int: "whole number", float: "number", bool: "true or false"}


def table_rows(rows: Iterable[Iterable[str]]) -> str:
    """Return the lines of a Markdown table; an empty cell reads "–"."""
    lines = (" | ".join(cell.replace("|", "\\|") or "–" for cell in row) for row in rows)
    return "".join(f"| {line} |\n" for line in lines)


def lines_of(parts: list[str]) -> str:
    """Return texts as the lines of one Markdown cell."""
    return "<br>".join(parts)


def settings_of(model: type[Settings], shorthand: str | None = None) -> list[str]:
    """Return a line per setting: name, range or choices, and default if it has one."""
    shown = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        marked = f"**`{key}`**" if name == shorthand else f"`{key}`"
        default = "" if field.is_required() else f" = {_shown_default(field.default)}"
        shown.append(f"{marked} ({range_of(field.annotation, field.metadata)}){default}")
    return shown


def _shown_default(value: Any) -> str:
    """Return a default as YAML has it."""
    return "null" if value is None else str(value)


def own_settings(model: type[Settings]) -> list[str]:
    """Return a line per setting but ``name``."""
    return [line for line in settings_of(model) if not line.startswith("`name`")]


def range_of(annotation: Any, metadata: Iterable[Any]) -> str:
    """Return the values that a setting takes: its choices, or its type and bounds."""
    if get_origin(annotation) is Literal:
        return ", ".join(str(choice) for choice in get_args(annotation))
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return range_of(inner, [*more, *metadata])
    if get_origin(annotation) in (Union, UnionType):
        parts = [part for part in get_args(annotation) if part is not NoneType]
        shown = [range_of(part, metadata) for part in parts]
        return " or ".join([*shown, *(["null"] if NoneType in get_args(annotation) else [])])
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return "; ".join(settings_of(annotation))
    if get_origin(annotation) is list:
        return f"list of: {range_of(get_args(annotation)[0], ())}"
    bounds = [
        f"{sign} {getattr(bound, key):.10g}"
        for part in metadata
        for bound in (getattr(part, "metadata", None) or [part])
        for key, sign in _BOUNDS.items()
        if hasattr(bound, key)
    ]
    return " ".join([_KINDS.get(annotation, "text"), " and ".join(bounds)]).strip()


def search_of(values: Range | Choice) -> str:
    """Return the values that tuning tries, such as '0.1 to 0.5'."""
    if isinstance(values, Choice):
        return ", ".join(str(value) for value in values.values)
    log = ", log-uniform" if values.log else ""
    return f"{values.low:g} to {values.high:g}{log}"
