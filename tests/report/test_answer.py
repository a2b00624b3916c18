"""The answer in one sentence says what the verdicts say, and what undecided ones would take."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.report.test_sentences import row, table

from regbench.comparison.compare import with_study_figures
from regbench.metrics.registry import METRICS
from regbench.report.answer import MOST_WORDS, verdict_sentence
from regbench.report.undecided import what_it_takes

VERDICTS = ["better", "worse", "equivalent", "undecided", "descriptive only"]


def described(comparison: pd.DataFrame, side_by_side: int = 1) -> pd.DataFrame:
    """A comparison with a band of half a point."""
    return with_study_figures(comparison, 0.005, side_by_side)


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
                row("a", 0.2, "undecided", further_seeds=12),
            )
        )
        assert verdict_sentence(compared) == (
            "augmentation helps by 1.80 points of test accuracy [1.30, 2.30]; l2 makes no "
            "difference; 2 make it worse; a is undecided."
        )

    def test_names_first_what_validation_selects(self) -> None:
        compared = table(
            row("l1", 1.8, "better", validation_accuracy=0.91),
            row("l2", 1.6, "better", validation_accuracy=0.95),
        )
        assert verdict_sentence(compared) == (
            "l2 helps by 1.60 points of test accuracy [1.10, 2.10]; l1 helps, too."
        )

    def test_speaks_of_gains_where_less_is_better(self) -> None:
        nats = {"metric": "cross_entropy", "test_cross_entropy": 0.2}
        compared = pd.DataFrame(
            [row("l2", -1.6, "better", **nats), row("l1", 2, "worse", **nats), row("baseline")]
        )
        compared["metric"], compared["test_cross_entropy"] = "cross_entropy", 0.2
        assert verdict_sentence(compared) == (
            "l2 helps by 0.016 nats of test cross-entropy [0.011, 0.021]; l1 makes it worse."
        )
        assert verdict_sentence(compared[1:]) == (
            "No technique helps: l1 makes it worse by 0.020 nats of test cross-entropy "
            "[0.015, 0.025]."
        )

    def test_says_that_the_difference_leaves_failed_trainings_out(self) -> None:
        compared = table(row("l2", 1.6, "better", failed_trainings=1))
        assert verdict_sentence(compared) == (
            "l2 helps by 1.60 points of test accuracy [1.10, 2.10]; 1 of its 5 trainings failed."
        )

    def test_says_so_if_nothing_is_shown_to_help(self) -> None:
        compared = table(row("l2", 0.4, "undecided"), row("zca", -5, "worse"))
        assert verdict_sentence(compared) == (
            "No technique is shown to help: l2, undecided, is at +0.40 points of test accuracy "
            "[−0.10, 0.90]; zca makes it worse."
        )
        several = table(row("l2", 0.4, "undecided"), row("l1", 0.3, "undecided"))
        assert verdict_sentence(several) == (
            "No technique is shown to help: l2, the highest of 2 undecided, is at +0.40 points of "
            "test accuracy [−0.10, 0.90]."
        )
        below = table(row("l2", -0.4, "undecided"), row("l1", -0.5, "undecided"))
        assert verdict_sentence(below) == "No technique is shown to help; 2 are undecided."

    def test_says_so_if_everything_is_worse(self) -> None:
        compared = table(row("l2", -1, "worse"), row("zca", -5, "worse"))
        assert verdict_sentence(compared) == (
            "No technique helps: all 2 make it worse, the least l2 by 1.00 points of test accuracy "
            "[0.50, 1.50]."
        )

    def test_says_so_if_none_is_needed(self) -> None:
        equal = table(row("l2", 0.01, "equivalent"))
        assert verdict_sentence(equal) == (
            "No technique is needed: l2 does not help beyond the band of practical equivalence."
        )
        assert verdict_sentence(described(equal)) == (
            "No technique is needed: l2 does not help by more than 0.5 points of test accuracy."
        )
        both = table(row("l2", 0.01, "equivalent"), row("zca", -5, "worse"))
        assert verdict_sentence(described(both)) == (
            "No technique is needed: none of 2 helps by more than 0.5 points of test accuracy; l2 "
            "makes no difference; zca makes it worse."
        )

    @pytest.mark.parametrize(
        ("other", "said"),
        [
            (row("l1", np.nan, "", test_accuracy=np.nan, status="not trained"), ""),
            (row("l1", 0.2, "descriptive only"), "; 1 without a verdict"),
            (row("l1", np.nan, "", test_accuracy=np.nan, status="failed"), "; 1 without a verdict"),
        ],
    )
    def test_counts_what_was_tried_and_has_no_verdict(
        self, other: dict[str, Any], said: str
    ) -> None:
        helped = described(table(row("l2", 1, "better"), other))
        assert verdict_sentence(helped) == (
            f"l2 helps by 1.00 points of test accuracy [0.50, 1.50]{said}."
        )

    def test_none_is_needed_only_if_all_that_were_tried_have_a_verdict(self) -> None:
        equal, worse = row("l2", 0.1, "equivalent"), row("zca", -5, "worse")
        few = row("l1", 1.2, "descriptive only", trainings=3)
        assert verdict_sentence(described(table(equal, worse, few))) == (
            "Not known yet: none of 2 with a verdict helps by more than 0.5 points of test "
            "accuracy; l1, without a verdict, is at +1.20 points [0.70, 1.70]."
        )
        assert verdict_sentence(described(table(worse, few))) == (
            "Not known yet: zca makes it worse; l1, without a verdict, is at +1.20 points "
            "[0.70, 1.70]."
        )
        failed = row("l1", np.nan, "", test_accuracy=np.nan, status="failed")
        assert verdict_sentence(described(table(equal, failed))) == (
            "Not known yet: l2 does not help by more than 0.5 points of test accuracy; 1 without a "
            "verdict."
        )

    def test_what_ails_the_network_comes_before_techniques_that_do_not_help(self) -> None:
        finding = {
            "code": "RB103",
            "title": "the network underfits its train images",
            "network": "",
        }
        nothing = table(row("l2", 0.1, "equivalent"), row("zca", -5, "worse"))
        assert verdict_sentence(nothing, [finding]) == (
            "Regularization is not the remedy: the network underfits its train images (RB103); of "
            "2 with a verdict none helps."
        )
        undecided = table(row("l2", 0.4, "undecided"), row("zca", -5, "worse"))
        assert verdict_sentence(undecided, [finding]).endswith(
            "(RB103); zca does not help; l2 is undecided."
        )
        helped = table(row("l2", 1.5, "better"))
        assert verdict_sentence(helped, [finding]) == verdict_sentence(helped)
        other = [finding | {"code": "RB201"}, finding]
        assert verdict_sentence(nothing, other) == verdict_sentence(nothing)

    def test_gives_no_verdict_from_few_seeds(self) -> None:
        few: dict[str, Any] = {"verdict": "descriptive only", "trainings": 3, "failed_trainings": 1}
        compared = table(row("l2", 0.7, **few), row("l1", -1, **few))
        assert verdict_sentence(compared) == (
            "A description, not a verdict, which takes 5 seeds: with 2 seeds, l2 is at "
            "+0.70 points [0.20, 1.20] to the baseline's test accuracy."
        )
        below = table(row("l1", -1, **few))
        assert "the baseline's test accuracy, 90.0\u00a0%, is the highest" in verdict_sentence(
            below
        )
        staged = compared.assign(saved_trainings=0)
        assert "which takes 3 seeds" in verdict_sentence(staged)

    def test_of_a_network_that_has_not_learned_praises_nothing(self) -> None:
        chance = described(
            table(row("l1", 0.4, "better"), row("l2", 0.1, "equivalent", near_zero_share=0.99))
        ).assign(largest_class=0.91)
        assert verdict_sentence(chance) == (
            "No technique is shown to beat always answering the largest class (test accuracy "
            "91.0\u00a0%): the network has not learned, and differences mean nothing."
        )

    def test_says_that_the_baseline_has_not_learned(self) -> None:
        compared = table(row("l1", 8, "better")).assign(largest_class=0.91)
        assert verdict_sentence(compared) == (
            "l1 helps by 8.00 points of test accuracy [7.50, 8.50]; the baseline does not beat "
            "always answering the largest class."
        )

    def test_does_without_baseline_techniques_or_anything(self) -> None:
        compared = table(row("l2", 0.4, "undecided"))
        assert verdict_sentence(compared[:1].assign(difference=np.nan)) == (
            "No verdict: the baseline has no results to compare with; the highest test accuracy "
            "is that of l2, 90.4\u00a0%."
        )
        assert verdict_sentence(table()) == (
            "The baseline's test accuracy is 90.0\u00a0%; no technique has results to compare with "
            "it."
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
        assert "The baseline's validation accuracy is 91.0\u00a0%" in verdict_sentence(untested)

    @settings(max_examples=100, deadline=None)
    @given(
        drawn=st.lists(
            st.tuples(st.sampled_from(VERDICTS), st.floats(0.01, 9, allow_subnormal=False)),
            min_size=1,
            max_size=40,
        ),
        line=st.sampled_from([None, 0.5, 0.93, 0.999]),
        metric=st.sampled_from(["accuracy", "log_likelihood_per_class", "cross_entropy"]),
        band=st.sampled_from([0.0, 0.005]),
        failed=st.integers(0, 4),
        staged=st.booleans(),
    )
    def test_has_at_most_thirty_words_and_names_only_what_helps(
        self,
        drawn: list[tuple[str, float]],
        line: float | None,
        metric: str,
        band: float,
        failed: int,
        staged: bool,
    ) -> None:
        kind = METRICS[metric]
        signs = {"better": 1, "worse": -1}
        more = {"failed_trainings": failed, "metric": metric}
        rows = [
            row(
                f"a_rather_long_name_of_technique_{place}",
                signs.get(verdict, 1) * points * (1 if kind.higher_is_better else -1),
                verdict,
                **more,
            )
            for place, (verdict, points) in enumerate(drawn)
        ]
        compared = table(*rows).assign(metric=metric)
        if line is not None:
            compared["largest_class"] = line
        if metric != "accuracy":
            compared = compared.rename(
                columns={f"{of}_accuracy": f"{of}_{metric}" for of in ("test", "validation")}
            )
        if staged:
            compared["saved_trainings"] = 0
        sentence = verdict_sentence(with_study_figures(compared, band))
        assert sentence.endswith(".")
        assert len(sentence.split()) <= MOST_WORDS
        if " helps by " in sentence and "none of" not in sentence:
            place = int(sentence.split()[0].removeprefix("a_rather_long_name_of_technique_"))
            assert drawn[place][0] == "better"
