"""Nodes that examine a study: the doctor's findings.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import Results
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = Results = Any

logger = logging.getLogger(__name__)

Findings = list[dict[str, Any]]


def examine_study(
    compared: DataFrame,
    results: dict[str, Results],
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    duplicates: DataFrame,
    parameters: dict[str, Any],
) -> Findings:
    """Return the findings of all checks that are not muted, the most important first."""
    from regbench.doctor.evidence import Evidence
    from regbench.doctor.examine import examine
    from regbench.process.devices import training_processes

    if not any(len(of.trainings) for of in results.values()):
        logger.warning(
            "nothing is trained yet, or all is stale: the images alone are examined; %s trains",
            parameters["command"],
        )
    evidence = Evidence(
        results=results,
        comparison=compared,
        images=images,
        split_index=split_index,
        classes=classes,
        duplicates=duplicates,
        settings=parameters,
        side_by_side=training_processes(),
    )
    return examine(evidence, parameters["reporting"]["mute"])


def write_findings(findings: Findings) -> str:
    """Write the findings as Markdown."""
    from regbench.doctor import told

    return told.as_markdown(findings)
