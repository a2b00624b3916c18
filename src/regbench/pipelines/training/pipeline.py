"""The template of a technique's pipeline.

images, split_index, classes, normalization (, zca, augmentation where the technique uses them)
    -> <technique>.seed_<n>.train    -> network, history, best_epoch_weights, fingerprint
    -> <technique>.seed_<n>.evaluate -> predictions, metrics
what all seeds made -> <technique>.collect -> <technique>_results
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.training import nodes
from regbench.study import Technique

_SHARED = ("images", "split_index", "classes", "normalization")


def create_pipeline(name: str, technique: Technique, seeds: list[int]) -> Pipeline:
    """Train one technique with every seed and collect its results."""
    runs = {
        f"{made}_of_seed_{seed}": f"{name}.seed_{seed}.{made}"
        for made in ("metrics", "history", "predictions")
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
    judged_on = {name: name for name in ("corrupted_images", "corrupted_rows")}
    run = {"run": f"params:runs.{name}", "seed": f"params:seeds.seed_{seed}"}
    of_training = {"run_fingerprint": f"params:fingerprints.{name}.training"}
    of_evaluation = {"evaluation_fingerprint": f"params:fingerprints.{name}.evaluation"}
    return Pipeline(
        [
            Node(
                nodes.train_network,
                prepared
                | run
                | of_training
                | {"protocol": "params:protocol", "data_fingerprint": "data_fingerprint"},
                ["network", "history", "best_epoch_weights", "fingerprint"],
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
                    "best_epoch_weights": "best_epoch_weights",
                    "made_from": "fingerprint",
                    **judged_on,
                    **run,
                    **of_evaluation,
                },
                ["predictions", "metrics"],
                name="evaluate",
                tags=["tensorflow"],
            ),
        ],
        inputs={*prepared, *judged_on, "data_fingerprint"},
        parameters={
            "params:protocol",
            *run.values(),
            *of_training.values(),
            *of_evaluation.values(),
        },
        namespace=f"{name}.seed_{seed}",
    )
