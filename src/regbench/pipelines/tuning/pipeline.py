"""The tuning pipeline.

images, split_index -> tuning_data.take -> tuning_images, tuning_split_index: no test images
these, and what else is prepared -> tuning.<technique>.search -> tuning.<technique>.trials
all of these -> tuned.conclude -> conf/tuned, and the table: tuning
tuning -> plot_strengths, plot_budget, plot_importance -> the pictures
tuning, parameters -> make_page -> tuning_page
"""

from collections.abc import Mapping

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.tuning import nodes
from regbench.study.technique import Technique


def create_pipeline(techniques: Mapping[str, Technique]) -> Pipeline:
    """Return the pipeline that searches the settings of some techniques.

    Args:
        techniques: By name.
    """
    take = Node(
        nodes.take_images,
        ["images", "split_index", "parameters"],
        ["tuning_images", "tuning_split_index"],
        name="take",
        namespace="tuning_data",
    )
    searches = [
        Node(
            nodes.search_settings,
            {
                "images": "tuning_images",
                "split_index": "tuning_split_index",
                **{name: name for name in ("classes", "normalization", "data_fingerprint")},
                **{name: name for name in technique.prepared()},
                "parameters": "parameters",
                "technique": f"params:searched.{name}",
                "storage": "tuning_storage",
            },
            f"tuning.{name}.trials",
            name="search",
            tags=["tensorflow"],
            namespace=f"tuning.{name}",
        )
        for name, technique in techniques.items()
    ]
    conclude = Node(
        nodes.conclude,
        ["parameters", *(f"tuning.{name}.trials" for name in techniques)],
        ["tuning", "tuned_techniques", "tuned_study", "tuned_globals", "tuned_catalog"],
        name="conclude",
        namespace="tuned",
    )
    pictures = [
        Node(plot, "tuning", picture, name=plot.__name__, namespace="tuned")
        for plot, picture in (
            (nodes.plot_strengths, "tuning_strengths"),
            (nodes.plot_budget, "tuning_budget"),
            (nodes.plot_importance, "tuning_importance"),
        )
    ]
    page = Node(
        nodes.make_page,
        ["tuning", "parameters"],
        "tuning_page",
        name="make_page",
        namespace="tuned",
    )
    return Pipeline([take, *searches, conclude, *pictures, page])
