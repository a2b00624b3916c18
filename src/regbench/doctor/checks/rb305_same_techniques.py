"""RB305: two techniques are one: equal settings, or equal answers with every seed."""

import hashlib
from itertools import combinations

import pandas as pd

from regbench.doctor.base import Check, Finding
from regbench.doctor.commands import trained_seeds
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import names
from regbench.evaluation.results import Results
from regbench.study.schema import BASELINE, SHARED
from regbench.study.technique import Technique
from regbench.text.counted import number_of

_COMPARED = ["filename", "split", "predicted", "confidence"]


def _find(evidence: Evidence) -> Finding | None:
    shared = {key: kind.model_validate(evidence.settings[key]) for key, kind in SHARED.items()}
    settings = {
        name: Technique.model_validate(entries).in_full(shared)
        for name, entries in evidence.settings["techniques"].items()
        if name in evidence.results or not evidence.network  # there may be others elsewhere
    }
    answers = {name: _digests(results) for name, results in evidence.trained.items()}
    same = []
    for one, other in combinations(settings, 2):
        both = answers.get(one, {}).keys() & answers.get(other, {}).keys()
        equal = bool(both) and all(answers[one][seed] == answers[other][seed] for seed in both)
        if settings[one] == settings[other]:
            same.append((one, other, "have the same settings"))
        elif equal:
            seeds = number_of(len(both), "seed")
            same.append((one, other, f"give the same answers to every image, with {seeds}"))
    if not same:
        return None
    spare = next(name for name in (same[0][1], same[0][0]) if name != BASELINE)
    return Finding(
        "; ".join(f"{names([one, other])} {how}" for one, other, how in same[:3]),
        evidence.command({f"techniques.{spare}": "null"}, "--pipelines=reporting"),
        0.0,
        "Each counts in the correction for the number of techniques, and takes its time.",
    )


def _digests(results: Results) -> dict[int, str]:
    """Return a digest of a technique's answers to all images, by seed."""
    table = results.predictions
    found = {}
    for seed in trained_seeds(results):
        own = table.loc[table["seed"] == seed, _COMPARED].sort_values(["split", "filename"])
        if len(own):
            rows = pd.util.hash_pandas_object(own, index=False).to_numpy()
            found[seed] = hashlib.blake2b(rows.tobytes(), digest_size=16).hexdigest()
    return found


CHECK = Check(
    code="RB305",
    title="two techniques are one",
    meaning="two techniques have the same settings, defaults included; or give the same answers "
    "with the same confidence to every image, with every seed that both have",
    why="One of them shows nothing: an early stop that never stopped, a strength too small to act.",
    rank=48,
    find=_find,
)
