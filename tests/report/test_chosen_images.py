"""Which images a reader may look at, counted again one by one."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from regbench.evaluation.results import Results
from regbench.report.chosen_images import (
    DIFFER,
    MISTAKEN,
    SAMPLED,
    Answers,
    answers_on,
    choose_images,
    hardest_train_images,
)

CLASSES = ["ant", "bee", "cat"]
FILES = pd.Index([f"{place}.png" for place in range(30)])


def results(predictions: pd.DataFrame) -> Results:
    none = Results.none()
    return Results(none.trainings, none.epochs, predictions, none.measurements)


def random_predictions(seed: int, part: str = "test") -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = [
        {
            "seed": training,
            "filename": name,
            "split": part,
            "label": CLASSES[place % 3],
            "predicted": CLASSES[random.integers(3)],
            "confidence": random.uniform(0.4, 1),
            "label_probability": np.float32(random.uniform(0, 1)),
        }
        for training in (1, 2, 3, 4)
        for place, name in enumerate(FILES)
        if training < 3 or place != 7  # one image is judged by two trainings only
    ]
    return pd.DataFrame(rows)


def answers(right: list[float], mistaken: list[float]) -> Answers:
    none = np.zeros(len(right))
    ten = np.full(len(right), 10)
    return Answers(ten, np.array(right) * 10, none, np.array(mistaken, dtype=float), none, none)


def test_answers_are_those_of_every_training() -> None:
    predictions = random_predictions(0)
    other_part = random_predictions(1, "validation")
    of_both = results(pd.concat([other_part, predictions.sample(frac=1, random_state=0)]))
    found = answers_on(of_both, "test", FILES, CLASSES)
    for place, name in enumerate(FILES):
        rows = predictions[predictions["filename"] == name].to_dict("records")
        wrong = [row for row in rows if row["predicted"] != row["label"]]
        assert found.trainings[place] == len(rows) == (2 if place == 7 else 4)
        assert found.right[place] == len(rows) - len(wrong)
        confidence = sum(row["confidence"] for row in rows) / len(rows)
        assert found.confidence[place] == pytest.approx(confidence)
        mistaken = sum(row["confidence"] for row in wrong) / len(rows)
        assert found.mistaken[place] == pytest.approx(mistaken)
        said = Counter(row["predicted"] for row in rows)
        most = max(said.values())
        assert found.count[place] == most
        assert CLASSES[found.answer[place]] == min(name for name in said if said[name] == most)


def test_an_image_that_nobody_judged_has_no_answer() -> None:
    found = answers_on(results(random_predictions(0)), "test", pd.Index(["other.png"]), CLASSES)
    assert (found.answer.tolist(), found.count.tolist()) == ([-1], [0])
    assert np.isnan(found.share()).all()


class TestChoice:
    one = answers([1, 0.2, 0.9, 1, 1, 0, 1, 1], [0, 0.9, 0, 0, 0, 0.2, 0, 0])
    other = answers([1, 0.8, 0.1, 1, 1, 0, 1, 1], [0, 0, 0, 0, 0, 0.2, 0, 0])
    targets = np.array([0, 0, 0, 1, 1, 1, 2, 2])

    def chosen(self, most: int) -> dict[int, str]:
        places, why = choose_images({"a": self.one, "b": self.other}, self.targets, most)
        return dict(zip(places.tolist(), why, strict=True))

    def test_takes_turns_between_the_three_reasons(self) -> None:
        found = self.chosen(3)
        assert list(found.values()) == [DIFFER, DIFFER, SAMPLED]
        assert list(found)[:2] == [2, 1]  # shares 0.9 and 0.1; the most confident mistake

    def test_is_all_images_where_there_are_few(self) -> None:
        found = self.chosen(100)
        assert sorted(found) == list(range(8))
        assert {place for place, why in found.items() if why == DIFFER} == {1, 2}
        assert {place for place, why in found.items() if why == MISTAKEN} == {5}

    def test_samples_as_many_of_each_class(self) -> None:
        right = answers([1.0] * 60, [0.0] * 60)
        targets = np.repeat([0, 1, 2], [40, 15, 5])
        places, why = choose_images({"a": right}, targets, 12)
        assert set(why) == {SAMPLED}
        assert np.bincount(targets[places]).tolist() == [4, 4, 4]
        again, _ = choose_images({"a": right}, targets, 12)
        assert again.tolist() == places.tolist()

    def test_leaves_out_what_nobody_judged(self) -> None:
        nobody = Answers(*(np.zeros(2) for _ in range(6)))
        places, _ = choose_images({"a": nobody}, np.zeros(2, dtype=int), 5)
        assert places.tolist() == []


def test_hardest_train_images_are_those_with_the_highest_mean_loss() -> None:
    predictions = random_predictions(3, "train")
    found = hardest_train_images(results(predictions), most=4)
    expected: dict[str, float] = {}
    for row in predictions.to_dict("records"):
        loss = -np.log(np.float64(row["label_probability"]))
        expected[row["filename"]] = expected.get(row["filename"], 0) + loss
    assert found["filename"].tolist() == sorted(expected, key=lambda name: -expected[name])[:4]
    for row in found.to_dict("records"):
        assert row["loss"] * row["seeds"] == pytest.approx(expected[row["filename"]])
        said = predictions.loc[predictions["filename"] == row["filename"], "predicted"]
        assert row["predicted"] == said.mode()[0]


def test_no_train_images_are_known_of_an_earlier_version() -> None:
    predictions = random_predictions(0).drop(columns="label_probability")
    assert hardest_train_images(results(predictions), most=4).empty
    assert hardest_train_images(results(random_predictions(0)), most=4).empty
