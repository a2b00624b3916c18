"""The refit pipeline: the network to ship.

<technique>_results of all techniques, split_index -> refit.plan -> refit_plan
images, refit_plan, what else is prepared -> refit.seed_<n>.train -> refit.seed_<n>.network
all of these -> refit.combine -> refit_network, refit, refit_markdown
"""

from collections.abc import Iterable, Sequence

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.refit import nodes
from regbench.study.technique import Technique

_MADE = ("network", "history", "fingerprint")


def create_pipeline(
    arms: Sequence[str], techniques: Iterable[Technique], seeds: Sequence[int]
) -> Pipeline:
    """Return the pipeline that trains the best technique on more images.

    Args:
        arms: All of the study.
        techniques: Those of which one may be trained again: which, the results decide.
        seeds: A network each.
    """
    prepared = {name for technique in techniques for name in technique.prepared()}
    plan = Node(
        nodes.plan_refit,
        ["parameters", "data_fingerprint", "split_index", *(f"{arm}_results" for arm in arms)],
        "refit_plan",
        name="plan",
        namespace="refit",
    )
    trainings = [
        Node(
            nodes.train_network,
            {
                **{name: name for name in ("images", "split_index", "classes", "normalization")},
                **{name: name for name in sorted(prepared)},
                "planned": "refit_plan",
                "parameters": "parameters",
                "seed": f"params:refit_seeds.seed_{seed}",
                "checkpoints": "checkpoints",
            },
            [f"refit.seed_{seed}.{made}" for made in _MADE],
            name="train",
            tags=["tensorflow"],
            namespace=f"refit.seed_{seed}",
        )
        for seed in seeds
    ]
    combine = Node(
        nodes.combine_networks,
        [
            *("refit_plan", "images", "split_index"),
            *(f"refit.seed_{seed}.network" for seed in seeds),
        ],
        ["refit_network", "refit", "refit_markdown"],
        name="combine",
        tags=["tensorflow"],
        namespace="refit",
    )
    return Pipeline([plan, *trainings, combine])
