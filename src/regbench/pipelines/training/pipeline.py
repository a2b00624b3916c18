"""The training pipeline of a technique.

images, split_index, classes, normalization (, zca, augmentation where the technique uses them)
    -> <technique>.seed_<n>.train    -> network, history, best_epoch_weights, fingerprint
    -> <technique>.seed_<n>.evaluate -> predictions, metrics
what all seeds made -> <technique>.collect -> <technique>_results

With looks at 5 and 8 seeds, that is the first stage of seeds, and after it:

<technique>_results_to_5 of all techniques -> look_5.judge -> look_5
look_5 -> after_5.<technique>.seed_<n>.train, evaluate, of seeds 6 to 8
<technique>_results_to_5, what these made -> after_5.<technique>.collect -> <technique>_results

In a study of several networks <technique>.<network> stands for <technique>.

Trainings of a bundle: trainings_drawn, images and what else is prepared -> verify.train_again
    -> trainings_made_again

The pilot: images and what else is prepared -> pilot.train_pilot -> pilot_training -> pilot.tell
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.training import again_nodes, look_nodes, nodes, pilot_nodes
from regbench.study.arms import Arm, arm_named
from regbench.study.looks import Stage, look_name, stage_namespace, stage_results
from regbench.study.schema import BASELINE
from regbench.study.technique import Technique

_SHARED = ("images", "split_index", "classes", "normalization")


def create_pipeline(name: str, technique: Technique, stages: list[Stage]) -> Pipeline:
    """Return the pipeline that trains an arm with every seed and collects its results.

    Args:
        name: Of the arm: of the technique, or where there are several networks ``dropout.mlp``.
        technique: Its regularizers.
        stages: The seeds, one training each; those of a study without looks are one stage.
    """
    return Pipeline(
        [
            node
            for number, stage in enumerate(stages)
            for node in _stage(name, technique, stages[: number + 1], last=stages[-1])
        ]
    )


def create_looks(arms: list[str], stages: list[Stage]) -> Pipeline:
    """Return the looks between the stages of a study; none if it has one stage.

    The last look is the comparison's.

    Args:
        arms: All arms of the study: a look judges those that have results.
        stages: Of the study.
    """
    return Pipeline(
        [
            Node(
                look_nodes.judge_look,
                [
                    f"params:looks.{look_name(stage.until)}",
                    "params:protocol",
                    "params:reporting",
                    "params:fingerprints",
                    "params:preparation",
                    "data_fingerprint",
                    "split_index",
                    "params:look_code",
                    *(stage_results(arm, stage, stages[-1]) for arm in arms),
                ],
                look_name(stage.until),
                name="judge",
                namespace=look_name(stage.until),
            )
            for stage in stages[:-1]
        ]
    )


def create_pilot(networks: list[str], technique: Technique, first_seed: int) -> Pipeline:
    """Return the pipeline that trains the baseline once with a tenth of the epochs.

    Args:
        networks: Their names; '' for a single one.
        technique: The baseline's regularizers.
        first_seed: Of the study.
    """
    made = {name: f"{name}.pilot_training" if name else "pilot_training" for name in networks}
    shared = (*_SHARED, *technique.prepared(), "data_fingerprint", "checkpoints")
    arms = {name: Arm(BASELINE, name).name for name in networks}
    trainings = [
        Node(
            pilot_nodes.train_pilot,
            {
                **{name: name for name in (*shared, "corrupted_images", "corrupted_rows")},
                "protocol": "params:protocol",
                "network": f"params:networks.{network}" if network else "params:network",
                "training": f"params:trainings.{arms[network]}",
                "seed": f"params:seeds.seed_{first_seed}",
                "training_fingerprint": f"params:fingerprints.{arms[network]}.training",
                "evaluation_fingerprint": f"params:fingerprints.{arms[network]}.evaluation",
            },
            made[network],
            name=f"train_pilot_on_{network}" if network else "train_pilot",
            tags=["tensorflow"],
        )
        for network in networks
    ]
    tell = Node(
        pilot_nodes.tell_of_pilot,
        [
            *("images", "split_index", "classes", "duplicate_images", "parameters"),
            *made.values(),
        ],
        "pilot",
        name="tell",
    )
    return Pipeline([*trainings, tell], namespace="pilot", prefix_datasets_with_namespace=False)


def create_again(prepared: list[str]) -> Pipeline:
    """Return the pipeline that trains again some trainings that a verification has drawn.

    Args:
        prepared: What techniques take besides images, such as ``zca``.
    """
    shared = (*_SHARED, *prepared, "corrupted_images", "corrupted_rows", "data_fingerprint")
    again = Node(
        again_nodes.train_again,
        {
            "drawn": "trainings_drawn",
            **{name: name for name in (*shared, "parameters")},
            "checkpoints": "verify_checkpoints",
        },
        "trainings_made_again",
        name="train_again",
        tags=["tensorflow"],
    )
    return Pipeline([again], namespace="verify", prefix_datasets_with_namespace=False)


def _stage(name: str, technique: Technique, stages: list[Stage], last: Stage) -> list[Node]:
    """Return the nodes of the last of some stages of an arm: its trainings, and the collection."""
    stage = stages[-1]
    namespace = stage_namespace(name, stage)
    made = [
        f"{name}.seed_{seed}.{made}"
        for made in ("metrics", "history", "predictions")
        for seed in stage.seeds
    ]
    earlier = [stage_results(name, of, last) for of in stages[-2:-1]]
    collect = Node(
        look_nodes.collect_further if earlier else nodes.collect_results,
        [*earlier, *made],
        stage_results(name, stage, last),
        name="collect",
        namespace=namespace,
    )
    trainings = [
        node
        for seed in stage.seeds
        for node in _training(arm_named(name), technique, seed, namespace, stage.after)
    ]
    return [*trainings, collect]


def _training(arm: Arm, technique: Technique, seed: int, of_stage: str, after: int) -> list[Node]:
    """Return the two nodes of a training: an arm with a seed, after a look if there is one.

    The names of datasets contain the namespace already. ``Pipeline`` could add it, but then makes
    every node three times, and every command waits for that.
    """
    name, namespace = f"{arm.name}.seed_{seed}", f"{of_stage}.seed_{seed}"
    prepared = {name: name for name in (*_SHARED, *technique.prepared())}
    training = {"training": f"params:trainings.{arm.name}", "seed": f"params:seeds.seed_{seed}"}
    look = {"look": look_name(after)} if after else {}
    network = f"params:networks.{arm.network}" if arm.network else "params:network"
    return [
        Node(
            look_nodes.train_if_needed if after else nodes.train_network,
            {
                **prepared,
                **training,
                **look,
                "training_fingerprint": f"params:fingerprints.{arm.name}.training",
                "protocol": "params:protocol",
                "network": network,
                "data_fingerprint": "data_fingerprint",
                "checkpoints": "checkpoints",
            },
            [
                f"{name}.{made}"
                for made in ("network", "history", "best_epoch_weights", "fingerprint")
            ],
            name="train",
            tags=["tensorflow"],
            namespace=namespace,
        ),
        Node(
            look_nodes.evaluate_if_needed if after else nodes.evaluate_network,
            {
                "trained": f"{name}.network",
                "images": "images",
                "split_index": "split_index",
                "classes": "classes",
                "history": f"{name}.history",
                "best_epoch_weights": f"{name}.best_epoch_weights",
                "made_from": f"{name}.fingerprint",
                "checkpoints": "checkpoints",
                "corrupted_images": "corrupted_images",
                "corrupted_rows": "corrupted_rows",
                **training,
                "evaluation_fingerprint": f"params:fingerprints.{arm.name}.evaluation",
            },
            [f"{name}.predictions", f"{name}.metrics"],
            name="evaluate",
            tags=["tensorflow"],
            namespace=namespace,
        ),
    ]
