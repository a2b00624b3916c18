"""What a bundle holds, and its file: a zip, of the same bytes for the same study.

``study.json`` has what the study is and what it found, ``answers/<n>.bin`` the n-th technique's
answers to each validation and test image, and ``manifest.json`` the SHA-256 of both. There are no
pictures in it, no names of files, no paths: an image is a number, in the order of file names.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

FORMAT: Literal[1] = 1  # increment on every change of names or meanings
MANIFEST, STUDY = "manifest.json", "study.json"

# An answer: the training's seed, the image, the class that was answered, and the probability that
# the true class was given.
ANSWER = np.dtype([("seed", "<u4"), ("image", "<u4"), ("predicted", "<u2"), ("probability", "<f4")])

Value = str | int | float | bool | None
Row = dict[str, Value]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Images(_Strict):
    """The images by number.

    Attributes:
        labels: The class of each, from 0.
        parts: By column of the split index (``split``, ``split_seed_<n>``), of each image the
            split part: 0 train, 1 validation, 2 test.
    """

    labels: list[int]
    parts: dict[str, list[int]]


class Described(_Strict):
    """What can be said of a study before it is trained; of a checkout, too.

    Attributes:
        settings: Those that results depend on; paths and addresses are left out.
        software: Versions by name, and ``cpu``.
        source: The digest of RegBench's files.
        classes: The labels in the order of the networks' outputs.
        fingerprints: Of each technique (on each network), digests by component.
    """

    settings: dict[str, Any]
    software: dict[str, str]
    source: str
    classes: list[str]
    fingerprints: dict[str, dict[str, str]]


class Contents(Described):
    """``study.json``.

    Attributes:
        format: Of this file.
        images: The images.
        trainings: A row per training by technique, as in ``Results``.
        measurements: Figures with several values by technique, likewise.
        stale: Techniques with trainings that are not up to date, and why.
        failed: Techniques that a scheduler saw fail.
        comparison: The rows of ``comparison.csv``.
    """

    format: Literal[1]
    images: Images
    trainings: dict[str, list[Row]]
    measurements: dict[str, list[Row]]
    stale: dict[str, str]
    failed: list[str]
    comparison: list[Row]


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory.

    Attributes:
        contents: ``study.json``.
        answers: By technique, K of ``ANSWER``.
        changed: Files in it whose content is not what the manifest says.
        digest: SHA-256 of the bundle's file, hexadecimal; empty of one that is not written yet.
    """

    contents: Contents
    answers: Mapping[str, np.ndarray]
    changed: tuple[str, ...] = ()
    digest: str = ""


def answers_file(number: int) -> str:
    """Return the name of a technique's file of answers."""
    return f"answers/{number}.bin"


def write(bundle: Bundle, file: IO[bytes]) -> None:
    """Write a bundle; the same content gives the same bytes."""
    files = {STUDY: _as_json(bundle.contents.model_dump())}
    for number, arm in enumerate(bundle.contents.fingerprints):
        files[answers_file(number)] = bundle.answers[arm].astype(ANSWER).tobytes()
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files[MANIFEST] = _as_json({"format": FORMAT, "files": digests})
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # as on any machine
            archive.writestr(entry, content)


def _as_json(value: Any) -> bytes:
    # The order of techniques counts, so keys are not sorted.
    return json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False).encode()
