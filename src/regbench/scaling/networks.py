"""Networks of several sizes: value against parameters and inference time."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from regbench.metrics.registry import METRICS
from regbench.scaling.outcomes import (
    differences_of,
    failures,
    mean_and_interval,
    values_of,
)
from regbench.study.cells import Cell, title_of
from regbench.study.reporting import Reporting
from regbench.study.schema import BASELINE

COSTS = ("weights", "multiply_adds", "seconds", "seconds_low", "seconds_high")
IMAGES = 256  # that are timed together, at most
REPEATS = 9


def summary(
    plan: Mapping[str, Any],
    reporting: Mapping[str, Any],
    cells: Mapping[str, Cell],
    outcomes: Mapping[str, Mapping[str, Any]],
    costs: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return all that the comparison of network sizes shows.

    Every network, with and without the technique, is compared with the baseline on the study's
    own network, the reference: paired by draw, by the report's rules, all as one family.

    Args:
        plan: From the pipeline's first node: ``techniques``, ``networks`` (the reference first),
            ``judged`` and ``train_images``.
        reporting: The study's settings: metric and band.
        cells: The trainings by name.
        outcomes: What they made, by name.
        costs: By ``<network>.<technique>``, from ``cost_of``.

    Returns:
        ``rows`` by network and technique: the network's ``title``, ``weights``,
        ``multiply_adds``, ``seconds`` for an image with ``seconds_low`` and ``seconds_high``
        (quartiles), ``trainings``, ``failed``, ``mean``, ``sd``, ``low`` and ``high``,
        ``is_reference``, and of all but the reference ``difference``, ``difference_low``,
        ``difference_high`` and ``verdict``. Values as stored.
    """
    settings = Reporting.model_validate(reporting)
    metric = METRICS[settings.metric]
    figure = f"{plan['judged']}_{metric.name}"
    names = {called: name for called, name in plan["techniques"].items() if name is not None}
    values = {
        (network, name): values_of(
            [
                outcomes[key]
                for key, cell in cells.items()
                if (cell.network, cell.technique) == (network, called)
            ],
            figure,
        )
        for network in plan["networks"]
        for called, name in names.items()
    }
    reference = (plan["networks"][0], BASELINE)
    pairs = {
        f"{network}.{name}": (of, values[reference])
        for (network, name), of in values.items()
        if (network, name) != reference
    }
    made = {key: outcomes[key] for key, cell in cells.items() if cell.technique in names}
    differences = differences_of(pairs, made, metric, settings.band)
    rows = []
    for (network, name), of in values.items():
        measured = mean_and_interval(of)
        row: dict[str, Any] = {
            "network": network,
            "title": title_of(network, plan["networks"][0]),
            "technique": name,
            **costs[f"{network}.{name}"],
            **measured,
            "failed": len(of) - int(measured["trainings"] or 0),
            "is_reference": (network, name) == reference,
        }
        row |= differences.get(f"{network}.{name}", {})
        rows.append(row)
    return {
        "metric": metric.name,
        "judged": plan["judged"],
        "judged_images": next((of["judged_images"] for of in made.values() if "step" in of), 0),
        "train_images": plan["train_images"],
        "band": settings.band,
        "draws": max(len(of) for of in values.values()),
        "techniques": names,
        "not_found": [called for called, name in plan["techniques"].items() if name is None],
        "rows": rows,
        "failures": failures(made),
    }


def cost_of(
    images: np.ndarray,
    classes: int,
    parameters: Mapping[str, Any],
    network: str,
    technique: str,
) -> dict[str, Any]:
    """Return weights, multiply-adds and inference time of an untrained network.

    Its weights' values do not change what a prediction takes.

    Args:
        images: N x H x W x C, uint8; the first ``IMAGES`` are predicted.
        classes: Their number.
        parameters: Of the study, as nodes have them.
        network: A key of ``sized_networks``.
        technique: Its name; of an ensemble as many networks as it has at most.

    Returns:
        ``weights``, ``multiply_adds`` (None where it has others than dense layers and
        convolutions), ``seconds`` for an image, the median of ``REPEATS`` measurements, with
        ``seconds_low`` and ``seconds_high``, their quartiles.
    """
    from regbench.networks.inference import predict  # noqa: PLC0415 - imports TensorFlow
    from regbench.networks.multiply_adds import multiply_adds  # noqa: PLC0415

    model = _untrained(images, classes, parameters, network, technique)
    rows = np.arange(min(IMAGES, len(images)))
    measured = []
    for _ in range(1 + REPEATS):  # the first compiles
        started = time.perf_counter()
        predict(model, images, rows)
        measured.append((time.perf_counter() - started) / len(rows))
    low, middle, high = np.percentile(measured[1:], [25, 50, 75])
    return {
        "weights": int(sum(np.prod(variable.shape) for variable in model.trainable_variables)),
        "multiply_adds": multiply_adds(model),
        "seconds": float(middle),
        "seconds_low": float(low),
        "seconds_high": float(high),
    }


def _untrained(
    images: np.ndarray,
    classes: int,
    parameters: Mapping[str, Any],
    network: str,
    technique: str,
) -> Any:
    """Return the network as it would predict, with weights as they are drawn."""
    from regbench.networks.base import Plan  # noqa: PLC0415
    from regbench.networks.ensembles import averaged  # noqa: PLC0415 - imports Keras
    from regbench.networks.registry import network_of  # noqa: PLC0415
    from regbench.regularizers.places.ensemble import Ensemble  # noqa: PLC0415
    from regbench.study.technique import Technique  # noqa: PLC0415

    settings = Technique.model_validate(parameters["techniques"][technique])
    pixels = int(np.prod(images.shape[1:]))
    channels = images.shape[-1]
    nothing = {
        "augmentation": parameters["augmentation"],
        "zca": {
            "mean": np.zeros(pixels, np.float32),
            "matrix": np.eye(pixels, dtype=np.float32) if "zca" in settings.entries() else None,
        },
        "train_counts": np.ones(classes, dtype=int),
    }
    regularizers = settings.regularizers(nothing)
    normalization = {"offset": [0.0] * channels, "scale": [255.0] * channels}
    plan = Plan(images.shape[1:], classes, 1, normalization, regularizers)
    kind = network_of(parameters["sized_networks"][network])
    members = [each.networks() for each in regularizers if isinstance(each, Ensemble)]
    if not members or members[0] == 1:
        return kind.built(plan)
    networks = [kind.built(plan) for _ in range(members[0])]
    return averaged(networks, [1 / members[0]] * members[0])
