"""The browser of images on the report's page: what its script draws, as plain values."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regbench.comparison import tables
from regbench.evaluation.results import Results
from regbench.evaluation.split_parts import judged_part
from regbench.report import chosen_images, heat, svg, thumbnails
from regbench.study.arms import arm_named
from regbench.study.schema import BASELINE

if TYPE_CHECKING:
    from regbench.report.page import ReportContent

MOST_IMAGES = 600
MOST_BYTES = 2 << 20  # of the pictures, in the page
MOST_EXPLAINED = 60  # images with Grad-CAM maps
MOST_HARDEST = 24  # train images


def image_browser(content: "ReportContent") -> dict[str, Any]:
    """Return what the section shows.

    Returns:
        ``sentence``, how many of how many images are shown, and why these; ``data`` for the
        script, None without trainings; and ``hardest``, the train images with the highest loss.
    """
    trained = tables.finished(content.results)
    part = judged_part(content.comparison)
    row_of = _row_of(content.split_index)
    sentence, data = _browsed(content, trained, part, row_of)
    return {"sentence": sentence, "data": data, "hardest": _hardest(content, trained, row_of)}


def _browsed(
    content: "ReportContent", trained: Mapping[str, Results], part: str, row_of: pd.Series
) -> tuple[str, dict[str, Any] | None]:
    """Return the sentence on the images that are shown, and the data of the script."""
    files = row_of.index
    targets = _targets(content.split_index, content.classes)[row_of.to_numpy()]
    found = {
        name: chosen_images.answers_on(of, part, files, content.classes)
        for name, of in trained.items()
    }
    answers = {name: of for name, of in found.items() if of.trainings.any()}
    if not answers:
        return "", None
    places, why = chosen_images.choose_images(answers, targets, MOST_IMAGES)
    sheets, count, cell = thumbnails.thumbnail_sheets(
        content.images, row_of.to_numpy()[places], MOST_BYTES
    )
    places, why = places[:count], why[:count]
    judged = np.any([of.trainings > 0 for of in answers.values()], axis=0)
    data = {
        "part": part,
        "classes": content.classes,
        "cell": cell,
        "columns": thumbnails.COLUMNS,
        "perSheet": thumbnails.COLUMNS * thumbnails.ROWS,
        "sheets": sheets,
        "files": [str(file) for file in files[places]],
        "labels": targets[places].tolist(),
        "why": why,
        "techniques": [{"name": name, **_answers_of(of, places)} for name, of in answers.items()],
        "heat": heat.maps_shown(
            content.grad_cam, row_of.to_numpy()[places].tolist(), list(answers)
        ),
        "pair": _pair(content.comparison, {name: trained[name] for name in answers}),
    }
    return _sentence(why, int(judged.sum()), part), data


def rows_to_explain(
    trained: Mapping[str, Results], split_index: pd.DataFrame, classes: list[str]
) -> list[int]:
    """Return the images that techniques differ on, those that the browser shows first.

    Args:
        trained: The trainings that did not fail, by technique.
        split_index: A row per image: filename, label, split.
        classes: The labels.

    Returns:
        At most ``MOST_EXPLAINED`` rows of ``split_index``, the clearest first.
    """
    if not trained:
        return []
    part = judged_part(set(split_index["split"]))
    row_of = _row_of(split_index)
    answers = {
        name: chosen_images.answers_on(of, part, row_of.index, classes)
        for name, of in trained.items()
    }
    differ = chosen_images.differing_images(answers)[:MOST_EXPLAINED]
    rows: list[int] = row_of.to_numpy()[differ].tolist()
    return rows


def _row_of(split_index: pd.DataFrame) -> pd.Series:
    """Return the first row of each file name, by file name."""
    filenames = pd.Index(split_index["filename"])
    first = np.flatnonzero(~filenames.duplicated())
    return pd.Series(first, index=filenames[first])


def _targets(split_index: pd.DataFrame, classes: list[str]) -> np.ndarray:
    """Return the class of every image, int."""
    labels = pd.Categorical(split_index["label"], categories=classes)
    targets: np.ndarray = np.asarray(labels.codes, dtype=int)
    return targets


def _answers_of(answers: chosen_images.Answers, places: np.ndarray) -> dict[str, list[int]]:
    """Return a technique's answers on the chosen images, by image; its confidence in percent."""
    return {
        "trainings": answers.trainings[places].tolist(),
        "right": answers.right[places].tolist(),
        "answer": answers.answer[places].tolist(),
        "count": answers.count[places].tolist(),
        "confidence": np.rint(100 * answers.confidence[places]).astype(int).tolist(),
    }


def _pair(comparison: pd.DataFrame, shown: Mapping[str, Results]) -> list[int]:
    """Return which two techniques stand side by side at first: the baseline and the best."""
    names = list(shown)
    baseline = next((name for name in names if arm_named(name).technique == BASELINE), names[0])
    network = arm_named(baseline).network
    if network:
        comparison = comparison[comparison["network"] == network]
    of_network = {
        arm_named(name).technique: of
        for name, of in shown.items()
        if arm_named(name).network == network
    }
    best = tables.best_besides_baseline(comparison, of_network)
    other = f"{best}.{network}" if best and network else best
    return [names.index(baseline), names.index(other if other and other in shown else baseline)]


def _sentence(why: list[str], images: int, part: str) -> str:
    """Return how many images are shown and how they were chosen."""
    if len(why) == images:
        return f"All {images:,} {part} images."
    counts = [why.count(reason) for reason in (chosen_images.DIFFER, chosen_images.MISTAKEN)]
    return (
        f"{len(why):,} of {images:,} {part} images: {counts[0]:,} that most seeds of one technique "
        f"get right and of another wrong, the clearest first; {counts[1]:,} of the most confident "
        f"mistakes; and {len(why) - sum(counts):,} drawn at random, as many of each class."
    )


def _hardest(
    content: "ReportContent", trained: Mapping[str, Results], row_of: pd.Series
) -> dict[str, Any]:
    """Return the train images with the highest loss of the baseline, or of the first technique."""
    names = list(trained)
    name = next((name for name in names if arm_named(name).technique == BASELINE), None)
    if name is None and names:
        name = names[0]
    found = chosen_images.hardest_train_images(trained[name], MOST_HARDEST) if name else None
    if found is None:
        return {"technique": "", "seeds": 0, "images": []}
    found = found[found["filename"].isin(row_of.index)]
    images = []
    for image in found.to_dict("records"):
        pixels = np.asarray(content.images[row_of[image["filename"]]])
        images.append(
            {
                **image,
                "data_url": svg.image_data_url(pixels),
                "pixelated": max(pixels.shape[:2]) <= thumbnails.LARGEST_PIXELATED,
            }
        )
    return {"technique": name, "seeds": len(trained[str(name)].trainings), "images": images}
