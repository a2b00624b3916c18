"""The study as an Airflow DAG: what is generated, and what a run of it does."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

PROJECT = Path(__file__).parents[2]
NOT_COPIED = shutil.ignore_patterns("local", "__pycache__", "*.zip")
CREATE = "airflow create --group-by namespace --jinja-file schedule/airflow_dag.py.j2"

# Of the techniques in base, which leaves the baseline, dropout and l2.
LEFT_OUT: dict[str, Any] = dict.fromkeys(
    (
        *("l1", "augmentation", "zca", "zca_dropout", "early_stopping"),
        *("batch_normalization", "dropout_augmentation"),
    )
)
STUDY: dict[str, Any] = {
    "globals": {"images": "images", "data_root": "results", "if_in_use": "stop"},
    "parameters_study": {
        "networks": {"mlp": {"hidden_units": [8]}},
        "protocol": {
            "epochs": 1,
            "seeds": [1, 2],
        },
        "ingest": {"size": 8},
    },
    "parameters_techniques": {"techniques": LEFT_OUT},
    "airflow": {
        "default": {
            "schedule": "30 4 * * 1",
            "timezone": "Europe/Berlin",
            "owner": "somebody's",
            "retries": 0,
            "execution_timeout": 90,
        }
    },
}


@dataclass(frozen=True)
class Scheduled:
    """A project folder beside its ``AIRFLOW_HOME``."""

    project: Path
    home: Path

    def call(
        self, program: str, *arguments: str, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """Call ``kedro``, ``airflow`` or a script, with what it writes as one text."""
        module = [] if program.endswith(".py") else ["-m"]
        return subprocess.run(
            [sys.executable, *module, program, *arguments],
            cwd=self.project if program == "kedro" else self.home,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        return kept | {
            "PYTHONPATH": str(self.project / "src"),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.project / "airflow_dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }


@pytest.fixture(scope="session")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> Scheduled:
    """The project with its DAG generated and Airflow's database made."""
    folder = tmp_path_factory.mktemp("scheduled")
    project = folder / "project"
    for part in ("src", "conf", "schedule"):
        shutil.copytree(PROJECT / part, project / part, ignore=NOT_COPIED)
    for file in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / file, project)
    configure(project, STUDY)
    _draw_images(project / "images")
    (folder / "home").mkdir()
    made = Scheduled(project, folder / "home")
    for program, command in (("kedro", CREATE), ("airflow", "db migrate")):
        called = made.call(program, *command.split())
        assert called.returncode == 0, called.stdout
    return made


def configure(project: Path, files: dict[str, Any]) -> None:
    """Write files of ``conf/local``."""
    for name, content in files.items():
        file = project / "conf" / "local" / f"{name}.yml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(content))


def _draw_images(folder: Path) -> None:
    """Forty noisy pictures of 8 x 8 of two classes."""
    random = np.random.default_rng(0)
    for label, brightness in (("dark", 60), ("light", 180)):
        (folder / label).mkdir(parents=True)
        for turn in range(20):
            pixels = random.integers(brightness - 60, brightness + 60, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{turn}.png")


# Prints what Airflow makes of the file.
DESCRIBE = """
import json, runpy, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
(dag,) = bag.dags.values()


class EndedTask:
    dag_id, run_id, task_id = "regbench", "night", "reporting"

    def __init__(self, state):
        self.state = state

    def get_task_states(self, dag_id, run_ids):
        assert (dag_id, run_ids) == ("regbench", ["night"])
        return {"night": {"data": "success", "l2": self.state, "reporting": "running"}}


(file,) = Path(sys.argv[1]).glob("*.py")
functions = runpy.run_path(file)


def end_of_report(state):
    try:
        functions["fail_if_others_failed"]({"ti": EndedTask(state)}, None)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


STATES = ("success", "failed", "upstream_failed")
print("described", json.dumps({
    "end_of_report": {state: end_of_report(state) for state in STATES},
    "told_to_report": {state: functions["and_failed"](EndedTask(state)) for state in STATES},
    "dag_id": dag.dag_id,
    "schedule": getattr(dag.timetable, "expression", None),
    "timezone": str(dag.timezone),
    "catchup": dag.catchup,
    "max_active_runs": dag.max_active_runs,
    "max_active_tasks": dag.max_active_tasks,
    "tasks": {
        task.task_id: {
            "after": sorted(task.upstream_task_ids),
            "trigger_rule": task.trigger_rule.value,
            "retries": task.retries,
            "retry_delay": task.retry_delay.total_seconds(),
            "execution_timeout": task.execution_timeout.total_seconds(),
            "owner": task.owner,
            "cwd": task.cwd,
            "command": task.bash_command,
        }
        for task in dag.tasks
    },
}))
"""


def describe(scheduled: Scheduled, dags: str = "airflow_dags") -> dict[str, Any]:
    script = scheduled.home / "describe.py"
    script.write_text(DESCRIBE)
    said = scheduled.call(str(script), str(scheduled.project / dags))
    assert said.returncode == 0, said.stdout
    described = re.findall(r"^described (.*)$", said.stdout, re.MULTILINE)
    found: dict[str, Any] = json.loads(described[0])
    return found


@pytest.fixture(scope="module")
def dag(scheduled: Scheduled) -> dict[str, Any]:
    return describe(scheduled)


def test_data_then_techniques_side_by_side_then_the_report(dag: dict[str, Any]) -> None:
    assert {name: task["after"] for name, task in dag["tasks"].items()} == {
        "data": [],
        "baseline": ["data"],
        "dropout": ["data"],
        "l2": ["data"],
        "reporting": ["baseline", "data", "dropout", "l2"],
    }
    rules = {task["trigger_rule"] for task in dag["tasks"].values()}
    assert rules == {"all_done_min_one_success"}


def test_what_airflow_yml_says_holds(dag: dict[str, Any], scheduled: Scheduled) -> None:
    assert dag["dag_id"] == "regbench"
    assert (dag["schedule"], dag["timezone"]) == ("30 4 * * 1", "Europe/Berlin")  # of conf/local
    assert (dag["max_active_runs"], dag["max_active_tasks"]) == (1, 1)  # of conf/base
    assert dag["catchup"] is False
    for name, task in dag["tasks"].items():
        assert (task["retries"], task["retry_delay"], task["execution_timeout"]) == (0, 300, 5400)
        assert task["owner"] == "somebody's"
        assert task["cwd"] == str(scheduled.project)
        failed = "{{ and_failed(ti) }}" if name == "reporting" else ""
        assert task["command"] == (
            f"{sys.executable} -m kedro run --namespaces={name} --only-missing-outputs "
            f"--params=if_in_use=wait{failed}"
        )


def test_a_task_that_failed_is_told_to_the_report_and_fails_the_run(dag: dict[str, Any]) -> None:
    said = "AirflowFailException: failed: l2; the report is of the results that there are"
    assert dag["end_of_report"] == {"success": None, "failed": said, "upstream_failed": said}
    told = """',reporting.failed="l2"'"""
    assert dag["told_to_report"] == {"success": "", "failed": told, "upstream_failed": told}


def test_each_seed_may_be_a_task(scheduled: Scheduled) -> None:
    own = {"task_per_seed": True, "schedule": None}
    per_seed = {"default": STUDY["airflow"]["default"] | own}
    configure(scheduled.project, {"airflow": per_seed})
    try:
        made = scheduled.call("kedro", *CREATE.split(), "--target-dir=per_seed")
    finally:
        configure(scheduled.project, STUDY)
    assert made.returncode == 0, made.stdout
    described = describe(scheduled, "per_seed")
    assert described["schedule"] is None  # by hand
    tasks = described["tasks"]
    assert tasks["l2.seed_1"]["after"] == tasks["l2.seed_2"]["after"] == ["data"]
    assert " --namespaces=l2.seed_2 " in tasks["l2.seed_2"]["command"]
    assert tasks["l2"]["after"] == ["data", "l2.seed_1", "l2.seed_2"]
    assert tasks["reporting"]["after"] == ["baseline", "data", "dropout", "l2"]
    assert len(tasks) == 2 + 3 * 3


def test_each_seed_of_each_network_may_be_a_task(scheduled: Scheduled) -> None:
    of_both = {
        "networks": STUDY["parameters_study"]["networks"],
        "protocol": {"epochs": 1, "seeds": [1], "network": ["mlp", "cnn"]},
        "ingest": {"size": 8},
    }
    per_seed = {"default": STUDY["airflow"]["default"] | {"task_per_seed": True}}
    configure(scheduled.project, {"airflow": per_seed, "parameters_study": of_both})
    try:
        made = scheduled.call("kedro", *CREATE.split(), "--target-dir=of_networks")
    finally:
        configure(scheduled.project, STUDY)
    assert made.returncode == 0, made.stdout
    tasks = describe(scheduled, "of_networks")["tasks"]
    assert tasks["l2.cnn.seed_1"]["after"] == ["data"]
    assert " --namespaces=l2.cnn.seed_1 " in tasks["l2.cnn.seed_1"]["command"]
    assert tasks["l2"]["after"] == ["data", "l2.cnn.seed_1", "l2.mlp.seed_1"]
    assert tasks["reporting"]["after"] == ["baseline", "data", "dropout", "l2"]
    assert len(tasks) == 2 + 3 * 3


def test_another_environment_is_another_dag(scheduled: Scheduled, tmp_path: Path) -> None:
    made = scheduled.call("kedro", *CREATE.split(), "--env=article", f"--target-dir={tmp_path}")
    assert made.returncode == 0, made.stdout
    text = (tmp_path / "regbench_article_dag.py").read_text()
    assert '"--env=article"' in text
    assert '"regbench_article",' in text


def test_a_wrong_setting_is_named(scheduled: Scheduled, tmp_path: Path) -> None:
    wrong = {"default": {"schedule": "nightly", "retires": 1}}
    configure(scheduled.project, {"airflow": wrong})
    try:
        made = scheduled.call("kedro", *CREATE.split(), f"--target-dir={tmp_path}")
    finally:
        configure(scheduled.project, STUDY)
    assert made.returncode == 2
    assert "conf/local/airflow.yml: default.schedule: must be a cron expression" in made.stdout
    assert "default.retires: unknown key; allowed: schedule, timezone," in made.stdout
    assert not list(tmp_path.iterdir())


def test_a_failed_technique_is_reported_and_fails_the_run_and_is_all_that_runs_again(
    scheduled: Scheduled,
) -> None:
    results = scheduled.project / "results"
    diverging = {"techniques": LEFT_OUT | {"l2": {"l2": 1e38}}}
    configure(scheduled.project, {"parameters_techniques": diverging})
    first = scheduled.call("airflow", "dags", "test", "regbench")
    assert first.returncode == 1, first.stdout
    assert "2 of the trainings failed: l2 seed 1" in first.stdout
    assert (
        "l2: 2 of 2 trainings failed: the loss stopped being finite" in first.stdout
    )  # the report's
    assert failed_trainings(results) == {"baseline": 0, "dropout": 0, "l2": 2}
    report = (results / "08_reporting/report.html").read_text()
    assert "the loss stopped being finite in epoch 1" in report
    networks = sorted(path.relative_to(results) for path in results.rglob("*.keras"))
    made_at = {path: (results / path).stat().st_mtime_ns for path in networks}
    assert {path.parts[1] for path in networks} >= {"baseline", "dropout"}

    configure(scheduled.project, STUDY)
    second = scheduled.call("airflow", "dags", "test", "regbench")
    assert second.returncode == 0, second.stdout
    assert failed_trainings(results) == {"baseline": 0, "dropout": 0, "l2": 0}
    for path, made in made_at.items():
        if path.parts[1] != "l2":
            assert (results / path).stat().st_mtime_ns == made


def test_a_technique_whose_task_was_killed_is_reported_as_failed(scheduled: Scheduled) -> None:
    results = scheduled.project / "results"
    killed = scheduled.project / "src" / "sitecustomize.py"  # as by the kernel, for want of memory
    killed.write_text(
        "import os, signal, sys\n"
        "if '--namespaces=dropout' in sys.orig_argv:\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    study = STUDY["parameters_study"]
    longer = study | {"protocol": study["protocol"] | {"epochs": 2}}
    configure(scheduled.project, {"parameters_study": longer})
    try:
        first = scheduled.call("airflow", "dags", "test", "regbench")
    finally:
        killed.unlink()
    assert first.returncode == 1, first.stdout
    assert "Error: dropout: failed: its task ended without results" in first.stdout
    table = pd.read_csv(results / "08_reporting/comparison.csv").set_index("technique")
    assert table["status"].to_dict() == {
        "baseline": "trained",
        "l2": "trained",
        "dropout": "failed",
    }
    report = (results / "08_reporting/report.html").read_text()
    assert "dropout: failed: its task ended without results" in report
    second = scheduled.call("airflow", "dags", "test", "regbench")
    assert second.returncode == 0, second.stdout
    table = pd.read_csv(results / "08_reporting/comparison.csv")
    assert set(table["status"]) == {"trained"}
    configure(scheduled.project, STUDY)


def failed_trainings(results: Path) -> dict[str, int]:
    table = pd.read_csv(results / "08_reporting/comparison.csv")
    return dict(zip(table["technique"], table["failed_trainings"], strict=True))
