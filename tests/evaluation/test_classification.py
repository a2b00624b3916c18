"""Calibration and figures by class, against plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.evaluation.classification import (
    expected_calibration_error,
    recall_by_class,
    reliability,
)

answers = st.lists(
    st.tuples(st.floats(0, 1, width=32) | st.sampled_from([0.0, 0.2, 0.4, 1.0]), st.booleans()),
    min_size=1,
    max_size=60,
)
guesses = st.integers(2, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(
            st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)),
            min_size=1,
            max_size=50,
        ),
    )
)


def calibration_error_by_loops(confidence: np.ndarray, correct: np.ndarray, bins: int) -> float:
    """Guo et al., equation 3, a bin at a time."""
    chosen = np.digitize(confidence, np.linspace(0, 1, bins + 1), right=True)
    chosen[confidence == 0] = 1
    error = 0.0
    for number in range(1, bins + 1):
        inside = [i for i in range(len(confidence)) if chosen[i] == number]
        if inside:
            accuracy = sum(bool(correct[i]) for i in inside) / len(inside)
            mean = math.fsum(float(confidence[i]) for i in inside) / len(inside)
            error += len(inside) / len(confidence) * abs(accuracy - mean)
    return error


class TestCalibration:
    @given(answers, st.integers(1, 20))
    def test_error_as_by_loops(self, given: list[tuple[float, bool]], bins: int) -> None:
        confidence, correct = np.array([c for c, _ in given]), np.array([r for _, r in given])
        assert expected_calibration_error(confidence, correct, bins) == pytest.approx(
            calibration_error_by_loops(confidence, correct, bins), abs=1e-12
        )

    def test_by_hand(self) -> None:
        confidence, correct = np.array([0.9, 0.8, 0.3, 0.4]), np.array([True, False, False, True])
        # Two bins: (0.35 said, 0.5 right) and (0.85 said, 0.5 right), two images each.
        assert expected_calibration_error(confidence, correct, 2) == pytest.approx(0.25)

    def test_none_where_outcomes_are_as_likely_as_said(self) -> None:
        rng = np.random.default_rng(0)
        confidence = rng.uniform(0.1, 1, 200_000)
        calibrated = rng.random(200_000) < confidence
        assert expected_calibration_error(confidence, calibrated) < 0.01
        overconfident = rng.random(200_000) < confidence - 0.1
        assert expected_calibration_error(confidence, overconfident) == pytest.approx(0.1, abs=0.01)

    @given(answers, st.integers(1, 20))
    def test_reliability_holds_every_image_once(
        self, given: list[tuple[float, bool]], bins: int
    ) -> None:
        confidence, correct = np.array([c for c, _ in given]), np.array([r for _, r in given])
        table = reliability(confidence, correct, bins)
        assert list(table.columns) == ["low", "high", "confidence", "accuracy", "images"]
        assert table["images"].sum() == len(given)
        assert (table["images"] > 0).all()
        assert (table["low"] - 1e-12 <= table["confidence"]).all()
        assert (table["confidence"] <= table["high"] + 1e-12).all()
        assert np.average(table["accuracy"], weights=table["images"]) == pytest.approx(
            correct.mean()
        )

    def test_upper_edge_belongs_to_its_bin(self) -> None:
        confidence = np.array([0.0, 0.25, 0.5, 1.0])
        table = reliability(confidence, np.ones(4, dtype=bool), bins=4)
        assert table["high"].tolist() == [0.25, 0.5, 1.0]
        assert table["images"].tolist() == [2, 1, 1]

    def test_rounding_above_one_counts_in_the_last_bin(self) -> None:
        table = reliability(np.array([np.nextafter(np.float32(1), np.float32(2))]), np.array([1]))
        assert table["high"].tolist() == [1.0]

    def test_without_images(self) -> None:
        assert reliability(np.zeros(0), np.zeros(0, dtype=bool)).empty
        assert math.isnan(expected_calibration_error(np.zeros(0), np.zeros(0, dtype=bool)))


class TestByClass:
    @given(guesses)
    def test_as_by_loops(self, given: tuple[int, list[tuple[int, int]]]) -> None:
        classes, pairs = given
        recalls = []
        for label in range(classes):
            right = sum(target == predicted == label for target, predicted in pairs)
            is_target = sum(target == label for target, _ in pairs)
            recalls.append(right / is_target if is_target else math.nan)
        targets, predicted = np.array(pairs).T
        np.testing.assert_array_equal(recall_by_class(targets, predicted, classes), recalls)

    def test_without_images(self) -> None:
        empty = np.zeros(0, dtype=int)
        assert np.isnan(recall_by_class(empty, empty, 2)).all()
