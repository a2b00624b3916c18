"""How far a run is that was stopped, in words."""

from kedro.pipeline import Node, Pipeline

from regbench.training.if_needed import condition_of

_SEARCH = ".search"  # end of the name of a node that trains a technique's trials
_RECOMMENDATION = "recommend."  # the namespace of nodes that train combinations


def trainings_of(pipeline: Pipeline) -> list[Node]:
    """Return the nodes that train: a training each, or the trials of a technique."""
    return [node for node in pipeline.nodes if node.name.endswith((".train", _SEARCH))]


def progress_message(pipeline: Pipeline, done: set[Node]) -> str:
    """Return how many trainings are finished, and the option that goes on from there.

    Of a search, whose trials are kept one by one, how many techniques are searched. A
    recommendation cannot say how many trainings it needs.
    """
    trainings = trainings_of(pipeline)
    finished = sum(node in done for node in trainings)
    if trainings and all(node.name.startswith(_RECOMMENDATION) for node in trainings):
        return "all finished trainings are kept; the same command goes on from there"
    if trainings and all(node.name.endswith(_SEARCH) for node in trainings):
        return (
            f"{finished} of the {len(trainings)} techniques are searched, and all finished trials "
            "are kept; the same command goes on from there"
        )
    most = "at most " if any(condition_of(node.func) for node in trainings) else "the "
    return (
        f"{finished} of {most}{len(trainings)} trainings to be made are finished and kept; the "
        "same command with --only-missing-outputs goes on from there"
    )
