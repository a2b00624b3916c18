"""Reading a study: every wrong key and value is found, and techniques are put together."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from regbench.errors import quoted
from regbench.study.combine import combine_techniques
from regbench.study.problems import InvalidStudy, Problem, nearest, problems_of
from regbench.study.schedule import Schedule
from regbench.study.schema import (
    BEST,
    Augmentation,
    Study,
    Technique,
)


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
    combined, problems = combine_techniques(entries)
    try:
        study = Study.model_validate(
            {str(key): value for key, value in parameters.items()} | {"techniques": combined}
        )
    except ValidationError as error:
        study = None
        problems += [p for p in problems_of(error) if not _is_inherited(p.path, entries)]
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
            found = problems_of(error, (str(name),), lambda _: list(Schedule.model_fields))
            problems += [p for p in found if name == "default" or p.path[1] in own]
    if problems:
        raise InvalidStudy(problems)
    return schedules


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
            problems += problems_of(error, ("techniques", name, "augmentation"))
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
