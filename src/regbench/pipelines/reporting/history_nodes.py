"""Nodes that compare a run with earlier ones: the history, alarms, kept reports and networks."""

from typing import TYPE_CHECKING, Any

from regbench.study.monitoring import Alarms, History

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from regbench.evaluation.results import Results
else:  # Kedro resolves annotations, and warns of names that are not there
    Figure = DataFrame = Results = Any


def describe_run(
    compared: DataFrame,
    results: dict[str, Results],
    made_from: dict[str, Any],
    data_fingerprint: dict[str, Any],
    split_index: DataFrame,
    rejected: DataFrame,
    history: DataFrame,
    clock: dict[str, str],
    findings: list[dict[str, Any]],
) -> DataFrame:
    """Return the run's rows of the history, one per technique."""
    from regbench.doctor.told import codes_of
    from regbench.history import table
    from regbench.report import provenance

    rows = table.rows_of_run(
        compared,
        results,
        made_from["fingerprints"],
        data_fingerprint,
        split_index["split"],
        len(rejected),
        codes_of(findings),
    )
    return table.identify_run(rows, history, clock, provenance.software_versions())


def check_alarms(run: DataFrame, history: DataFrame, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the alarms that go off.

    Returns:
        ``run``, its name (empty if nothing is trained), and ``alarms``: a ``kind`` and a
        ``message`` each.
    """
    from dataclasses import asdict

    from regbench.history import alarms, table

    found = alarms.check(run, table.earlier_runs(history, run), Alarms.model_validate(settings))
    return {"run": _name(run), "alarms": [asdict(alarm) for alarm in found]}


def append_run(run: DataFrame, alarms: dict[str, Any], history: DataFrame) -> DataFrame:
    """Return the history with the run appended; a run made again replaces its own rows."""
    from regbench.history import table

    return table.append_run(history, run, [alarm["message"] for alarm in alarms["alarms"]])


def keep_report(report: str, run: DataFrame) -> dict[str, str]:
    """Return the report to keep, under the run's name; none if nothing is trained."""
    return {} if run.empty else {_name(run): report}


def keep_networks(
    run: DataFrame, results: dict[str, Results], history: DataFrame, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return the digests of this run's networks, and the runs whose networks are kept."""
    from regbench.history import kept_networks

    return kept_networks.networks_to_keep(
        history, _name(run), results, History.model_validate(settings).keep_networks
    )


def plot_history(history: DataFrame) -> Figure:
    """Draw every technique's accuracy over the runs."""
    from regbench.history import trend

    return trend.trend_plot(history)


def write_history_page(history: DataFrame, alarms: dict[str, Any], images: str) -> str:
    """Write the history as one page of HTML."""
    from regbench.history import page

    return page.render_history(history, [a["message"] for a in alarms["alarms"]], images)


def _name(run: DataFrame) -> str:
    return "" if run.empty else str(run["run"].iloc[0])
