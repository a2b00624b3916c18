"""Checks of the options of ``kedro run``: Kedro shows a stack trace where a name is wrong."""

import inspect
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline
from kedro.runner import AbstractRunner
from kedro.utils import load_obj

from regbench.errors import KEDRO, SettingsError, quoted
from regbench.study.problems import nearest
from regbench.text.visible import in_one_line

DEFAULT_RUNNER = "regbench.runs.runner.StudyRunner"
_RUNNERS = (DEFAULT_RUNNER, "SequentialRunner", "ParallelRunner", "ThreadRunner")
_MOST_NAMES = 30  # in one message
_LISTS_NODES = f"`{KEDRO} registry describe <pipeline>` lists them"
_LISTS_DATASETS = f"`{KEDRO} catalog describe-datasets` lists them"
_FILTERS = ("tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs")


def unknown_environment(conf: Path, name: str | None) -> str | None:
    """Return the line that says that there is no such environment; None if there is.

    Args:
        conf: The folder of the configuration.
        name: From ``--env``; None without it.
    """
    if name is None or not conf.is_dir() or (conf / name).is_dir():
        return None
    known = sorted(folder.name for folder in conf.iterdir() if folder.is_dir())
    hint = nearest(name, known)
    return f"--env: no folder {in_one_line(str(conf / name))}{hint}; there are {', '.join(known)}"


def check_runner(path: str, given: Mapping[str, Any]) -> None:
    """Check that a runner exists and takes the parameters given for it.

    Args:
        path: From ``--runner``: the name of one of Kedro's classes or the dotted path of another.
        given: From ``--runner-params``.

    Raises:
        SettingsError: It does not; the message lists what is allowed.
    """
    reason = "no runner"
    try:
        runner = load_obj(path, AbstractRunner.__module__.rpartition(".")[0])
    except (ImportError, AttributeError, ValueError) as error:
        runner, reason = None, str(error)
    if not (isinstance(runner, type) and issubclass(runner, AbstractRunner)):
        raise SettingsError(
            f"--runner: {quoted(path)}: {reason}{nearest(path, _RUNNERS)}; "
            f"allowed: {', '.join(_RUNNERS)}, or the path of another runner"
        )
    takes = inspect.signature(runner).parameters
    for name in given:
        if name not in takes:
            raise SettingsError(
                f"--runner-params: {name}: unknown key{nearest(name, takes)}; "
                f"{path} takes {', '.join(takes)}"
            )
    workers = given.get("max_workers")  # None: the runner's default
    if workers is not None and (type(workers) is not int or workers < 1):
        raise SettingsError(
            f"--runner-params: max_workers: must be a whole number from 1, not {quoted(workers)}"
        )


def check_selection(chosen: Mapping[str, Any]) -> None:
    """Check that the selected pipelines, nodes, tags, namespaces and datasets exist.

    Args:
        chosen: The arguments of ``KedroSession.run``.

    Raises:
        SettingsError: One does not, and the message lists what is allowed; or no node is left.
    """
    names = chosen.get("pipeline_names") or ["__default__"]
    _check(
        "--pipelines", names, "pipeline", pipelines.keys(), f"`{KEDRO} registry list` lists them"
    )
    pipeline = sum((pipelines[name] for name in names), Pipeline([]))
    nodes = {node.name for node in pipeline.nodes}
    _check("--tags", chosen.get("tags"), "tag", _tags(pipeline), _LISTS_NODES)
    _check(
        "--namespaces", chosen.get("namespaces"), "namespace", _namespaces(pipeline), _LISTS_NODES
    )
    _check("--nodes", chosen.get("node_names"), "node", nodes, _LISTS_NODES)
    _check("--from-nodes", chosen.get("from_nodes"), "node", nodes, _LISTS_NODES)
    _check("--to-nodes", chosen.get("to_nodes"), "node", nodes, _LISTS_NODES)
    for name in ("from_inputs", "to_outputs", "load_versions"):
        option = f"--{name.replace('_', '-')}"
        _check(option, chosen.get(name), "dataset", pipeline.datasets(), _LISTS_DATASETS)
    filters = {name: chosen.get(name) for name in _FILTERS}
    try:
        pipeline.filter(node_namespaces=chosen.get("namespaces"), **filters)
    except ValueError as error:
        raise SettingsError("these options together leave no node to run") from error


def _check(
    option: str, given: Collection[str] | None, kind: str, known: Collection[str], lists: str
) -> None:
    """Check that all names given for an option are known.

    Raises:
        SettingsError: One is not. The message lists the known ones, or, if there are many, the
            command in ``lists``.
    """
    for name in given or ():
        if name not in known:
            allowed = (
                f"allowed: {', '.join(sorted(known)) or 'none'}"
                if len(known) <= _MOST_NAMES
                else lists
            )
            raise SettingsError(
                f"{option}: {quoted(name)}: no such {kind}{nearest(name, known)}; {allowed}"
            )


def _tags(pipeline: Pipeline) -> set[str]:
    return {tag for node in pipeline.nodes for tag in node.tags}


def _namespaces(pipeline: Pipeline) -> set[str]:
    """Return the namespaces of a pipeline's nodes, and the ones that enclose them."""
    innermost = {node.namespace for node in pipeline.nodes if node.namespace}
    return {
        ".".join(parts[: number + 1])
        for parts in (namespace.split(".") for namespace in innermost)
        for number in range(len(parts))
    }
