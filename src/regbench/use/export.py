"""Export of a network: written in each format, loaded again, compared, then handed over."""

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regbench.errors import StudyError, explanation
from regbench.evaluation.split_parts import judged_part
from regbench.networks.formats.base import TOLERANCE, Format, Predict
from regbench.networks.formats.registry import FORMATS
from regbench.process.quiet import silent_stderr
from regbench.storage.arrays import in_chunks
from regbench.use.example import example_of_use

if TYPE_CHECKING:
    import keras

    from regbench.storage.stored_file import StoredFile

logger = logging.getLogger(__name__)

CARD, ABOUT, EXAMPLE = "model_card.md", "network.json", "use.py"  # beside every network
_COLOURS = {1: "L", 3: "RGB"}  # Pillow's modes, by channels


@dataclass(frozen=True)
class Reference:
    """What an exported network is compared with.

    Attributes:
        rows: The images, N ints.
        probabilities: That the network itself gives to them, N x classes, float32.
        targets: The classes of judged images that the network was not trained on, N ints; -1 for
            all other images.
    """

    rows: np.ndarray
    probabilities: np.ndarray
    targets: np.ndarray


def stored_reference(predictions: pd.DataFrame, split_index: pd.DataFrame) -> Reference:
    """Return the predictions that a training has stored, of validation and test images.

    Args:
        predictions: From ``evaluate``.
        split_index: A row per image: filename, target.

    Raises:
        StudyError: They are of images that the set no longer has.
    """
    held = predictions[predictions["split"] != "train"]
    rows = pd.Index(split_index["filename"]).get_indexer(pd.Index(held["filename"]))
    if not len(held) or (rows < 0).any():
        raise StudyError(
            "the stored predictions of the network to be exported are not of the images at hand; "
            "train it again"
        )
    judged = held["split"] == judged_part(set(held["split"]))
    targets = np.where(judged, split_index["target"].to_numpy()[rows], -1)
    return Reference(rows, np.stack(held["probabilities"].to_list()), targets)


def own_reference(
    network: "keras.Model", images: np.ndarray, split_index: pd.DataFrame, *, unseen: bool
) -> Reference:
    """Return the predictions of a network that has stored none, for the judged images.

    Args:
        network: From raw uint8 images to probabilities.
        images: N x H x W x C, uint8.
        split_index: A row per image: split, target.
        unseen: Whether it was trained on none of the judged images; otherwise they do not count
            for its accuracy.
    """
    from regbench.networks.inference import predict  # noqa: PLC0415 - imports TensorFlow

    split = split_index["split"]
    rows = np.flatnonzero(split == judged_part(set(split)))
    targets = split_index["target"].to_numpy()[rows] if unseen else np.full(len(rows), -1)
    return Reference(rows, predict(network, images, rows), targets)


def calibration_images(images: np.ndarray, split_index: pd.DataFrame, most: int) -> np.ndarray:
    """Return train images drawn with a fixed seed, at most ``most`` of them."""
    rows = np.flatnonzero(split_index["split"] == "train")
    drawn = np.random.default_rng(0).permutation(rows)[:most]
    return np.asarray(images[np.sort(drawn)])


def write_formats(
    network: "keras.Model",
    names: Sequence[str],
    images: np.ndarray,
    reference: Reference,
    calibration: np.ndarray,
    folder: Path,
) -> dict[str, dict[str, Any]]:
    """Write a network in some formats, each in a folder of its name, and compare what is written.

    Args:
        network: From raw uint8 images to probabilities.
        names: Of the formats.
        images: N x H x W x C, uint8.
        reference: What is compared with.
        calibration: Train images, M x H x W x C, uint8.
        folder: Empty.

    Returns:
        By format ``bytes``, ``max_difference`` of a probability, ``agreement`` (the share of
        images with the same most probable class) and, where targets are known, ``accuracy``; or
        ``failed``, why there is none. The others go on.

    A network in mixed precision is written in float32, which the formats need. It is held to what
    it predicts in float32 itself; what is returned compares it with the reference all the same.
    """
    from regbench.networks.inference import predict  # noqa: PLC0415 - imports TensorFlow
    from regbench.use.float32 import in_float32, is_mixed  # noqa: PLC0415

    outcomes, own = {}, reference.probabilities
    if is_mixed(network):
        network = in_float32(network)
        own = predict(network, images, reference.rows)
    network = _in_inference(network)
    for name in names:
        form, target = FORMATS[name](), folder / name
        target.mkdir()
        outcome = _written(form, network, calibration, target, images, reference, own)
        if "failed" in outcome:
            shutil.rmtree(target)
            logger.error("%s: not exported: %s", name, outcome["failed"])
        else:
            said = "%s: probabilities differ by at most %.1e from the network's own"
            logger.info(said, name, outcome["max_difference"])
        outcomes[name] = outcome
    return outcomes


def _in_inference(network: "keras.Model") -> "keras.Model":
    """Return a network that computes as in inference whatever it is called with.

    Called without ``training``, as ``export`` does, batch normalization inside of a network inside
    of a network takes the batch's own moments (Keras 3.15).
    """
    import keras  # noqa: PLC0415 - takes seconds, needed only here

    image = keras.Input(network.input_shape[1:], dtype="uint8", name="image")
    return keras.Model(image, network(image, training=False))


def _written(
    form: Format,
    network: "keras.Model",
    calibration: np.ndarray,
    folder: Path,
    images: np.ndarray,
    reference: Reference,
    own: np.ndarray,
) -> dict[str, Any]:
    """Return what is measured of a network in a format; or ``failed``, and why.

    ``own`` are the probabilities that an exact format is to have.
    """
    try:
        with silent_stderr():  # converters and interpreters tell there what they do
            form.write(network, folder, calibration)
            probabilities = _predicted(form.load(folder), images, reference.rows)
    except Exception as error:  # converters raise nearly any type for what they cannot convert
        if explanation(error) or isinstance(error, MemoryError):
            raise
        return {"failed": _first_line(error)}
    off = float(np.abs(probabilities - own).max())
    if form.exact and not off <= TOLERANCE:  # or not a number
        return {
            "failed": f"its probabilities differ by {off:.1e} from those that the network had "
            f"when it was evaluated, more than {TOLERANCE:.0e}"
        }
    chosen = probabilities.argmax(axis=1)
    known = reference.targets >= 0
    measured = {
        "bytes": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        "max_difference": float(np.abs(probabilities - reference.probabilities).max()),
        "agreement": float(np.mean(chosen == reference.probabilities.argmax(axis=1))),
        "images": len(reference.rows),
    }
    if known.any():
        measured["accuracy"] = float(np.mean(chosen[known] == reference.targets[known]))
    return measured


def _predicted(predict: Predict, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the probabilities of some images, M x classes."""
    return np.concatenate([predict(chunk) for chunk in in_chunks(images, rows)])


def _first_line(error: Exception) -> str:
    """Return an error's type and the first line of its message that says something, shortened."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = next(filter(None, lines), "")
    return f"{type(error).__name__}: {said[:200]}".rstrip(": ")


def form_of_input(
    network: "keras.Model", classes: Sequence[str], ingest: Mapping[str, Any], temperature: float
) -> dict[str, Any]:
    """Return what a program needs to know to use an exported network: ``network.json``.

    Args:
        network: Exported.
        classes: The labels in the order of its outputs.
        ingest: The study's settings of ingestion.
        temperature: That calibrates its confidence; 1: it stays as it is.
    """
    height, width, channels = network.input_shape[1:]
    return {
        "input": "batch x height x width x channels, uint8, 0 to 255, as pictures have them",
        "shape": [height, width, channels],
        "size": [width, height],
        "mode": _COLOURS[channels],
        "other_sizes": ingest["aspect"],
        "background": ingest["background"],
        "output": "batch x classes, float32, probabilities in the order of labels",
        "temperature": temperature,
        "calibrated": "probabilities ** (1 / temperature), divided by their sum",
        "labels": list(classes),
    }


def hand_over(
    written: Path,
    outcomes: Mapping[str, Mapping[str, Any]],
    place: Callable[[str], "StoredFile"],
    card: str,
    about: Mapping[str, Any],
) -> None:
    """Put what was written in its place, with the model card, the input's form and an example.

    The file without which a network cannot be loaded is removed first and written last: there is
    never one beside another's files. Of a format that failed nothing is left.

    Args:
        written: The folder of ``write_formats``.
        outcomes: From ``write_formats``.
        place: The file of a path below the folder of exports, here or in a store.
        card: The model card.
        about: From ``form_of_input``.
    """
    for name, outcome in outcomes.items():
        form = FORMATS[name]
        place(f"{name}/{form.main_file}").remove()
        if "failed" in outcome:
            for beside in (CARD, ABOUT, EXAMPLE):
                place(f"{name}/{beside}").remove()
            continue
        own = written / name
        (own / CARD).write_text(card, encoding="utf-8")
        (own / ABOUT).write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")
        example = example_of_use(form, about["other_sizes"])
        (own / EXAMPLE).write_text(example, encoding="utf-8")
        files = [file for file in own.rglob("*") if file.is_file()]
        for file in sorted(files, key=lambda file: file == own / form.main_file):
            with place(f"{name}/{file.relative_to(own).as_posix()}").atomic_write() as partial:
                shutil.copyfile(file, partial)


def lines(outcomes: Mapping[str, Mapping[str, Any]], folder: str) -> list[str]:
    """Return a line for each format, for the terminal: size, difference, accuracy."""
    told = [f"Exported to {folder}"]
    for name, outcome in outcomes.items():
        if "failed" in outcome:
            told.append(f"  {name}: not exported: {outcome['failed']}")
            continue
        accuracy = f", accuracy {outcome['accuracy']:.4f}" if "accuracy" in outcome else ""
        told.append(
            f"  {name}: {outcome['bytes'] / 1000:,.0f} kB{accuracy}, probabilities differ by at "
            f"most {outcome['max_difference']:.1e} (same answer on {outcome['agreement']:.2%} of "
            f"{outcome['images']:,} images)"
        )
    return told


def check_all_exported(outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise an error that names the formats that could not be exported, if there are any.

    Raises:
        StudyError: There are.
    """
    failed = [f"{name} ({of['failed']})" for name, of in outcomes.items() if "failed" in of]
    if failed:
        raise StudyError(
            f"{len(failed)} of {len(outcomes)} formats could not be exported: {'; '.join(failed)}"
        )
