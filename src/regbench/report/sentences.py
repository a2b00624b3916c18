"""A study's split, its training and the largest class, in a sentence each."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regbench.comparison.compare import headline_of, metric_of
from regbench.comparison.scope import variance_ratio_of
from regbench.comparison.statistics import LEVEL, MIN_SEEDS, standard_error
from regbench.evaluation.split_parts import SPLIT_PARTS, judged_part
from regbench.metrics.base import Metric
from regbench.networks.base import Network
from regbench.networks.registry import NETWORKS
from regbench.optimization.optimizers import OPTIMIZERS
from regbench.optimization.schedules import SCHEDULES
from regbench.regularizers.registry import REGULARIZERS
from regbench.report.numbers import listed

_ROUNDING = 1e-9  # by so much a mean may lie above a figure that all seeds have
_NAMED = 3  # techniques named in a list; the rest is counted


def beating_largest_class(comparison: pd.DataFrame) -> dict[str, bool]:
    """Return by technique whether it is shown to beat always answering the largest class.

    With at least ``MIN_SEEDS`` seeds a technique beats it if the 95 % t interval of its mean does,
    with fewer if its mean does.

    Args:
        comparison: From ``compare``, of one network; empty if it does not have what is compared.
    """
    headline, metric = headline_of(comparison), metric_of(comparison)
    if "largest_class" not in comparison or headline not in comparison:
        return {}
    trained = comparison.dropna(subset=[headline]).to_dict("records")
    return {str(row["technique"]): _beats_largest_class(row, headline, metric) for row in trained}


def _beats_largest_class(row: Mapping[Any, Any], headline: str, metric: Metric) -> bool:
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to import

    above = metric.gain(row[headline] - row["largest_class"])
    seeds, spread = row["trainings"] - row["failed_trainings"], row.get(f"{headline}_sd")
    if seeds >= MIN_SEEDS and pd.notna(spread):
        error = standard_error(spread, seeds, variance_ratio_of(row))
        above -= float(stdtrit(seeds - 1, 1 - LEVEL / 2)) * error
    return bool(above > _ROUNDING)


def figure_name(comparison: pd.DataFrame) -> str:
    """Return the headline in words, such as 'test accuracy'."""
    return f"{judged_part(comparison)} {metric_of(comparison).title}"


def training_text(settings: Mapping[str, Any]) -> str:
    """Return how the networks were trained: optimizer, rate, schedule, batches, epochs.

    A second sentence names the techniques that may end a training before the rate has fallen.

    Args:
        settings: The study's settings, plain values; the text is empty without ``protocol``.
    """
    protocol = settings.get("protocol", {})
    if "optimizer" not in protocol or "schedule" not in protocol:
        return ""
    optimizer = OPTIMIZERS[protocol["optimizer"]["name"]].title
    schedule = SCHEDULES[protocol["schedule"]["name"]]
    precision = protocol.get("precision", "float32")
    precision = "" if precision == "float32" else f" in {precision}"
    batches = f"batches of {protocol['batch_size']}{precision}"
    if _has_phases(settings):
        text = f"{optimizer}, {schedule.title} in every phase of the network; {batches}."
    else:
        text = (
            f"{optimizer}, learning rate {protocol['optimizer']['learning_rate']:g}, "
            f"{schedule.title}; {batches}, {protocol['epochs']} "
            f"epoch{'s' if protocol['epochs'] != 1 else ''}."
        )
    techniques: Mapping[str, Mapping[str, Any]] = settings.get("techniques", {})
    stopping = [
        name
        for name, entries in techniques.items()
        if any(entries.get(key) and kind.does("stop") for key, kind in REGULARIZERS.items())
    ]
    if stopping and schedule.falls_to_the_end:
        text += (
            f" {listed(stopping, _NAMED)} may end before the rate has fallen, and then "
            f"lack{'s' if len(stopping) == 1 else ''} what the fall gives the others; with "
            "protocol.schedule.name=plateau the rate falls when validation stalls."
        )
    return text


def _has_phases(settings: Mapping[str, Any]) -> bool:
    """Return whether the network's kind has phases, with epochs and learning rates of its own."""
    entry = settings.get("networks", {}).get(settings["protocol"].get("network"), {})
    kind = NETWORKS.get(entry.get("kind", ""))
    return kind is not None and kind.phases is not Network.phases


def split_text(split: Mapping[str, Any] | None, split_index: pd.DataFrame | None = None) -> str:
    """Return how the images were split into train, validation and test, in one sentence.

    Args:
        split: The settings ``protocol.split``; the sentence is empty without them.
        split_index: A row per image: split and, where the set gives a split, ``given_split``.
    """
    if split is None:
        return ""
    method = split["method"]
    is_given = split_index is not None and "given_split" in split_index
    if method == "auto":
        method = "given" if is_given else "stratified"
    kept = ""
    if split.get("group_column"):
        kept = f"; images of one {split['group_column']} are in one part"
    elif split.get("group_pattern"):
        kept = (
            f"; images with the same {split['group_pattern']} in their file names are in one part"
        )
    if split.get("resample") or split.get("folds"):
        return f"{_resampled_split_text(split, split_index, method)}{kept}."
    if method == "given" and split_index is not None and is_given:
        return _given_split_text(split, split_index, kept)
    shares = {part: split[part] for part in SPLIT_PARTS if split[part]}
    sizes = listed([f"{100 * share:g} % {part}" for part, share in shares.items()])
    how = {
        "stratified": f"shuffled with seed {split['seed']}, the same shares of every class",
        "sequential": "in the order of the label file, without shuffling",
        "hashed": "each image by a keyed hash of its pixels (key: seed "
        f"{split['seed']}), so that it keeps its part when images are added, and equal images "
        "are in one part; the parts' sizes and the classes' shares in them come out by chance",
    }
    if method == "hashed" and kept:
        how["hashed"] = how["hashed"].replace("its pixels", "its group")
        how["hashed"] = how["hashed"].replace(", and equal images are in one part", "")
    return f"{sizes}: {how[method]}{kept}."


def _resampled_split_text(
    split: Mapping[str, Any], split_index: pd.DataFrame | None, method: str
) -> str:
    """Return the sentence on splits of which every seed has its own, without the end."""
    said, fixed = "", False
    if split_index is not None:
        sizes = split_index["split"].value_counts()
        parts = [f"{sizes[part]:,} {part}" for part in SPLIT_PARTS if part in sizes]
        said = f"{listed(parts)}: "
        is_given = method == "given" and "given_split" in split_index
        fixed = is_given and bool((split_index["given_split"] == "test").any())
    if split.get("folds"):
        judged = "test" if split["test"] else "validation"
        said += (
            f"every seed has its own split, in which {judged} is one of {split['folds']} folds; "
            f"after {split['folds']} seeds the images are cut into folds anew"
        )
    else:
        said += "drawn anew for every seed"
    if fixed:
        said += ", but for the test images, which are those that the set gives"
    how = "by a hash of each image" if method == "hashed" else "the same shares of every class"
    return f"{said}; the same for all techniques, {how} (seed {split['seed']})"


def _given_split_text(split: Mapping[str, Any], split_index: pd.DataFrame, kept: str) -> str:
    """Return the sentence on a split that the set gives, and on parts taken from its train part."""
    sizes = split_index["split"].value_counts()
    parts = [part for part in SPLIT_PARTS if part in sizes]
    taken = [part for part in parts if part not in set(split_index["given_split"])]
    said = listed([f"{sizes[part]:,} {part}" for part in parts]) + ": as the set gives it"
    if not taken:
        return f"{said}."
    shuffled = f"shuffled with seed {split['seed']}, the same shares of every class"
    return f"{said}; {listed(taken)} taken from its train part, {shuffled}{kept}."
