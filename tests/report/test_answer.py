"""The answer in one sentence says what the verdicts say, and what undecided ones would take."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.test_sentences import row, table

from regbench.comparison.compare import with_study_figures
from regbench.report.answer import verdict_sentence
from regbench.report.undecided import what_it_takes

VERDICTS = ["better", "worse", "equivalent", "undecided", "descriptive only"]


def described(comparison: pd.DataFrame, side_by_side: int = 1) -> pd.DataFrame:
    """A comparison with a band of half a point."""
    return with_study_figures(comparison, 0.005, side_by_side)


def curves(**by_technique: list[float]) -> pd.DataFrame:
    return pd.DataFrame(by_technique, index=[0.0, 0.5, 0.8, 0.9]).T


def open_row(technique: str, further: float | None, **more: Any) -> dict[str, Any]:
    """An undecided technique whose trainings take 10 seconds."""
    return row(technique, 0.1, "undecided", further_seeds=further, seconds=10.0, **more)


def timed(*rows: dict[str, Any], side_by_side: int = 1) -> pd.DataFrame:
    """A comparison whose baseline's trainings take 5 seconds."""
    compared = pd.DataFrame([*rows, row("baseline", seconds=5.0)])
    return described(compared, side_by_side)


class TestWhatItTakes:
    @pytest.mark.parametrize(
        ("further", "side_by_side", "said"),
        [
            (12, 1, "12 more seeds, about 3 minutes"),  # 12 x (10 + 5) seconds
            (1, 1, "1 more seed, about 15 seconds"),
            (12, 3, "12 more seeds, about 1 minute"),
            (1234, 2, "about 1,200 more seeds, 3 hours"),
            (60_000, 1, "60,000 more seeds, about 10 days"),
            (None, 1, ""),
        ],
    )
    def test_is_seeds_and_time(self, further: float | None, side_by_side: int, said: str) -> None:
        compared = timed(open_row("l2", further), side_by_side=side_by_side)
        assert what_it_takes(compared.iloc[0].to_dict(), compared) == said

    def test_leaves_out_trainings_that_the_baseline_has_already(self) -> None:
        compared = timed(open_row("l2", 6, trainings=5), open_row("l1", 2))
        compared.loc[compared["technique"] == "baseline", "trainings"] = 20
        assert what_it_takes(compared.iloc[0].to_dict(), compared) == (
            "6 more seeds, about 1 minute"
        )

    def test_says_that_there_is_no_prospect(self) -> None:
        compared = timed(open_row("l2", 300, futile=True), open_row("l1", None, futile=True))
        assert what_it_takes(compared.iloc[0].to_dict(), compared) == (
            "stopped without prospect, would take 300 more seeds, about 75 minutes"
        )
        assert what_it_takes(compared.iloc[1].to_dict(), compared) == (
            "stopped without prospect: no affordable number of seeds would do"
        )

    def test_is_without_time_where_nothing_was_timed(self) -> None:
        compared = described(table(row("l2", 0.1, "undecided", further_seeds=3)))
        assert what_it_takes(compared.iloc[0].to_dict(), compared) == "3 more seeds"


class TestVerdictSentence:
    def test_answers(self) -> None:
        compared = described(
            table(
                row("augmentation", 1.8, "better"),
                row("l1", -0.6, "worse"),
                row("zca", -5, "worse"),
                row("l2", 0.1, "equivalent"),
                row("dropout", -0.1, "equivalent"),
                row("b", 0.2, "undecided", further_seeds=40, futile=True),
                row("a", 0.2, "undecided", further_seeds=12),
            )
        )
        assert verdict_sentence(compared) == (
            "augmentation helps by 1.80 points of test accuracy [1.30, 2.30]; zca and l1 make it "
            "worse by 0.60 to 5.00 points; l2 and dropout make no difference of more than 0.5 "
            "points; undecided: a (12 more seeds) and b (stopped without prospect, would take 40 "
            "more seeds)."
        )

    def test_speaks_of_gains_where_less_is_better(self) -> None:
        nats = {"metric": "cross_entropy", "test_cross_entropy": 0.2}
        compared = pd.DataFrame(
            [row("l2", -1.6, "better", **nats), row("l1", 2, "worse", **nats), row("baseline")]
        )
        compared["metric"], compared["test_cross_entropy"] = "cross_entropy", 0.2
        assert verdict_sentence(compared) == (
            "l2 helps by 0.016 nats of test cross-entropy [0.011, 0.021]; l1 makes it worse by "
            "0.020 nats."
        )

    def test_says_that_the_difference_leaves_failed_trainings_out(self) -> None:
        compared = table(row("l2", 1.6, "better", failed_trainings=1))
        assert verdict_sentence(compared) == (
            "l2 helps by 1.60 points of test accuracy [1.10, 2.10] among the trainings that did "
            "not fail (1 of 5 did)."
        )

    def test_tells_what_helps_and_what_can_go(self) -> None:
        compared = table(
            row("augmentation", 1.6, "better"), row("l1", -0.1, "undecided", near_zero_share=0.61)
        )
        assert verdict_sentence(compared) == (
            "augmentation helps by 1.60 points of test accuracy [1.10, 2.10]; undecided: l1, but "
            "61 % of its weights are nearly zero."
        )
        pruned = curves(baseline=[0.9, 0.9, 0.8, 0.3], l1=[0.899, 0.899, 0.896, 0.7])
        assert verdict_sentence(compared, pruned) == (
            "augmentation helps by 1.60 points of test accuracy [1.10, 2.10]; undecided: l1, but "
            "80 % of its weights can be removed, which changes its accuracy by −0.30 points, of "
            "the baseline's only 50 %."
        )

    def test_says_once_what_several_techniques_can_lose(self) -> None:
        compared = table(
            row("l1", 0.1, "undecided"), row("l2", -0.1, "undecided"), row("zca", -5, "worse")
        )
        pruned = curves(
            baseline=[0.9, 0.8, 0.7, 0.3], l1=[0.9, 0.9, 0.2, 0.2], zca=[0.8, 0.797, 0.2, 0.2]
        )
        assert verdict_sentence(compared, pruned) == (
            "No technique is shown to help (the highest: l1, +0.10 points [−0.40, 0.60]); zca "
            "makes it worse by 5.00 points; undecided: l1 and l2; 50 % of the weights of l1 and "
            "zca can be removed, which changes accuracy by −0.30 to 0.00 points, of the baseline's "
            "only 0 %."
        )
        few = table(
            *(row(name, -1, "descriptive only", trainings=1, failed_trainings=0) for name in "ab")
        )
        alike = curves(baseline=[0.9, 0.8, 0.7, 0.3], a=[0.9, 0.9, 0.2, 0.2], b=[0.9, 0.9, 0, 0])
        assert verdict_sentence(few, alike).endswith(
            "; 50 % of the weights of a and b can be removed, which changes accuracy by 0.00 "
            "points, of the baseline's only 0 %."
        )

    def test_says_of_no_weights_that_they_can_go_if_the_baselines_can_as_well(self) -> None:
        compared = table(row("l1", 0.1, "undecided"))
        alike = curves(baseline=[0.9, 0.9, 0.9, 0.3], l1=[0.9, 0.9, 0.9, 0.7])
        assert "can be removed" not in verdict_sentence(compared, alike)
        zeros = pd.concat([compared[:1], table()]).assign(near_zero_share=0.9)
        assert "zero" not in verdict_sentence(zeros)

    def test_stops_at_the_first_loss_however_the_curve_goes_on(self) -> None:
        compared = table(row("l1", 0.1, "undecided"))
        bumpy = curves(baseline=[0.9, 0.8, 0.7, 0.3], l1=[0.9, 0.897, 0.7, 0.9])
        assert (
            "50 % of its weights can be removed, which changes its accuracy by −0.30 points, of "
            "the baseline's only 0 %"
        ) in verdict_sentence(compared, bumpy)

    def test_says_so_if_nothing_is_better(self) -> None:
        compared = table(row("l2", 0.4, "undecided"), row("zca", -5, "worse"))
        assert verdict_sentence(compared) == (
            "No technique is shown to help (the highest: l2, +0.40 points [−0.10, 0.90]); zca "
            "makes it worse by 5.00 points; undecided: l2."
        )

    def test_names_both_of_a_tie(self) -> None:
        compared = table(row("l2", 0.4, "undecided"), row("l1", 0.4, "undecided"))
        sentence = verdict_sentence(compared)
        assert "(the highest: l2 and l1, +0.40 points [−0.10, 0.90] each); undecided" in sentence

    def test_says_so_if_everything_is_worse(self) -> None:
        compared = table(row("l2", -1, "worse"), row("zca", -5, "worse"))
        assert verdict_sentence(compared) == (
            "Every technique is worse than the baseline: l2 −1.00 points [−1.50, −0.50] and zca "
            "−5.00 points [−5.50, −4.50]."
        )

    @pytest.mark.parametrize(
        "other",
        [
            row("l1", np.nan, "", test_accuracy=np.nan, status="not trained"),
            row("l1", 0.2, "descriptive only"),
        ],
    )
    def test_says_nothing_of_techniques_without_a_verdict(self, other: dict[str, Any]) -> None:
        worse = described(table(row("zca", -5, "worse"), other))
        assert verdict_sentence(worse).startswith(
            "Every technique with a verdict is worse than the baseline: zca −5.00 points"
        )
        equal = described(table(row("l2", 0.01, "equivalent"), other))
        assert verdict_sentence(equal).startswith(
            "No technique with a verdict helps by more than 0.5 points; l2 makes no difference"
        )

    def test_says_so_if_everything_is_equal(self) -> None:
        equal = table(row("l2", 0.01, "equivalent"))
        assert verdict_sentence(equal) == (
            "No technique is shown to help; l2 makes practically no difference."
        )
        assert verdict_sentence(described(equal)) == (
            "No technique helps by more than 0.5 points; l2 makes no difference of more than 0.5 "
            "points."
        )

    def test_gives_no_verdict_from_few_seeds(self) -> None:
        few: dict[str, Any] = {"verdict": "descriptive only", "trainings": 3, "failed_trainings": 1}
        compared = table(row("l2", 0.7, **few), row("l1", -1, **few))
        assert verdict_sentence(compared) == (
            "A description, not a verdict: 2 seeds, and a verdict takes 5; the highest test "
            "accuracy is that of l2, +0.70 points [0.20, 1.20] on the baseline."
        )
        below = table(row("l1", -1, **few))
        assert "the baseline's test accuracy, 90.0 %, is the highest" in verdict_sentence(below)

    def test_names_what_has_too_few_seeds_beside_what_has_a_verdict(self) -> None:
        compared = table(row("l2", 1, "better"), row("l1", 2, "descriptive only"))
        assert verdict_sentence(compared) == (
            "l2 helps by 1.00 points of test accuracy [0.50, 1.50]; too few seeds to judge l1."
        )

    def test_counts_what_it_does_not_name(self) -> None:
        compared = table(*(row(f"t{place}", 5 - place / 10, "better") for place in range(6)))
        sentence = verdict_sentence(compared)
        assert sentence.endswith("t2 helps by 4.80 points [4.30, 5.30]; 3 more help.")

    def test_does_without_baseline_techniques_or_anything(self) -> None:
        compared = table(row("l2", 0.4, "undecided"))
        assert verdict_sentence(compared[:1].assign(difference=np.nan)) == (
            "No verdict: the baseline has no results to compare with; the highest test accuracy "
            "is that of l2, 90.4 %."
        )
        assert verdict_sentence(table()) == (
            "The baseline's test accuracy is 90.0 %; no technique has results to compare with it."
        )
        nothing = pd.DataFrame(
            {"technique": ["baseline", "l2"], "trainings": 0, "failed_trainings": 0}
        )
        assert verdict_sentence(nothing.assign(status="not trained")) == (
            "Nothing is trained yet, so there is nothing to compare."
        )
        assert verdict_sentence(nothing.assign(status=["stale", "failed"])) == (
            "Nothing can be compared: the techniques are stale and failed."
        )

    def test_speaks_of_validation_without_a_test_part(self) -> None:
        untested = table(row("l2")).drop(columns="test_accuracy")
        assert "The baseline's validation accuracy is 91.0 %" in verdict_sentence(untested)

    @given(
        st.lists(
            st.tuples(st.sampled_from(VERDICTS), st.floats(0.01, 9, allow_subnormal=False)),
            min_size=1,
            max_size=8,
        )
    )
    def test_says_that_better_ones_help_and_no_others(self, drawn: list[tuple[str, float]]) -> None:
        signs = {"better": 1, "worse": -1}
        rows = [
            row(f"t{place}", signs.get(verdict, 1) * points, verdict)
            for place, (verdict, points) in enumerate(drawn)
        ]
        sentence = verdict_sentence(table(*rows))
        assert sentence.endswith(".")
        helping = {
            clause.split()[0] for clause in sentence[:-1].split("; ") if " helps by " in clause
        }
        better = [name for name, (verdict, _) in enumerate(drawn) if verdict == "better"]
        assert len(helping) == min(len(better), 3)
        assert helping <= {f"t{name}" for name in better}
