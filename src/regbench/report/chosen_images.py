"""Which images a reader may look at: those techniques differ on, confident mistakes, a sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regbench.evaluation.results import Results

_REASONS = DIFFER, MISTAKEN, SAMPLED = "differ", "mistaken", "sampled"  # why one was chosen


@dataclass(frozen=True)
class Answers:
    """A technique's answers on M images, over its trainings.

    Attributes:
        trainings: By image, how many trainings judged it, M ints.
        right: How many of these gave the image its label, M ints.
        confidence: Mean confidence of the trainings, M floats; 0 where none judged the image.
        mistaken: Mean confidence where the answer is wrong, counting 0 where it is right.
        answer: The most frequent answer, a place in the list of classes; of equally frequent ones
            the first, and -1 where none judged the image.
        count: How many trainings gave that answer, M ints.
    """

    trainings: np.ndarray
    right: np.ndarray
    confidence: np.ndarray
    mistaken: np.ndarray
    answer: np.ndarray
    count: np.ndarray

    def share(self) -> np.ndarray:
        """Return the share of trainings that are right, by image; NaN where none judged it."""
        counted = np.where(self.trainings > 0, self.trainings, np.nan)
        return np.asarray(self.right / counted)


def answers_on(results: Results, part: str, filenames: pd.Index, classes: Sequence[str]) -> Answers:
    """Return a technique's answers on images of a split part.

    Args:
        results: Of the technique.
        part: The split part.
        filenames: Of the M images, unique.
        classes: The labels.
    """
    rows = results.predictions
    at, said = _places(rows["filename"], filenames), _places(rows["predicted"], pd.Index(classes))
    counted = (at >= 0) & (said >= 0) & (rows["split"] == part).to_numpy(dtype=bool)
    at, said = at[counted], said[counted]
    is_right = (rows["predicted"] == rows["label"]).to_numpy(dtype=bool)[counted]
    confidence = rows["confidence"].to_numpy(dtype=float)[counted]
    size = len(filenames)
    trainings = np.bincount(at, minlength=size)
    divisor = np.maximum(trainings, 1)
    pairs, counts = np.unique(at * len(classes) + said, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    images, first = np.unique(pairs[order] // len(classes), return_index=True)
    answer, count = np.full(size, -1), np.zeros(size, dtype=int)
    answer[images] = pairs[order][first] % len(classes)
    count[images] = counts[order][first]
    return Answers(
        trainings,
        np.bincount(at[is_right], minlength=size),
        np.bincount(at, confidence, minlength=size) / divisor,
        np.bincount(at, confidence * ~is_right, minlength=size) / divisor,
        answer,
        count,
    )


def _places(values: pd.Series, known: pd.Index) -> np.ndarray:
    """Return the place of every value in ``known``, -1 where it is not there."""
    codes, unique = pd.factorize(values)
    return np.asarray(known.get_indexer(pd.Index(unique))[codes])


def differing_images(answers: Mapping[str, Answers]) -> np.ndarray:
    """Return the images that most trainings of one technique get right and most of another wrong.

    Args:
        answers: Of each technique, at least one, on the M images.

    Returns:
        Places of images, the clearest first.
    """
    by_image = np.array([of.share() for of in answers.values()])
    judged = np.isfinite(by_image)
    highest = np.where(judged, by_image, -1).max(axis=0)
    lowest = np.where(judged, by_image, 2).min(axis=0)
    return _ranked(np.where((highest > 0.5) & (lowest < 0.5), highest - lowest, 0))


def choose_images(
    answers: Mapping[str, Answers], targets: np.ndarray, most: int
) -> tuple[np.ndarray, list[str]]:
    """Choose images of a split part, a third of each kind as far as there are that many.

    First ``differing_images``; then those that all techniques together are most confidently wrong
    about; then a random sample, with the same number of each class. The kinds take turns, so that
    any beginning of the list has all of them.

    Args:
        answers: Of each technique on the M images.
        targets: Classes of the M images, int.
        most: The largest number of images.

    Returns:
        Places of the chosen images, and why each was chosen.
    """
    differ = differing_images(answers)
    mistaken = _ranked(np.mean([of.mistaken for of in answers.values()], axis=0))
    judged = np.any([of.trainings > 0 for of in answers.values()], axis=0)
    shuffled = np.random.default_rng(0).permutation(np.flatnonzero(judged))
    turn = pd.Series(shuffled).groupby(targets[shuffled]).cumcount().to_numpy()
    kinds = (differ, mistaken, shuffled[np.lexsort((targets[shuffled], turn))])
    waiting = {reason: iter(of.tolist()) for reason, of in zip(_REASONS, kinds, strict=True)}
    do_differ = set(differ.tolist())
    why: dict[int, str] = {}
    while waiting and len(why) < most:
        for reason, places in list(waiting.items()):
            place = next((place for place in places if place not in why), None)
            if place is None:
                del waiting[reason]
            elif len(why) < most:
                why[place] = DIFFER if place in do_differ else reason
    return np.fromiter(why, dtype=int, count=len(why)), list(why.values())


def _ranked(scores: np.ndarray) -> np.ndarray:
    """Return the places of positive scores, the highest first."""
    order = np.argsort(-scores, kind="stable")
    return order[scores[order] > 0]


def hardest_train_images(results: Results, most: int) -> pd.DataFrame:
    """Return the train images with the highest cross-entropy, the mean over trainings.

    Of each training those among its hardest are known; elsewhere an image counts as 0.

    Args:
        results: Of a technique.
        most: The largest number of images.

    Returns:
        A row per image, the hardest first: filename; label; predicted, the most frequent answer;
        loss, the mean cross-entropy in nats over the trainings that it was among the hardest of;
        and seeds, how many these were.
    """
    if "label_probability" not in results.predictions:
        return pd.DataFrame(columns=["filename", "label", "predicted", "loss", "seeds"])
    rows = results.predictions[results.predictions["split"] == "train"]
    smallest = np.finfo(np.float32).tiny
    loss = -np.log(np.maximum(rows["label_probability"].to_numpy(dtype=float), smallest))
    by_file = rows.assign(loss=loss).groupby("filename", sort=False)
    summed = by_file["loss"].sum().sort_values(ascending=False, kind="stable").head(most)
    seeds = by_file.size().reindex(summed.index)
    answers = rows[rows["filename"].isin(summed.index)].groupby("filename")["predicted"]
    return pd.DataFrame(
        {
            "filename": summed.index,
            "label": by_file["label"].first().reindex(summed.index).to_numpy(),
            "predicted": answers.agg(lambda said: said.mode().iloc[0])
            .reindex(summed.index)
            .to_numpy(),
            "loss": (summed / seeds).to_numpy(),
            "seeds": seeds.to_numpy(),
        }
    )
