"""Which trained networks are archived, and for how many runs."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regbench.evaluation.results import TRAINED, Results
from regbench.study.arms import arm_named


def networks_to_keep(
    history: pd.DataFrame, run: str, results: Mapping[str, Results], last: int
) -> dict[str, Any]:
    """Return which trained networks to archive for a run, and which runs keep their archive.

    Each training overwrites the network of the same technique and seed; the archive holds copies
    of the networks of the last runs.

    Args:
        history: The runs so far, with this one.
        run: Name of this run; empty if nothing was trained.
        results: The trainings that this run compares, by technique.
        last: Number of runs whose networks are kept. With 1 the networks in place are enough, and
            nothing is archived.

    Returns:
        ``run``: its name; ``networks``: the digest of each network's weights, by
        ``<technique>/seed_<n>``, of several networks below the network's folder; ``keep``:
        names of the runs whose archive is kept.
    """
    names = list(dict.fromkeys(history["run"]))
    networks = {}
    for technique, found in results.items() if last > 1 and run else ():
        trained = found.trainings[found.trainings["status"] == TRAINED]
        for training in trained.to_dict("records"):
            folder = arm_named(technique).folder
            networks[f"{folder}/seed_{training['seed']}"] = training["fingerprint_weights"]
    return {"run": run, "networks": networks, "keep": names[-last:]}
