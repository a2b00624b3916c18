"""What a run of several pipelines would find out only after its first stages: told at once."""

from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from regbench.errors import StudyError
from regbench.networks.formats.registry import check_installed
from regbench.study.arms import arm_named
from regbench.study.schema import BEST

# By what is decided: the group of settings that may name a technique for it.
_DECIDED = {"refit_plan": "refit", "chosen_network": "prediction"}


def check_beforehand(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
    """Check what the last stages of a pipeline need, before the first is run.

    Raises:
        StudyError: A package of a format of export is missing; or a technique that the settings
            name for refit, prediction or export has no network, and this run trains none.
    """
    made, parameters = pipeline.all_outputs(), catalog.load("parameters")
    if "network_facts" in made:
        check_installed(parameters["export"]["formats"])
    for decided, group in _DECIDED.items():
        if decided in made and parameters[group]["technique"] != BEST:
            _check_is_trained(group, made, parameters, catalog)


def _check_is_trained(
    group: str, made: set[str], parameters: dict[str, Any], catalog: CatalogProtocol[Any, Any]
) -> None:
    """Check that the technique that a group of settings names is trained, and up to date."""
    technique, network = parameters[group]["technique"], parameters[group]["network"]
    arms = [name for name in parameters["fingerprints"] if arm_named(name).technique == technique]
    results = {name: f"{name}_results" for name in arms}
    if "data_fingerprint" in made or made & set(results.values()):
        return
    from regbench.use import choice  # noqa: PLC0415 - imports pandas

    fresh, stale = choice.up_to_date(
        parameters["fingerprints"],
        parameters["preparation"],
        parameters["protocol"]["seeds"],
        catalog.load("data_fingerprint"),
        {name: catalog.load(stored) for name, stored in results.items()},
    )
    metric, command = parameters["reporting"]["metric"], parameters["command"]
    try:
        choice.best_training(fresh, stale, technique, network, metric, command)
    except StudyError as problem:
        raise StudyError(f"{group}.technique: {problem.message}") from None
