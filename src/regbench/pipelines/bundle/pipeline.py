"""The pipelines that bundle a study and that verify a bundle.

bundled_trainings, bundled_stale, bundled_comparison (made as the report's) -> bundle.make -> bundle

given_bundle -> verify.check -> bundle_checks, trainings_drawn
trainings_drawn, images and what else is prepared -> verify.train_again -> trainings_made_again
given_bundle, bundle_checks, trainings_made_again -> verify.conclude -> verification
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.bundle import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that makes a bundle of what was selected and compared."""
    return Pipeline(
        [
            Node(
                nodes.make_bundle,
                {
                    "results": "bundled_trainings",
                    "stale": "bundled_stale",
                    "compared": "bundled_comparison",
                    **{name: name for name in ("split_index", "classes", "data_fingerprint")},
                    "parameters": "parameters",
                },
                "bundle",
                name="make",
            )
        ],
        namespace="bundle",
        prefix_datasets_with_namespace=False,
    )


def create_verification() -> Pipeline:
    """Return the pipeline that checks a bundle; what trains again is the training pipeline's."""
    here = {name: name for name in ("classes", "data_fingerprint", "parameters")}
    return Pipeline(
        [
            Node(
                nodes.check_bundle,
                {"bundle": "given_bundle", **here},
                ["bundle_checks", "trainings_drawn"],
                name="check",
            ),
            Node(
                nodes.conclude,
                {
                    "bundle": "given_bundle",
                    "checked": "bundle_checks",
                    "made": "trainings_made_again",
                    **here,
                },
                "verification",
                name="conclude",
            ),
        ],
        namespace="verify",
        prefix_datasets_with_namespace=False,
    )
