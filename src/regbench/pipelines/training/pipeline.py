"""The template of a technique's pipeline.

images, split_index, classes, normalization (, zca, augmentation where the technique uses them)
    -> <technique>.seed_<n>.train    -> network, history
    -> <technique>.seed_<n>.evaluate -> predictions, metrics
metrics of all seeds -> <technique>.collect -> <technique>_results
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.training import nodes
from regbench.study import Technique

_SHARED = ("images", "split_index", "classes", "normalization")


def create_pipeline(name: str, technique: Technique, seeds: list[int]) -> Pipeline:
    """Train one technique with every seed and collect its results."""
    runs = {
        f"{made}_of_seed_{seed}": f"{name}.seed_{seed}.{made}"
        for made in ("metrics", "predictions")
        for seed in seeds
    }
    collect = Pipeline(
        [Node(nodes.collect_results, list(runs), "results", name="collect")],
        inputs=runs,
        outputs={"results": f"{name}_results"},
        namespace=name,
    )
    return sum((_run(name, technique, seed) for seed in seeds), collect)


def _run(name: str, technique: Technique, seed: int) -> Pipeline:
    """One run: a technique and a seed."""
    prepared = {shared: shared for shared in _SHARED}
    if technique.zca:
        prepared["zca"] = "zca"
    if technique.augments:
        prepared["augmentation"] = "augmentation"
    run = {"run": f"params:runs.{name}", "seed": f"params:seeds.seed_{seed}"}
    return Pipeline(
        [
            Node(
                nodes.train_network,
                prepared | run | {"protocol": "params:protocol"},
                ["network", "history"],
                name="train",
                tags=["tensorflow"],
            ),
            Node(
                nodes.evaluate_network,
                {
                    "trained": "network",
                    "images": "images",
                    "split_index": "split_index",
                    "classes": "classes",
                    "history": "history",
                    **run,
                },
                ["predictions", "metrics"],
                name="evaluate",
                tags=["tensorflow"],
            ),
        ],
        inputs=set(prepared),
        parameters={"params:protocol", *run.values()},
        namespace=f"{name}.seed_{seed}",
    )
