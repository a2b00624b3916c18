"""The data pipeline: from image files to arrays, split and normalized.

labeled_images (, earlier_ingestion)
    -> ingest -> images, image_index, rejected_images, classes, ingested_files -> check_network
    image_index -> split -> split_index
    images, split_index -> find_duplicates -> duplicate_images
    split_index, classes -> count_classes -> class_counts
    train rows -> fit_normalization, fit_zca; build_augmentation -> preview_augmentation
    test rows -> corrupt -> preview_corruptions
    images, split_index, classes -> fingerprint -> data_fingerprint
    all of it but the previews (, prepared_digests) -> record_files -> prepared_files
"""

from collections.abc import Callable

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.data import nodes
from regbench.study.schema import SHARED


def create_pipeline(
    *, with_zca: bool, several_networks: bool = False, resampled: bool = False
) -> Pipeline:
    """Return the pipeline that prepares the images.

    Args:
        with_zca: Whether a technique whitens.
        several_networks: Whether the study trains more than one.
        resampled: Whether every seed has a split of its own.
    """
    check: Callable[..., None] = nodes.check_network
    of_network = {"network": "params:network"}
    if several_networks:
        check = nodes.check_networks
        of_network = {"networks": "params:networks", "chosen": "params:protocol.network"}
    preview_inputs = {
        "images": "images",
        "split_index": "split_index",
        "augmentation": "augmentation",
        "fitted_normalization": "normalization",
    }
    # An output of every node that the fingerprint does not depend on.
    last = ["duplicate_images", "class_counts", "normalization", "augmentation", "corrupted_rows"]
    whitening = []
    if with_zca:
        preview_inputs["zca"] = "zca"
        last.append("zca")
        whitening = [
            Node(
                nodes.fit_zca,
                ["images", "split_index", "normalization", "params:zca"],
                "zca",
                name="fit_zca",
            )
        ]
    return Pipeline(
        [
            Node(
                nodes.ingest_images,
                ["labeled_images", "earlier_ingestion", "params:ingest"],
                ["images", "image_index", "rejected_images", "classes", "ingested_files"],
                name="ingest",
            ),
            Node(
                check,
                {
                    "images": "images",
                    "classes": "classes",
                    **of_network,
                    "trainings": "params:trainings",
                    "batch_size": "params:protocol.batch_size",
                    "precision": "params:protocol.precision",
                    **{key: f"params:{key}" for key in SHARED},
                },
                None,
                name="check_network",
                tags=["tensorflow"],  # some kinds are built to see their faults
            ),
            Node(
                nodes.split_images,
                [
                    *("image_index", "params:protocol.split"),
                    *(["params:protocol.seeds"] if resampled else []),
                ],
                "split_index",
                name="split",
            ),
            Node(
                nodes.count_classes,
                ["split_index", "classes", "params:reporting"],
                "class_counts",
                name="count_classes",
            ),
            Node(
                nodes.find_duplicates,
                ["images", "split_index"],
                "duplicate_images",
                name="find_duplicates",
            ),
            Node(
                nodes.fit_normalization,
                ["images", "split_index", "params:normalization"],
                "normalization",
                name="fit_normalization",
            ),
            *whitening,
            Node(
                nodes.build_augmentation,
                "params:augmentation",
                "augmentation",
                name="build_augmentation",
            ),
            Node(
                nodes.preview_augmentation,
                preview_inputs,
                "augmentation_preview",
                name="preview_augmentation",
                tags=["tensorflow"],
            ),
            Node(
                nodes.corrupt_images,
                ["images", "split_index", "params:evaluation"],
                ["corrupted_images", "corrupted_rows"],
                name="corrupt",
            ),
            Node(
                nodes.preview_corruptions,
                ["corrupted_images", "corrupted_rows", "images", "split_index"],
                "corruption_preview",
                name="preview_corruptions",
                tags=["tensorflow"],  # keeps Matplotlib out of the main process
            ),
            Node(
                nodes.fingerprint_data,
                [
                    *("labeled_images", "images", "split_index", "classes", "params:preparation"),
                    *(["params:protocol.split"] if resampled else []),
                ],
                "data_fingerprint",
                name="fingerprint",
            ),
            Node(
                nodes.record_files,
                ["prepared_digests", "data_fingerprint", *last],
                "prepared_files",
                name="record_files",
            ),
        ],
        namespace="data",
        prefix_datasets_with_namespace=False,
    )
