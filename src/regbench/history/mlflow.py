"""Log a study in MLflow: a parent run for the study, and below it a child run for each training.

A *run* in this module is MLflow's: an entry of its database. A *training*, a technique with a
seed, is logged as one such run.

Stored results are logged after the trainings: the training processes know nothing of MLflow, so it
can neither slow nor fail them. A training that is already logged is not logged again.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import pandas as pd

from regbench.comparison.compare import headline_of
from regbench.history.tracking import TrackedStudy, TrackedTraining, is_finite

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# Names of tags.
_KIND, _STUDY, _IDENTITY, _UP_TO_DATE = "kind", "fingerprint.study", "identity", "up_to_date"
_OF_TRAINING = "run"  # the kind of a training's run, as stored since the first version
_METRICS_AT_ONCE = 1000  # MLflow's limit of metrics in one request


def log_study(
    client: "MlflowClient",
    experiment_id: str,
    study: TrackedStudy,
    trainings: Iterable[TrackedTraining],
    networks: Mapping[tuple[str, int], Path],
) -> int:
    """Log a study, and each of its trainings that MLflow does not have yet.

    Args:
        client: MLflow's client of the tracking database or server.
        experiment_id: MLflow's experiment that the runs are added to.
        study: What is stored in the parent run.
        trainings: All trainings of the study that are up to date.
        networks: Files of the trained networks by technique and seed; those missing are left out.

    Returns:
        The number of trainings logged by this call.

    Raises:
        MlflowException: MLflow's database or server refuses.
    """
    tracked = list(trainings)
    duration = round(1000 * sum(training.seconds for training in tracked))
    parent = _study_run(client, experiment_id, study, duration)
    # A run with status RUNNING was left half-written by a process that was killed.
    logged = {
        run.data.tags[_IDENTITY]: run
        for run in _search_runs(client, experiment_id, f"tags.`{_STUDY}` = '{study.fingerprint}'")
        if run.data.tags.get(_KIND) == _OF_TRAINING and run.info.status != "RUNNING"
    }
    verdicts = {} if study.comparison is None else _verdicts(study.comparison)
    new = 0
    for training in tracked:
        tags = {_UP_TO_DATE: "yes"}
        if training.technique in verdicts:
            tags["verdict"] = verdicts[training.technique]
        if training.identity in logged:
            _set_tags(client, logged[training.identity], tags)
        else:
            network = networks.get((training.technique, training.seed))
            _log_training(client, experiment_id, parent, study.fingerprint, training, tags, network)
            new += 1
    _mark_replaced(client, logged.values(), tracked)
    failed = any(training.failed for training in tracked)
    _finish_study_run(client, parent, study, duration, failed=failed)
    return new


def _mark_replaced(
    client: "MlflowClient", logged: Iterable["Run"], tracked: Sequence[TrackedTraining]
) -> None:
    """Tag the runs of trainings that were repeated since with other settings as out of date."""
    current = {training.identity for training in tracked}
    repeated = {(training.technique, str(training.seed)) for training in tracked}
    for run in logged:
        tags = run.data.tags
        if tags[_IDENTITY] not in current and (tags["technique"], tags["seed"]) in repeated:
            _set_tags(client, run, {_UP_TO_DATE: "no"})


def _study_run(
    client: "MlflowClient", experiment_id: str, study: TrackedStudy, duration: int
) -> "Run":
    """Return the study's parent run; it is created if MLflow has none.

    Args:
        client: MLflow's client.
        experiment_id: MLflow's experiment.
        study: What the run is of.
        duration: Sum of the trainings' wall times in milliseconds, which MLflow shows as the
            run's duration instead of the time from the first logging to the last.
    """
    query = f"tags.`{_STUDY}` = '{study.fingerprint}' and tags.`{_KIND}` = 'study'"
    for run in _search_runs(client, experiment_id, query):
        return run
    tags = {_KIND: "study", _STUDY: study.fingerprint}
    start = _now() - duration
    created = client.create_run(experiment_id, start_time=start, tags=tags, run_name=study.name)
    _log_parameters(client, created, study.parameters)
    return created


def _finish_study_run(
    client: "MlflowClient", parent: "Run", study: TrackedStudy, duration: int, *, failed: bool
) -> None:
    """Log the comparison and the report in the study's run, and end the run.

    MLflow's status of the run is FAILED if any training ``failed``.
    """
    if study.comparison is not None:
        rows = study.comparison.set_index("technique")
        figures = {
            f"{figure}/{technique}": rows.loc[technique, figure]
            for figure in dict.fromkeys(
                (
                    "test_accuracy",
                    "validation_accuracy",
                    headline_of(study.comparison),
                    "difference",
                    "pairs",  # with looks, the seeds that the verdict rests on
                )
            )
            if figure in rows
            for technique in rows.index
        }
        _log_figures(client, parent, _without_epoch(figures))
        _set_tags(client, parent, {"mlflow.note.content": study.note})
        for technique, verdict in _verdicts(study.comparison).items():
            _set_tags(client, parent, {f"verdict.{technique}": verdict})
    for file in study.files:
        _log_file(client, parent, file)
    # A command with some of the study's techniques does not shorten the duration.
    end = max(parent.info.end_time or 0, parent.info.start_time + duration)
    client.set_terminated(parent.info.run_id, "FAILED" if failed else "FINISHED", end)


def _log_training(
    client: "MlflowClient",
    experiment_id: str,
    parent: "Run",
    fingerprint: str,
    training: TrackedTraining,
    tags: Mapping[str, str],
    network: Path | None,
) -> None:
    """Log a training as a child run of the study's: settings, figures, curves and network.

    Args:
        client: MLflow's client.
        experiment_id: MLflow's experiment.
        parent: The study's run.
        fingerprint: The study's.
        training: The training.
        tags: Further tags: whether it is up to date, and the technique's verdict.
        network: File of the trained network; None if there is none.
    """
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID  # noqa: PLC0415

    end = _now()
    created = client.create_run(
        experiment_id,
        start_time=end - round(1000 * training.seconds),
        tags={
            MLFLOW_PARENT_RUN_ID: parent.info.run_id,
            _KIND: _OF_TRAINING,
            _STUDY: fingerprint,
            _IDENTITY: training.identity,
            **training.tags,
            **tags,
        },
        run_name=f"{training.technique} seed {training.seed}",
    )
    of_epochs = [
        # Of an ensemble each member counts its own epochs: a step of MLflow's is one of all.
        (f"epoch/{name}", float(value), step if "member" in row else int(row["epoch"]))
        for step, row in enumerate(training.epochs.to_dict("records"), start=1)
        for name, value in row.items()
        if name != "epoch" and is_finite(value)
    ]
    _log_parameters(client, created, training.parameters)
    _log_figures(client, created, [*_without_epoch(training.figures), *of_epochs])
    if network is not None:
        _log_file(client, created, network, "network")
    client.set_terminated(created.info.run_id, "FAILED" if training.failed else "FINISHED", end)


def _search_runs(client: "MlflowClient", experiment_id: str, query: str) -> Iterator["Run"]:
    """Yield all runs that match a query in MLflow's search syntax, the oldest first."""
    token: str | None = None
    seen = set[str | None]()
    while token not in seen:  # the last page names none, as before the first; or a server repeats
        seen.add(token)
        page = client.search_runs(
            [experiment_id], query, order_by=["attributes.start_time"], page_token=token
        )
        yield from page
        token = page.token or None


def _log_parameters(client: "MlflowClient", run: "Run", values: Mapping[str, str]) -> None:
    from mlflow.entities import Param  # noqa: PLC0415 - only with the extra

    client.log_batch(run.info.run_id, params=[Param(*item) for item in values.items()])


def _log_figures(
    client: "MlflowClient", run: "Run", figures: Sequence[tuple[str, float, int]]
) -> None:
    """Log figures as MLflow's metrics, each a name, a value and a step (the epoch; 0 for none)."""
    from mlflow.entities import Metric  # noqa: PLC0415 - only with the extra

    now = _now()
    metrics = [Metric(name, value, now, step) for name, value, step in figures]
    for start in range(0, len(metrics), _METRICS_AT_ONCE):
        client.log_batch(run.info.run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])


def _without_epoch(figures: Mapping[str, Any]) -> list[tuple[str, float, int]]:
    """Return the figures that are finite numbers, as metrics at step 0."""
    return [(name, float(value), 0) for name, value in figures.items() if is_finite(value)]


def _set_tags(client: "MlflowClient", run: "Run", tags: Mapping[str, str]) -> None:
    """Set the tags of a run that differ; each is a request."""
    for name, value in tags.items():
        if run.data.tags.get(name) != value:
            client.set_tag(run.info.run_id, name, value)


def _log_file(client: "MlflowClient", run: "Run", file: Path, folder: str = "") -> None:
    """Store a file as an artifact of a run.

    On the same disk the artifact is a hard link, which takes no space. It keeps its content:
    RegBench replaces a file as a whole and never writes into one.
    """
    address = urlparse(run.info.artifact_uri)
    if address.scheme in ("", "file"):
        place = Path(url2pathname(address.path)) / folder / file.name
        with suppress(OSError):  # another disk, or one without hard links
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            os.link(file, place)
            return
    client.log_artifact(run.info.run_id, str(file), folder or None)


def _verdicts(comparison: pd.DataFrame) -> dict[str, str]:
    """Return the verdicts by technique; empty without any."""
    if "verdict" not in comparison:
        return {}
    with_verdict = comparison.dropna(subset="verdict")
    return dict(zip(with_verdict["technique"], with_verdict["verdict"].astype(str), strict=True))


def _now() -> int:
    """Return the time in milliseconds since 1970, MLflow's unit."""
    return time.time_ns() // 1_000_000
