"""A study in MLflow: a parent run per study, and below it a run per technique and seed.

What is stored is logged, after the fact: the trainings, in processes of their own, know nothing of
MLflow, and no training is lost or slowed by it. What is already there is not logged again.
"""

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import pandas as pd

from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import Shown
from regbench.evaluation.results import FAILED, Results
from regbench.regularizers.registry import REGULARIZERS
from regbench.report.plots.style import line_styles
from regbench.study import digests, fingerprints
from regbench.study.schema import SHARED
from regbench.study.technique import Technique

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_KIND, _STUDY, _IDENTITY, _UP_TO_DATE = "kind", "fingerprint.study", "identity", "up_to_date"
_FINGERPRINT = "fingerprint_"  # of columns
_OF_STUDY = ("data", "split", "protocol", "training", "evaluation")  # what all techniques share
_COLOUR = "mlflow.runColor"  # else MLflow draws lots, and two techniques may look the same
_OFF = "off"
_METRICS_AT_ONCE = 1000  # MLflow's limit


@dataclass(frozen=True)
class TrackedTraining:
    """A technique and seed, as MLflow shows it.

    Attributes:
        technique: Its name.
        seed: Of the run.
        failed: Whether the training or its evaluation failed.
        seconds: The training's.
        parameters: Every setting that the run was made with.
        tags: What identifies it: technique, seed, status, fingerprints.
        figures: The final figures.
        epochs: A row per epoch, column ``epoch`` from 1, and a figure per column.
        identity: The same for the same technique, seed, circumstances and weights.
    """

    technique: str
    seed: int
    failed: bool
    seconds: float
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    figures: Mapping[str, float]
    epochs: pd.DataFrame
    identity: str


@dataclass(frozen=True)
class TrackedStudy:
    """What the runs of a study share.

    Attributes:
        name: For the list of runs.
        fingerprint: The same for the same images, split, protocol and code.
        parameters: Every setting that the techniques share.
        comparison: A row per technique, if they were compared.
        note: The comparison in Markdown.
        files: The report and what belongs to it.
    """

    name: str
    fingerprint: str
    parameters: Mapping[str, str]
    comparison: pd.DataFrame | None = None
    note: str = ""
    files: Sequence[Path] = field(default=())


def fingerprint_of_study(of_technique: fingerprints.Fingerprint) -> str:
    """Identify what all techniques share, from the fingerprint of any of them."""
    return digests.digest({part: of_technique[part] for part in _OF_STUDY})


def shared_parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    """Name every setting that all techniques share as ``--params`` would.

    Args:
        settings: The study's, as plain values.
    """
    protocol = {key: value for key, value in settings["protocol"].items() if key != "seeds"}
    return _flat(
        {
            "images": settings["images"],
            "ingest": {key: settings["ingest"][key] for key in ("mode", "size")},
            "normalization": settings["normalization"],
            "protocol": protocol,
            "network": settings["network"],
        }
    )


def technique_parameters(technique: Technique, settings: Mapping[str, Any]) -> dict[str, str]:
    """Name every regularizer, those that are off too, with the shared settings that it uses.

    Args:
        technique: Of the run.
        settings: The study's, as plain values.
    """
    shared = {key: SHARED[key].model_validate(settings[key]) for key in SHARED}
    values = dict.fromkeys(REGULARIZERS, _OFF) | technique.in_full(shared)
    return _flat({"technique": values})


def tracked_trainings(
    results: Results, technique: Technique, settings: Mapping[str, Any]
) -> Iterator[TrackedTraining]:
    """Put a technique's runs as MLflow shows them.

    Args:
        results: The technique's, up to date.
        technique: Its regularizers.
        settings: The study's, as plain values.
    """
    parameters = shared_parameters(settings) | technique_parameters(technique, settings)
    styles = line_styles(list(settings["techniques"]))
    for run in results.trainings.to_dict("records"):
        name, seed = str(run["technique"]), int(run["seed"])
        prints = {
            str(key).removeprefix(_FINGERPRINT): str(value)
            for key, value in run.items()
            if str(key).startswith(_FINGERPRINT)
        }
        trained_on = prints.pop("trained_on", "")
        tags = {"technique": name, "seed": str(seed), "status": str(run["status"])}
        if name in styles:
            tags[_COLOUR] = styles[name]["color"]
        if isinstance(run.get("reason"), str):
            tags["reason"] = run["reason"]
        figures = {
            figure.name: run[figure.name]
            for figure in registry.single(Shown.MLFLOW)
            if figure.name in run
        }
        # MLflow's comparison begins with the metric that was logged first.
        first = ("test_accuracy", "validation_accuracy")
        figures = {key: figures[key] for key in first if key in figures} | figures
        of_seed = results.of_seeds([seed])
        figures |= {
            f"{figure.name}/{setting}": value
            for figure in registry.by_setting(Shown.MLFLOW)
            for setting, value in of_seed.by_setting(figure.name).items()
        }
        yield TrackedTraining(
            technique=name,
            seed=seed,
            failed=run["status"] == FAILED,
            seconds=float(run["seconds"]),
            parameters={"technique": name, "seed": str(seed)} | parameters,
            tags=tags
            | {"trained_on": trained_on}
            | {f"fingerprint.{part}": value for part, value in prints.items()},
            figures={key: float(value) for key, value in figures.items() if _finite(value)},
            epochs=results.epochs[results.epochs["seed"] == seed].drop(columns="seed"),
            identity=digests.digest([name, seed, prints]),
        )


def log_study(
    client: "MlflowClient",
    experiment_id: str,
    study: TrackedStudy,
    runs: Iterable[TrackedTraining],
    networks: Mapping[tuple[str, int], Path],
) -> int:
    """Log a study and those of its runs that are not there yet.

    Args:
        client: Of the store.
        experiment_id: Where the runs belong.
        study: What the runs share.
        runs: All that are up to date.
        networks: Files by technique and seed.

    Returns:
        How many runs were logged.

    Raises:
        MlflowException: The store refuses.
    """
    tracked = list(runs)
    took = round(1000 * sum(run.seconds for run in tracked))
    parent = _parent(client, experiment_id, study, took)
    # One that is still running was left half-written by a process that was killed.
    logged = {
        run.data.tags[_IDENTITY]: run
        for run in _search(client, experiment_id, f"tags.`{_STUDY}` = '{study.fingerprint}'")
        if run.data.tags.get(_KIND) == "run" and run.info.status != "RUNNING"
    }
    verdicts = {} if study.comparison is None else _verdicts(study.comparison)
    new = 0
    for run in tracked:
        here = {_UP_TO_DATE: "yes"}
        if run.technique in verdicts:
            here["verdict"] = verdicts[run.technique]
        if run.identity in logged:
            _retag(client, logged[run.identity], here)
        else:
            network = networks.get((run.technique, run.seed))
            _log_run(client, experiment_id, parent, study.fingerprint, run, here, network)
            new += 1
    _mark_replaced(client, logged.values(), tracked)
    _finish_parent(client, parent, study, took, failed=any(run.failed for run in tracked))
    return new


def _mark_replaced(
    client: "MlflowClient", logged: Iterable["Run"], tracked: Sequence[TrackedTraining]
) -> None:
    """Tell the runs whose technique and seed have been run with other settings since."""
    here = {run.identity for run in tracked}
    again = {(run.technique, str(run.seed)) for run in tracked}
    for run in logged:
        tags = run.data.tags
        if tags[_IDENTITY] not in here and (tags["technique"], tags["seed"]) in again:
            _retag(client, run, {_UP_TO_DATE: "no"})


def _parent(client: "MlflowClient", experiment_id: str, study: TrackedStudy, took: int) -> "Run":
    """The run of the study, made if it is not there.

    Its duration is that of its trainings, in milliseconds, not the time from the first logging to
    the last.
    """
    asked = f"tags.`{_STUDY}` = '{study.fingerprint}' and tags.`{_KIND}` = 'study'"
    for run in _search(client, experiment_id, asked):
        return run
    tags = {_KIND: "study", _STUDY: study.fingerprint}
    began = _now() - took
    made = client.create_run(experiment_id, start_time=began, tags=tags, run_name=study.name)
    _log_parameters(client, made, study.parameters)
    return made


def _finish_parent(
    client: "MlflowClient", parent: "Run", study: TrackedStudy, took: int, *, failed: bool
) -> None:
    if study.comparison is not None:
        rows = study.comparison.set_index("technique")
        figures = {
            f"{figure}/{technique}": rows.loc[technique, figure]
            for figure in ("test_accuracy", "validation_accuracy", "difference")
            if figure in rows
            for technique in rows.index
        }
        _log_figures(client, parent, _final(figures))
        _retag(client, parent, {"mlflow.note.content": study.note})
        for technique, verdict in _verdicts(study.comparison).items():
            _retag(client, parent, {f"verdict.{technique}": verdict})
    for file in study.files:
        _log_file(client, parent, file)
    # A part of the study, run alone, makes it no shorter.
    ended = max(parent.info.end_time or 0, parent.info.start_time + took)
    client.set_terminated(parent.info.run_id, "FAILED" if failed else "FINISHED", ended)


def _log_run(
    client: "MlflowClient",
    experiment_id: str,
    parent: "Run",
    of_study: str,
    run: TrackedTraining,
    tags: Mapping[str, str],
    network: Path | None,
) -> None:
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID  # noqa: PLC0415

    ended = _now()
    made = client.create_run(
        experiment_id,
        start_time=ended - round(1000 * run.seconds),
        tags={
            MLFLOW_PARENT_RUN_ID: parent.info.run_id,
            _KIND: "run",
            _STUDY: of_study,
            _IDENTITY: run.identity,
            **run.tags,
            **tags,
        },
        run_name=f"{run.technique} seed {run.seed}",
    )
    of_epochs = [
        (f"epoch/{name}", float(value), int(row["epoch"]))
        for row in run.epochs.to_dict("records")
        for name, value in row.items()
        if name != "epoch" and _finite(value)
    ]
    _log_parameters(client, made, run.parameters)
    _log_figures(client, made, [*_final(run.figures), *of_epochs])
    if network is not None:
        _log_file(client, made, network, "network")
    client.set_terminated(made.info.run_id, "FAILED" if run.failed else "FINISHED", ended)


def _search(client: "MlflowClient", experiment_id: str, asked: str) -> Iterator["Run"]:
    """All runs that match, the oldest first."""
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], asked, order_by=["attributes.start_time"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _log_parameters(client: "MlflowClient", run: "Run", values: Mapping[str, str]) -> None:
    from mlflow.entities import Param  # noqa: PLC0415 - only with the extra

    client.log_batch(run.info.run_id, params=[Param(*item) for item in values.items()])


def _log_figures(
    client: "MlflowClient", run: "Run", figures: Sequence[tuple[str, float, int]]
) -> None:
    """Log figures: name, value and step."""
    from mlflow.entities import Metric  # noqa: PLC0415 - only with the extra

    now = _now()
    metrics = [Metric(name, value, now, step) for name, value, step in figures]
    for start in range(0, len(metrics), _METRICS_AT_ONCE):
        client.log_batch(run.info.run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])


def _final(figures: Mapping[str, Any]) -> list[tuple[str, float, int]]:
    """Those that are of no epoch."""
    return [(name, float(value), 0) for name, value in figures.items() if _finite(value)]


def _retag(client: "MlflowClient", run: "Run", tags: Mapping[str, str]) -> None:
    for name, value in tags.items():
        if run.data.tags.get(name) != value:
            client.set_tag(run.info.run_id, name, value)


def _log_file(client: "MlflowClient", run: "Run", file: Path, folder: str = "") -> None:
    """Keep a file with a run.

    On the same disk a second name for it will do, and takes no space: RegBench never writes into
    a file that is there, it puts another in its place.
    """
    address = urlparse(run.info.artifact_uri)
    if address.scheme in ("", "file"):
        place = Path(url2pathname(address.path)) / folder / file.name
        with suppress(OSError):  # another disk, or one without links
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            os.link(file, place)
            return
    client.log_artifact(run.info.run_id, str(file), folder or None)


def _verdicts(comparison: pd.DataFrame) -> dict[str, str]:
    if "verdict" not in comparison:
        return {}
    with_verdict = comparison.dropna(subset="verdict")
    return dict(zip(with_verdict["technique"], with_verdict["verdict"].astype(str), strict=True))


def _finite(value: Any) -> bool:
    """Whether a figure is one: not text, nor missing, nor a yes or no."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _now() -> int:
    """Milliseconds, as MLflow counts."""
    return time.time_ns() // 1_000_000


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as one text each, their keys joined by dots."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            parts = value if isinstance(value, list | tuple) else [value]
            flat[prefix + key] = ", ".join(str(part) for part in parts)
    return flat
