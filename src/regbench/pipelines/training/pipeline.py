"""The training pipeline of a technique.

images, split_index, classes, normalization (, zca, augmentation where the technique uses them)
    -> <technique>.seed_<n>.train    -> network, history, best_epoch_weights, fingerprint
    -> <technique>.seed_<n>.evaluate -> predictions, metrics
what all seeds made -> <technique>.collect -> <technique>_results

In a study of several networks <technique>.<network> stands for <technique>.
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.training import nodes
from regbench.study.arms import Arm, arm_named
from regbench.study.technique import Technique

_SHARED = ("images", "split_index", "classes", "normalization")


def create_pipeline(name: str, technique: Technique, seeds: list[int]) -> Pipeline:
    """Return the pipeline that trains an arm with every seed and collects its results.

    Args:
        name: Of the arm: of the technique, or where there are several networks ``dropout.mlp``.
        technique: Its regularizers.
        seeds: One training each.
    """
    made = [
        f"{name}.seed_{seed}.{made}"
        for made in ("metrics", "history", "predictions")
        for seed in seeds
    ]
    collect = Node(nodes.collect_results, made, f"{name}_results", name="collect", namespace=name)
    trainings = [node for seed in seeds for node in _training(arm_named(name), technique, seed)]
    return Pipeline([*trainings, collect])


def _training(arm: Arm, technique: Technique, seed: int) -> list[Node]:
    """Return the two nodes of a training: an arm with a seed.

    The names of datasets contain the namespace already. ``Pipeline`` could add it, but then makes
    every node three times, and every command waits for that.
    """
    namespace = f"{arm.name}.seed_{seed}"
    prepared = {name: name for name in (*_SHARED, *technique.prepared())}
    training = {"training": f"params:trainings.{arm.name}", "seed": f"params:seeds.seed_{seed}"}
    network = f"params:networks.{arm.network}" if arm.network else "params:network"
    return [
        Node(
            nodes.train_network,
            {
                **prepared,
                **training,
                "training_fingerprint": f"params:fingerprints.{arm.name}.training",
                "protocol": "params:protocol",
                "network": network,
                "data_fingerprint": "data_fingerprint",
                "checkpoints": "checkpoints",
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
                "checkpoints": "checkpoints",
                "corrupted_images": "corrupted_images",
                "corrupted_rows": "corrupted_rows",
                **training,
                "evaluation_fingerprint": f"params:fingerprints.{arm.name}.evaluation",
            },
            [f"{namespace}.predictions", f"{namespace}.metrics"],
            name="evaluate",
            tags=["tensorflow"],
            namespace=namespace,
        ),
    ]
