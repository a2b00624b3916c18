"""The training pipeline of a technique.

images, split_index, classes, normalization (, zca, augmentation where the technique uses them)
    -> <technique>.seed_<n>.train    -> network, history, best_epoch_weights, fingerprint
    -> <technique>.seed_<n>.evaluate -> predictions, metrics
what all seeds made -> <technique>.collect -> <technique>_results
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.training import nodes
from regbench.study.technique import Technique

_SHARED = ("images", "split_index", "classes", "normalization")


def create_pipeline(name: str, technique: Technique, seeds: list[int]) -> Pipeline:
    """Return the pipeline that trains a technique with every seed and collects its results."""
    made = [
        f"{name}.seed_{seed}.{made}"
        for made in ("metrics", "history", "predictions")
        for seed in seeds
    ]
    collect = Node(nodes.collect_results, made, f"{name}_results", name="collect", namespace=name)
    trainings = [node for seed in seeds for node in _training(name, technique, seed)]
    return Pipeline([*trainings, collect])


def _training(name: str, technique: Technique, seed: int) -> list[Node]:
    """Return the two nodes of a training: a technique with a seed.

    The names of datasets contain the namespace already. ``Pipeline`` could add it, but then makes
    every node three times, and every command waits for that.
    """
    namespace = f"{name}.seed_{seed}"
    prepared = {name: name for name in (*_SHARED, *technique.prepared())}
    training = {"training": f"params:trainings.{name}", "seed": f"params:seeds.seed_{seed}"}
    return [
        Node(
            nodes.train_network,
            {
                **prepared,
                **training,
                "training_fingerprint": f"params:fingerprints.{name}.training",
                "protocol": "params:protocol",
                "network": "params:network",
                "data_fingerprint": "data_fingerprint",
                "checkpoint_file": f"{namespace}.checkpoint",
            },
            [
                f"{namespace}.{made}"
                for made in ("network", "history", "best_epoch_weights", "fingerprint")
            ],
            name="train",
            tags=["tensorflow"],
            namespace=namespace,
        ),
        Node(
            nodes.evaluate_network,
            {
                "trained": f"{namespace}.network",
                "images": "images",
                "split_index": "split_index",
                "classes": "classes",
                "history": f"{namespace}.history",
                "best_epoch_weights": f"{namespace}.best_epoch_weights",
                "made_from": f"{namespace}.fingerprint",
                "checkpoint_file": f"{namespace}.checkpoint",
                "corrupted_images": "corrupted_images",
                "corrupted_rows": "corrupted_rows",
                **training,
                "evaluation_fingerprint": f"params:fingerprints.{name}.evaluation",
            },
            [f"{namespace}.predictions", f"{namespace}.metrics"],
            name="evaluate",
            tags=["tensorflow"],
            namespace=namespace,
        ),
    ]
