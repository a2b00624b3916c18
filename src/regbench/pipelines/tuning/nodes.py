"""Nodes that search each technique's settings on validation images, and write what they found."""

from typing import TYPE_CHECKING, Any

from regbench.errors import StudyError
from regbench.training.on_failure import on_failure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.storage.stored_file import StoredFile
else:  # Kedro resolves annotations, and warns of names that are not there
    Figure = ndarray = DataFrame = StoredFile = Any


def take_images(
    images: ndarray, split_index: DataFrame, parameters: dict[str, Any]
) -> tuple[ndarray, DataFrame]:
    """Return the train and validation images alone, and a row for each.

    Raises:
        StudyError: The study has no test images, several splits or several networks; or the budget
            is too small.
    """
    from regbench.tuning import plan
    from regbench.tuning.images import without_test

    taken = without_test(images, split_index)
    height, width, channels = images.shape[1:]
    for name in parameters["searched"]:
        plan.check(parameters, name, (height, width, channels))
    return taken


def search_settings(
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    normalization: dict[str, Any],
    parameters: dict[str, Any],
    technique: str,
    data_fingerprint: dict[str, Any],
    storage: StoredFile,
    **prepared: Any,
) -> dict[str, Any]:
    """Return what the trials of a technique found; see ``tuning.search.outcome``.

    Each trial is kept as soon as it is made: an interrupted search goes on from there.
    """
    from regbench.metrics.registry import METRICS
    from regbench.tuning import plan
    from regbench.tuning.search import search
    from regbench.tuning.storage import open_study
    from regbench.tuning.trial import Bench, train_and_score

    bench = Bench(
        technique,
        images,
        split_index,
        classes,
        normalization,
        prepared,
        parameters["protocol"],
        parameters["network"],
        parameters["reporting"]["metric"],
    )
    height, width, channels = images.shape[1:]
    planned = plan.of_technique(
        parameters,
        technique,
        lambda *trial: train_and_score(bench, *trial),
        (height, width, channels),
    )
    study = open_study(
        storage,
        planned.tuning.storage,
        plan.study_name(planned, parameters, data_fingerprint),
        higher_is_better=METRICS[bench.metric].higher_is_better,
    )
    return search(planned, study)


@on_failure_of(search_settings)
def search_failed(
    reason: str, parameters: dict[str, Any], technique: str, **_: Any
) -> dict[str, Any]:
    """Return the output of ``search_settings`` for a search that failed: it found nothing."""
    from regbench.tuning import plan
    from regbench.tuning.search import nothing_found

    return nothing_found(plan.of_technique(parameters, technique), reason)


def conclude(
    parameters: dict[str, Any], *outcomes: dict[str, Any]
) -> tuple[dict[str, Any], str, str, str, str]:
    """Return all outcomes, and the four files of ``conf/tuned`` as YAML: see ``tuning.conf``.

    Raises:
        StudyError: No technique has a trial that was completed.
    """
    from regbench.tuning import conf

    if not any(outcome["best"] for outcome in outcomes):
        reasons = {
            trial["reason"]
            for outcome in outcomes
            for trial in (*outcome["trials"], outcome)
            if trial.get("reason")
        }
        raise StudyError(f"no trial of any technique was completed: {'; '.join(sorted(reasons))}")
    found = {outcome["technique"]: outcome for outcome in outcomes}
    return (
        {"techniques": found},
        conf.techniques(parameters, found),
        conf.study(parameters),
        conf.global_settings(parameters),
        conf.catalog(parameters),
    )


def plot_strengths(found: dict[str, Any]) -> Figure:
    """Draw the score of every trial over each setting that was searched."""
    from regbench.report.plots import tuning

    return tuning.strength_plot(found["techniques"])


def plot_budget(found: dict[str, Any]) -> Figure:
    """Draw each technique's best score so far over the epochs spent on it."""
    from regbench.report.plots import tuning

    return tuning.budget_plot(found["techniques"])


def plot_importance(found: dict[str, Any]) -> Figure:
    """Draw how much of the score's variance each searched setting has."""
    from regbench.report.plots import tuning

    return tuning.importance_plot(found["techniques"])


def make_page(found: dict[str, Any], parameters: dict[str, Any]) -> str:
    """Write what the searches found as one page of HTML: pictures, table, next command."""
    from regbench.report.tuning_page import tuning_page

    return tuning_page(found["techniques"], str(parameters["images"]))
