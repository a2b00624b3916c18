"""The recommendation's pipeline: techniques are combined step by step, within a time limit.

split_index, run_clock -> recommend.begin -> recommend_plan: until when trainings are made
this, <technique>_results of all techniques, images and what else is prepared
    -> recommend.worker_<n>.search -> recommend.worker_<n>.trainings; the trainings themselves are
       files below 05_recommend
all of these -> recommend.conclude -> recommendation, recommendation_entry
"""

from collections.abc import Callable, Mapping
from typing import Any

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.recommend import nodes
from regbench.study.technique import Technique

_MADE = ("images", "split_index", "classes", "normalization", "corrupted_images", "corrupted_rows")


def create_pipeline(
    techniques: Mapping[str, Technique], workers: int, train: Callable[..., Any]
) -> Pipeline:
    """Return the pipeline that makes the recommendation from what is trained, and what it lacks.

    Args:
        techniques: By name, the baseline included.
        workers: How many trainings are made side by side.
        train: The node's function of a worker.
    """
    results = [f"{name}_results" for name in techniques]
    prepared = {name for technique in techniques.values() for name in technique.prepared()}
    begin = Node(
        nodes.begin,
        ["parameters", "split_index", "run_clock"],
        "recommend_plan",
        name="begin",
        namespace="recommend",
    )
    searches = [
        Node(
            train,
            {
                **{name: name for name in (*_MADE, *sorted(prepared))},
                **{f"results_{number}": name for number, name in enumerate(results)},
                "data_fingerprint": "data_fingerprint",
                "parameters": "parameters",
                "plan": "recommend_plan",
                "folder": "recommend_folder",
                "worker": f"params:recommend_workers.worker_{number}",
            },
            f"recommend.worker_{number}.trainings",
            name="search",
            tags=["tensorflow"],
            namespace=f"recommend.worker_{number}",
        )
        for number in range(1, workers + 1)
    ]
    conclude = Node(
        nodes.conclude,
        [
            *("parameters", "data_fingerprint", "recommend_plan", "recommend_folder"),
            *(f"recommend.worker_{number}.trainings" for number in range(1, workers + 1)),
            *results,
        ],
        ["recommendation", "recommendation_entry"],
        name="conclude",
        namespace="recommend",
    )
    return Pipeline([begin, *searches, conclude])
