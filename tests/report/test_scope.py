"""What verdicts are about, in the report's words."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regbench.comparison.scope import ONE_SPLIT, SETS_LIKE_THIS, THESE_IMAGES
from regbench.history.table import rows_of_run
from regbench.report.plots.differences import difference_plot
from regbench.report.scope import judged_images, scope_paragraph, scope_sentence, varies
from regbench.report.sentences import beating_largest_class, split_text


def compared(scope: str, *techniques: tuple[str, str, str | None]) -> pd.DataFrame:
    """Return a comparison of techniques: name, verdict, verdict over images."""
    rows: list[dict[str, Any]] = [{"technique": "baseline", "scope": scope}]
    rows += [
        {"technique": name, "verdict": verdict, "verdict_over_images": over, "scope": scope}
        for name, verdict, over in techniques
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


KEPT, LOST = ("l2", "better", "better"), ("l1", "worse", "undecided")
OTHERS = "this split. For other images from the same source,"


@pytest.mark.parametrize(
    ("scope", "techniques", "expected"),
    [
        (SETS_LIKE_THIS, [("l2", "better", None)], "sets like this one: every seed has its own"),
        (ONE_SPLIT, [("l2", "undecided", "undecided")], "these images and this split."),
        (ONE_SPLIT, [KEPT], f"{OTHERS} the verdict on l2 should hold."),
        (ONE_SPLIT, [LOST], f"{OTHERS} the verdict on l1 might not."),
        (
            THESE_IMAGES,
            [KEPT, LOST, ("zca", "worse", "worse"), ("dropout", "undecided", "undecided")],
            "these judged images, which the set gives, over draws of the images to train on. "
            "For other images from the same source, those on l2 and zca should hold and the "
            "verdict on l1 might not.",
        ),
        (ONE_SPLIT, [("l2", "descriptive only", None)], ""),
    ],
)
def test_the_sentence(
    scope: str, techniques: list[tuple[str, str, str | None]], expected: str
) -> None:
    found = scope_sentence(compared(scope, *techniques))
    assert expected in found
    assert bool(found) == bool(expected)


def test_the_paragraph_says_how_the_tests_allow_for_it() -> None:
    resampled = compared(SETS_LIKE_THIS, ("l2", "better", None)).assign(variance_ratio=0.25)
    assert "times 1/n + 0.250 instead of 1/n" in scope_paragraph(resampled)
    assert "protocol.split.resample=true gives every seed" in scope_paragraph(
        compared(ONE_SPLIT, KEPT)
    )
    assert "draws its own train and validation" in scope_paragraph(compared(THESE_IMAGES, KEPT))
    assert scope_paragraph(pd.DataFrame())


def test_the_judged_images_are_counted_for_each_seed() -> None:
    assert judged_images(1200, compared(ONE_SPLIT, KEPT)) == "1,200 images"
    resampled = compared(SETS_LIKE_THIS, ("l2", "better", None))
    assert judged_images(1200, resampled) == "1,200 images with each seed, others each time"
    assert varies(resampled)
    assert not varies(compared(THESE_IMAGES, KEPT))


def test_the_picture_has_no_bootstrap_where_the_table_has_none() -> None:
    row = {
        **{"technique": "l2", "verdict": "better", "metric": "accuracy", "test_accuracy": 0.9},
        **{"difference": 0.02, "difference_low": 0.01, "difference_high": 0.03},
    }
    without = pd.DataFrame([row])
    with_one = without.assign(bootstrap_low=0.012, bootstrap_high=0.028)
    label = "95 % bootstrap interval"
    for comparison, shown in ((without, False), (with_one, True)):
        legend = difference_plot(comparison).legends[0]
        assert (label in [text.get_text() for text in legend.get_texts()]) == shown


SPLIT = {"method": "auto", "train": 0.7, "validation": 0.15, "test": 0.15, "seed": 4}
INDEX = pd.DataFrame({"split": ["train"] * 7 + ["validation", "test", "test"]})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"resample": True, "folds": None},
            "7 train, 1 validation and 2 test: drawn anew for every seed; the same for all "
            "techniques, the same shares of every class (seed 4).",
        ),
        (
            {"resample": False, "folds": 5, "group_column": "patient"},
            "7 train, 1 validation and 2 test: every seed has its own split, in which test is one "
            "of 5 folds; after 5 seeds the images are cut into folds anew; the same for all "
            "techniques, the same shares of every class (seed 4); images of one patient are in one "
            "part.",
        ),
        (
            {"resample": True, "method": "hashed"},
            "7 train, 1 validation and 2 test: drawn anew for every seed; the same for all "
            "techniques, by a hash of each image (seed 4).",
        ),
    ],
)
def test_the_split_is_said_to_be_drawn_anew(changes: dict[str, Any], expected: str) -> None:
    assert split_text(SPLIT | changes, INDEX) == expected
    assert expected.endswith(split_text(SPLIT | changes))


def test_test_images_that_the_set_gives_are_said_to_stay() -> None:
    index = INDEX.assign(given_split=["train"] * 8 + ["test"] * 2)
    found = split_text(SPLIT | {"resample": True}, index)
    assert "but for the test images, which are those that the set gives" in found


def test_beating_the_largest_class_is_judged_with_the_corrected_variance() -> None:
    row = {
        **{"technique": "baseline", "metric": "accuracy", "test_accuracy": 0.60},
        **{"test_accuracy_sd": 0.05, "trainings": 5, "failed_trainings": 0, "status": "trained"},
        "largest_class": 0.53,
    }
    # 0.07 above, which is 3.1 standard errors of 5 seeds; t of 4 degrees of freedom wants 2.8.
    assert beating_largest_class(pd.DataFrame([row])) == {"baseline": True}
    corrected = pd.DataFrame([row | {"variance_ratio": 0.25}])
    assert beating_largest_class(corrected) == {"baseline": False}


def test_the_historys_interval_has_the_corrected_variance() -> None:
    row = {
        **{"technique": "baseline", "metric": "accuracy", "test_accuracy": 0.60},
        **{"test_accuracy_sd": 0.05, "trainings": 5, "failed_trainings": 0, "status": "trained"},
        **{"missing_trainings": 0, "variance_ratio": 0.25},
    }
    digests = dict.fromkeys(("protocol", "training", "evaluation", "technique"), "d")
    found = rows_of_run(
        *(pd.DataFrame([row]), {}, {"baseline": digests}, {"data": "d", "split": "s"}),
        pd.Series(["train", "test"]),
        0,
    )
    expected = stats.t.interval(0.95, 4, loc=0.60, scale=0.05 * np.sqrt(1 / 5 + 0.25))
    assert found[["accuracy_low", "accuracy_high"]].iloc[0].tolist() == pytest.approx(expected)
