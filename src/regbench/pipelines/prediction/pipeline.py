"""The prediction pipeline: labels of the unlabelled images.

unlabeled_images, data_fingerprint -> ingest -> unlabeled, unlabeled_index, rejected_unlabeled
<technique>_results of all techniques, refit -> choose_network -> chosen_network
chosen_network, study_predictions -> calibrate -> calibration
chosen_network, networks, calibration, unlabeled -> label -> unlabeled_predictions
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.prediction import nodes


def create_pipeline(techniques: list[str]) -> Pipeline:
    """Return the pipeline that labels images with the network that is best on validation."""
    results = [f"{name}_results" for name in techniques]
    return Pipeline(
        [
            Node(
                nodes.ingest_unlabeled,
                ["unlabeled_images", "params:ingest", "data_fingerprint"],
                ["unlabeled", "unlabeled_index", "rejected_unlabeled"],
                name="ingest",
            ),
            Node(
                nodes.choose_network,
                ["parameters", "data_fingerprint", "refit", *results],
                "chosen_network",
                name="choose_network",
            ),
            Node(
                nodes.calibrate_confidence,
                [
                    *("chosen_network", "study_predictions", "classes", "split_index"),
                    "params:prediction",
                ],
                "calibration",
                name="calibrate",
            ),
            Node(
                nodes.label_images,
                [
                    *("chosen_network", "networks", "unlabeled", "unlabeled_index", "classes"),
                    *("calibration", "label_parts", "params:command"),
                ],
                "unlabeled_predictions",
                name="label",
                tags=["tensorflow"],
            ),
        ],
        namespace="prediction",
        prefix_datasets_with_namespace=False,
    )
