"""The report's sentences say what the figures say, and its small tables hold the right figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix as sklearn_confusion

from regbench.comparison import tables
from regbench.evaluation.results import Results
from regbench.report import numbers, sentences


def row(
    technique: str, points: float | None = None, verdict: str | None = None, **more: Any
) -> dict[str, Any]:
    """A row of a comparison whose interval is half a point to either side."""
    difference = None if points is None else points / 100
    return {
        "technique": technique,
        "trainings": 5,
        "failed_trainings": 0,
        "test_accuracy": 0.9 + (difference or 0),
        "validation_accuracy": 0.91 + (difference or 0),
        "difference": difference,
        "difference_low": None if difference is None else difference - 0.005,
        "difference_high": None if difference is None else difference + 0.005,
        "verdict": verdict,
        "near_zero_share": 0.01,
        **more,
    }


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([*rows, row("baseline")])


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "text"),
        [(1.154, "+1.15"), (-0.05, "−0.05"), (0, "0.00"), (-0.001, "0.00"), (0.004, "0.00")],
    )
    def test_have_signs(self, value: float, text: str) -> None:
        assert numbers.signed(value) == text

    def test_have_intervals_if_there_are_any(self) -> None:
        whole = {"difference": 0.016, "difference_low": -0.002, "difference_high": 0.02}
        assert numbers.difference_text(whole) == "+1.60 [−0.20, 2.00]"
        assert numbers.difference_text({"difference": 0.016}) == "+1.60"
        assert numbers.difference_text({**whole, "difference_low": np.nan}) == "+1.60"

    def test_are_percentages(self) -> None:
        assert numbers.percent(0.93654) == "93.7\u00a0%"
        assert numbers.percent(0.5, 0) == "50\u00a0%"
        assert numbers.percent(float("nan")) == "–"

    def test_are_listed_as_in_a_sentence(self) -> None:
        assert numbers.listed(["a"]) == "a"
        assert numbers.listed(["a", "b"]) == "a and b"
        assert numbers.listed(["a", "b", "c"]) == "a, b and c"
        assert numbers.listed(["a", "b", "c"], 2) == "a, b and 1 other"
        assert numbers.listed(["a", "b", "c"], 1) == "a and 2 others"


def results(
    seeds: list[int],
    accuracies: list[float],
    *,
    failed: list[int] | None = None,
    measured: list[tuple[int, str, str, float]] | None = None,
    answers: pd.DataFrame | None = None,
) -> Results:
    trainings = pd.DataFrame({"seed": seeds, "status": "trained", "test_accuracy": accuracies})
    lost = pd.DataFrame({"seed": failed or [], "status": "failed", "test_accuracy": np.nan})
    return Results(
        pd.concat([trainings, lost], ignore_index=True) if failed else trainings,
        pd.DataFrame({"seed": [*seeds, *(failed or [])], "epoch": 1}),
        pd.DataFrame(columns=["seed"]) if answers is None else answers,
        pd.DataFrame(measured or [], columns=["seed", "measure", "setting", "value"]),
    )


class TestTables:
    def test_of_finished_runs_leave_out_the_others(self) -> None:
        kept = tables.finished(
            {
                "l1": results([1, 2], [0.8, 0.9], failed=[3]),
                "l2": results([], [], failed=[1]),
                "zca": Results.none(),
            }
        )
        assert list(kept) == ["l1"]
        assert kept["l1"].trainings["seed"].tolist() == [1, 2]
        assert kept["l1"].epochs["seed"].tolist() == [1, 2]

    def test_of_differences_pair_seeds(self) -> None:
        differences = tables.seed_differences(
            {
                "baseline": results([1, 2, 3], [0.90, 0.91, 0.92]),
                "l1": results([3, 1], [0.95, 0.91], failed=[2]),
                "l2": results([9], [0.5]),
                "zca": Results.none(),
            }
        )
        assert list(differences) == ["l1"]
        assert differences["l1"].to_dict() == pytest.approx({1: 0.01, 3: 0.03})
        assert tables.seed_differences({"l1": results([1], [0.9])}) == {}

    def test_of_pruning_begin_with_the_whole_network(self) -> None:
        measured = [
            (1, "accuracy_after_pruning", "0.9", 0.2),
            (2, "accuracy_after_pruning", "0.9", 0.4),
            (1, "accuracy_after_pruning", "0.5", 0.7),
            (2, "accuracy_after_pruning", "0.5", 0.9),
            (1, "recall", "0.5", 0.1),
        ]
        curves = tables.pruning_curves(
            {"l1": results([1, 2], [0.8, 0.9], measured=measured), "zca": Results.none()}
        )
        assert list(curves.index) == ["l1"]
        assert curves.columns.tolist() == [0, 0.5, 0.9]
        assert curves.loc["l1"].tolist() == pytest.approx([0.85, 0.8, 0.3])
        assert tables.pruning_curves({"zca": Results.none()}).empty

    def test_of_corruptions_have_a_clean_column_and_a_mean(self) -> None:
        measured = [
            (seed, "accuracy_under_corruption", name, value)
            for seed, name, value in [(1, "blur", 0.5), (2, "blur", 0.7), (1, "stripe", 0.2)]
        ]
        found = tables.corruption_table({"l1": results([1, 2], [0.8, 0.9], measured=measured)})
        assert found.loc["l1"].to_dict() == pytest.approx(
            {"clean": 0.85, "blur": 0.6, "stripe": 0.2, "mean corrupted": 0.4}
        )
        assert tables.corruption_table({"zca": Results.none()}).empty

    def test_have_a_rival_that_validation_selects(self) -> None:
        answers = pd.DataFrame({"seed": [1]})
        known = {name: results([1], [0.9], answers=answers) for name in ("baseline", "l1", "l2")}
        compared = table(row("l1", -1, test_accuracy=0.99), row("l2", -0.5), row("zca", 5))
        assert tables.best_besides_baseline(compared, known) == "l2"
        assert tables.best_besides_baseline(compared, {"baseline": known["baseline"]}) is None
        assert (
            tables.best_besides_baseline(compared.drop(columns="validation_accuracy"), known)
            is None
        )


def random_answers(seed: int, trainings: int, images: int, classes: Sequence[str]) -> pd.DataFrame:
    """Answers of some trainings, three of five right, for images with labels of their own."""
    random = np.random.default_rng(seed)
    labels = np.random.default_rng(0).choice(classes, images)
    parts = []
    for one in range(1, trainings + 1):
        for part in ("validation", "test"):
            right = random.random(images) < 0.6
            parts.append(
                pd.DataFrame(
                    {
                        "seed": one,
                        "filename": [f"{place}.png" for place in range(images)],
                        "split": part,
                        "label": labels,
                        "predicted": np.where(right, labels, random.choice(classes, images)),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


class TestAnswers:
    classes = ("ant", "bee", "cat", "dog")
    one = random_answers(1, 5, 60, classes)
    other = random_answers(2, 4, 60, classes)

    def test_are_counted_as_scikit_learn_counts_them(self) -> None:
        matrix = tables.confusion_matrix(results([1], [0], answers=self.one), "test", self.classes)
        tested = self.one[self.one["split"] == "test"]
        expected = sklearn_confusion(tested["label"], tested["predicted"], labels=self.classes)
        np.testing.assert_array_equal(matrix, expected)

    @pytest.mark.parametrize("turned", [False, True])
    def test_differ_on_the_images_that_a_plain_loop_finds(self, turned: bool) -> None:
        one, other = (self.other, self.one) if turned else (self.one, self.other)
        one_trainings, other_trainings = (4, 5) if turned else (5, 4)
        found = tables.disagreements(
            results([1], [0], answers=one), results([1], [0], answers=other), "test"
        )
        expected = {}
        for place in range(60):
            name = f"{place}.png"
            said, said_other = (
                of[(of["filename"] == name) & (of["split"] == "test")] for of in (one, other)
            )
            label = said["label"].iloc[0]
            wrong = [answer for answer in said["predicted"] if answer != label]
            right = [answer for answer in said_other["predicted"] if answer == label]
            if len(wrong) > one_trainings / 2 and len(right) > other_trainings / 2:
                clarity = (
                    len(right) / other_trainings - (one_trainings - len(wrong)) / one_trainings
                )
                expected[name] = (label, wrong, len(right), clarity)
        assert len(expected) > 3
        assert sorted(found["filename"]) == sorted(expected)
        for image in found.to_dict("records"):
            label, wrong, answers_right, _ = expected[image["filename"]]
            assert image["label"] == label
            assert image["one_count"] == max(wrong.count(answer) for answer in wrong)
            assert wrong.count(image["one_answer"]) == image["one_count"]
            assert (image["one_trainings"], image["other_trainings"]) == (
                one_trainings,
                other_trainings,
            )
            assert image["other_count"] == answers_right
        clarities = [expected[name][3] for name in found["filename"]]
        assert clarities == sorted(clarities, reverse=True)

    def test_may_differ_on_none(self) -> None:
        same = results([1], [0], answers=self.one)
        assert tables.disagreements(same, same, "test").empty


@pytest.mark.parametrize(
    ("method", "test", "said"),
    [
        (
            "stratified",
            0.15,
            "70 % train, 15 % validation and 15 % test: shuffled with seed 3, the",
        ),
        (
            "sequential",
            0,
            "70 % train and 15 % validation: in the order of the label file, without",
        ),
        (
            "hashed",
            0.15,
            "a keyed hash of its pixels (key: seed 3), so that it keeps its part when",
        ),
    ],
)
def test_the_split_is_told(method: str, test: float, said: str) -> None:
    split = {"method": method, "train": 0.7, "validation": 0.15, "test": test, "seed": 3}
    assert said in sentences.split_text(split)
    assert sentences.split_text(None) == ""


def test_how_networks_were_trained() -> None:
    protocol = {
        "optimizer": {"name": "adamw", "learning_rate": 0.001},
        "schedule": {"name": "cosine"},
        "batch_size": 128,
        "epochs": 10,
    }
    techniques = {"l2": {"l2": 0.1}, "early": {"early_stopping": {"patience": 2}}}
    found = sentences.training_text({"protocol": protocol, "techniques": techniques})
    assert found.startswith(
        "AdamW, learning rate 0.001, cosine decay; batches of 128, 10 epochs. early may end "
    )
    assert "before the rate has fallen" in found
    assert "protocol.schedule.name=plateau" in found
    without = {"protocol": protocol, "techniques": {"l2": {"l2": 0.1}, "off": {}}}
    assert sentences.training_text(without).endswith("10 epochs.")
    for name in ("constant", "plateau"):
        one_epoch = protocol | {"schedule": {"name": name}, "epochs": 1}
        found = sentences.training_text({"protocol": one_epoch, "techniques": techniques})
        assert found.endswith("1 epoch.")
    assert sentences.training_text({}) == ""
    phased = {
        "protocol": protocol | {"network": "mine", "precision": "mixed_bfloat16"},
        "networks": {"mine": {"kind": "pretrained"}},
    }
    assert sentences.training_text(phased) == (
        "AdamW, cosine decay in every phase of the network; batches of 128 in mixed_bfloat16."
    )
