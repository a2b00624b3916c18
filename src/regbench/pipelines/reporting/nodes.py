"""Nodes that make the comparison and the report from the techniques' results.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

import logging
from typing import TYPE_CHECKING, Any

from regbench.errors import KEDRO_RUN
from regbench.study import fingerprints as fingerprint
from regbench.study.reporting import Reporting
from regbench.study.schema import BASELINE, Study
from regbench.text.redaction import without_secrets

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import Results
else:  # Kedro resolves annotations, and warns of names that are not there
    Figure = ndarray = DataFrame = Results = Any

logger = logging.getLogger(__name__)


def set_aside_stale(
    fingerprints: dict[str, Any],
    preparation: dict[str, str],
    protocol: dict[str, Any],
    data_fingerprint: dict[str, Any],
    image_digest: str | None,
    reporting: dict[str, Any],
    split_index: DataFrame,
    *results: Results,
) -> tuple[dict[str, Results], dict[str, str], dict[str, Any]]:
    """Select the trainings that match the study at hand; with looks, those that they call for.

    Returns:
        Each technique's trainings that are up to date; by technique, why others are stale; and
        what the comparison is made from: ``fingerprints``, ``metric``, ``equivalence_band`` and
        ``images``, the digest of the image files.
    """
    from regbench.comparison import compare, looks
    from regbench.evaluation.resampling import resampling_of
    from regbench.metrics.registry import METRICS

    current = fingerprint.current_fingerprints(
        data_fingerprint, preparation, fingerprints, image_digest
    )
    stored = dict(zip(fingerprints, results, strict=True))
    fresh, stale = compare.set_aside_stale(stored, current, protocol["seeds"])
    if protocol.get("looks"):
        settings = Reporting.model_validate(reporting)
        fresh = looks.set_aside_unneeded(
            fresh,
            protocol["looks"],
            settings.band,
            METRICS[settings.metric],
            resampling_of(split_index),
        )
    made_from = {
        "fingerprints": current,
        **{key: reporting[key] for key in ("metric", "equivalence_band")},
        "images": image_digest,
    }
    return fresh, stale, made_from


def compare_techniques(
    results: dict[str, Results],
    stale: dict[str, str],
    settings: dict[str, Any],
    protocol: dict[str, Any],
    split_index: DataFrame,
) -> DataFrame:
    """Compare all techniques with the baseline, those without results included."""
    from regbench.comparison import compare, looks
    from regbench.comparison.band import check_band
    from regbench.evaluation import resampling, split_parts

    reporting = Reporting.model_validate(settings)
    check_band(reporting, split_index)
    published = {name: said.accuracy for name, said in reporting.published.items()}
    part, metric = split_parts.judged_part(set(split_index["split"])), reporting.metric
    compared = compare.compare(
        results,
        stale,
        reporting.band,
        published,
        seeds=len(protocol["seeds"]),
        died=reporting.failed,
        metric=metric,
        largest_class=compare.of_largest_class(split_index, part, metric),
        resampling=resampling.resampling_of(split_index),
        looks=protocol.get("looks", ()),
    )
    if protocol.get("looks"):
        logger.info("%s", looks.describe_end(compared))
    return compared


def compare_pairs(
    results: dict[str, Results], parameters: dict[str, Any], split_index: DataFrame
) -> DataFrame:
    """Return the interaction of every pair of techniques that a third combines."""
    from regbench.comparison.interactions import interactions
    from regbench.evaluation.resampling import resampling_of
    from regbench.study.factorial import factorials_of_arms
    from regbench.study.schema import SHARED
    from regbench.study.technique import Technique

    reporting = Reporting.model_validate(parameters["reporting"])
    techniques = {
        name: Technique.model_validate(entry) for name, entry in parameters["techniques"].items()
    }
    shared = {key: kind.model_validate(parameters[key]) for key, kind in SHARED.items()}
    return interactions(
        results,
        factorials_of_arms(parameters["trainings"], techniques, shared),
        reporting.metric,
        reporting.band,
        resampling_of(split_index),
        parameters["protocol"].get("looks", ()),
    )


def plot_interactions(interactions: DataFrame, settings: dict[str, Any]) -> Figure:
    """Draw what each pair of techniques gains beyond the sum of what each gains alone."""
    from regbench.report.plots.interactions import interaction_plot

    return interaction_plot(interactions, Reporting.model_validate(settings).band)


def write_markdown(
    compared: DataFrame, command: str, settings: dict[str, Any], findings: list[dict[str, Any]]
) -> str:
    """Write the comparison as a Markdown table; of several networks one table each."""
    from regbench.report import text_table

    tables = text_table.comparison_tables(_described(compared, settings), command, findings)
    return "\n".join(text_table.as_markdown(table) for table in tables)


def separate_networks(results: dict[str, Results], compared: DataFrame) -> tuple[Any, ...]:
    """Separate a study of several networks into one per network, for the pictures of each.

    Returns:
        Each network's trainings by technique, then each network's comparison, both in the order
        in which the study names the networks.
    """
    from regbench.comparison import compare
    from regbench.study.arms import by_network

    separate = by_network(results)
    comparisons = compare.networks_of(compared)
    return *separate.values(), *(comparisons[network] for network in separate)


def plot_networks(compared: DataFrame, settings: dict[str, Any]) -> Figure:
    """Draw every technique's difference to the baseline on every network."""
    from regbench.report.plots import networks

    return networks.network_plot(_described(compared, settings))


def plot_differences(
    compared: DataFrame, results: dict[str, Results], settings: dict[str, Any]
) -> Figure:
    """Draw every technique's difference to the baseline with its intervals."""
    from regbench.report.plots import differences

    return differences.difference_plot(_described(compared, settings), results)


def plot_cost(compared: DataFrame, settings: dict[str, Any]) -> Figure:
    """Draw every technique's difference to the baseline over what its training costs."""
    from regbench.report.plots import cost

    return cost.cost_plot(_described(compared, settings))


def plot_gaps(compared: DataFrame) -> Figure:
    """Draw the gap: train accuracy minus that of the judged part."""
    from regbench.report.plots import gaps

    return gaps.gap_plot(compared)


def plot_learning_curves(results: dict[str, Results]) -> Figure:
    """Draw accuracy and loss over the epochs, on train and validation images."""
    from regbench.report.plots import learning_curves

    return learning_curves.learning_curves(results)


def plot_pruning(results: dict[str, Results]) -> Figure:
    """Draw the accuracy after setting the smallest weights to zero."""
    from regbench.report.plots import pruning

    return pruning.pruning_plot(results)


def plot_corruptions(results: dict[str, Results]) -> Figure:
    """Draw the accuracy under every corruption."""
    from regbench.report.plots import corruptions

    return corruptions.corruption_heatmap(results)


def plot_reliability(results: dict[str, Results]) -> Figure:
    """Draw the accuracy of predictions over their confidence."""
    from regbench.report.plots import reliability

    return reliability.reliability_plot(results)


def plot_confusion(
    results: dict[str, Results], classes: list[str], settings: dict[str, Any]
) -> Figure:
    """Draw the confusion matrices of the baseline and of the best technique."""
    from regbench.comparison import compare, tables
    from regbench.report.plots import confusion

    judged_part = compare.judged_part_of(results)
    others = {name: of_one for name, of_one in results.items() if name != BASELINE}
    best = compare.best_technique(others, Reporting.model_validate(settings).metric)
    shown = [name for name in (BASELINE, best) if name and len(results[name].trainings)]
    matrices = {
        name: tables.confusion_matrix(results[name], judged_part, classes) for name in shown
    }
    return confusion.confusion_plot(matrices, classes)


def compare_with_publication(
    compared: DataFrame,
    made_from: dict[str, Any],
    fair_comparison: DataFrame | None,
    fair_made_from: dict[str, Any] | None,
    settings: dict[str, Any],
) -> DataFrame | None:
    """Return the published figures and claims beside this study's and the fair protocol's.

    The fair protocol is the same study with another split and schedule. Its figures are used only
    if images, other settings and code are the same.
    """
    from regbench.comparison import published_claims as claims
    from regbench.evaluation import split_parts

    if "network" in compared:  # the fair protocol has one
        fair_comparison, fair_made_from = None, None
    alike = fingerprint.techniques_in_both_protocols(made_from, fair_made_from or {})
    if fair_comparison is not None:
        fair_comparison = fair_comparison[fair_comparison["technique"].isin(alike)]
    published = Reporting.model_validate(settings).published
    # Of a figure alone there is no outcome.
    claimed = "network" not in compared and any(said.says for said in published.values())
    if claimed and len(alike) < len(made_from["fingerprints"]):
        logger.warning(
            "no figures of the fair protocol that match this study for %s; %s --env=mnist "
            "--only-missing-outputs makes them",
            ", ".join(sorted(made_from["fingerprints"].keys() - alike)),
            KEDRO_RUN,
        )
    headline = f"{split_parts.judged_part(compared.columns)}_accuracy"
    return claims.claims_table(published, compared, fair_comparison, headline)


def write_report(
    compared: DataFrame,
    results: dict[str, Results],
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    rejected: DataFrame,
    duplicates: DataFrame,
    data_fingerprint: dict[str, Any],
    parameters: dict[str, Any],
    alarms: dict[str, Any],
    findings: list[dict[str, Any]],
    recommendation: dict[str, Any] | None = None,
    published_claims: DataFrame | None = None,
    grad_cam: dict[str, ndarray] | None = None,
    interactions: DataFrame | None = None,
    search_found: dict[str, Any] | None = None,
) -> str:
    """Write the report as one page of HTML, with the recommendation if there is one."""
    from regbench.recommendation.conclude import made_from
    from regbench.report import page, provenance, status_notes

    notes = status_notes.status_notes(compared, parameters["command"], on_page=True)
    if recommendation and recommendation["made_from"] != made_from(parameters, data_fingerprint):
        notes.append(
            "The recommendation was made for other settings, images or code, and is left out; "
            f"{parameters['command']} --pipelines=recommend makes it anew."
        )
        recommendation = None
    content = page.ReportContent(
        comparison=_described(compared, parameters["reporting"]),
        results=results,
        classes=classes,
        images=images,
        split_index=split_index,
        rejected=rejected,
        duplicates=duplicates,
        settings={key: _shown(parameters[key]) for key in Study.model_fields},
        provenance=provenance.study_provenance(
            data_fingerprint, parameters["fingerprints"], results
        ),
        notes=notes,
        command=parameters["command"],
        claims=published_claims,
        alarms=[alarm["message"] for alarm in alarms["alarms"]],
        findings=findings,
        grad_cam=grad_cam,
        interactions=interactions,
        recommendation=recommendation,
        search_found=search_found and search_found["techniques"],
    )
    return page.render_report(content)


def _shown(setting: Any) -> Any:
    """Return a setting as the report shows it: addresses of stores without their passwords."""
    return without_secrets(setting) if isinstance(setting, str) else setting


def _described(compared: DataFrame, settings: dict[str, Any]) -> DataFrame:
    """Return a comparison with the figures of the study that its CSV file does not hold."""
    from regbench.comparison import compare
    from regbench.process.devices import training_processes

    band = Reporting.model_validate(settings).band
    return compare.with_study_figures(compared, band, training_processes())
