"""Fallbacks: functions called in place of a node's function that failed."""

from regbench.pipelines.training import nodes
from regbench.training.on_failure import on_failure, on_failure_of


def test_is_what_is_declared_for_the_function() -> None:
    def measure() -> int:
        return 1

    @on_failure_of(measure)
    def failed(reason: str) -> int:
        return len(reason)

    assert on_failure(measure) is failed
    assert on_failure(failed) is None


def test_trainings_and_evaluations_have_one_and_collecting_has_none() -> None:
    assert on_failure(nodes.train_network) is nodes.training_failed
    assert on_failure(nodes.evaluate_network) is nodes.evaluation_failed
    assert on_failure(nodes.collect_results) is None
