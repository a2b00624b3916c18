"""RB206: a classifier tells train images from judged ones.

A classifier two-sample test (Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, ICLR
2017): if both parts were drawn alike, nothing tells which part an image is of, and the area under
the ROC curve of answers on images that the classifier was not fitted on is 0.5.
"""

import numpy as np

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.evaluation.resampling import seeds_of

_MOST = 800  # images of each part
_LEAST = 40
_SIDE = 8  # pixels, either way
_TREES = 100
_ALIKE = 0.6  # area under the curve that is let pass
_SURE = 3.29  # standard deviations above 0.5: two-sided 0.1 %


def _find(evidence: Evidence) -> Finding | None:
    if seeds_of(evidence.split_index):
        return None  # drawn at random with every seed
    random = np.random.default_rng(0)
    parts = (evidence.split_index["split"] == name for name in ("train", evidence.part))
    chosen = [_some(np.flatnonzero(part), random) for part in parts]
    if min(map(len, chosen)) < _LEAST:
        return None
    features = np.concatenate([features_of(evidence.images[rows]) for rows in chosen])
    is_judged = np.repeat([0, 1], [len(rows) for rows in chosen])
    area = area_under_curve(features, is_judged)
    one, other = map(len, chosen)
    deviation = np.sqrt((one + other + 1) / (12 * one * other))  # of Mann and Whitney's statistic
    if area < _ALIKE or (area - 0.5) / deviation < _SURE:
        return None
    return Finding(
        f"a classifier on pixels tells {evidence.part} images from train images: area under the "
        f"curve {area:.2f} (0.5 by chance), on {one} and {other} images that it was not fitted on",
        evidence.command({"protocol.split.method": "stratified"}),
        evidence.minutes(),
        "If the judged images are meant to be unlike, as from another camera, mute this one.",
    )


def features_of(images: np.ndarray) -> np.ndarray:
    """Return what the classifier sees: small pixels, and brightness, contrast and sharpness.

    Args:
        images: N x H x W x C, uint8.

    Returns:
        N x K floats.
    """
    values = images.astype(np.float32) / 255
    height, width = images.shape[1:3]
    rows, columns = (np.array_split(np.arange(size), min(_SIDE, size)) for size in (height, width))
    small = [values[:, r][:, :, c].mean(axis=(1, 2)) for r in rows for c in columns]
    grey = values.mean(axis=-1)
    overall = [
        values.mean(axis=(1, 2)),
        values.std(axis=(1, 2)),
        *(_mean_step(grey, axis) for axis in (1, 2)),
    ]
    return np.concatenate([*small, *overall], axis=1)


def _mean_step(grey: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean size of the steps between neighbours along an axis, N x 1."""
    steps = np.abs(np.diff(grey, axis=axis, prepend=grey.take([0], axis=axis)))
    means: np.ndarray = steps.mean(axis=(1, 2))[:, None]
    return means


def area_under_curve(features: np.ndarray, is_judged: np.ndarray) -> float:
    """Return the area under the ROC curve of a random forest's answers.

    Each image is answered by the trees that were not grown on it (out of bag).
    """
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 - slow to import
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    forest = RandomForestClassifier(_TREES, min_samples_leaf=5, oob_score=True, random_state=0)
    forest.fit(features, is_judged)
    return float(roc_auc_score(is_judged, forest.oob_decision_function_[:, 1]))


def _some(rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= _MOST else np.sort(random.choice(rows, _MOST, replace=False))


CHECK = Check(
    code="RB206",
    title="train and judged images look unlike",
    meaning="a random forest on small pixels, brightness, contrast and sharpness tells images of "
    "the two parts apart (classifier two-sample test: area under the curve 0.6 or more, and not by "
    "chance at 0.1 %)",
    why="The judged images come from elsewhere: validation no longer selects what is best on test, "
    "and techniques that help against such a shift look better than on like images.",
    rank=28,
    find=_find,
    of_images=True,
    in_pilot=True,
)
