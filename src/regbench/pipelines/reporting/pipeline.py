"""The reporting pipeline: comparison, report and history.

<technique>_results of all techniques -> set_aside_stale -> current_trainings, stale_techniques,
                                                             comparison_made_from
    -> compare -> comparison -> write_markdown -> comparison_markdown
    -> plot_... -> the pictures
    (comparison and fair_comparison -> compare_with_publication -> published_claims)
    -> describe_run -> described_run -> check_alarms -> alarms
    -> write_report -> report -> keep_report -> kept_reports
described_run, alarms and study_history_before -> append_run -> study_history
    -> plot_history -> history_plot, write_history_page -> history_page
    -> keep_networks -> kept_networks
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.reporting import history_nodes, nodes


def create_pipeline(techniques: list[str], *, with_publication: bool) -> Pipeline:
    """Return the pipeline that makes the report; a technique without results is not trained.

    Args:
        techniques: Their names.
        with_publication: Whether there are published figures to compare with.
    """
    compared, results = "comparison", "current_trainings"
    report_inputs = {
        "compared": compared,
        "results": results,
        "images": "images",
        "split_index": "split_index",
        "classes": "classes",
        "rejected": "rejected_images",
        "duplicates": "duplicate_images",
        "data_fingerprint": "data_fingerprint",
        "parameters": "parameters",
        "alarms": "alarms",
    }
    publication = []
    if with_publication:
        report_inputs["published_claims"] = "published_claims"
        publication = [
            Node(
                nodes.compare_with_publication,
                [
                    compared,
                    "comparison_made_from",
                    "fair_comparison",
                    "fair_made_from",
                    "params:reporting",
                ],
                "published_claims",
                name="compare_with_publication",
            )
        ]
    return Pipeline(
        [
            Node(
                nodes.set_aside_stale,
                [
                    "params:fingerprints",
                    "params:preparation",
                    "params:protocol",
                    "data_fingerprint",
                    "image_digest",
                    "params:reporting",
                    *(f"{name}_results" for name in techniques),
                ],
                [results, "stale_techniques", "comparison_made_from"],
                name="set_aside_stale",
            ),
            Node(
                nodes.compare_techniques,
                [
                    results,
                    "stale_techniques",
                    "params:reporting",
                    "params:protocol",
                    "split_index",
                ],
                compared,
                name="compare",
            ),
            Node(
                nodes.write_markdown,
                [compared, "params:command"],
                "comparison_markdown",
                name="write_markdown",
            ),
            Node(
                nodes.plot_differences,
                [compared, results, "params:reporting"],
                "comparison_plot",
                name="plot_differences",
            ),
            Node(
                nodes.plot_learning_curves,
                results,
                "learning_curves",
                name="plot_learning_curves",
            ),
            Node(nodes.plot_gaps, compared, "gap_plot", name="plot_gaps"),
            Node(nodes.plot_pruning, results, "pruning_plot", name="plot_pruning"),
            Node(nodes.plot_corruptions, results, "corruption_heatmap", name="plot_corruptions"),
            Node(nodes.plot_reliability, results, "reliability_plot", name="plot_reliability"),
            Node(
                nodes.plot_confusion,
                [results, "classes", "params:reporting"],
                "confusion_plot",
                name="plot_confusion",
            ),
            *publication,
            Node(nodes.write_report, report_inputs, "report", name="write_report"),
            *_history(compared, results),
        ],
        namespace="reporting",
        prefix_datasets_with_namespace=False,
    )


def _history(compared: str, results: str) -> list[Node]:
    """Return the nodes that compare this run with earlier ones."""
    before, run, history = "study_history_before", "described_run", "study_history"
    return [
        Node(
            history_nodes.describe_run,
            {
                "compared": compared,
                "results": results,
                "made_from": "comparison_made_from",
                "data_fingerprint": "data_fingerprint",
                "split_index": "split_index",
                "rejected": "rejected_images",
                "history": before,
                "clock": "run_clock",
            },
            run,
            name="describe_run",
        ),
        Node(
            history_nodes.check_alarms,
            [run, before, "params:alarms"],
            "alarms",
            name="check_alarms",
        ),
        Node(history_nodes.append_run, [run, "alarms", before], history, name="append_run"),
        Node(history_nodes.keep_report, ["report", run], "kept_reports", name="keep_report"),
        Node(
            history_nodes.keep_networks,
            [run, results, history, "params:history"],
            "kept_networks",
            name="keep_networks",
        ),
        Node(history_nodes.plot_history, history, "history_plot", name="plot_history"),
        Node(
            history_nodes.write_history_page,
            [history, "alarms", "params:images"],
            "history_page",
            name="write_history_page",
        ),
    ]
