"""The commands as typed, in processes of their own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

from regbench import cli
from regbench.datasets.results_dataset import ResultsDataset

PROJECT = Path(__file__).parents[1]
SMALL = (
    "protocol.epochs=1,protocol.seeds=2,protocol.batch_size=32,"
    "networks.mlp.hidden_units=[8],ingest.size=14,evaluation.robustness_images=10"
)


def kedro(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=PROJECT,
        env={**os.environ, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


TENSORFLOW = {"tensorflow", "keras"}


def without(heavy: set[str], *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command that fails if it imports some packages, or ends with another exit code."""
    script = (
        "import sys\n"
        "from kedro.framework.cli.cli import main\n"
        f"sys.argv = ['kedro', *{arguments!r}]\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        f"    assert (end.code or 0) == {code}, end.code\n"
        f"heavy = {heavy!r} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False
    )


def test_the_deprecated_spelling_trains_one_technique(small_set: Path, tmp_path: Path) -> None:
    params = f"images={small_set},data_root={tmp_path},{SMALL}"
    done = kedro("run", "--pipeline=dropout", f"--params={params}")
    assert done.returncode == 0, done.stderr
    assert "Results of dropout" in done.stdout
    # Off a terminal progress is plain lines on standard error, and nothing else is in the way.
    assert "training 2 of 2: dropout seed" in done.stderr
    assert "\x1b[" not in done.stderr + done.stdout
    assert "cuda" not in done.stderr.lower()
    assert "Traceback" not in done.stderr
    # Nothing to do costs nothing.
    heavy = TENSORFLOW | {"matplotlib", "scipy", "sklearn"}
    command = ("run", "--pipelines=dropout", "--only-missing-outputs", f"--params={params}")
    again = without(heavy, *command)
    assert again.returncode == 0, again.stderr
    assert re.fullmatch(
        rf"[\d:]+ INFO up to date: images {small_set} \(digest \w+\), 1 techniques x 2 seeds\n",
        again.stderr,
    )
    assert again.stdout == ""


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("protocol.epoch=3", "--params: protocol.epoch: unknown key; allowed: split, network"),
        ("protocol.epochs=0", "--params: protocol.epochs: "),
        ("techniques.dropout.dropout=1.0", "--params: techniques.dropout.dropout: "),
        ("techniques.data.l2=0.1", "--params: techniques.data: the name is reserved"),
        ("nonsense=1", "--params: nonsense: unknown key"),
    ],
)
def test_wrong_settings_stop_with_one_line_before_anything_runs(
    params: str, said: str, tmp_path: Path
) -> None:
    done = kedro("run", f"--params={params},data_root={tmp_path}/data")
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {said}")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--pipelines=droput", "--pipelines: 'droput': no such pipeline; did you mean 'dropout'"),
        ("--namespaces=unknown", "--namespaces: 'unknown': no such namespace; "),
        ("--tags=tensorflow,unknown", "--tags: 'unknown': no such tag; allowed: tensorflow"),
        ("--runner-params=max_workers=0", "--runner-params: max_workers: must be a whole number"),
    ],
)
def test_wrong_names_on_the_command_line_stop_it_likewise(
    option: str, said: str, tmp_path: Path
) -> None:
    done = kedro("run", option, f"--params=data_root={tmp_path}/data")
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {said}")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_bad_input_stops_with_one_line(tmp_path: Path) -> None:
    done = kedro("run", "--pipelines=data", f"--params=images=no/such/set,data_root={tmp_path}")
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if "no/such/set" in line]
    assert len(errors) == 1
    assert "Traceback" not in done.stderr


def test_the_report_and_the_exit_code_tell_of_failed_trainings(
    small_set: Path, tmp_path: Path
) -> None:
    params = f"images={small_set},data_root={tmp_path},{SMALL},techniques.l2.l2=1e38"
    done = kedro("run", "--pipelines=baseline,l2,reporting", f"--params={params}")
    assert done.returncode == 3, done.stderr
    assert "Error: 2 of the trainings failed: l2 seed 1 (the loss" in done.stderr
    assert re.search(r"l2 +failed", done.stdout)
    table = pd.read_csv(tmp_path / "08_reporting/comparison.csv").set_index("technique")
    assert table.loc["baseline", "status"] == "trained"
    assert "baseline (reference)" in done.stdout
    assert "the loss stopped being finite" in (tmp_path / "08_reporting/report.html").read_text()
    again = without(TENSORFLOW, "run", "--pipelines=reporting", f"--params={params}", code=3)
    assert again.returncode == 0, again.stderr
    assert "Error: l2: 2 of 2 trainings failed: the loss" in again.stderr
    assert re.search(r"l2 +failed", again.stdout)


def test_environment_and_configuration_folder(
    own_conf: Callable[..., Path], tmp_path: Path
) -> None:
    conf = own_conf(parameters_techniques={"techniques": {"my_own": {"dropout": 0.1}}})
    described = kedro("registry", "list", KEDRO_ENV="article")
    assert described.returncode == 0, described.stderr
    assert "- dropout\n" in described.stdout
    done = kedro(
        "run",
        "--pipelines=my_own",
        f"--conf-source={conf}",
        "--nodes=data.build_augmentation",
        f"--params=data_root={tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "04_feature/augmentation.json").exists()
    params = f"data_root={tmp_path},protocol.network=resnet"
    left = kedro("run", "--env=all", "--nodes=data.build_augmentation", f"--params={params}")
    assert left.returncode == 0, left.stderr
    assert "left out: batch_normalization (a resnet with batch " in left.stderr
    absent = f"{tmp_path}/mnist.zip"
    by_variable = kedro("run", "--pipelines=data", f"--params=images={absent}", KEDRO_ENV="article")
    assert by_variable.returncode == 1
    assert "fetch_mnist" in by_variable.stderr


def test_the_catalog_is_described(tmp_path: Path) -> None:
    done = kedro("catalog", "describe-datasets", "--pipeline=dropout")
    assert done.returncode == 0, done.stderr
    assert "dropout.seed_1.network" in done.stdout
    assert "NetworkDataset" in done.stdout


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (["registry", "list"], {*TENSORFLOW, "matplotlib", "numpy", "pandas", "PIL", "rich"}),
        (["catalog", "describe-datasets"], TENSORFLOW),
    ],
)
def test_what_is_slow_to_import_stays_out_of_commands_that_only_describe(
    command: list[str], heavy: set[str]
) -> None:
    done = without(heavy, *command)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_outside_of_trainings_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_kedro_run", interrupted)
    done = CliRunner().invoke(cli.run, ["--pipelines=data"])
    assert done.exit_code == 130
    assert "Error: what was finished is kept; the same command" in done.output


def stopped_after(seed: int, root: Path, number: signal.Signals, *command: str) -> tuple[int, str]:
    """Run a command until a seed of l2 is trained, stop it, and return what it said."""
    # A shell has what it starts in the background ignore Ctrl-C, and whatever that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [sys.executable, "-m", "kedro", *command],
        cwd=PROJECT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as study:
        made = root / f"07_model_output/l2/seed_{seed}/metrics.json"
        while not made.exists() and study.poll() is None:
            time.sleep(0.05)
        os.killpg(study.pid, number)  # as a terminal and `timeout` do: to all its processes
        assert study.stderr is not None
        said = study.stderr.read()
    assert "--only-missing-outputs goes on from there" in said
    assert "Traceback" not in said
    assert re.search(r"[1-3] of the [1-3] trainings to be made are finished", said), said
    return study.returncode, said


def test_a_study_that_is_stopped_keeps_what_is_finished(small_set: Path, tmp_path: Path) -> None:
    longer = f"{SMALL},protocol.seeds=3,protocol.epochs=20"
    params = f"--params=images={small_set},data_root={tmp_path},{longer}"
    command = ("run", "--pipelines=l2", "--runner-params=max_workers=1", params)
    code, said = stopped_after(1, tmp_path, signal.SIGINT, *command)
    assert code == 130, said
    first = (tmp_path / "07_model_output/l2/seed_1/metrics.json").stat().st_mtime_ns
    command = (*command, "--only-missing-outputs")
    code, said = stopped_after(2, tmp_path, signal.SIGTERM, *command)
    assert code == 143, said
    assert "Error: terminated (SIGTERM): " in said
    assert list(tmp_path.glob(".runs/*.json")) == []
    # To the end in this process, which has TensorFlow imported.
    bootstrap_project(PROJECT)
    options = ["--pipelines=l2", "--runner=SequentialRunner", "--only-missing-outputs", params]
    done = CliRunner().invoke(cli.run, options)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "07_model_output/l2/seed_1/metrics.json").stat().st_mtime_ns == first
    results = ResultsDataset(filepath=str(tmp_path / "07_model_output/l2/results.zip")).load()
    assert sorted(results.trainings["seed"]) == [1, 2, 3]
