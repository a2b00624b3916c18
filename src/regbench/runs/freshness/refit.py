"""Which stored networks of a refit no longer match the study."""

from typing import Any

from kedro.framework.project import pipelines

from regbench.errors import StudyError
from regbench.runs.freshness.stored import Catalog, load_record, load_sealed


def stale_of_refit(
    parameters: dict[str, Any], data_fingerprint: dict[str, Any], stale: set[str], catalog: Catalog
) -> set[str]:
    """Return the datasets of the refit that were made from something else than the study at hand.

    Args:
        parameters: Of the study.
        data_fingerprint: Of the prepared images, as recorded.
        stale: What the run makes anew besides: if results are among it, what is to be trained is
            not known yet.
        catalog: Of the session.
    """
    made: set[str] = pipelines["refit"].all_outputs()
    planned = _plan(parameters, data_fingerprint, stale, catalog)
    if planned is None:
        return made
    found = set() if load_record(catalog, "refit_plan") == planned else {"refit_plan"}
    for seed in planned["seeds"]:
        name = f"refit.seed_{seed}"
        record = load_sealed(catalog, f"{name}.fingerprint", "the network is trained again")
        if record.get("refit") != planned["made_from"] or not catalog.exists(f"{name}.network"):
            found |= {of for of in made if of.startswith(f"{name}.")}
    combined = load_sealed(catalog, "refit", "the networks are put together again")
    if found or combined.get("plan") != planned:
        found |= {"refit_network", "refit", "refit_markdown"}
    return found


def _plan(
    parameters: dict[str, Any], data_fingerprint: dict[str, Any], stale: set[str], catalog: Catalog
) -> dict[str, Any] | None:
    """Return what a refit would train now; None if that is not known yet, or cannot be done."""
    from regbench.use import refit  # noqa: PLC0415 - imports pandas

    names = [f"{arm}_results" for arm in parameters["fingerprints"]]
    if stale & {*names, "split_index"} or not catalog.exists("split_index"):
        return None
    results = {
        arm: catalog.load(name) for arm, name in zip(parameters["fingerprints"], names, strict=True)
    }
    try:
        return refit.plan(parameters, data_fingerprint, catalog.load("split_index"), results)
    except StudyError:
        return None  # the node that plans reports it
