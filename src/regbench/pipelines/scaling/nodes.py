"""Nodes that train techniques on ever more images or with networks of several sizes, and tell.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

import logging
from typing import TYPE_CHECKING, Any

from regbench.errors import StudyError, by_reason
from regbench.study import digests
from regbench.study.cells import (
    Cell,
    cells_of_curve,
    cells_of_networks,
    names_of_curve,
)
from regbench.study.scaling import ALL, LearningCurve, NetworkSize
from regbench.study.schema import BASELINE
from regbench.training.if_needed import ends_at_once_if
from regbench.training.on_failure import on_failure_of

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import Results
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = Results = Any

logger = logging.getLogger(__name__)


def plan_learning_curve(
    split_index: DataFrame,
    parameters: dict[str, Any],
    data_fingerprint: dict[str, Any],
    *results: Results,
) -> dict[str, Any]:
    """Return which techniques are trained on how many images.

    Args:
        split_index: A row per image: split, target.
        parameters: Of the study.
        data_fingerprint: Of the images and their split.
        results: Of all arms, in the order of ``parameters["fingerprints"]``; empty if no setting
            asks for the best.

    Returns:
        ``techniques``, names by what the settings call them, None for a rank that nothing has;
        ``sizes``, numbers by what the settings call them, None for one that is not below
        ``train_images``; ``judged``, the judged part; and ``network``.

    Raises:
        StudyError: The study has several networks or splits, a size is smaller than the number of
            classes, or nothing is trained yet.
    """
    from regbench.scaling import chosen, subsets
    from regbench.scaling.power_law import LEAST_SIZES

    _check_one_network(parameters, "learning_curve")
    settings = LearningCurve.model_validate(parameters["learning_curve"])
    sizes = subsets.planned_sizes(split_index, settings.sizes, "learning_curve.sizes")
    left_out = [size for size, images in sizes.items() if images is None]
    planned = _shared(split_index, parameters) | {"sizes": sizes}
    if left_out:
        classes = split_index.loc[split_index["split"] == "train", "target"].nunique()
        enough = subsets.sizes_for_a_curve(planned["train_images"], classes)
        is_curve = len(sizes) - len(left_out) >= LEAST_SIZES
        logger.warning(
            "learning_curve.sizes: %s: left out, as the study has %d train images%s",
            ", ".join(left_out),
            planned["train_images"],
            ""
            if is_curve or not enough
            else f'; a curve takes {LEAST_SIZES} sizes: --params="learning_curve.sizes={enough}"',
        )
    names = names_of_curve(settings)
    return planned | {
        "techniques": chosen.techniques(
            names, parameters, data_fingerprint, results, "learning_curve.techniques"
        )
    }


def plan_network_size(
    split_index: DataFrame,
    parameters: dict[str, Any],
    data_fingerprint: dict[str, Any],
    *results: Results,
) -> dict[str, Any]:
    """Return which networks and techniques are trained.

    Returns:
        As of ``plan_learning_curve``, and ``networks``, names of which the first is the study's.

    Raises:
        StudyError: The study has several splits, its network has no width to change and no other
            is named, or nothing is trained yet.
    """
    from regbench.scaling import chosen, subsets

    _check_one_network(parameters, "network_size")
    settings = NetworkSize.model_validate(parameters["network_size"])
    networks = list(parameters["sized_networks"])
    if len(networks) == 1:
        kind = parameters["sized_networks"][networks[0]]["kind"]
        raise StudyError(
            f"network_size: there is nothing to compare {networks[0]} with (a network of kind "
            f"{kind}; mlp, cnn and resnet have a width); name entries of networks by "
            "network_size.networks"
        )
    sizes = subsets.planned_sizes(split_index, [ALL], "network_size")
    names = list(dict.fromkeys([BASELINE, settings.technique]))
    return _shared(split_index, parameters) | {
        "sizes": sizes,
        "networks": networks,
        "techniques": chosen.techniques(
            names, parameters, data_fingerprint, results, "network_size.technique"
        ),
    }


def is_skipped(plan: dict[str, Any], cell: list[Any]) -> bool:
    """Return whether there is no such training: no such size below all, or no such technique."""
    planned = Cell(*cell)
    no_size = plan["sizes"][str(planned.size)] is None
    return no_size or plan["techniques"][planned.technique] is None


@ends_at_once_if(is_skipped)
def train(
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    parameters: dict[str, Any],
    data_fingerprint: dict[str, Any],
    plan: dict[str, Any],
    cell: list[Any],
) -> dict[str, Any]:
    """Train once; return the figures of ``scaling.train`` and what they were made from."""
    from regbench.scaling.outcomes import SKIPPED

    if is_skipped(plan, cell):
        return digests.sealed({"status": SKIPPED})
    from regbench.scaling.train import train_cell

    planned, technique = Cell(*cell), plan["techniques"][Cell(*cell).technique]
    made = train_cell(
        images,
        split_index,
        classes,
        parameters,
        planned,
        technique,
        plan["sizes"][str(planned.size)],
        parameters["learning_curve"]["length"],
    )
    return digests.sealed(made | _made_from(parameters, data_fingerprint, planned, technique))


@on_failure_of(train)
def train_failed(
    reason: str,
    parameters: dict[str, Any],
    data_fingerprint: dict[str, Any],
    plan: dict[str, Any],
    cell: list[Any],
    **_: Any,
) -> dict[str, Any]:
    """Return the output of ``train`` for a training that raised an error or was killed."""
    from regbench.evaluation.results import FAILED

    technique = plan["techniques"][Cell(*cell).technique]
    made_from = _made_from(parameters, data_fingerprint, Cell(*cell), technique)
    return digests.sealed({"status": FAILED, "reason": reason, **made_from})


def conclude_learning_curve(
    plan: dict[str, Any], parameters: dict[str, Any], *outcomes: dict[str, Any]
) -> tuple[dict[str, Any], DataFrame, Any, str]:
    """Return all that the learning curve shows: as JSON, table, picture and page.

    Raises:
        StudyError: Every training of the baseline failed.
    """
    import pandas as pd

    from regbench.scaling import curve, page, plots, sentences

    settings = LearningCurve.model_validate(parameters["learning_curve"])
    cells = cells_of_curve(settings, plan["network"])
    by_name = dict(zip(cells, outcomes, strict=True))
    _check_baseline(cells, by_name)
    found = curve.summary(plan, parameters["reporting"], cells, by_name)
    found["sentences"] = sentences.of_curve(found)
    found["notes"] = sentences.notes_of_curve(found)
    html = page.curve_page(found, str(parameters["images"]), settings.length)
    return found, pd.DataFrame(found["rows"]), plots.curve_plot(found), html


def measure_networks(
    images: ndarray,
    classes: list[str],
    plan: dict[str, Any],
    parameters: dict[str, Any],
    *outcomes: dict[str, Any],
) -> dict[str, Any]:
    """Return size and inference time by ``<network>.<technique>``, of what could be trained.

    It runs once all is trained, so that trainings do not disturb its clock.
    """
    from regbench.evaluation.results import TRAINED
    from regbench.scaling import networks
    from regbench.training import tensorflow_setup

    tensorflow_setup.set_up_tensorflow()
    settings = NetworkSize.model_validate(parameters["network_size"])
    cells = cells_of_networks(settings, plan["networks"])
    trained = {
        (cell.network, plan["techniques"][cell.technique])
        for cell, outcome in zip(cells.values(), outcomes, strict=True)
        if outcome["status"] == TRAINED
    }
    costs = {}
    for network in plan["networks"]:
        for technique in filter(None, plan["techniques"].values()):
            key = f"{network}.{technique}"
            costs[key] = (
                networks.cost_of(images, len(classes), parameters, network, technique)
                if (network, technique) in trained
                else dict.fromkeys(networks.COSTS)
            )
    return costs


def conclude_network_size(
    plan: dict[str, Any],
    parameters: dict[str, Any],
    costs: dict[str, Any],
    *outcomes: dict[str, Any],
) -> tuple[dict[str, Any], DataFrame, Any, str]:
    """Return all that the comparison of network sizes shows: as JSON, table, picture and page.

    Raises:
        StudyError: Every training of the baseline on the study's network failed.
    """
    import pandas as pd

    from regbench.scaling import networks, page, plots, sentences

    settings = NetworkSize.model_validate(parameters["network_size"])
    cells = cells_of_networks(settings, plan["networks"])
    by_name = dict(zip(cells, outcomes, strict=True))
    _check_baseline(cells, by_name, plan["networks"][0])
    found = networks.summary(plan, parameters["reporting"], cells, by_name, costs)
    found["sentences"] = sentences.of_networks(found)
    found["notes"] = [f"failed: {line}" for line in by_reason(found["failures"])]
    html = page.size_page(found, str(parameters["images"]))
    return found, pd.DataFrame(found["rows"]), plots.size_plot(found), html


def _check_one_network(parameters: dict[str, Any], pipeline: str) -> None:
    """Raise a ``StudyError`` if the study has several networks."""
    if "network" not in parameters:
        names = parameters["protocol"]["network"]
        raise StudyError(
            f"{pipeline} takes one network as the study's, and protocol.network names "
            f"{len(names)}; --params=protocol.network={names[0]} takes the first"
        )


def _shared(split_index: DataFrame, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return what both plans have: number of train images, judged part, the study's network."""
    from regbench.evaluation.split_parts import judged_part

    return {
        "train_images": int((split_index["split"] == "train").sum()),
        "judged": judged_part(set(split_index["split"])),
        "network": parameters["protocol"]["network"],
    }


def _made_from(
    parameters: dict[str, Any], data_fingerprint: dict[str, Any], cell: Cell, technique: str
) -> dict[str, Any]:
    """Return the record of what a training was made from."""
    from regbench.scaling.fingerprint import fingerprint_of_cell

    length = parameters["learning_curve"]["length"]
    found = fingerprint_of_cell(parameters, data_fingerprint, cell, technique, length)
    return {"fingerprint": found}


def _check_baseline(
    cells: dict[str, Cell], outcomes: dict[str, dict[str, Any]], network: str | None = None
) -> None:
    """Raise a ``StudyError`` if there is no training of the baseline to compare with."""
    from regbench.evaluation.results import FAILED, TRAINED

    own = [
        outcomes[name]
        for name, cell in cells.items()
        if cell.technique == BASELINE and network in (None, cell.network)
    ]
    if any(outcome["status"] == TRAINED for outcome in own):
        return
    reasons = dict.fromkeys(of["reason"] for of in own if of["status"] == FAILED)
    raise StudyError(f"every training of the baseline failed: {'; '.join(reasons)}")
