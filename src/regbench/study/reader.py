"""Validation of a study's settings; all wrong keys and values are reported at once."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from pydantic import ValidationError

from regbench.errors import quoted
from regbench.fields import Settings, network_names
from regbench.metrics.registry import DEFAULT
from regbench.networks.base import Network
from regbench.networks.registry import NETWORKS, network_of
from regbench.regularizers.registry import REGULARIZERS
from regbench.study.cells import scaling_problems
from regbench.study.cocktail import cocktail_problems
from regbench.study.combine import combine_techniques
from regbench.study.fit import fit_problems, unknown_network
from regbench.study.looks import namespaces_of
from regbench.study.only_on import networks_named, with_listed_networks, without_networks
from regbench.study.problems import InvalidStudy, Problem, keys_in, nearest, problems_of
from regbench.study.scaling import LearningCurve, NetworkSize
from regbench.study.schedule import Schedule
from regbench.study.schema import (
    BASELINE,
    BEST,
    Study,
)
from regbench.study.search import beside_of, search_problems
from regbench.study.together import clashes, several_of_one

_Kind = TypeVar("_Kind", bound=Settings)


def read_study(parameters: Mapping[Any, Any]) -> Study:
    """Return the study that settings describe, with combined techniques resolved.

    Args:
        parameters: Merged content of all ``parameters*.yml``, globals and ``--params``.

    Returns:
        The study, every technique with its full set of regularizers.

    Raises:
        InvalidStudy: With every problem found, not only the first.
    """
    entries = parameters.get("techniques")
    if not isinstance(entries, Mapping):
        wrong = f"must be a mapping of technique names to regularizers, not {quoted(entries)}"
        raise InvalidStudy([Problem(("techniques",), wrong)])
    # null removes a technique: so an environment drops one of base.
    entries = {str(name): entry for name, entry in entries.items() if entry is not None}
    entries = with_listed_networks(entries)
    combined, problems = combine_techniques(entries)
    networks, network_problems = _networks(parameters.get("networks"))
    problems += network_problems
    only_on, only_on_problems = networks_named(entries, combined, parameters.get("networks"))
    problems += only_on_problems
    combined = without_networks(combined)
    given = {str(key): value for key, value in parameters.items()} | {"techniques": combined}
    if isinstance(given.get("networks"), Mapping):
        given["networks"] = networks
    try:
        study = Study.model_validate(given)
    except ValidationError as error:
        study = None
        invalid = [_without_shorthand(problem, combined) for problem in problems_of(error)]
        problems += [p for p in invalid if not _is_inherited(p.path, entries)]
    problems += _own_value_problems(parameters, entries)
    if study is not None and not problems:
        study = study.trained_on(only_on)
        combined = {name: combined[name] for name in study.techniques}
        misfits = [*_clash_problems(study), *fit_problems(study)]
        if study.if_unfit == "leave_out":
            study = study.without({p.leave_out: p.message for p in misfits if p.leave_out})
            combined = {name: combined[name] for name in study.techniques}
            misfits = [problem for problem in misfits if not problem.leave_out]
        problems += misfits
    if study is not None:
        problems += _metric_problems(study)
        problems += _published_network_problems(study) + _chosen_network_problems(study)
        problems += _one_of_problems(study)
        problems += _namespace_problems(study)
        problems += search_problems(study)
        problems += cocktail_problems(study) if not problems else []
        problems += _published_problems(study.reporting.published, entries)
    problems += _scaling_problems(parameters, combined)
    for group in ("prediction", "alarms", "refit"):
        if isinstance(parameters.get(group), Mapping):
            problems += _technique_problems(
                group,
                parameters[group].get("technique"),
                combined,
                study.left_out if study else {},
            )
    problems += _network_problems(parameters)
    if study is None or problems:
        raise InvalidStudy(list(dict.fromkeys(problems)))
    metric = study.reporting.metric
    techniques = {name: found.following(metric) for name, found in study.techniques.items()}
    schedule = study.protocol.schedule.following(metric)
    protocol = study.protocol.model_copy(update={"schedule": schedule})
    return study.model_copy(update={"techniques": techniques, "protocol": protocol})


def read_schedules(entries: Mapping[Any, Any]) -> dict[str, Schedule]:
    """Return the schedules of ``airflow.yml`` by pipeline.

    Args:
        entries: Values for all pipelines, as ``default``, and own values by pipeline.

    Returns:
        Each entry with the default's values where it has none of its own.

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
            invalid = problems_of(error, (str(name),), lambda _: list(Schedule.model_fields))
            problems += [p for p in invalid if name == "default" or p.path[1] in own]
    if problems:
        raise InvalidStudy(problems)
    return schedules


def _own_value_problems(parameters: Mapping[Any, Any], entries: Mapping[str, Any]) -> list[Problem]:
    """Return problems of techniques' own values, checked together with the study's values."""
    problems = []
    for key, kind in REGULARIZERS.items():
        if not kind.inherits_study_settings():
            continue
        try:
            shared = kind.model_validate(parameters.get(key)).model_dump()
        except ValidationError:
            continue  # reported with the study
        for name, entry in entries.items():
            own = entry.get(key) if isinstance(entry, Mapping) else None
            if not isinstance(own, Mapping) or not all(isinstance(value, str) for value in own):
                continue  # on, off, or reported with the technique
            try:
                kind.model_validate({**shared, **own})
            except ValidationError as error:
                problems += problems_of(error, ("techniques", name, key))
    return problems


def _networks(entries: Any) -> tuple[dict[str, Network], list[Problem]]:
    """Return the networks of the entry ``networks`` by name, and the problems of invalid ones."""
    if not isinstance(entries, Mapping):
        return {}, []  # reported with the study
    networks: dict[str, Network] = {}
    problems = []
    for name, entry in entries.items():
        path = ("networks", str(name))
        if not isinstance(entry, Mapping):
            problems.append(Problem(path, f"must be a mapping, not {quoted(entry)}"))
            continue
        kind = entry.get("kind")
        if not isinstance(kind, str) or kind not in NETWORKS:
            wrong = f"{quoted(kind)} is no kind of network; allowed: {', '.join(NETWORKS)}"
            problems.append(Problem((*path, "kind"), wrong + nearest(str(kind), NETWORKS)))
            continue
        allowed = ["kind", *NETWORKS[kind].model_fields]
        try:
            networks[str(name)] = network_of(entry)
        except ValidationError as error:
            problems += problems_of(error, path, partial(_allowed_keys, NETWORKS[kind], allowed))
    return networks, problems


def _allowed_keys(kind: type[Network], keys: list[str], path: tuple[str, ...]) -> list[str]:
    """Return the keys that may stand under a path: an entry's, or those of a group in it."""
    below = path[2:]
    return keys_in(kind, below) if below else keys


def _scaling_problems(parameters: Mapping[Any, Any], techniques: Iterable[str]) -> list[Problem]:
    """Return the problems of names in the settings of both comparisons, as far as these are valid.

    Whatever else is wrong with the study does not matter: all wrong names are told at once.
    """
    networks = parameters.get("networks")
    names = list(map(str, networks)) if isinstance(networks, Mapping) else []
    return scaling_problems(
        _valid(LearningCurve, parameters.get("learning_curve")),
        _valid(NetworkSize, parameters.get("network_size")),
        techniques,
        names,
    )


def _valid(kind: type[_Kind], given: Any) -> _Kind | None:
    """Return settings of a kind; None for invalid ones, which are reported with the study."""
    try:
        return kind.model_validate(given)
    except ValidationError:
        return None


def _technique_problems(
    group: str, technique: Any, techniques: Iterable[str], left_out: Mapping[str, str]
) -> list[Problem]:
    known = [BEST, *techniques]
    if not isinstance(technique, str) or technique in known:
        return []
    if technique in left_out:
        wrong = f"{technique} is no part of the study: {left_out[technique]}"
        return [Problem((group, "technique"), wrong)]
    return [
        Problem(
            (group, "technique"),
            f"{quoted(technique)} is not a technique; allowed: {', '.join(known)}"
            f"{nearest(technique, known)}",
        )
    ]


def _metric_problems(study: Study) -> list[Problem]:
    """Return the problem of published accuracies beside verdicts on another metric."""
    metric = study.reporting.metric
    if metric == DEFAULT or not study.reporting.published:
        return []
    return [
        Problem(
            ("reporting", "metric"),
            f"must be {DEFAULT} where reporting.published has accuracies to judge, not "
            f"{quoted(metric)}; without --env=article there are none",
        )
    ]


def _network_problems(parameters: Mapping[Any, Any]) -> list[Problem]:
    """Return the problems of names of networks that there are not, or that are not trained.

    Whatever else is wrong with the study does not matter: all wrong names are told at once.
    """
    try:
        trained = network_names(parameters["protocol"]["network"])
        networks = list(map(str, parameters["networks"].keys()))
    except (AttributeError, KeyError, TypeError, ValueError):
        return []  # reported with the study
    problems = [unknown_network(name, networks) for name in trained if name not in networks]
    known = [BEST, *(networks if problems else trained)]
    return problems + [
        Problem(
            (group, "network"),
            f"{quoted(name)} is not trained; allowed: {', '.join(known)}{nearest(name, known)}",
        )
        for group in ("prediction", "refit")
        if isinstance(parameters.get(group), Mapping)
        and isinstance(name := parameters[group].get("network", BEST), str)
        and name not in known
    ]


def _published_network_problems(study: Study) -> list[Problem]:
    """Return the problems of published accuracies of techniques that train several networks."""
    return [
        Problem(
            ("reporting", "published", name),
            f"is of one network, and {name} trains {len(networks)}: {', '.join(networks)}; "
            + ("protocol.network" if name == BASELINE else f"techniques.{name}.networks")
            + " may name one",
        )
        for name in study.reporting.published
        if len(networks := study.networks_of(name)) > 1
    ]


def _chosen_network_problems(study: Study) -> list[Problem]:
    """Return the problems of a technique that is chosen for use on a network it does not train."""
    return [
        Problem(
            (group, "network"),
            f"{chosen.technique} trains {', '.join(networks)}, not {chosen.network}",
        )
        for group, chosen in (("prediction", study.prediction), ("refit", study.refit))
        if chosen.network in study.protocol.networks
        and (networks := study.networks_of(chosen.technique))
        and chosen.network not in networks
    ]


def _one_of_problems(study: Study) -> list[Problem]:
    """Return the problems of techniques with several regularizers of which one is the most."""
    return [
        Problem(("techniques", name), wrong)
        for name, technique in study.techniques.items()
        for wrong in several_of_one(REGULARIZERS[key] for key in technique.entries())
    ]


def _clash_problems(study: Study) -> list[Problem]:
    """Return the problems of regularizers that cannot be used beside the study's other settings."""
    beside = beside_of(study.protocol)
    shared = {key: dict(settings) for key, settings in study.shared.items()}
    return [
        Problem(("techniques", name, key), clash, leave_out=name)
        for name, technique in study.techniques.items()
        for key, clash in clashes(technique.regularizers(shared), beside).items()
    ]


def _namespace_problems(study: Study) -> list[Problem]:
    """Return the problems of techniques that have the name of a look's box in the graph."""
    taken = namespaces_of(study.protocol.looks)
    wrong = "the name is taken by protocol.seeds.looks, like all of: " + ", ".join(sorted(taken))
    return [Problem(("techniques", name), wrong) for name in study.techniques if name in taken]


def _published_problems(published: Iterable[str], techniques: Iterable[str]) -> list[Problem]:
    return [
        Problem(
            ("reporting", "published", name),
            f"is not a technique; allowed: {', '.join(techniques)}{nearest(name, techniques)}",
        )
        for name in published
        if name not in techniques
    ]


def _without_shorthand(problem: Problem, techniques: Mapping[str, Any]) -> Problem:
    """Return a problem under the key that is written: of ``l2: 3``, ``l2`` and not ``factor``."""
    if problem.path[:1] == ("techniques",) and len(problem.path) > 3:
        _, name, key, *_ = problem.path
        entry = techniques.get(name, {}).get(key)
        if key in REGULARIZERS and not isinstance(entry, Mapping):
            return Problem(problem.path[:3], problem.message)
    return problem


def _is_inherited(path: tuple[str, ...], entries: Mapping[str, Any]) -> bool:
    """Return whether a value comes from a combined technique: it is reported there."""
    if path[:1] != ("techniques",) or len(path) < 3 or "combine" not in entries[path[1]]:
        return False
    return path[2] not in {str(key) for key in entries[path[1]]}
