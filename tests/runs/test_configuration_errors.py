"""Wrong settings stop a command before anything runs: a line each, exit code 2, no stack trace."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from regbench.errors import SettingsError
from regbench.runs.config_loader import StudyConfigLoader
from regbench.settings import CONFIG_LOADER_ARGS
from regbench.study.schema import RESERVED_NAMES

PROJECT = Path(__file__).parents[2]
MakeConf = Callable[..., Path]


class Case(NamedTuple):
    """What somebody writes into a file of conf/local; the key named and what is said of it."""

    text: str
    key: str
    said: str
    file: str = "parameters_mine.yml"


def technique(name: str) -> str:
    return f"techniques:\n  {name}: {{dropout: 0.1}}\n"


OF_NAMES = "a name is at most 60 small letters, digits and underscores, a letter first"

CASES = {
    "unknown key": Case("protocl: {}", "protocl", "unknown key; allowed: images, "),
    "unknown key within": Case("protocol: {epoch: 2}", "protocol.epoch", "did you mean 'epochs'?"),
    "unknown key of globals": Case(
        "data_rot: x", "data_rot", "did you mean 'data_root'?", "globals.yml"
    ),
    "unknown regularizer": Case(
        "techniques: {l2: {l3: 0.1}}",
        "techniques.l2.l3",
        "allowed: activity_penalty, augmentation, augmix, bagging, ",
    ),
    "text for a number": Case("protocol: {epochs: many}", "protocol.epochs", "a whole number"),
    "half an epoch": Case("protocol: {epochs: 1.5}", "protocol.epochs", "a whole number"),
    "a list for a mapping": Case("zca: [1]", "zca", "must be a mapping"),
    "truth for a number": Case("techniques: {l2: {l2: true}}", "techniques.l2.l2", "a number"),
    "no epochs": Case(
        "protocol: {epochs: 0}", "protocol.epochs", "at least 1 and at most 1000000, not 0"
    ),
    "negative seeds": Case("protocol: {seeds: [-1]}", "protocol.seeds.0", "at least 0"),
    "negative rate": Case(
        "techniques: {dropout: {dropout: -0.1}}", "techniques.dropout.dropout", "greater than 0"
    ),
    "everything dropped out": Case(
        "techniques: {dropout: {dropout: 1.0}}",
        "techniques.dropout.dropout",
        "must be greater than 0 and less than 1, not 1.0",
    ),
    "negative penalty": Case("techniques: {l1: {l1: -1}}", "techniques.l1.l1", "greater than 0"),
    "negative learning rate": Case(
        "protocol: {optimizer: {learning_rate: -0.001}}",
        "protocol.optimizer.learning_rate",
        "greater than 0",
    ),
    "shares that do not sum": Case(
        "protocol: {split: {train: 0.9}}", "protocol.split", "must sum to 1, not 1.2"
    ),
    "metric": Case(
        "reporting: {metric: balanced}",
        "reporting.metric",
        "must be 'accuracy', 'balanced_accuracy', 'cross_entropy', 'log_likelihood_per_class' or "
        "'macro_f1', not 'balanced'; did you mean 'balanced_accuracy'?",
    ),
    "a check that the doctor has not": Case(
        "reporting: {mute: [RB101, RB103x]}",
        "reporting.mute",
        "no such check; did you mean 'RB103'?; allowed: RB101, RB102, ",
    ),
    "class weights": Case(
        "techniques: {dropout: {class_weights: even}}",
        "techniques.dropout.class_weights",
        "must be 'balanced', not 'even'",
    ),
    "unknown monitor": Case(
        "techniques: {early_stopping: {early_stopping: {monitor: val_loss, patience: 2}}}",
        "techniques.early_stopping.early_stopping.monitor",
        "must be 'metric', 'validation_accuracy', 'validation_balanced_accuracy', ",
    ),
    "a name twice in a file": Case(
        technique("mine") + "  mine: {l2: 0.1}\n", "mine", "line 3: found duplicate key mine"
    ),
    "a key twice": Case("zca:\n  epsilon: 1\n  epsilon: 2\n", "epsilon", "line 3: found duplicate"),
    "a value longer than a line": Case(f"zca: {{epsilon: {'x' * 999}}}", "zca.epsilon", "x ... x"),
    "an alias of itself": Case("a: &a [*a]", "parameters_mine.yml", "recursion"),
}


def message(conf: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        StudyConfigLoader(str(conf), **CONFIG_LOADER_ARGS).study()
    assert caught.value.exit_code == 2
    return caught.value.message


@pytest.mark.parametrize("name", CASES)
def test_one_line_names_file_key_and_what_is_allowed(own_conf: MakeConf, name: str) -> None:
    text, key, said, file = CASES[name]
    conf = own_conf()
    path = conf / "local" / file
    path.write_text(text)
    line = message(conf)
    assert line.startswith(f"{path}: ")
    assert key in line
    assert said in line
    assert "\n" not in line
    assert len(line) < len(str(path)) + 800


# Each as a technique; what the line names it as, if not as it is.
NAMES = {
    **{
        name: (name, OF_NAMES)
        for name in ("L2", "../x", "/x", "a\\b", "a b", "a.", "a:b", "dropоut")
    },
    "a\nb": ("'a\\nb'", OF_NAMES),
    "": ("", OF_NAMES),
    "x" * 61: ("x" * 61, OF_NAMES),
    "y" * 999: (f"{'y' * 30} ... {'y' * 29}'", OF_NAMES),
    **{name: (name, "the name is reserved, like all of: ") for name in RESERVED_NAMES},
}


def test_names_that_cannot_be_a_folder_a_pipeline_and_a_row(own_conf: MakeConf) -> None:
    conf = own_conf(parameters_mine={"techniques": {name: {"dropout": 0.1} for name in NAMES}})
    lines = message(conf).splitlines()
    assert len(lines) == len(NAMES)
    file = conf / "local/parameters_mine.yml"
    for shown, said in NAMES.values():
        found = [line for line in lines if f"{file}: techniques.{shown}: {said}" in line]
        assert len(found) == 1 or len(shown) > 60, shown
    assert sum(" ... " in line for line in lines) == 1
    assert max(map(len, lines)) < len(str(file)) + 300


def test_the_same_technique_in_two_files_of_an_environment(own_conf: MakeConf) -> None:
    conf = own_conf(
        parameters_a={"techniques": {"mine": {"l2": 0.1}}},
        parameters_b={"techniques": {"mine": {"l2": 0.2}}},
    )
    line = message(conf)
    assert "techniques.mine" in line
    assert str(conf / "local/parameters_a.yml") in line
    assert str(conf / "local/parameters_b.yml") in line
    assert "\n" not in line


def test_a_few_aliases_are_fine(own_conf: MakeConf) -> None:
    conf = own_conf()
    text = "techniques:\n  one: &one {l2: 0.5}\n  two: *one\n  three: {<<: *one, dropout: 0.5}\n"
    (conf / "local/parameters_mine.yml").write_text(text)
    study = StudyConfigLoader(str(conf), **CONFIG_LOADER_ARGS).study()
    assert study.as_parameters()["techniques"]["three"]["l2"] == 0.5


def kedro(*arguments: str, **environment: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "command", "said"),
    [
        (technique("../x"), ["run"], "techniques.../x: " + OF_NAMES),
        ("zca: [1", ["run", "--pipelines=data"], "parameters_mine.yml: line 1: "),
    ],
)
def test_a_command_stops_before_anything_runs(
    own_conf: MakeConf, tmp_path: Path, text: str, command: list[str], said: str
) -> None:
    conf = own_conf()
    (conf / "local/parameters_mine.yml").write_text(text)
    root = tmp_path / "data"
    done = kedro(*command, f"--conf-source={conf}", f"--params=data_root={root}")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert not root.exists()


def test_a_stack_trace_only_if_asked_for(tmp_path: Path) -> None:
    login = "https://me:geheim@example.com/mnist.npz?signature=geheim"
    params = f"protocol.epochs=0,data_root={tmp_path}/data,mnist_source={login}"
    done = kedro("run", "--verbose", f"--params={params}")
    assert done.returncode == 2
    *trace, last = done.stderr.strip().splitlines()
    assert "Traceback" in "\n".join(trace)
    assert last.startswith("Error: --params: protocol.epochs: must be at least 1")
    assert "geheim" not in done.stderr
