"""Nodes that ask networks where they found their answers, for the report.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from regbench.study import digests
from regbench.training.on_failure import on_failure_of

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import Results
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = Results = Any

logger = logging.getLogger(__name__)


def choose_explained(
    results: dict[str, Results], split_index: DataFrame, classes: list[str]
) -> dict[str, Any]:
    """Choose the images that techniques differ on, and the networks that are asked why.

    Returns:
        ``images``, rows of ``split_index``; and ``networks``, by technique the name of a trained
        network's file, its seed (the lowest) and the digest of its weights.
    """
    from regbench.comparison import tables
    from regbench.report import image_browser
    from regbench.study.arms import arm_named

    trained = tables.finished(results)
    networks = {}
    for name, of in trained.items():
        first = of.trainings.sort_values("seed").iloc[0]
        networks[name] = {
            "file": f"{arm_named(name).folder}/seed_{first['seed']}",
            "seed": int(first["seed"]),
            "weights": str(first["fingerprint_weights"]),
        }
    rows = image_browser.rows_to_explain(trained, split_index, classes)
    return {"images": rows, "networks": networks if rows else {}}


def explain_images(
    explained: dict[str, Any], networks: dict[str, Callable[[], Any]], images: ndarray
) -> dict[str, ndarray]:
    """Return where each technique's network found its answers in some images (Grad-CAM).

    A network that is gone, is another one than was evaluated, or has no feature maps is left out,
    and a log line says so.

    Returns:
        ``rows`` of the M images, ints; and by technique ``<name>.maps``, M x h x w uint8,
        ``<name>.answers``, M ints, and ``<name>.seed``.
    """
    import numpy as np

    rows = np.asarray(explained["images"], dtype=int)
    made = {"rows": rows}
    if not explained["networks"]:
        return made
    from regbench.networks.grad_cam import grad_cam
    from regbench.networks.weights import weights_of
    from regbench.report.heat import small_maps

    pictures = images[rows]
    for name, of in explained["networks"].items():
        network = networks[of["file"]]() if of["file"] in networks else None
        if network is None or digests.digest_of_weights(weights_of(network)) != of["weights"]:
            logger.info("no Grad-CAM of %s: its network is gone or another one", name)
            continue
        found = grad_cam(network, pictures)
        if found is None:
            logger.info("no Grad-CAM of %s: it has no feature maps of its own", name)
            continue
        maps, answers = found
        made |= {
            f"{name}.maps": small_maps(maps),
            f"{name}.answers": answers,
            f"{name}.seed": np.asarray(of["seed"]),
        }
    return made


@on_failure_of(explain_images)
def explanation_failed(reason: str, explained: dict[str, Any], **_: Any) -> dict[str, ndarray]:
    """Return the outputs of ``explain_images`` if it failed: the report does without."""
    import numpy as np

    logger.warning("no Grad-CAM in the report: %s", reason)
    return {"rows": np.asarray(explained["images"], dtype=int)}
