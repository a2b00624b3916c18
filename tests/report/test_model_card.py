"""What a model card says, from made-up facts."""

from typing import Any

import pandas as pd
import pytest
from scipy.stats import norm

from regbench.evaluation.results import Results
from regbench.report.model_card import model_card
from regbench.use.facts import facts

CHOSEN = {"made_by": "study", "technique": "l2", "seed": 2, "weights": "w", "file": "l2/seed_2"}
ABOUT = {"shape": [8, 9, 3], "size": [9, 8], "mode": "RGB", "other_sizes": "pad"}
ROW = {
    "technique": "l2",
    "trainings": 3,
    "failed_trainings": 1,
    "metric": "macro_f1",
    "test_macro_f1": 0.8765,
    "difference": 0.0123,
    "difference_low": 0.0045,
    "difference_high": 0.02,
    "verdict": "better",
    "largest_class": 0.1,
    "scope": "sets like this one",
    "futile": None,
}
SPLIT = pd.DataFrame({"split": ["train"] * 700 + ["validation"] * 100 + ["test"] * 200})


def results(**figures: float) -> Results:
    none = Results.none()
    trainings = pd.DataFrame([{"seed": 2, "status": "trained", **figures}])
    return Results(trainings, none.epochs, none.predictions, none.measurements)


def known(
    chosen: dict[str, Any] = CHOSEN,
    split: pd.DataFrame = SPLIT,
    metric: str = "macro_f1",
    refit: Any = None,
) -> dict[str, Any]:
    compared = pd.DataFrame([{"technique": "baseline"}, ROW])
    figures = {"test_accuracy": 0.9, "test_macro_f1": 0.85, "validation_accuracy": 0.8}
    found = facts(chosen, compared, {"l2": results(**figures)}, split, ["a", "b"], metric, refit)
    return found | {"calibration": {"temperature": 2.0, "said": "confidence calibrated on x"}}


def card(found: dict[str, Any], **changed: Any) -> str:
    outcomes = {
        "saved_model": {"bytes": 1234567, "max_difference": 0.0, "agreement": 1.0, "accuracy": 0.9},
        "litert_int8": {"bytes": 99000, "max_difference": 0.034, "agreement": 0.997},
        "onnx": {"failed": "ValueError: no"},
    }
    settings = {"regularizers": {"l2": {"factor": 0.1}}, "network": {"kind": "mlp"}}
    settings["licence"] = changed.pop("licence", None)
    digests = {"data": "d1g", "split": "sp1"}
    return model_card({**CHOSEN, **changed}, found, outcomes, ABOUT, settings, digests, "keras 3")


def test_the_accuracy_of_the_network_has_wilsons_interval() -> None:
    found = known()["network_figures"]
    z, n, share = norm.ppf(0.975), 200, 0.9
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    assert found["low"] == pytest.approx(middle - half)
    assert found["high"] == pytest.approx(middle + half)


def test_a_card_says_what_it_is_and_what_it_was_measured_on() -> None:
    said = card(known(), licence="MIT").replace("\u00a0", " ")
    for part in (
        "It tells which of 2 classes a picture is of. Licence: MIT.",
        "technique:\n  l2:\n    l2:\n      factor: 0.1\n",
        "Images: 700 train, 100 validation, 200 test; the network was trained on train.",
        "Digest of the images d1g, of the split sp1.",
        "this network, on 200 test images: accuracy 90.00 % [85.06 %, 93.43 %]",
        "mean over 2 seeds:",
        "87.65 % on test images",
        "to the baseline: +1.23 [0.45, 2.00] points (95 % interval over seeds): better",
        "always answering the largest class: 10.00 %",
        "| SavedModel | 1,235 | 0 | 100.00 % | 90.00 % |",
        "| LiteRT int8 | 99 | 3.4e-02 | 99.70 % | – |",
        "ONNX: not exported, ValueError: no.",
        "The figures are about sets like this one.",
        "with the temperature T = 2.0000, as `use.py` shows. Confidence calibrated on x.",
        "9 x 8 pixels (pad)",
    ):
        assert part in said, part
    assert "not stated" in card(known())
    own = {"calibration": {"temperature": 1.0, "said": "confidence is not calibrated"}}
    assert "are the network's own. Confidence is not calibrated." in card(known() | own)


def test_of_a_refit_the_card_says_what_to_expect_and_what_it_was_trained_on() -> None:
    chosen = {**CHOSEN, "made_by": "refit", "members": [1, 2]}
    expected = {"value": 0.87, "low": 0.85, "high": 0.89, "seeds": 3, "images": 200, "part": "test"}
    plan = {"parts": ["train", "validation"], "expected": expected}
    measured = {"images": 200, "value": 0.88}
    found = known(chosen, refit={"plan": plan, "measured": measured})
    assert found["network_figures"] is None
    assert found["judged_is_unseen"]
    said = card(found, members=[1, 2]).replace("\u00a0", " ")
    assert "seeds:\n- 1\n- 2\n" in said
    assert "trained on train and validation" in said
    assert (
        "87.00 % [85.00 %, 89.00 %], the mean of the study's 3 trainings, each on 200 test" in said
    )
    assert "- this network, on 200 test images that it was not trained on: " in said

    everything = {**plan, "parts": ["train", "validation", "test"]}
    found = known(chosen, refit={"plan": everything, "measured": None})
    assert not found["judged_is_unseen"]
    assert "- this network, on" not in card(found)


def test_without_test_images_the_card_says_that_figures_are_too_good() -> None:
    split = SPLIT[SPLIT["split"] != "test"]
    said = card(known(split=split, metric="accuracy"))
    assert "on 100 validation images: accuracy 80.00" in said
    assert "chosen by the same validation images" in said


def test_of_several_networks_the_row_of_its_own_is_taken() -> None:
    rows = [{**ROW, "network": "mlp", "difference": 0.5}, {**ROW, "network": "cnn"}]
    chosen = {**CHOSEN, "network": "cnn"}
    figures = {"test_accuracy": 0.9}
    stored = {"l2.cnn": results(**figures)}
    found = facts(chosen, pd.DataFrame(rows), stored, SPLIT, ["a", "b"], "accuracy")
    assert found["row"]["difference"] == 0.0123
    assert "futile" not in found["row"]
