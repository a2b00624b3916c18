"""The reporting pipeline: comparison, report and history.

<technique>_results of all techniques -> set_aside_stale -> current_trainings, stale_techniques,
                                                             comparison_made_from
    -> compare -> comparison
    (of techniques that a third combines: compare_pairs -> interactions -> plot_interactions)
    -> plot_... -> the pictures (of several networks: separate_networks, then those of each, and
       plot_networks -> comparison_plot)
    (comparison and fair_comparison -> compare_with_publication -> published_claims)
    (of networks with feature maps: choose_explained -> explained_images; these, networks and
       images -> explain -> grad_cam)
    -> describe_run -> described_run -> check_alarms -> alarms
    -> examine -> doctor -> write_findings -> doctor_markdown
       -> (with the comparison) write_markdown -> comparison_markdown
    -> write_report -> report -> keep_report -> kept_reports
described_run, alarms and study_history_before -> append_run -> study_history
    -> plot_history -> history_plot, write_history_page -> history_page
    -> keep_networks -> kept_networks

The doctor's pipeline is the same without what is written: select_trainings, compare and examine.
"""

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.reporting import doctor_nodes, explanation_nodes, history_nodes, nodes
from regbench.study.arms import networks_in

# Of a study, or of each of its networks, in the order of the nodes that draw them.
_PICTURES = (
    *("comparison_plot", "cost_plot", "learning_curves", "gap_plot", "pruning_plot"),
    *("corruption_heatmap", "reliability_plot", "confusion_plot"),
)


def create_pipeline(
    arms: list[str],
    *,
    with_publication: bool,
    with_feature_maps: bool = False,
    with_pairs: bool = False,
    with_search: bool = False,
) -> Pipeline:
    """Return the pipeline that makes the report; a technique without results is not trained.

    Args:
        arms: Their names: of techniques, or of techniques on networks.
        with_publication: Whether there are published figures to compare with.
        with_feature_maps: Whether a network of the study has feature maps, for Grad-CAM.
        with_pairs: Whether there are two techniques that a third combines.
        with_search: Whether a search wrote the study, so that the report shows its trials.
    """
    compared, results = "comparison", "current_trainings"
    networks = [network for network in networks_in(arms) if network]
    pictures = _of_networks(compared, results, networks) if networks else _pictures()
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
        "findings": "doctor",
        "recommendation": "recommendation",
    }
    if with_search:
        report_inputs["search_found"] = "search_found"
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
    pairs = []
    if with_pairs:
        report_inputs["interactions"] = "interactions"
        pairs = _pairs(results)
    explanation = []
    if with_feature_maps:
        report_inputs["grad_cam"] = "grad_cam"
        explanation = _explanation(results)
    return Pipeline(
        [
            *_comparison(arms, compared, results, "stale_techniques", "comparison_made_from"),
            Node(
                nodes.write_markdown,
                [compared, "params:command", "params:reporting", "doctor"],
                "comparison_markdown",
                name="write_markdown",
            ),
            *pictures,
            *pairs,
            *publication,
            _examination(compared, results, "doctor"),
            Node(doctor_nodes.write_findings, "doctor", "doctor_markdown", name="write_findings"),
            *explanation,
            Node(nodes.write_report, report_inputs, "report", name="write_report"),
            *_history(compared, results),
        ],
        namespace="reporting",
        prefix_datasets_with_namespace=False,
    )


def create_doctor(arms: list[str]) -> Pipeline:
    """Return the pipeline that examines what is there; it trains nothing and writes nothing.

    Args:
        arms: Their names.
    """
    compared, results = "examined_comparison", "examined_trainings"
    return Pipeline(
        [
            *_comparison(arms, compared, results, "examined_stale", "examined_made_from"),
            _examination(compared, results, "checkup"),
        ],
        namespace="doctor",
        prefix_datasets_with_namespace=False,
    )


def create_selection(arms: list[str], namespace: str) -> Pipeline:
    """Return the pipeline that selects and compares the trainings of the study, for a bundle.

    Args:
        arms: Their names.
        namespace: Of its nodes.
    """
    made = ("comparison", "trainings", "stale", "made_from")
    nodes_of = _comparison(arms, *(f"bundled_{name}" for name in made))
    return Pipeline(nodes_of, namespace=namespace, prefix_datasets_with_namespace=False)


def _comparison(
    arms: list[str], compared: str, results: str, stale: str, made_from: str
) -> list[Node]:
    """Return the nodes that select the trainings of the study at hand, and compare them."""
    return [
        Node(
            nodes.set_aside_stale,
            [
                "params:fingerprints",
                "params:preparation",
                "params:protocol",
                "data_fingerprint",
                "image_digest",
                "params:reporting",
                "split_index",
                *(f"{name}_results" for name in arms),
            ],
            [results, stale, made_from],
            name="set_aside_stale",
        ),
        Node(
            nodes.compare_techniques,
            [results, stale, "params:reporting", "params:protocol", "split_index"],
            compared,
            name="compare",
        ),
    ]


def _pairs(results: str) -> list[Node]:
    """Return the nodes that find which techniques help each other, and draw it."""
    return [
        Node(
            nodes.compare_pairs,
            [results, "parameters", "split_index"],
            "interactions",
            name="compare_pairs",
        ),
        Node(
            nodes.plot_interactions,
            ["interactions", "params:reporting"],
            "interaction_plot",
            name="plot_interactions",
        ),
    ]


def _explanation(results: str) -> list[Node]:
    """Return the nodes that find where networks look in the images that techniques differ on."""
    return [
        Node(
            explanation_nodes.choose_explained,
            [results, "split_index", "classes"],
            "explained_images",
            name="choose_explained",
        ),
        Node(
            explanation_nodes.explain_images,
            ["explained_images", "networks", "images"],
            "grad_cam",
            name="explain",
            tags=["tensorflow"],
        ),
    ]


def _examination(compared: str, results: str, findings: str) -> Node:
    """Return the node of the doctor's checks."""
    return Node(
        doctor_nodes.examine_study,
        {
            "compared": compared,
            "results": results,
            "images": "images",
            "split_index": "split_index",
            "classes": "classes",
            "duplicates": "duplicate_images",
            "parameters": "parameters",
        },
        findings,
        name="examine",
    )


def _pictures(network: str = "") -> list[Node]:
    """Return the nodes that draw the pictures of a study, or of one of its networks."""
    beginning, end = (f"{network}.", f"_{network}") if network else ("", "")
    compared, results = f"{beginning}comparison", f"{beginning}current_trainings"
    inputs: dict[Callable[..., Any], list[str]] = {
        nodes.plot_differences: [compared, results, "params:reporting"],
        nodes.plot_cost: [compared, "params:reporting"],
        nodes.plot_learning_curves: [results],
        nodes.plot_gaps: [compared],
        nodes.plot_pruning: [results],
        nodes.plot_corruptions: [results],
        nodes.plot_reliability: [results],
        nodes.plot_confusion: [results, "classes", "params:reporting"],
    }
    return [
        Node(plot, inputs[plot], f"{beginning}{picture}", name=f"{plot.__name__}{end}")
        for plot, picture in zip(inputs, _PICTURES, strict=True)
    ]


def _of_networks(compared: str, results: str, networks: list[str]) -> list[Node]:
    """Return the nodes that draw the pictures of each network, and the one of all."""
    return [
        Node(
            nodes.separate_networks,
            [results, compared],
            [
                *(f"{network}.current_trainings" for network in networks),
                *(f"{network}.comparison" for network in networks),
            ],
            name="separate_networks",
        ),
        Node(
            nodes.plot_networks,
            [compared, "params:reporting"],
            "comparison_plot",
            name="plot_networks",
        ),
        *(node for network in networks for node in _pictures(network)),
    ]


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
                "findings": "doctor",
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
