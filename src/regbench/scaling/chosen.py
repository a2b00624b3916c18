"""Which techniques the settings ask for: named ones, and the best on validation."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from regbench.comparison import compare
from regbench.errors import StudyError
from regbench.evaluation.results import Results
from regbench.metrics.registry import METRICS
from regbench.study import fingerprints
from regbench.study.cells import rank_of
from regbench.study.schema import BASELINE


def techniques(
    names: Sequence[str],
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    results: Sequence[Results],
    setting: str,
) -> dict[str, str | None]:
    """Return the technique that each name of the settings stands for.

    Ranks are by the mean over seeds of the study's metric on validation; trainings that no longer
    match the study do not count, nor does the baseline.

    Args:
        names: Of techniques, or ranks such as ``best``.
        parameters: Of the study.
        data_fingerprint: Of the images and their split.
        results: Of all arms, in the order of ``parameters["fingerprints"]``.
        setting: That has the names, for messages.

    Returns:
        By name; None for a rank that no technique has, or one that is named already.

    Raises:
        StudyError: A rank is asked for, and no technique but the baseline is trained.
    """
    named = [name for name in names if name in parameters["techniques"]]
    if len(named) == len(names):
        return dict(zip(names, names, strict=True))
    ranked = ranking(parameters, data_fingerprint, results)
    if not ranked:
        first = next((name for name in parameters["techniques"] if name != BASELINE), BASELINE)
        raise StudyError(
            f"{setting} asks for the best on validation, and no technique is trained and up to "
            f"date; {parameters['command']} trains them, or name one: --params={setting}={first}"
        )
    return by_rank(names, ranked, parameters["techniques"])


def by_rank(
    names: Sequence[str], ranked: Sequence[str], known: Container[str]
) -> dict[str, str | None]:
    """Return the technique that each name stands for; None for a rank that adds none.

    Args:
        names: Of techniques, or ranks.
        ranked: Techniques, the best first.
        known: Names of techniques.
    """
    found: dict[str, str | None] = {name: name for name in names if name in known}
    for name in names:
        if name not in found:
            rank = rank_of(name)
            if rank is None:
                raise ValueError(f"{name!r} is neither a technique nor a rank")
            chosen = ranked[rank - 1] if rank <= len(ranked) else None
            found[name] = None if chosen in found.values() else chosen
    return {name: found[name] for name in names}


def ranking(
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    results: Sequence[Results],
) -> list[str]:
    """Return the techniques that are trained and up to date, the best on validation first."""
    fingerprint = parameters["fingerprints"]
    stored = dict(zip(fingerprint, results, strict=True))
    current = fingerprints.current_fingerprints(
        data_fingerprint, parameters["preparation"], fingerprint
    )
    fresh, _ = compare.set_aside_stale(stored, current, parameters["protocol"]["seeds"])
    metric = METRICS[parameters["reporting"]["metric"]]
    means = {
        name: metric.gain(float(of.by_seed(f"validation_{metric.name}").mean()))
        for name, of in fresh.items()
        if name != BASELINE and len(of.by_seed(f"validation_{metric.name}").dropna())
    }
    return sorted(means, key=lambda name: (-means[name], name))
