"""What a result was made from, in short digests: a result made from something else is stale."""

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from regbench.study.code import LIBRARIES, digest_of_code
from regbench.study.digests import digest, hexadecimal, new_hash
from regbench.study.schema import Ingest, Study
from regbench.study.technique import Technique

if TYPE_CHECKING:  # whoever reads the configuration imports this module
    import numpy as np
    import pandas as pd

    from regbench.networks.base import Network


# The parts of a run's fingerprint, as a reader is told of them.
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

# What trains, and what makes its inputs; of these the data's fingerprint has images and split.
TRAINING_CODE = (f"{_TRAIN}:train_network", f"{_PREPARE}:fit_normalization")

EVALUATION_CODE = (
    f"{_TRAIN}:evaluate_network",
    f"{_PREPARE}:corrupt_images",
    "regbench.evaluation.figures",  # found by their folder, not by imports
)

# The nodes that use each of the settings that lead to what every technique shares: first what
# makes the dataset, then what draws it.
PREPARATION_CODE = {
    "ingest": (f"{_PREPARE}:ingest_images", "regbench.images.sources"),  # read by its input
    "split": (f"{_PREPARE}:split_images",),
    "normalization": (f"{_PREPARE}:fit_normalization",),
    "zca": (f"{_PREPARE}:fit_zca",),
    "augmentation": (f"{_PREPARE}:build_augmentation", f"{_PREPARE}:preview_augmentation"),
    "evaluation": (f"{_PREPARE}:corrupt_images", f"{_PREPARE}:preview_corruptions"),
}

_DECODERS = ("pil", "jpg", "libtiff", "webp", "zlib")
Fingerprint = dict[str, str]


def fingerprint_of_data(
    images: "np.ndarray", split_index: "pd.DataFrame", classes: list[str]
) -> Fingerprint:
    """Identify what is trained on, whatever files it came from.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image: filename, label, split.
        classes: In the order of the network's outputs.

    Returns:
        ``data`` and ``split``.
    """
    from regbench.storage.arrays import in_chunks  # noqa: PLC0415 - imports NumPy

    data = new_hash(json.dumps([images.shape, classes]).encode())
    for some in in_chunks(images):
        data.update(some.tobytes())
    data.update(split_index[["filename", "label"]].to_csv(index=False).encode())
    parts = split_index[["filename", "split"]].to_csv(index=False)
    return {"data": hexadecimal(data), "split": hexadecimal(new_hash(parts.encode()))}


def fingerprints_of_techniques(study: Study) -> dict[str, dict[str, Any]]:
    """Identify what the settings and the code contribute to every technique's runs.

    Seeds are no part: one more seed leaves the other runs as they are. The reporting settings
    are none either.

    Returns:
        By technique: ``training`` (a fingerprint of ``protocol``, ``technique`` and
        ``training``) and ``evaluation``.
    """
    protocol = study.protocol.model_dump(mode="json", exclude={"split", "seeds", "network"})
    protocol |= {
        "network": study.network.as_entry(),
        "normalization": study.normalization.model_dump(),
    }
    evaluation = digest([digest_of_code(*EVALUATION_CODE), study.evaluation.model_dump()])
    return {
        name: {
            "training": {
                "protocol": digest(protocol),
                "technique": digest(technique.in_full(study.shared)),
                "training": digest_of_code(*training_code(technique, study.network)),
            },
            "evaluation": evaluation,
        }
        for name, technique in study.techniques.items()
    }


def training_code(technique: Technique, network: "Network") -> tuple[str, ...]:
    """Return what makes a technique's trainings, as ``digest_of_code`` takes it.

    Its regularizers and the kind of its network are found by their files, not by imports.
    """
    return (
        *TRAINING_CODE,
        f"regbench.networks.kinds.{network.kind()}",
        *(f"regbench.regularizers.{key}" for key in technique.entries()),
        *(PREPARATION_CODE[name][0] for name in technique.prepared()),
    )


def digests_of_preparation(study: Study) -> dict[str, str]:
    """Identify the settings and the code that lead to what every technique shares."""
    settings = {
        "ingest": study.ingest,
        "split": study.protocol.split,
        "normalization": study.normalization,
        "zca": study.shared["zca"],
        "augmentation": study.shared["augmentation"],
        "evaluation": study.evaluation,
    }
    return {
        name: digest([values.model_dump(mode="json"), digest_of_code(*PREPARATION_CODE[name])])
        for name, values in settings.items()
    }


def digest_of_decoding(settings: Ingest) -> str:
    """Identify all that the pixels of an image depend on besides the file of the picture."""
    from PIL import features  # noqa: PLC0415 - only who reads pictures needs it

    decoders = {name: features.version(name) for name in _DECODERS}
    used = settings.model_dump(mode="json", include={"mode", "size", "background", "max_pixels"})
    return digest([used, digest_of_code("regbench.images.decode"), decoders])


def description_of_machine() -> Fingerprint:
    """Say what trains, for the reader; no part that makes a result stale."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return {"trained_on": f"{machine}; Python {platform.python_version()}, {libraries}"}


def current_fingerprints(
    of_data_now: Mapping[str, Any],
    preparation: Mapping[str, str],
    of_techniques_now: Mapping[str, Mapping[str, Any]],
    files_now: str | None = None,
) -> dict[str, Fingerprint]:
    """Put together what a run of every technique would record if it were made now.

    Args:
        of_data_now: The stored ``data_fingerprint``.
        preparation: From ``digests_of_preparation``; where the data were made with other settings, no
            run is up to date.
        of_techniques_now: From ``fingerprints_of_techniques``.
        files_now: The digest of the set of images, if it was looked at: with others than the
            data were made from, no run is up to date.
    """
    made_from = of_data_now.get("made_from", {})
    if files_now is not None and files_now != made_from.get("files"):
        of_data_now = {**of_data_now, "data": ""}
    made_by = {"data": "ingest", "split": "split"}  # the settings that lead to them
    shared = {
        part: str(of_data_now.get(part)) if made_from.get(by) == preparation[by] else ""
        for part, by in made_by.items()
    }
    return {
        name: {**shared, **parts["training"], "evaluation": parts["evaluation"]}
        for name, parts in of_techniques_now.items()
    }


def techniques_alike_but_for_split(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """Find the techniques that two studies ran alike on the same images, split otherwise.

    Args:
        one: ``fingerprints`` by technique, from ``current``, and ``equivalence_band``.
        other: The same of the other study; may be empty.
    """
    if one["equivalence_band"] != other.get("equivalence_band"):
        return set()
    of_other = other["fingerprints"]
    return {
        technique
        for technique, parts in one["fingerprints"].items()
        if all(
            of_other.get(technique, {}).get(part) == parts[part]
            for part in parts
            if part != "split"
        )
    }


def changed_components(recorded: Mapping[str, Any], current: Mapping[str, str]) -> list[str]:
    """Say what differs between a recorded fingerprint and the current one, in a reader's words.

    Args:
        recorded: From a run; one without a part is of an earlier version and differs in it.
        current: The parts that have to be the same.
    """
    return [words for part, words in COMPONENTS.items() if recorded.get(part) != current.get(part)]
