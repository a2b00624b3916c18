"""Reading a study: every wrong key and value is found, and techniques are put together."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from regbench.errors import quoted
from regbench.schedule import Schedule
from regbench.study import (
    BASELINE,
    BEST,
    RESERVED_NAMES,
    Augmentation,
    Publication,
    Study,
    Technique,
)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")

# What is said of a wrong value, by pydantic's name of the fault.
_FAULTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda bound: f"must be greater than {bound['gt']:.10g}",
    "greater_than_equal": lambda bound: f"must be at least {bound['ge']:.10g}",
    "less_than": lambda bound: f"must be less than {bound['lt']:.10g}",
    "less_than_equal": lambda bound: f"must be at most {bound['le']:.10g}",
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
    **dict.fromkeys(("model_type", "dict_type"), lambda _: "must be a mapping"),
    "list_type": lambda _: "must be a list",
}


@dataclass(frozen=True)
class Problem:
    """One wrong key or value: where it stands (a path of keys) and what is wrong with it."""

    path: tuple[str, ...]
    message: str


class InvalidStudy(ValueError):  # noqa: N818 - it is about the study, the error is its reader's
    """Settings that make no study.

    Attributes:
        problems: Every wrong key and value found.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{shown_path(p.path)}: {p.message}" for p in problems))


def shown_path(path: Iterable[str]) -> str:
    """A path of keys as messages name it: on one line, none of its keys too long for one."""
    return ".".join(key if key.isprintable() and len(key) <= 80 else quoted(key) for key in path)


def read_study(parameters: Mapping[Any, Any]) -> Study:
    """Check all settings of a study and put combined techniques together.

    Args:
        parameters: The merged content of all ``parameters*.yml``, globals and ``--params``.

    Returns:
        The study, every technique with its full set of regularizers.

    Raises:
        InvalidStudy: With every problem found, not only the first.
    """
    entries = parameters.get("techniques")
    if not isinstance(entries, Mapping):
        wrong = f"must be a mapping of technique names to regularizers, not {quoted(entries)}"
        raise InvalidStudy([Problem(("techniques",), wrong)])
    # An entry set to null is taken out: how an environment drops a technique of base.
    entries = {str(name): entry for name, entry in entries.items() if entry is not None}
    combined, problems = _combine(entries)
    try:
        study = Study.model_validate(
            {str(key): value for key, value in parameters.items()} | {"techniques": combined}
        )
    except ValidationError as error:
        study = None
        problems += [p for p in _problems(error) if not _is_inherited(p.path, entries)]
    problems += _augmentation_problems(parameters.get("augmentation"), entries)
    if study is not None:
        problems += _published_problems(study.reporting.published, combined)
    for group in ("prediction", "alarms"):
        if isinstance(parameters.get(group), Mapping):
            problems += _technique_problems(group, parameters[group].get("technique"), combined)
    if study is None or problems:
        raise InvalidStudy(list(dict.fromkeys(problems)))
    return study


def read_schedules(entries: Mapping[Any, Any]) -> dict[str, Schedule]:
    """Check ``airflow.yml``.

    Args:
        entries: What holds for all pipelines, as ``default``, and what differs, by pipeline.

    Returns:
        Each entry as a whole: the default's values where it has none of its own.

    Raises:
        InvalidStudy: With every problem found, not only the first.
    """
    shared = entries.get("default", {})
    schedules, problems = {}, []
    for name, own in entries.items():
        if not isinstance(own, Mapping) or not isinstance(shared, Mapping):
            problems.append(Problem((str(name),), "must be a mapping"))
            continue
        try:
            schedules[str(name)] = Schedule.model_validate({**shared, **own})
        except ValidationError as error:
            found = _problems(error, (str(name),), lambda _: list(Schedule.model_fields))
            problems += [p for p in found if name == "default" or p.path[1] in own]
    if problems:
        raise InvalidStudy(problems)
    return schedules


def _combine(
    entries: Mapping[str, Any],
) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Replace each ``combine: [a, b]`` by the settings of a and b, own keys on top."""
    combined: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for name, entry in entries.items():
        problems += _name_problems(name)
        if isinstance(entry, Mapping):
            combined[name] = _settings(name, (name,), entries, problems)
        else:
            wrong = f"must be a mapping of regularizers, not {quoted(entry)}"
            problems.append(Problem(("techniques", name), wrong))
    if BASELINE not in entries:
        wrong = f"{BASELINE!r} is missing: write '{BASELINE}: {{}}'"
        problems.append(Problem(("techniques",), wrong))
    elif combined.get(BASELINE):
        wrong = "must have no regularizers: the others are compared with it"
        problems.append(Problem(("techniques", BASELINE), wrong))
    return combined, problems


def _settings(
    name: str, inside: tuple[str, ...], entries: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    """The settings of one technique and of all that it combines; adds what is wrong."""
    own = dict(entries[name])
    parts = own.pop("combine", [])
    path = ("techniques", name, "combine")
    if not isinstance(parts, list):
        problems.append(Problem(path, f"must be a list of techniques, not {quoted(parts)}"))
        return own
    merged: dict[str, Any] = {}
    for part in parts:
        if part in inside:
            problems.append(Problem(path, f"{quoted(part)} contains itself"))
        elif not isinstance(part, str) or not isinstance(entries.get(part), Mapping):
            near = nearest(str(part), entries)
            wrong = f"{quoted(part)} is not a technique, or is set to null{near}"
            problems.append(Problem(path, wrong))
        else:
            given = _settings(part, (*inside, part), entries, problems)
            for key, value in given.items():
                if key not in own and merged.get(key, value) != value:
                    wrong = f"two values for {key}; say in {name} which one holds"
                    problems.append(Problem(path, wrong))
                merged[key] = value
    return merged | own


def _name_problems(name: str) -> list[Problem]:
    """A technique's name is also a folder, a pipeline and a namespace."""
    if not _NAME.fullmatch(name):
        wrong = "a name is at most 60 small letters, digits and underscores, a letter first"
    elif name in RESERVED_NAMES:
        wrong = f"the name is reserved, like all of: {', '.join(sorted(RESERVED_NAMES))}"
    else:
        return []
    return [Problem(("techniques", name), wrong)]


def _augmentation_problems(shared: Any, entries: Mapping[str, Any]) -> list[Problem]:
    """A technique's own values of augmentation are checked as the whole that they make."""
    try:
        study = Augmentation.model_validate(shared)
    except ValidationError:
        return []  # reported where it stands
    problems = []
    for name, entry in entries.items():
        own = entry.get("augmentation") if isinstance(entry, Mapping) else None
        if not isinstance(own, Mapping) or not all(isinstance(key, str) for key in own):
            continue  # on, off, or reported with the technique
        try:
            Technique(augmentation=dict(own)).augmenter(study)
        except ValidationError as error:
            problems += _problems(error, ("techniques", name, "augmentation"))
    return problems


def _technique_problems(group: str, technique: Any, techniques: Iterable[str]) -> list[Problem]:
    known = [BEST, *techniques]
    if not isinstance(technique, str) or technique in known:
        return []
    return [
        Problem(
            (group, "technique"),
            f"{quoted(technique)} is not a technique; allowed: {', '.join(known)}"
            f"{nearest(technique, known)}",
        )
    ]


def _published_problems(published: Iterable[str], techniques: Iterable[str]) -> list[Problem]:
    return [
        Problem(
            ("reporting", "published", name),
            f"is not a technique; allowed: {', '.join(techniques)}{nearest(name, techniques)}",
        )
        for name in published
        if name not in techniques
    ]


def _is_inherited(path: tuple[str, ...], entries: Mapping[str, Any]) -> bool:
    """Whether a technique has a value only by ``combine``: it is reported where it is written."""
    if path[:1] != ("techniques",) or len(path) < 3 or "combine" not in entries[path[1]]:
        return False
    return path[2] not in {str(key) for key in entries[path[1]]}


def _problems(
    error: ValidationError,
    parent: tuple[str, ...] = (),
    allowed_keys: Callable[[tuple[str, ...]], list[str]] | None = None,
) -> list[Problem]:
    """Turn pydantic's errors into one plain line each."""
    problems = []
    for detail in error.errors():
        path = (*parent, *(str(part) for part in detail["loc"]))
        if detail["type"] == "extra_forbidden":
            allowed = (allowed_keys or _allowed_keys)(path[:-1])
            message = f"unknown key; allowed: {', '.join(allowed)}{nearest(path[-1], allowed)}"
        elif detail["type"] == "missing":
            message = "is missing"
        elif detail["type"] == "value_error":
            message = detail["msg"].removeprefix("Value error, ")
        else:
            fault = _FAULTS.get(detail["type"], lambda _, said=detail["msg"]: said)
            message = f"{fault(detail.get('ctx', {}))}, not {quoted(detail['input'])}"
            if detail["type"] == "literal_error":
                choices = re.findall("'(.*?)'", detail["ctx"]["expected"])
                message += nearest(str(detail["input"]), choices)
        problems.append(Problem(path, message))
    return problems


def _allowed_keys(path: tuple[str, ...]) -> list[str]:
    """The keys that may stand under a path of keys."""
    model: type[BaseModel] = Study
    if path[:1] == ("techniques",):
        model, path = Technique, path[2:]
    elif path[:2] == ("reporting", "published") and len(path) > 2:
        model, path = Publication, path[3:]
    for part in path:
        if model is Technique and part == "augmentation":
            model = Augmentation
        else:
            model = _model_in(model.model_fields[part].annotation)
    keys = list(model.model_fields)
    return [*keys, "combine"] if model is Technique else keys


def _model_in(annotation: Any) -> type[BaseModel]:
    """The model in ``Model`` or ``Model | None``."""
    options = get_args(annotation) or (annotation,)
    model: type[BaseModel] = next(o for o in options if issubclass(o, BaseModel))
    return model


def nearest(name: str, names: Iterable[Any]) -> str:
    """A hint at the most similar valid name, if one is similar."""
    near = get_close_matches(name, [str(other) for other in names], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
