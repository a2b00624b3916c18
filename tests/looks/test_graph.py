"""The graph of a study with looks, as Kedro, Airflow and kedro-viz group it."""

import json
import warnings
from pathlib import Path
from typing import Any

import jinja2
import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline

PROJECT = Path(__file__).parents[2]
TECHNIQUES = ("baseline", "dropout", "l2")
LEFT_OUT = dict.fromkeys(
    (
        *("l1", "augmentation", "zca", "zca_dropout", "early_stopping"),
        *("batch_normalization", "dropout_augmentation"),
    )
)


def study(**protocol: Any) -> dict[str, Pipeline]:
    """All pipelines of a study of three techniques; no warning of Kedro's is passed over."""
    bootstrap_project(PROJECT)
    params = {"techniques": LEFT_OUT, "protocol": protocol}
    with KedroSession.create(project_path=PROJECT, runtime_params=params) as session:
        session.load_context()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return dict(pipelines)


def boxes(pipeline: Pipeline) -> dict[str, list[str]]:
    """Top-level namespaces, and those that each takes something from."""
    groups = pipeline.group_nodes_by("namespace")
    return {group.name: sorted(group.dependencies) for group in groups}


@pytest.fixture
def with_looks() -> Pipeline:
    return study(seeds={"looks": [3, 4, 6]})["__default__"]


def test_it_goes_from_look_to_look_and_never_back(with_looks: Pipeline) -> None:
    found = boxes(with_looks)
    assert found["dropout"] == ["data"]
    assert found["look_3"] == ["baseline", "data", "dropout", "l2"]
    assert found["after_3"] == ["baseline", "data", "dropout", "l2", "look_3"]
    assert found["look_4"] == ["after_3", "data"]
    assert found["after_4"] == ["after_3", "data", "look_4"]
    assert found["reporting"] == ["after_4", "data"]
    assert len(found) == 3 + 6  # data, reporting, techniques, two looks, two stages
    order = list(found)  # Kedro's, in which each comes after those that it takes something from
    assert all(order.index(other) < order.index(name) for name in found for other in found[name])


def test_a_number_of_seeds_is_a_graph_without_looks() -> None:
    made = study(seeds=3)
    assert not any(name.startswith(("look_", "after_")) for name in boxes(made["__default__"]))
    assert {node.name for node in made["l2"].nodes if node.namespace != "data"} == {
        "l2.collect",
        *(f"l2.seed_{seed}.{node}" for seed in (1, 2, 3) for node in ("train", "evaluate")),
    }
    assert "look_code" not in made["l2"].inputs()


def test_a_stage_of_several_networks_has_all_of_them() -> None:
    pipeline = study(seeds={"looks": [3, 4]}, network="mlp cnn")["__default__"]
    names = {node.name for node in pipeline.nodes}
    assert {"l2.cnn.seed_3.train", "after_3.l2.cnn.seed_4.train", "after_3.l2.mlp.collect"} <= names
    assert boxes(pipeline)["look_3"] == ["baseline", "data", "dropout", "l2"]


def dag(pipeline: Pipeline, *, task_per_seed: bool) -> dict[str, list[str]]:
    """The tasks of the file that kedro-airflow writes, and those that each waits for."""
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - Python, not HTML
    template = environment.from_string((PROJECT / "schedule/airflow_dag.py.j2").read_text())
    groups = pipeline.group_nodes_by("namespace")
    written = template.render(
        node_objs=groups,
        task_per_seed=task_per_seed,
        params={},
        pipeline_name="__default__",
        dag_name="regbench",
        env="local",
        **dict.fromkeys(("schedule", "conf_source"), None),
        **dict.fromkeys(("timezone", "owner"), "UTC"),
        **dict.fromkeys(("max_active_runs", "max_active_tasks", "retries", "retry_delay"), 1),
        **{"execution_timeout": 1, "only_missing_outputs": True},
    )
    compile(written, "dag.py", "exec")
    text = written[written.index("BOXES = {") + len("BOXES = ") : written.index("def failed_tasks")]
    found: dict[str, list[str]] = json.loads(text.replace(",\n}", "\n}"))
    return found


def test_each_technique_after_a_look_is_a_task_of_its_own(with_looks: Pipeline) -> None:
    tasks = dag(with_looks, task_per_seed=False)
    assert tasks["look_3"] == ["baseline", "data", "dropout", "l2"]
    assert tasks["after_3.l2"] == ["baseline", "data", "dropout", "l2", "look_3"]
    stage = [f"after_3.{name}" for name in TECHNIQUES]
    assert tasks["look_4"] == [*stage, "data"]
    assert tasks["after_4.dropout"] == [*stage, "data", "look_4"]
    assert tasks["reporting"] == [*(f"after_4.{name}" for name in TECHNIQUES), "data"]
    assert len(tasks) == 2 + 3 * 3 + 2
    namespaces = {name for node in with_looks.nodes for name in node.namespace_prefixes}
    assert set(tasks) <= namespaces  # what `kedro run --namespaces` takes


def test_each_seed_after_a_look_may_be_a_task(with_looks: Pipeline) -> None:
    tasks = dag(with_looks, task_per_seed=True)
    assert tasks["after_4.l2.seed_6"] == [
        *(f"after_3.{name}" for name in TECHNIQUES),
        "data",
        "look_4",
    ]
    assert {"after_4.l2.seed_5", "after_4.l2.seed_6"} < set(tasks["after_4.l2"])
    assert tasks["l2.seed_1"] == ["data"]
