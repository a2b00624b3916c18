"""Nodes that begin a recommendation, and conclude it from the trainings that there are."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

    from regbench.storage.stored_file import StoredFile
else:  # Kedro resolves annotations, and warns of names that are not there
    DataFrame = StoredFile = Any


def begin(
    parameters: dict[str, Any], split_index: DataFrame, clock: dict[str, str]
) -> dict[str, str]:
    """Return when the run began, and until when trainings are made.

    Raises:
        StudyError: No recommendation can be made for such a study.
    """
    from regbench.recommendation import plan

    return plan.begin(parameters, split_index, clock["started"])


def conclude(
    parameters: dict[str, Any],
    data_fingerprint: dict[str, Any],
    plan: dict[str, str],
    folder: StoredFile,
    *made: Any,
) -> tuple[dict[str, Any], str]:
    """Return the recommendation, see ``recommendation.conclude``, and its entry as YAML.

    The sentence is in both.

    Args:
        parameters: Of the study.
        data_fingerprint: Of its images and split.
        plan: When the run began, and until when trainings were made.
        folder: Where these are kept.
        made: What each worker made; then the results of the study's techniques, in their order.
    """
    from regbench.recommendation.conclude import conclude as concluded
    from regbench.recommendation.plan import Plan
    from regbench.report import recommended

    techniques = len(parameters["techniques"])
    at_hand = Plan(parameters, made[-techniques:], data_fingerprint, folder, plan["run"])
    workers = made[:-techniques]
    found = concluded(at_hand, parameters, data_fingerprint, workers)
    found["sentence"] = recommended.sentence(found)
    return found, recommended.entry(found, parameters["command"])
