"""The reporting pipeline.

<technique>_results of all techniques -> compare -> comparison
    comparison -> write_markdown -> comparison_markdown
    comparison -> plot_comparison -> comparison_plot
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.reporting import nodes


def create_pipeline(techniques: list[str]) -> Pipeline:
    """Compile the comparison; a technique without results is shown as not trained."""
    results = [f"{name}_results" for name in techniques]
    return Pipeline(
        [
            Node(
                nodes.compare_techniques,
                ["params:techniques", "params:reporting", *results],
                "comparison",
                name="compare",
            ),
            Node(nodes.write_markdown, "comparison", "comparison_markdown", name="write_markdown"),
            Node(
                nodes.plot_comparison,
                ["comparison", "params:techniques", *results],
                "comparison_plot",
                name="plot_comparison",
            ),
        ],
        namespace="reporting",
        prefix_datasets_with_namespace=False,
    )
