"""Reading a bundle, which is somebody else's file: nothing in it is run, opened or imported."""

import hashlib
import json
import math
import zipfile
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from pydantic import ValidationError

from regbench.bundle.contents import (
    ANSWER,
    FORMAT,
    MANIFEST,
    STUDY,
    Bundle,
    Contents,
    answers_file,
)
from regbench.errors import DamagedFileError, StudyError, quoted
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.text.visible import in_one_line

_MOST = {MANIFEST: 1 << 20, STUDY: 1 << 26}  # bytes
_MOST_OF_ALL = 1 << 30
_LONGEST = 300  # characters of another library's message


def read_bundle(path: Path) -> Bundle:
    """Return the bundle in a file.

    Raises:
        StudyError: It is missing, too large, or no bundle; what it lacks, in a line.
    """
    if not path.is_file():
        raise StudyError(f"{path}: no such file; --params=bundle=PATH names the bundle to verify")
    try:
        return _read(path)
    except (zipfile.BadZipFile, ValueError, KeyError, RecursionError, NotImplementedError) as error:
        raise DamagedFileError(f"{path}: no bundle: {_in_short(error)}") from error
    except (RuntimeError, EOFError, OSError) as error:  # encrypted, cut short
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedFileError(f"{path}: no bundle: {_in_short(error)}") from error


def _read(path: Path) -> Bundle:
    size = path.stat().st_size
    if size > _MOST_OF_ALL:
        raise ValueError(f"its {size:,} bytes are more than {_MOST_OF_ALL:,}")
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        total = sum(entry.file_size for entry in entries)
        if total > _MOST_OF_ALL:
            raise ValueError(f"its content claims {total:,} bytes, more than {_MOST_OF_ALL:,}")
        # Only names that are expected are ever looked at, and nothing is written.
        manifest = _as_json(_content(archive, MANIFEST), MANIFEST)
        if manifest.get("format") != FORMAT:
            raise ValueError(
                f"its format is {quoted(manifest.get('format'))}, this version of RegBench reads "
                f"{FORMAT}"
            )
        files = manifest.get("files")
        if not isinstance(files, dict):
            raise ValueError(f"{MANIFEST}: files: must be a mapping")
        study = _content(archive, STUDY)
        contents = _contents(_as_json(study, STUDY))
        arms = list(contents.fingerprints)
        of_arms = {answers_file(number): arm for number, arm in enumerate(arms)}
        if sorted(names) != sorted([MANIFEST, STUDY, *of_arms]):
            raise ValueError(
                f"it holds {len(names)} files, and not {MANIFEST}, {STUDY} and the answers of "
                f"{len(arms)} techniques alone"
            )
        raw = {STUDY: study} | {name: _content(archive, name) for name in of_arms}
    changed = [
        name
        for name, content in raw.items()
        if files.get(name) != hashlib.sha256(content).hexdigest()
    ]
    changed += [name for name in files if name not in raw]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    answers = {arm: _answers(raw[name], contents, name) for name, arm in of_arms.items()}
    return Bundle(contents, answers, tuple(map(str, changed)), digest)


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return an entry; no more is inflated than one may hold, whatever its header claims."""
    most = _MOST.get(name, _MOST_OF_ALL)
    try:
        entry = archive.getinfo(name)
    except KeyError:
        raise ValueError(f"it lacks {name}") from None
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError(f"{name}: compressed in a way that no bundle is")
    if entry.file_size > most:
        raise ValueError(f"{name}: {entry.file_size:,} bytes are more than {most:,}")
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise ValueError(f"{name}: other bytes than its header claims")
    return content


def _as_json(content: bytes, name: str) -> dict[str, Any]:
    def number(text: str) -> float:
        value = float(text)
        return value if math.isfinite(value) else refuse(text)

    def refuse(text: str) -> NoReturn:
        raise ValueError(f"{quoted(text)} is no finite number")

    try:
        found = json.loads(content.decode(), parse_constant=refuse, parse_float=number)
    except RecursionError:
        raise ValueError(f"{name}: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{name}: must be a mapping")
    return found


def _contents(found: dict[str, Any]) -> Contents:
    try:
        contents = Contents.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{STUDY}: {where}: {first['msg']}") from error
    arms = contents.fingerprints.keys()
    for key in ("trainings", "measurements"):
        if getattr(contents, key).keys() != arms:
            raise ValueError(f"{STUDY}: {key}: must name the techniques of fingerprints")
    for arm, rows in contents.trainings.items():
        for row in rows:
            if not _is_count(row.get("seed")) or not isinstance(row.get("status"), str):
                raise ValueError(f"{STUDY}: trainings.{arm}: each must have a seed and a status")
        if len({row["seed"] for row in rows}) < len(rows):
            raise ValueError(f"{STUDY}: trainings.{arm}: a seed is there twice")
    images = contents.images
    if not _all_below(images.labels, len(contents.classes)):
        raise ValueError(f"{STUDY}: images.labels: must be classes from 0")
    for column, parts in images.parts.items():
        if len(parts) != len(images.labels) or not _all_below(parts, len(SPLIT_PARTS)):
            raise ValueError(f"{STUDY}: images.parts.{column}: must be a split part of each image")
    if "split" not in images.parts:
        raise ValueError(f"{STUDY}: images.parts: must have split")
    return contents


def _answers(content: bytes, contents: Contents, name: str) -> np.ndarray:
    if len(content) % ANSWER.itemsize:
        raise ValueError(f"{name}: cut short")
    answers = np.frombuffer(content, ANSWER)
    is_probability = (answers["probability"] >= 0) & (answers["probability"] <= 1.001)
    if (
        (answers["image"] >= len(contents.images.labels)).any()
        or (answers["predicted"] >= len(contents.classes)).any()
        or not is_probability.all()
    ):
        raise ValueError(f"{name}: an image, class or probability that there is not")
    return answers


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32


def _all_below(numbers: list[int], limit: int) -> bool:
    return all(0 <= number < limit for number in numbers)


def _in_short(error: BaseException) -> str:
    text = in_one_line(" ".join(str(error).split()) or type(error).__name__)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
