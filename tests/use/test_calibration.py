"""Calibrated confidence and sure answers, against scikit-learn, SciPy and simulated studies."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from scipy.stats import beta
from sklearn.metrics import log_loss

from regbench.use import calibration

CLASSES = ["a", "b", "c"]


def overconfident(images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, probabilities of logits 2.5 times as large, and targets drawn from the logits."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (images, 3))
    targets = np.array([generator.choice(3, p=row) for row in softmax(logits, axis=1)])
    return logits, softmax(2.5 * logits, axis=1), targets


def test_the_temperature_is_that_of_a_general_minimizer_on_logits() -> None:
    logits, probabilities, targets = overconfident(3000)

    def loss(temperature: np.ndarray) -> float:
        return float(
            -log_softmax(2.5 * logits / temperature[0], axis=1)[np.arange(3000), targets].mean()
        )

    reference = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-7}).x[0]
    found = calibration.fit_temperature(probabilities, targets)
    assert found == pytest.approx(reference, rel=1e-4)
    assert found == pytest.approx(2.5, rel=0.1)
    tempered = calibration.tempered(probabilities, found)
    np.testing.assert_allclose(tempered, softmax(2.5 * logits / found, axis=1), atol=1e-9)
    assert log_loss(targets, tempered) < log_loss(targets, probabilities)


def test_a_temperature_that_does_others_no_good_is_not_used() -> None:
    # Well calibrated already: what a dozen images suggest is chance.
    generator = np.random.default_rng(3)
    probabilities = softmax(generator.normal(0, 1.5, (12, 3)), axis=1)
    targets = np.array([generator.choice(3, p=row) for row in probabilities])
    held_out = np.empty(12)
    for fold in range(5):
        others = np.arange(12) % 5 != fold
        temperature = calibration.fit_temperature(probabilities[others], targets[others])
        scaled = log_softmax(np.log(probabilities[~others]) / temperature, axis=1)
        held_out[~others] = -scaled[np.arange(len(scaled)), targets[~others]]
    own = log_loss(targets, probabilities, labels=[0, 1, 2])
    assert held_out.mean() > own  # although on the images that it is fitted on it helps
    found = calibration.calibrate(probabilities, targets, 0.1)
    assert found["temperature"] == 1
    assert f"cross-entropy {held_out.mean():.3f} nats, without {own:.3f} (5 folds)" in found["kept"]
    assert found["calibration_error_after"] == found["calibration_error_before"]
    said = calibration.described(found | {"fitted_on": "12 validation images"})
    assert said.startswith("confidence stays the network's own (temperature 1)")


def test_answers_that_are_all_right_tell_no_temperature() -> None:
    # The smaller, the better it would seem: all confidence would become 1.
    _, probabilities, _ = overconfident(40)
    found = calibration.calibrate(probabilities, probabilities.argmax(axis=1), 0.1)
    assert (found["temperature"], found["kept"][:13]) == (1, "no answer to ")


def binned_error(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Guo et al.'s equation 3, written out."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    error = 0.0
    for low in np.arange(15) / 15:
        here = (confidence > low) & (confidence <= low + 1 / 15)
        if here.any():
            error += here.mean() * abs(correct[here].mean() - confidence[here].mean())
    return error


def test_calibration_errors_before_and_after() -> None:
    _, probabilities, targets = overconfident(4000)
    found = calibration.calibrate(probabilities, targets, 0.05)
    after = calibration.tempered(probabilities, found["temperature"])
    expected = binned_error(probabilities, targets), binned_error(after, targets)
    assert found["calibration_error_before"] == pytest.approx(expected[0], abs=1e-9)
    assert found["calibration_error_after"] == pytest.approx(expected[1], abs=1e-9)
    assert expected[1] < 0.5 * expected[0]


def test_what_is_called_sure_has_the_bound_of_clopper_and_pearson() -> None:
    _, probabilities, targets = overconfident(4000)
    found = calibration.calibrate(probabilities, targets, 0.15)
    confidence = calibration.tempered(probabilities, found["temperature"]).max(axis=1)
    sure = confidence >= found["sure_from"]
    wrong = (probabilities.argmax(axis=1) != targets)[sure].sum()
    assert (found["sure"], found["sure_wrong"]) == (sure.sum(), wrong)
    assert beta.ppf(0.95, wrong + 1, sure.sum() - wrong) <= 0.15
    assert found["sure"] > 500


def test_more_than_the_error_rate_is_wrong_in_at_most_a_twentieth_of_studies() -> None:
    # Answers of confidence c are right with probability c: the share that is wrong is known.
    generator = np.random.default_rng(0)
    broken = reached = 0
    for _ in range(400):
        confidence = generator.beta(6, 0.5, 1500)
        correct = generator.uniform(size=1500) < confidence
        threshold = calibration.sure_from(confidence, correct, 0.05)
        if threshold is not None:
            reached += 1
            broken += (1 - confidence[confidence >= threshold]).mean() > 0.05
    assert reached > 200
    assert broken <= 30  # 5 % of 400 are 20; 30 are improbable (1.5 %)


@pytest.mark.parametrize("images", [0, 10, 320])
def test_too_few_images_are_never_enough(images: int) -> None:
    confidence = np.linspace(0.5, 1, images)
    assert calibration.sure_from(confidence, np.ones(images, dtype=bool), 0.01) is None


def test_as_many_as_a_bound_takes_are_enough() -> None:
    falling = np.linspace(1, 0.5, 321)  # the bound of 0 wrong of 321 with a risk of 4 % is 1 %
    right = np.ones(321, dtype=bool)
    assert beta.ppf(0.96, 1, 321) <= 0.01 < beta.ppf(0.96, 1, 320)
    assert calibration.sure_from(falling, right, 0.01) == 0.5
    # Those of equal confidence are sure together, or not at all.
    with_one_wrong = np.append(right, False)
    assert calibration.sure_from(np.full(322, 0.9), with_one_wrong, 0.01) is None


def test_a_wrong_label_among_the_surest_is_not_the_end() -> None:
    right = np.ones(2000, dtype=bool)
    right[5] = False
    found = calibration.sure_from(np.linspace(1, 0, 2000), right, 0.01)
    assert found == 0  # all: the bound of 1 wrong of 2,000 is 0.3 %


def predictions(probabilities: np.ndarray, targets: np.ndarray, turned: bool) -> pd.DataFrame:
    """A stored table of predictions, with a test image that does not count."""
    names = [f"{number:04}.png" for number in range(len(targets))]
    table = pd.DataFrame(
        {
            "filename": [*names, "test.png"],
            "split": ["validation"] * len(targets) + ["test"],
            "label": [*(CLASSES[target] for target in targets), "a"],
            "probabilities": [*probabilities, np.full(3, 1 / 3)],
        }
    )
    return table.iloc[::-1] if turned else table


def test_a_refit_is_calibrated_by_the_study_s_networks_averaged_as_its_own_are() -> None:
    _, one, targets = overconfident(500)
    other = one[:, ::-1]
    tables = {
        "l2/seed_1": lambda: predictions(one, targets, turned=False),
        "l2/seed_2": lambda: predictions(other, targets, turned=True),
    }
    chosen = {"made_by": "refit", "technique": "l2", "out_of_sample": [*tables]}
    chosen["trained_on"] = ["train", "validation"]
    found = calibration.calibration_of(chosen, tables, CLASSES, 0.1, resampled=False)
    mean = calibration.calibrate((one + other) / 2, targets, 0.1)
    assert found["temperature"] == pytest.approx(mean["temperature"])
    assert "of l2 (2, averaged as the refit's networks are)" in found["fitted_on"]
    pooled = calibration.calibration_of(chosen, tables, CLASSES, 0.1, resampled=True)
    assert pooled["images"] == 1000
    none = calibration.calibration_of(chosen, {}, CLASSES, 0.1, resampled=False)
    assert (none["temperature"], none["sure_from"]) == (1.0, None)
    assert "not calibrated" in calibration.described(none)
