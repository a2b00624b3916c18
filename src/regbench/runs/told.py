"""What a run prints at its end, and whether what it made is as it should be."""

from typing import Any

from kedro.io import CatalogProtocol

from regbench.process.devices import training_processes
from regbench.runs.freshness.cells import COMPARISONS
from regbench.runs.freshness.stored import file_of
from regbench.study.reporting import Reporting


def print_results(made: set[str], catalog: CatalogProtocol[Any, Any]) -> list[str]:
    """Print the comparison or the techniques' results, and what else a run has made.

    Returns:
        A line per training that failed.
    """
    from regbench.comparison import compare

    results = {
        name.removesuffix("_results"): catalog.load(name)
        for name in sorted(made)
        if name.endswith("_results")
    }
    if "comparison" in made:
        # Of a run that ends before the doctor, what an earlier one has found is not of this table.
        findings = catalog.load("doctor") if "doctor" in made else []
        results = _print_comparison(results, findings, catalog)
    elif results:
        _print_techniques(results, catalog)
    _print_uses(made, catalog)
    _print_findings(made, catalog)
    if "report" in made:
        print_report(file_of(catalog, "report"))
    return compare.failures(results) + [
        line for name in COMPARISONS if name in made for line in catalog.load(name)["failures"]
    ]


def print_report(file: str) -> None:
    """Print where the report is: the last line of what a run prints."""
    from regbench.report import text_table

    text_table.print_lines([f"The report: {file}"])


def check_results(made: set[str], catalog: CatalogProtocol[Any, Any]) -> None:
    """Check what a run has made, if it says itself whether all is well.

    Raises:
        StudyError: A bundle does not agree with this study, or a format could not be exported.
    """
    if "verification" in made:
        from regbench.bundle import told

        told.check_agreement(catalog.load("verification"))
    if "exports" in made:
        from regbench.use.export import check_all_exported

        check_all_exported(catalog.load("exports"))


def _print_comparison(
    results: dict[str, Any], findings: list[dict[str, Any]], catalog: CatalogProtocol[Any, Any]
) -> dict[str, Any]:
    """Print the comparison, and say first what ails the network, of the doctor's findings.

    Returns:
        The results without trainings that were not needed.
    """
    from regbench.comparison import compare, looks
    from regbench.report import text_table

    compared = compare.with_study_figures(
        catalog.load("comparison"),
        Reporting.model_validate(catalog.load("params:reporting")).band,
        training_processes(),
    )
    command = catalog.load("params:command")
    for table in text_table.comparison_tables(compared, command, findings):
        text_table.print_table(table)
    return looks.without_unneeded(results, compared)


def _print_techniques(results: dict[str, Any], catalog: CatalogProtocol[Any, Any]) -> None:
    from regbench.comparison import compare
    from regbench.report import text_table

    metric, split_index = catalog.load("params:reporting")["metric"], catalog.load("split_index")
    part = compare.judged_part_of(results)
    line = compare.of_largest_class(split_index, part, metric)
    for technique, result in results.items():
        table = text_table.results_table(technique, result.trainings, metric, line)
        text_table.print_table(table)


def _print_uses(made: set[str], catalog: CatalogProtocol[Any, Any]) -> None:
    """Print what became of all that follows a study, and where it is: a refit, labels, searches."""
    from regbench.report import text_table

    if "refit" in made:
        files = file_of(catalog, "refit_network"), file_of(catalog, "refit_markdown")
        text_table.print_lines(["Refit: the network is {}, what to expect {}".format(*files)])
    if "unlabeled_predictions" in made:
        table = file_of(catalog, "unlabeled_predictions")
        text_table.print_lines([f"Labels of the unlabelled images: {table}"])
    if "tuning" in made:
        from regbench.tuning.told import lines

        page = file_of(catalog, "tuning_page")
        text_table.print_lines(lines(catalog.load("tuning")["techniques"], page))
    if "exports" in made:
        from regbench.use import export

        folder = str(catalog.load("export_folder"))
        text_table.print_lines(export.lines(catalog.load("exports"), folder))
    for name in COMPARISONS:
        if name in made:
            from regbench.scaling.told import lines as lines_of

            page = file_of(catalog, f"{name}_page")
            text_table.print_lines(lines_of(catalog.load(name), page))
    if "recommendation" in made:
        from regbench.report import recommended

        text_table.print_lines(recommended.lines(catalog.load("recommendation")))
    if "bundle" in made:
        written = f"{catalog.load('params:data_root')}/08_reporting/bundle.zip"
        text_table.print_lines([f"{written}: SHA-256 {catalog.load('bundle').digest}"])
    if "verification" in made:
        from regbench.bundle import told

        text_table.print_lines(told.lines(catalog.load("verification")))


def _print_findings(made: set[str], catalog: CatalogProtocol[Any, Any]) -> None:
    """Print the doctor's findings, and what a pilot tells."""
    from regbench.doctor import told
    from regbench.report import text_table

    for name in ("doctor", "checkup"):
        if name in made:
            text_table.print_lines(told.terminal_lines(catalog.load(name)))
    if "pilot" in made:
        text_table.print_lines(told.pilot_lines(catalog.load("pilot")))
