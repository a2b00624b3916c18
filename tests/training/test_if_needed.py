"""Nodes that end at once where a look found their training not to be needed."""

from typing import Any

from regbench.pipelines.training import look_nodes, nodes
from regbench.training.if_needed import condition_of, ends_at_once, ends_at_once_if
from regbench.training.on_failure import on_failure


def test_is_what_is_declared_for_the_function() -> None:
    def is_short(length: int) -> bool:
        return length < 3

    @ends_at_once_if(is_short)
    def wait(length: int, text: str) -> str:
        return text * length

    assert condition_of(wait) is is_short
    datasets = {"length": "params:length", "text": "text"}
    loaded: list[str] = []

    def load(name: str) -> Any:
        loaded.append(name)
        return {"params:length": 2}[name]

    assert ends_at_once(wait, datasets, load)
    assert loaded == ["params:length"]  # nothing that it does not need
    assert condition_of(is_short) is None
    assert not ends_at_once(is_short, {}, load)


def test_it_is_trainings_after_a_look_whose_arm_needs_no_more() -> None:
    node = look_nodes.train_if_needed
    inputs = {"look": "look_5", "training": "params:trainings.l2", "seed": "params:seeds.seed_6"}
    stored: dict[str, Any] = {
        "look_5": {"look": 5, "due": {"l2": 5, "l1": 8}},
        "params:trainings.l2": {"technique": "l2"},
        "params:seeds.seed_6": 6,
    }
    assert ends_at_once(node, inputs, stored.__getitem__)
    stored["params:trainings.l2"] = {"technique": "l1"}
    assert not ends_at_once(node, inputs, stored.__getitem__)


def test_and_evaluations_of_what_was_spared() -> None:
    node, inputs = look_nodes.evaluate_if_needed, {"made_from": "l2.seed_6.fingerprint"}
    assert ends_at_once(node, inputs, lambda _: {"not_needed_after": 5})
    assert not ends_at_once(node, inputs, lambda _: {"weights": "some"})


def test_those_of_the_first_look_never_do_and_all_may_fail() -> None:
    assert condition_of(nodes.train_network) is None
    assert on_failure(look_nodes.train_if_needed) is look_nodes.training_failed
    assert on_failure(look_nodes.evaluate_if_needed) is look_nodes.evaluation_failed
