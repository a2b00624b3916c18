"""The export pipeline: the chosen network in the formats of other programs.

chosen_network, calibration, refit and <technique>_results of all techniques -> describe
    -> network_facts
chosen_network, networks, study_predictions, images, network_facts -> write -> exports, model_card
    and 07_model_output/export/<format>: the network, its model card, an example of use

The network is chosen, and its confidence calibrated, as for prediction, by that pipeline's nodes.
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.export import nodes


def create_pipeline(techniques: list[str]) -> Pipeline:
    """Return the pipeline that exports the chosen network.

    Args:
        techniques: The arms' names.
    """
    return Pipeline(
        [
            Node(
                nodes.describe_network,
                [
                    "chosen_network",
                    "params:fingerprints",
                    "params:preparation",
                    "parameters",
                    "data_fingerprint",
                    "split_index",
                    "classes",
                    "refit",
                    "calibration",
                    *(f"{name}_results" for name in techniques),
                ],
                "network_facts",
                name="describe",
            ),
            Node(
                nodes.write_network,
                [
                    "chosen_network",
                    "network_facts",
                    "networks",
                    "study_predictions",
                    "images",
                    "split_index",
                    "classes",
                    "data_fingerprint",
                    "parameters",
                    "export_folder",
                ],
                ["exports", "model_card"],
                name="write",
                tags=["tensorflow"],
            ),
        ],
        namespace="export",
        prefix_datasets_with_namespace=False,
    )
