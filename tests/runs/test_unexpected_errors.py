"""An error that nobody has foreseen, at every node and in every hook: one line, and an end."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from kedro.framework.startup import bootstrap_project
from kedro.pipeline.node import Node

from regbench import cli
from regbench.comparison import compare
from regbench.errors import StudyError, explanation, raise_explained, root_cause, with_causes
from regbench.runs import hooks

PROJECT = Path(__file__).parents[2]
ERRORS = [
    RuntimeError("nobody has\nforeseen it"),
    MemoryError(),
    RecursionError("too deep"),
    OSError(523, "an unusual number"),
]
SMALL = (
    "protocol.epochs=1,protocol.seeds=1,protocol.batch_size=32,networks.mlp.hidden_units=[8],"
    "ingest.size=14,evaluation.robustness_images=10"
)


@pytest.fixture
def kedro_run(small_set: Path, tmp_path: Path) -> Callable[..., Result]:
    """Run the command in this process, with results in ``tmp_path/data``."""
    bootstrap_project(PROJECT)

    def run(*options: str) -> Result:
        params = f"--params=images={small_set},data_root={tmp_path}/data,{SMALL}"
        return CliRunner().invoke(cli.run, ["--runner=SequentialRunner", params, *options])

    return run


@contextlib.contextmanager
def raised_at_the_next_node(tried: list[str], error: BaseException) -> Iterator[None]:
    """Have the first node that is not among those tried raise an error instead of running."""
    run = Node.run

    def planted(self: Node, *arguments: Any, **named: Any) -> Any:
        if self.name in tried:
            return run(self, *arguments, **named)
        tried.append(self.name)
        raise error

    Node.run = planted
    try:
        yield
    finally:
        Node.run = run


def assert_told(done: Result, error: BaseException, data_root: Path) -> None:
    assert done.exit_code == 1, done.output
    line = done.output.splitlines()[-1]
    words = " ".join(str(error).split()) or "no message"
    assert line.startswith(f"Error: {type(error).__name__}: {words} (unexpected; --verbose"), line
    assert sum("Error: " in each for each in done.output.splitlines()) == 1, done.output
    assert "Traceback" not in done.output
    assert not list(data_root.glob(".runs/*.*"))


def test_at_every_node_of_a_study(kedro_run: Callable[..., Result], tmp_path: Path) -> None:
    options = ("--pipelines=baseline,reporting", "--only-missing-outputs")
    tried: list[str] = []
    kept: dict[Path, int] = {}
    while True:
        error, before = ERRORS[len(tried) % len(ERRORS)], len(tried)
        with raised_at_the_next_node(tried, error):
            done = kedro_run(*options)
        for path, made in kept.items():
            assert path.stat().st_mtime_ns == made, f"{path} was made again"
        # Kedro's own runner may train before the prepared files are recorded, and sees them then
        # as not vouched for; the runner of the project records them first.
        if (tmp_path / "data/04_feature/prepared_files.json").exists():
            networks = (tmp_path / "data/06_models").rglob("*.keras")
            kept = {path: path.stat().st_mtime_ns for path in networks}
        if len(tried) == before:  # every node has been tried
            break
        assert_told(done, error, tmp_path / "data")
    assert done.exit_code == 0, done.output
    assert "baseline (reference)" in done.output
    assert {"data.ingest", "baseline.seed_1.train", "baseline.seed_1.evaluate"} <= {*tried}
    assert len(tried) > 15, tried
    assert len(kept) == 1


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    ("owner", "function"),
    [
        (hooks, "notification_addresses"),  # after_context_created
        (hooks, "check_selection"),  # before_pipeline_run
        (hooks, "_check_inputs"),
        (hooks, "complete_prepared_record"),  # after_pipeline_run
        (compare, "failures"),
    ],
)
def test_in_every_hook(
    owner: Any,
    function: str,
    error: Exception,
    kedro_run: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(owner, function, fail)
    selection = "--nodes=data.build_augmentation"
    assert_told(kedro_run("--pipelines=data", selection), error, tmp_path / "data")


def test_in_the_hook_for_errors(
    kedro_run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ERRORS[0]

    monkeypatch.setattr(hooks, "notify_of_error", fail)
    with raised_at_the_next_node([], ValueError("first")):
        done = kedro_run("--pipelines=data", "--nodes=data.build_augmentation")
    assert_told(done, ERRORS[0], tmp_path / "data")


@given(st.lists(st.integers(0, 7), max_size=8), st.lists(st.integers(0, 7), max_size=8))
def test_walking_causes_ends_for_any_chain(causes: list[int], contexts: list[int]) -> None:
    errors = [ValueError(number) for number in range(8)]
    for error, cause in zip(errors, causes, strict=False):
        error.__cause__ = errors[cause]  # perhaps itself, perhaps round and round
    for error, context in zip(errors, contexts, strict=False):
        error.__context__ = errors[context]
    for also_contexts in (False, True):
        chain = list(with_causes(errors[0], contexts=also_contexts))
        assert chain[0] is errors[0]
        assert len({*map(id, chain)}) == len(chain) <= 8
        assert root_cause(errors[0], contexts=also_contexts) is chain[-1]
    assert explanation(errors[0]) is None
    with pytest.raises(ValueError, match="0") as raised:
        raise_explained(errors[0])
    assert raised.value is errors[0]


def test_no_error_is_raised_as_its_own_cause() -> None:
    for error in (ValueError("plain"), StudyError("explained")):
        with pytest.raises(type(error)) as raised:
            raise_explained(error)
        assert raised.value.__cause__ is None
    with pytest.raises(StudyError) as explained:
        raise_explained(OSError(28, "No space left on device"))
    assert isinstance(explained.value.__cause__, OSError)
