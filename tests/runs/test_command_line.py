"""Wrong names and values on the command line: one line that says what is allowed."""

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from regbench import cli
from regbench.errors import SettingsError
from regbench.runs.command_line import check_runner, check_selection
from regbench.runs.config_loader import StudyConfigLoader

PROJECT = Path(__file__).parents[2]
STUDY_RUNNER = "regbench.runs.runner.StudyRunner"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipelines of the project's own configuration, whatever another test has read."""
    bootstrap_project(PROJECT)
    monkeypatch.setattr(StudyConfigLoader, "latest", None)
    pipelines.configure("regbench.pipeline_registry")


@pytest.mark.parametrize(
    ("path", "given"),
    [
        (STUDY_RUNNER, {}),
        (STUDY_RUNNER, {"max_workers": 2}),
        (STUDY_RUNNER, {"max_workers": None}),
        ("SequentialRunner", {"is_async": False}),
        ("kedro.runner.ThreadRunner", {"max_workers": 1}),
    ],
)
def test_runners_that_there_are(path: str, given: dict[str, Any]) -> None:
    check_runner(path, given)


@pytest.mark.parametrize(
    ("path", "given", "said"),
    [
        ("SequentalRunner", {}, "--runner: 'SequentalRunner': .* did you mean 'SequentialRunner'"),
        (
            "no.such.Runner",
            {},
            "--runner: .*No module named 'no'; allowed: regbench.runs.runner.Study",
        ),
        ("pathlib.Path", {}, "--runner: 'pathlib.Path': no runner; allowed: "),
        (".", {}, "--runner: '.': Empty module name; allowed: "),
        (STUDY_RUNNER, {"workers": 2}, "workers: unknown key; did you mean 'max_workers'"),
        ("SequentialRunner", {"max_workers": 2}, "unknown key; SequentialRunner takes is_async"),
        *(
            (STUDY_RUNNER, {"max_workers": wrong}, "--runner-params: max_workers: must be a whole")
            for wrong in (0, -1, 1.5, True, "two")
        ),
    ],
)
def test_wrong_runners(path: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        check_runner(path, given)
    assert "\n" not in raised.value.message


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"pipeline_names": ["dropout", "reporting"], "tags": ("tensorflow",)},
        {"namespaces": ["dropout", "l2.seed_1"], "from_nodes": ["l2.seed_1.train"]},
        {"from_inputs": ["images"], "to_outputs": ["comparison"], "load_versions": {}},
    ],
)
def test_names_that_there_are(chosen: dict[str, Any]) -> None:
    check_selection(chosen)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            {"pipeline_names": ["l2", "droput"]},
            "--pipelines: 'droput': no such pipeline; did you mean 'dropout'.*; allowed: .*, zca",
        ),
        ({"tags": ["tensorflw"]}, "--tags: 'tensorflw': .* mean 'tensorflow'.*; allowed: tensorfl"),
        ({"pipeline_names": ["reporting"], "tags": ["tensorflow"]}, "no such tag; allowed: none"),
        ({"namespaces": ["l2", "dropuot"]}, "--namespaces: 'dropuot': .* mean 'dropout'"),
        ({"node_names": ["l2.seed_1.trian"]}, "--nodes: .* did you mean 'l2.seed_1.train'"),
        ({"from_nodes": ["unknown"]}, "--from-nodes: 'unknown': no such node; `uv run kedro reg"),
        ({"to_nodes": ["unknown"]}, "--to-nodes: 'unknown': no such node; `uv run kedro reg"),
        ({"from_inputs": ["image"]}, "--from-inputs: 'image': no such dataset; did you mean 'imag"),
        (
            {"to_outputs": ["unknown"]},
            "--to-outputs: 'unknown': no such dataset; `uv run kedro cat",
        ),
        ({"load_versions": {"foo": "1"}}, "--load-versions: 'foo': no such dataset; "),
        ({"namespaces": ["reporting"], "tags": ["tensorflow"]}, "together leave no node to run"),
    ],
)
def test_wrong_names(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        check_selection(chosen)
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--params=foo"], "--params: .*Item `foo` must contain a key and a value"),
        (["--params==3"], "--params: .*key cannot be an empty string"),
        (["--params=a=[1"], "--params: while parsing a flow sequence"),
        (["--params=a=${"], "--params: no viable alternative at input"),
        (["--runner-params=max_workers"], "--runner-params: .*must contain a key and a value"),
        (["--load-versions=foo"], "--load-versions: Expected the form"),
        (["--conf-source=/no/such"], "--conf-source: Path '/no/such' does not exist"),
        (["--pipeline=l1", "--pipelines=l2"], "Options '--pipeline' and '--pipelines' cannot be"),
        (["--runner=Nonsense"], "--runner: 'Nonsense': "),
    ],
)
def test_options_that_cannot_be_read(arguments: list[str], said: str) -> None:
    assert_one_line(CliRunner().invoke(cli.run, arguments), said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("run: [1", "--config: while parsing a flow sequence"),
        ("run: [1]", "--config: not of the form that Kedro reads: AttributeError"),
        ("walk: {}", "--config: not of the form that Kedro reads: KeyError: 'run'"),
        ("run: {pipelinesx: l2}", "--config: Key `pipelinesx` in provided configuration is not"),
    ],
)
def test_a_file_of_options_that_cannot_be_read(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "run.yml").write_text(content)
    assert_one_line(CliRunner().invoke(cli.run, [f"--config={tmp_path}/run.yml"]), said)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("verbose", [False, True])
def test_a_stack_trace_is_shown_if_asked_for(
    verbose: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ValueError("no such pipeline")

    monkeypatch.setattr(cli, "_kedro_run", refuse)
    done = CliRunner().invoke(cli.run, ["--pipelines=droput", *["--verbose"] * verbose])
    assert done.exit_code == 2
    assert ("Traceback" in done.output) is verbose
    assert done.output.endswith(", zca_dropout\n")


@pytest.mark.usefixtures("registry")
def test_an_unforeseen_error_is_one_line_and_its_trace_is_shown_on_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> None:
        raise ValueError("a node's own")

    monkeypatch.setattr(cli, "_kedro_run", fail)
    done = CliRunner().invoke(cli.run, ["--pipeline=dropout"])
    assert done.exit_code == 1
    (line,) = done.output.splitlines()
    assert line.startswith("Error: ValueError: a node's own (unexpected; --verbose shows where")
    assert "--only-missing-outputs goes on from there" in line
    shown = CliRunner().invoke(cli.run, ["--pipeline=dropout", "--verbose"])
    assert "Traceback" in shown.output
    assert "in fail" in shown.output
    assert done.exit_code == 1


def assert_one_line(done: Any, said: str) -> None:
    assert done.exit_code == 2, done.output
    (line,) = done.output.splitlines()
    assert line.startswith("Error: ")
    assert re.search(said, line), line
