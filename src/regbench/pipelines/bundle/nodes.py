"""Nodes that bundle a study, and that check a bundle."""

import logging
from typing import TYPE_CHECKING, Any

from regbench.errors import StudyError
from regbench.study import fingerprints

if TYPE_CHECKING:
    from pandas import DataFrame

    from regbench.bundle.again import Again
    from regbench.bundle.contents import Bundle, Described
    from regbench.evaluation.results import Results
else:  # Kedro resolves annotations, and warns of names that are not there
    Again = DataFrame = Bundle = Described = Results = Any

logger = logging.getLogger(__name__)


def make_bundle(
    results: dict[str, Results],
    stale: dict[str, str],
    compared: DataFrame,
    split_index: DataFrame,
    classes: list[str],
    data_fingerprint: dict[str, Any],
    parameters: dict[str, Any],
) -> Bundle:
    """Return the study as a bundle.

    Raises:
        StudyError: No training is up to date.
    """
    from regbench.bundle import make

    if not any(len(of.trainings) for of in results.values()):
        reasons = "; ".join(dict.fromkeys(stale.values()))
        raise StudyError(
            f"no training is up to date{f' ({reasons})' if reasons else ''}, so that there is "
            f"nothing to bundle; {parameters['command']} trains all"
        )
    described = _described(parameters, data_fingerprint, classes)
    failed = parameters["reporting"]["failed"]
    return make.make_bundle(described, results, stale, compared, split_index, failed)


def check_bundle(
    bundle: Bundle,
    classes: list[str],
    data_fingerprint: dict[str, Any],
    parameters: dict[str, Any],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Check a bundle against itself and against this checkout.

    Returns:
        ``checks`` and ``entries``, see ``bundle.told.lines``; and the trainings to train again.
    """
    from regbench.bundle import again, checks, told

    here = _described(parameters, data_fingerprint, classes)
    asked = parameters["verify"]
    found = {
        "checks": [*checks.against_itself(bundle), *checks.against_here(bundle, here)],
        "entries": told.entries_of(bundle.contents.settings, here.settings),
    }
    drawn = again.draw(bundle, here, asked["trainings"], asked["draw"])
    logger.info("trainings of the bundle that are trained again: %d", len(drawn))
    return found, [dict(one) for one in drawn]


def conclude(
    bundle: Bundle,
    checked: dict[str, Any],
    made: list[Again],
    classes: list[str],
    data_fingerprint: dict[str, Any],
    parameters: dict[str, Any],
) -> dict[str, Any]:
    """Return all checks of a bundle, with those of the trainings that were trained again."""
    from regbench.bundle import again

    here = _described(parameters, data_fingerprint, classes)
    of_trainings = again.judge(bundle, here, parameters["verify"]["trainings"], made)
    return {
        "bundle": bundle.digest,
        "checks": [*checked["checks"], *of_trainings],
        "entries": checked["entries"],
    }


def _described(
    parameters: dict[str, Any], data_fingerprint: dict[str, Any], classes: list[str]
) -> Described:
    from regbench.bundle import make

    current = fingerprints.current_fingerprints(
        data_fingerprint, parameters["preparation"], parameters["fingerprints"]
    )
    return make.describe(parameters, current, classes)
