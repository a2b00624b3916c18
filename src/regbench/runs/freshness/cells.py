"""Which stored trainings of the learning curve and of network sizes no longer match the study."""

from collections.abc import Mapping
from typing import Any

from kedro.framework.project import pipelines

from regbench.runs.freshness.stored import Catalog, load_sealed
from regbench.study.cells import Cell

COMPARISONS = ("learning_curve", "network_size")


def stale_of_comparisons(
    made: set[str],
    stale: set[str],
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    catalog: Catalog,
) -> set[str]:
    """Return what is stale of what the learning curve and the comparison of networks make.

    Plans and reports always are: they take no time. A training is, if its record does not match
    the study, or if it has none, as one that failed.

    Args:
        made: The datasets that the pipeline at hand makes.
        stale: Those of them that are known to be stale.
        parameters: Of the study.
        data_fingerprint: Of the images and their split.
        catalog: Of the session.
    """
    found: set[str] = set()
    for name in COMPARISONS:
        own = (pipelines[name].all_outputs() - pipelines["data"].all_outputs()) & made
        cells = {
            f"{name}.{cell}.outcome": Cell(*fields)
            for cell, fields in parameters["cells"][name].items()
        }
        found |= own - cells.keys()
        to_look_at = {key: cell for key, cell in cells.items() if key in own}
        if to_look_at:
            found |= _stale_cells(to_look_at, stale & made, parameters, data_fingerprint, catalog)
    return found


def _stale_cells(
    cells: Mapping[str, Cell],
    made_again: set[str],
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    catalog: Catalog,
) -> set[str]:
    """Return the outcomes that are stale.

    Args:
        cells: Trainings by the dataset of their outcome.
        made_again: What the run at hand is going to make again.
        parameters: Of the study.
        data_fingerprint: Of the images and their split.
        catalog: Of the session.
    """
    from regbench.evaluation.results import TRAINED  # noqa: PLC0415 - imports pandas
    from regbench.scaling.fingerprint import fingerprint_of_cell  # noqa: PLC0415

    if {"images", "split_index"} & made_again or not data_fingerprint:
        return set(cells)
    if "network" not in parameters:
        return set(cells)  # of several networks, which the plan refuses
    names = _techniques(cells, made_again, parameters, data_fingerprint, catalog)
    length = parameters["learning_curve"]["length"]
    found = set()
    for key, cell in cells.items():
        record = load_sealed(catalog, key, "the training is made again")
        technique = names.get(cell.technique)
        if technique is None or record.get("status") != TRAINED:
            found.add(key)
            continue
        now = fingerprint_of_cell(parameters, data_fingerprint, cell, technique, length)
        if record.get("fingerprint") != now:
            found.add(key)
    return found


def _techniques(
    cells: Mapping[str, Cell],
    made_again: set[str],
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    catalog: Catalog,
) -> Mapping[str, str | None]:
    """Return the technique of each name in the settings, as far as it is known before the run.

    Which is the best is not known if results are made again in the same run, or nothing is trained.
    """
    from regbench.scaling.chosen import by_rank, ranking  # noqa: PLC0415 - imports pandas

    called = list(dict.fromkeys(cell.technique for cell in cells.values()))
    known = parameters["techniques"]
    results = [f"{arm}_results" for arm in parameters["fingerprints"]]
    if all(name in known for name in called) or made_again & set(results):
        return {name: name for name in called if name in known}
    ranked = ranking(parameters, data_fingerprint, [catalog.load(name) for name in results])
    return by_rank(called, ranked, known)
