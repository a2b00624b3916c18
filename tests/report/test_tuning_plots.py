"""Pictures of a search: what is drawn is what the trials came to."""

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from regbench.report.plots import tuning
from regbench.report.plots.style import NARROW, WIDE

FACTOR = {"setting": "l2.factor", "own": 1e-4, "low": 1e-6, "high": 1e-2, "log": True}
RATE = {"setting": "learning_rate.factor", "own": 1.0, "low": 0.3, "high": 3.0, "log": False}
WORD = {"setting": "learning_rate.schedule", "own": "protocol", "values": ["protocol", "cosine"]}
VALUES = [{}, (1e-6, 0.3, "cosine"), (1e-2, 3.0, "protocol"), (1e-3, 2.0, "cosine")]
SCORES = [0.90, 0.94, None, 0.92]


def outcome(technique: str, scores: list[float | None], **changed: Any) -> dict[str, Any]:
    searched = [FACTOR, RATE, WORD]
    labels = [setting["setting"] for setting in searched]
    trials = [
        {
            "point": point,
            "score": score,
            "epochs": 5,
            "values": dict(zip(labels, values, strict=bool(values))),
        }
        for point, (score, values) in enumerate(zip(scores, VALUES, strict=True))
    ]
    gain = (lambda score: -score) if changed.get("metric") == "cross_entropy" else float
    complete = [trial for trial in trials if trial["score"] is not None]
    best = max(complete, key=lambda trial: gain(trial["score"]), default=None)
    found = {
        "technique": technique,
        "metric": "accuracy",
        "searched": searched,
        "trials": trials,
        "best": best and {"point": best["point"], "score": best["score"]},
        "importance": {},
    }
    return found | changed


def points(axis: Axes, marker: str) -> list[tuple[float, float]]:
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axis.lines
        if line.get_marker() == marker
    ]


def test_of_a_joint_search_only_trials_that_have_the_setting_are_drawn() -> None:
    joint = outcome("cocktail", SCORES, candidates=["l2", "dropout"])
    del joint["trials"][3]["values"]["l2.factor"]  # off
    factor = tuning.strength_plot({"cocktail": joint}).axes[0]
    assert points(factor, "D") == points(factor, "o") == []  # the start has it off, too
    assert points(factor, "*") == [(1e-6, 94.0)]
    assert all(line.get_linestyle() != "--" for line in factor.lines)


def test_a_part_that_is_too_narrow_for_its_name_has_its_share_alone() -> None:
    found = {"l2": outcome("l2", SCORES, importance={"l2.factor": 0.8, RATE["setting"]: 0.2})}
    [axis] = tuning.importance_plot(found, NARROW).axes
    assert [text.get_text() for text in axis.texts] == ["factor\n80 %", "20 %"]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_each_trial_stands_at_its_value_and_its_score(width: int) -> None:
    figure = tuning.strength_plot({"l2": outcome("l2", SCORES)}, width)
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title(loc="left") for axis in shown] == ["l2"] * 3
    assert [axis.get_xlabel() for axis in shown] == [of["setting"] for of in (FACTOR, RATE, WORD)]
    factor, rate, word = shown
    assert points(factor, "D") == [(1e-4, 90.0)]  # as it was
    assert points(factor, "*") == [(1e-6, 94.0)]
    assert points(factor, "o") == [(1e-3, 92.0)]
    assert points(factor, "x") == [(1e-2, 0.04)]  # without a score, at the edge
    assert factor.get_xscale() == "log"
    assert [point[0] for point in (*points(rate, "D"), *points(rate, "*"))] == [1.0, 0.3]
    assert points(word, "D")[0][0] == 0
    assert [label.get_text() for label in word.get_xticklabels()] == ["protocol", "cosine"]


def test_a_trial_that_has_learned_nothing_leaves_room_for_the_others() -> None:
    scores = [0.1, 0.94, 0.92, 0.93]
    found = {"l2": outcome("l2", scores), "l1": outcome("l1", [0.92, 0.94, 0.93, 0.93])}
    low, high = tuning.score_limits(found)
    assert 80 < low < 92
    assert 94 < high < 95
    axis = tuning.strength_plot(found).axes[0]
    assert points(axis, "v") == [(1e-4, tuning.score_limits({"l2": found["l2"]})[0])]


def test_a_technique_is_drawn_on_its_own_scale() -> None:
    scores = {"l2": [0.90, 0.94, 0.92, 0.93], "zca": [0.50, 0.54, 0.52, 0.53]}
    figure = tuning.strength_plot({name: outcome(name, of) for name, of in scores.items()})
    of_l2, of_zca = figure.axes[:3], figure.axes[3:6]
    assert len({axis.get_ylim() for axis in of_l2}) == 1
    assert of_zca[0].get_ylim()[1] < 60
    assert of_l2[0].get_ylim()[0] > 80


def test_its_own_value_stands_beside_a_list_that_leaves_it_out() -> None:
    fill = {"setting": "augmentation.fill_value", "own": 0.0, "values": [0, 255]}
    seeds = {"setting": "l2.factor", "own": 1e-4, "values": [1e-3, 1e-2]}
    found = outcome("l2", [0.9, 0.94, None, 0.92], searched=[fill, seeds])
    for trial, value in zip(found["trials"][1:], (0, 255, 255), strict=True):
        trial["values"] = {"augmentation.fill_value": value, "l2.factor": 1e-3}
    found["trials"][0]["values"] = {}
    fills, factors = tuning.strength_plot({"l2": found}).axes[:2]
    assert points(fills, "D")[0][0] == 0
    assert [label.get_text() for label in fills.get_xticklabels()] == ["0", "255"]
    assert points(factors, "D")[0][0] == 2
    assert [label.get_text() for label in factors.get_xticklabels()] == ["0.001", "0.01", "0.0001"]


def test_of_a_loss_the_least_is_best() -> None:
    found = {"l2": outcome("l2", [0.5, 0.6, 0.3, 9.0], metric="cross_entropy")}
    spent, best = tuning.best_so_far(found["l2"])
    np.testing.assert_array_equal(spent, [5, 10, 15, 20])
    np.testing.assert_array_equal(best, [0.5, 0.5, 0.3, 0.3])
    axis = tuning.strength_plot(found).axes[0]
    assert points(axis, "*") == [(1e-2, 0.3)]
    assert points(axis, "^")[0][0] == 1e-3


def test_the_best_so_far_begins_with_the_first_score() -> None:
    found = {
        "l2": outcome("l2", [None, 0.9, None, 0.92]),
        "nothing": outcome("nothing", [None] * 4),
    }
    [line] = tuning.budget_plot(found).axes[0].lines
    assert line.get_label() == "l2"
    np.testing.assert_array_equal(line.get_xdata(), [10, 15, 20])
    np.testing.assert_allclose(line.get_ydata(), [90, 90, 92])
    assert tuning.score_limits({"nothing": found["nothing"]}) == (0, 1)


def test_importance_is_the_length_of_a_bar_and_said_where_it_cannot_be_told() -> None:
    shares = {"l2.factor": 0.7, "learning_rate.factor": 0.27, "learning_rate.schedule": 0.03}
    found = {
        "l2": outcome("l2", SCORES, importance=shares),
        "l1": outcome("l1", SCORES),
        "plain": outcome("plain", SCORES, searched=[]),
    }
    axis = tuning.importance_plot(found).axes[0]
    widths = [patch.get_width() for patch in axis.patches if patch.get_fill()]
    assert widths == pytest.approx([0.7, 0.27, 0.03])
    said = [text.get_text() for text in axis.texts]
    assert said == [
        "factor\n70 %",
        "learning rate\n27 %",
        "too few trials to tell",
        "no setting is searched",
    ]
