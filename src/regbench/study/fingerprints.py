"""Fingerprints: digests of what a result was made from. If one differs now, it is stale."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.regularizers.places.ensemble import Ensemble
from regbench.regularizers.registry import REGULARIZERS
from regbench.study.code import LIBRARIES, digest_of_code
from regbench.study.digests import digest, hexadecimal, new_hash
from regbench.study.reporting import Reporting
from regbench.study.schema import Normalization, Protocol, Study
from regbench.study.technique import Technique

if TYPE_CHECKING:  # imported when the configuration is read, which is to be fast
    import numpy as np
    import pandas as pd

    from regbench.networks.base import Network


# The components of a training's fingerprint, in words for messages.
COMPONENTS = {
    "data": "the images",
    "split": "the split",
    "protocol": "the protocol",
    "technique": "the technique's settings",
    "training": "the code that trains",
    "evaluation": "the code that evaluates, or its settings",
}

_TRAIN = "regbench.pipelines.training.nodes"
_PREPARE = "regbench.pipelines.data.nodes"

# The code of all trainings; that of images and split counts by its result, the data's fingerprint.
TRAINING_CODE = (
    f"{_TRAIN}:train_network",
    f"{_PREPARE}:fit_normalization",
    "regbench.metrics",  # discovered in their folder, not imported by name
)

EVALUATION_CODE = (
    f"{_TRAIN}:evaluate_network",
    f"{_PREPARE}:corrupt_images",
    "regbench.evaluation.figures",  # discovered in their folders, not imported by name
    "regbench.metrics",
)

# The code that uses each group of settings that all techniques share: first what makes the
# dataset, then what plots it.
PREPARATION_CODE = {
    "ingest": (
        f"{_PREPARE}:ingest_images",
        "regbench.images.sources",
    ),  # used by the node's input dataset
    "split": (f"{_PREPARE}:split_images",),
    "normalization": (f"{_PREPARE}:fit_normalization",),
    "zca": (f"{_PREPARE}:fit_zca",),
    "augmentation": (f"{_PREPARE}:build_augmentation", f"{_PREPARE}:preview_augmentation"),
    "evaluation": (f"{_PREPARE}:corrupt_images", f"{_PREPARE}:preview_corruptions"),
}

# The code that judges a look.
LOOK_CODE = ("regbench.comparison.looks",)

_DECODERS = ("pil", "jpg", "libtiff", "webp", "avif", "zlib")
_HEIF_READER = "pillow-heif"  # of the extra `heic`

Fingerprint = dict[str, str]  # digests by component


def fingerprint_of_data(
    images: "np.ndarray",
    split_index: "pd.DataFrame",
    classes: list[str],
    drawn_by: Mapping[str, Any] | None = None,
) -> Fingerprint:
    """Return the fingerprint of the images and their split, whatever files they came from.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image: filename, label, split.
        classes: The labels in the order of the network's outputs.
        drawn_by: The settings of the split if every seed has its own, drawn as ``split`` was. Which
            seeds there are does not count: one more leaves the splits of the others as they are.

    Returns:
        ``data`` (images, file names, labels, classes) and ``split``.
    """
    from regbench.storage.arrays import in_chunks  # noqa: PLC0415 - imports NumPy

    data = new_hash(json.dumps([images.shape, classes]).encode())
    for chunk in in_chunks(images):
        data.update(chunk.tobytes())
    data.update(split_index[["filename", "label"]].to_csv(index=False).encode())
    split = split_index[["filename", "split"]].to_csv(index=False)
    if drawn_by is not None:  # few groups may be split alike by other settings, but not each time
        split += json.dumps(dict(drawn_by), sort_keys=True)
    return {"data": hexadecimal(data), "split": hexadecimal(new_hash(split.encode()))}


def fingerprints_of_techniques(study: Study) -> dict[str, dict[str, Any]]:
    """Return the components that settings and code contribute to each arm's fingerprint.

    Seeds do not count: one more seed leaves the other trainings as they are. Nor do the settings
    of reporting. The network is part of the component ``protocol``.

    Returns:
        By arm (a technique; where there are several networks, on one of them): ``training`` (the
        components ``protocol``, ``technique`` and ``training``, and ``protocol_but_schedule``)
        and ``evaluation``.
    """
    evaluation = digest([digest_of_code(*EVALUATION_CODE), study.evaluation.model_dump()])
    protocols = {
        name: protocol_of_trainings(study.protocol, study.normalization, network)
        for name, network in study.trained_networks.items()
    }
    found = {}
    for arm in study.arms:
        technique, network = study.techniques[arm.technique], study.trained_networks[arm.network]
        protocol = protocols[arm.network]
        but_schedule = {key: value for key, value in protocol.items() if key != "schedule"}
        found[arm.name] = {
            "training": {
                "protocol": digest(protocol),
                "protocol_but_schedule": digest(but_schedule),
                "technique": digest(technique.in_full(study.shared)),
                "training": digest_of_training(technique, network),
            },
            "evaluation": evaluation,
        }
    return found


def digest_of_training(technique: Technique, network: "Network") -> str:
    """Return the digest of the code of a technique's trainings, and of libraries of its own."""
    code = digest_of_code(*training_code(technique, network))
    kinds = [REGULARIZERS[key] for key in technique.entries()]
    names = [name for kind in kinds if issubclass(kind, Ensemble) for name in kind.libraries]
    return digest([code, *(version(name) for name in names)]) if names else code


def protocol_of_trainings(
    protocol: Protocol, normalization: Normalization, network: "Network"
) -> dict[str, Any]:
    """Return what all trainings of a network share, as plain values."""
    no_part = {"split", "seeds", "looks", "network", "checkpoint_minutes"}
    shared = protocol.model_dump(mode="json", exclude=no_part)
    shared |= {"network": network.as_entry(), "normalization": normalization.model_dump()}
    if files := network.files():
        shared["files"] = [_digest_of_file(path) for path in files]
    return shared


def _digest_of_file(path: str) -> str:
    """Return the digest of a file's content."""
    hashed = new_hash()
    with Path(path).open("rb") as file:
        while chunk := file.read(1 << 20):
            hashed.update(chunk)
    return hexadecimal(hashed)


def training_code(technique: Technique, network: "Network") -> tuple[str, ...]:
    """Return the functions and modules that a technique's trainings depend on.

    Regularizers and kinds of network are named, as they are discovered and not imported by name.

    Returns:
        Roots for ``digest_of_code``.
    """
    return (
        *TRAINING_CODE,
        *network.code(),
        *(f"regbench.regularizers.{key}" for key in technique.entries()),
        *(PREPARATION_CODE[name][0] for name in technique.prepared()),
    )


def digests_of_preparation(study: Study) -> dict[str, str]:
    """Return the digests of the settings and code of data preparation, by group of settings."""
    settings = {
        "ingest": study.ingest,
        "split": study.protocol.split,
        "normalization": study.normalization,
        "zca": study.shared["zca"],
        "augmentation": study.shared["augmentation"],
        "evaluation": study.evaluation,
    }
    found = {
        name: digest([values.model_dump(mode="json"), digest_of_code(*PREPARATION_CODE[name])])
        for name, values in settings.items()
    }
    if study.protocol.split.resamples:
        found["seeds"] = digest(study.protocol.seeds)  # those that splits are drawn for
    return found


def digest_of_decoding(decoding: Mapping[str, Any]) -> str:
    """Return the digest of all that decoded pixels depend on besides the picture's file.

    Args:
        decoding: What pictures are decoded to, with what ``auto`` has become.
    """
    from PIL import features  # noqa: PLC0415 - only needed to decode

    decoders = {name: features.version(name) for name in _DECODERS}
    try:
        decoders[_HEIF_READER] = version(_HEIF_READER)
    except PackageNotFoundError:
        decoders[_HEIF_READER] = None
    return digest([dict(decoding), digest_of_code("regbench.images.batch_decoder"), decoders])


def description_of_machine() -> Fingerprint:
    """Return the machine and library versions, as ``trained_on``.

    It is recorded beside the fingerprint, for information: another machine makes nothing stale.
    """
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return {"trained_on": f"{machine}; Python {platform.python_version()}, {libraries}"}


def current_fingerprints(
    data_fingerprint: Mapping[str, Any],
    preparation: Mapping[str, str],
    techniques: Mapping[str, Mapping[str, Any]],
    image_digest: str | None = None,
) -> dict[str, Fingerprint]:
    """Return the fingerprint that each technique's trainings would have if they were made now.

    Args:
        data_fingerprint: As stored: ``data``, ``split`` and what they were ``made_from``.
        preparation: From ``digests_of_preparation``; where the data were made with other settings,
            no training is up to date.
        techniques: From ``fingerprints_of_techniques``.
        image_digest: The digest of the set of images, if it was computed: where the data were
            made from other images, no training is up to date.
    """
    made_from = data_fingerprint.get("made_from", {})
    if image_digest is not None and image_digest != made_from.get("files"):
        data_fingerprint = {**data_fingerprint, "data": ""}
    settings_of = {"data": "ingest", "split": "split"}  # the settings that lead to them
    shared = {
        component: str(data_fingerprint.get(component))
        if made_from.get(settings) == preparation[settings]
        else ""
        for component, settings in settings_of.items()
    }
    return {
        name: {**shared, **digests["training"], "evaluation": digests["evaluation"]}
        for name, digests in techniques.items()
    }


def digest_of_look_code() -> str:
    """Return the digest of the code that judges a look."""
    return digest_of_code(*LOOK_CODE)


def fingerprint_of_look(
    trainings: Mapping[str, "pd.DataFrame"],
    looks: Sequence[int],
    settings: Reporting,
    code: str,
    preparation: Mapping[str, str],
) -> str:
    """Return the digest of all that the verdicts of a look follow from.

    Args:
        trainings: By arm, the table of the trainings that are up to date: the digests of their
            metrics and predictions stand for these.
        looks: The numbers of seeds after which the study is judged.
        settings: The metric and the band count.
        code: The digest of the code that judges.
        preparation: From ``digests_of_preparation``; the seeds that splits are drawn for count.
    """
    columns = ["seed", "status", "fingerprint_metrics", "fingerprint_predictions"]
    by_arm = {
        arm: table.sort_values("seed")[columns].astype(str).to_numpy().tolist()
        if len(table)
        else []
        for arm, table in trainings.items()
    }
    seeds = preparation.get("seeds")
    return digest([by_arm, list(looks), settings.metric, settings.band, code, seeds])


def techniques_in_both_protocols(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """Return the techniques that two studies trained alike on the same images.

    They may differ in the split and in the schedule of the learning rate: a published protocol
    and the fair one do.

    Args:
        one: ``fingerprints`` by technique, from ``current_fingerprints``, ``metric`` and
            ``equivalence_band``.
        other: The same of the other study; may be empty.
    """
    if any(one.get(key) != other.get(key) for key in ("metric", "equivalence_band")):
        return set()
    others = other["fingerprints"]
    return {
        technique
        for technique, fingerprint in one["fingerprints"].items()
        if all(
            others.get(technique, {}).get(component) == fingerprint[component]
            for component in fingerprint
            if component not in {"split", "protocol"}
        )
    }


def changed_components(recorded: Mapping[str, Any], current: Mapping[str, str]) -> list[str]:
    """Return the components in which two fingerprints differ, in words.

    Args:
        recorded: Of a training; a component that it lacks (an earlier version) differs.
        current: From ``current_fingerprints``.
    """
    return [
        words
        for component, words in COMPONENTS.items()
        if recorded.get(component) != current.get(component)
    ]
