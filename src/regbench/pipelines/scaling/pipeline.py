"""The pipelines of the learning curve and of network sizes.

split_index (, <technique>_results of all techniques) -> learning_curve_data.plan -> plan
images, plan -> learning_curve.<technique>.size_<n>.draw_<d>.train -> outcome
all outcomes -> learning_curve_report.conclude -> learning_curve, its table, picture and page

The same with networks: network_size.<network>.<technique>.draw_<d>.train; and between training and
report network_size_report.measure -> network_costs, once all is trained.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.scaling import nodes

_CURVE, _SIZE = "learning_curve", "network_size"


def create_learning_curve(cells: Iterable[str], techniques: Sequence[str]) -> Pipeline:
    """Return the pipeline that trains techniques on ever more images.

    Args:
        cells: Names of the trainings.
        techniques: Names of the arms whose results say which technique is best; empty if no
            setting asks for it.
    """
    plan, *trainings = _trainings(_CURVE, cells, techniques, nodes.plan_learning_curve)
    conclude = Node(
        nodes.conclude_learning_curve,
        [f"{_CURVE}_plan", "parameters", *_outcomes(trainings)],
        [_CURVE, f"{_CURVE}_table", f"{_CURVE}_plot", f"{_CURVE}_page"],
        name="conclude",
        namespace=f"{_CURVE}_report",
    )
    return Pipeline([plan, *trainings, conclude])


def create_network_size(cells: Iterable[str], techniques: Sequence[str]) -> Pipeline:
    """Return the pipeline that trains networks of several sizes.

    Args:
        cells: Names of the trainings.
        techniques: As of ``create_learning_curve``.
    """
    plan, *trainings = _trainings(_SIZE, cells, techniques, nodes.plan_network_size)
    outcomes = _outcomes(trainings)
    measure = Node(
        nodes.measure_networks,
        ["images", "classes", f"{_SIZE}_plan", "parameters", *outcomes],
        "network_costs",
        name="measure",
        tags=["tensorflow"],
        namespace=f"{_SIZE}_report",
    )
    conclude = Node(
        nodes.conclude_network_size,
        [f"{_SIZE}_plan", "parameters", "network_costs", *outcomes],
        [_SIZE, f"{_SIZE}_table", f"{_SIZE}_plot", f"{_SIZE}_page"],
        name="conclude",
        namespace=f"{_SIZE}_report",
    )
    return Pipeline([plan, *trainings, measure, conclude])


def _trainings(
    pipeline: str, cells: Iterable[str], techniques: Sequence[str], plan: Callable[..., Any]
) -> list[Node]:
    """Return the node of the plan, and one for every training."""
    planned = Node(
        plan,
        [
            *("split_index", "parameters", "data_fingerprint"),
            *(f"{name}_results" for name in techniques),
        ],
        f"{pipeline}_plan",
        name="plan",
        namespace=f"{pipeline}_data",
    )
    shared = ("images", "split_index", "classes", "parameters", "data_fingerprint")
    return [
        planned,
        *(
            Node(
                nodes.train,
                {
                    **{name: name for name in shared},
                    "plan": f"{pipeline}_plan",
                    "cell": f"params:cells.{pipeline}.{name}",
                },
                f"{pipeline}.{name}.outcome",
                name="train",
                tags=["tensorflow"],
                namespace=f"{pipeline}.{name}",
            )
            for name in cells
        ),
    ]


def _outcomes(trainings: Iterable[Node]) -> list[str]:
    return [node.outputs[0] for node in trainings]
