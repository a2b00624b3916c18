"""What was published beside what is found: every outcome, and what one seed could have shown."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regbench.comparison.compare import compare
from regbench.comparison.published_claims import claims_table
from regbench.evaluation.results import Results
from regbench.study.reporting import Publication

BASELINE = {"accuracy": 0.97}
BETTER = {"accuracy": 0.98, "claim": "it helps", "says": "better"}
NO_BETTER = {"accuracy": 0.965, "claim": "it does not help", "says": "not better"}


def publications(**entries: dict[str, Any]) -> dict[str, Publication]:
    return {name: Publication.model_validate(entry) for name, entry in entries.items()}


def comparison(figure: str = "validation_accuracy", **verdicts: str | None) -> pd.DataFrame:
    """A comparison as far as claims look at it: a row for each verdict, and the baseline."""
    rows = [{"technique": "baseline", figure: 0.95}]
    for number, (technique, verdict) in enumerate(verdicts.items(), start=1):
        rows.append(
            {
                "technique": technique,
                figure: 0.95 + number / 1000,
                "difference": number / 1000,
                "difference_sd": number / 10_000,
                "difference_low": (number - 1) / 1000,
                "difference_high": (number + 1) / 1000,
                "verdict": verdict,
            }
        )
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def table(
    published: dict[str, Publication],
    ours: pd.DataFrame,
    fair: pd.DataFrame | None = None,
    headline: str = "validation_accuracy",
) -> pd.DataFrame:
    found = claims_table(published, ours, fair, headline)
    assert found is not None
    return found.set_index("technique")


def outcome(published: dict[str, Any], ours: str | None, fair: str | None = None) -> str:
    of_fair = None if fair is None else comparison("test_accuracy", l2=fair)
    said = publications(baseline=BASELINE, l2=published)
    found: str = table(said, comparison(l2=ours), of_fair).loc["l2", "outcome"]
    return found


class TestOutcome:
    @pytest.mark.parametrize(
        ("published", "verdict", "expected"),
        [
            (BETTER, "better", "survives"),
            (BETTER, "worse", "does not survive"),
            (BETTER, "equivalent", "too small to count"),
            (BETTER, "undecided", "undecided"),
            (BETTER, "descriptive only", "too few seeds"),
            (NO_BETTER, "better", "does not survive"),
            (NO_BETTER, "worse", "survives"),
            (NO_BETTER, "equivalent", "survives"),
            (NO_BETTER, "undecided", "undecided"),
            (NO_BETTER, "descriptive only", "too few seeds"),
        ],
    )
    def test_is_whether_the_verdict_bears_the_claim_out(
        self, published: dict[str, Any], verdict: str, expected: str
    ) -> None:
        assert outcome(published, verdict) == expected
        # Where both protocols agree there is one outcome, otherwise one for each.
        assert outcome(published, verdict, verdict) == expected
        for other in ("better", "worse", "descriptive only"):
            in_other = outcome(published, other)
            both = f"{in_other} as published, {expected} in the fair protocol"
            assert outcome(published, other, verdict) == (
                expected if in_other == expected else both
            )

    @pytest.mark.parametrize("published", [BETTER, NO_BETTER])
    def test_without_a_verdict_is_open(self, published: dict[str, Any]) -> None:
        assert outcome(published, None) == "not tested"

    def test_in_a_fair_study_without_the_technique_is_that_of_the_published_protocol(self) -> None:
        said = publications(baseline=BASELINE, l2=BETTER)
        fair = comparison("test_accuracy", l1="worse")
        found = table(said, comparison(l2="better"), fair)
        assert found.loc["l2", "outcome"] == "survives"
        assert pd.isna(found.loc["l2", "fair_verdict"])

    def test_of_what_cannot_be_compared_says_why(self) -> None:
        said = publications(
            baseline=BASELINE, l2=BETTER | {"not_comparable": "another split"}, l1=BETTER
        )
        found = table(said, comparison(l2="better", l1="better"))
        assert found["outcome"].to_dict() == {
            "baseline": "",
            "l2": "cannot be compared",
            "l1": "survives",
        }
        assert found["why_not"].to_dict() == {"baseline": "", "l2": "another split", "l1": ""}
        assert found["comparable"].to_dict() == {"baseline": True, "l2": False, "l1": True}

    def test_of_a_figure_without_a_claim_is_none(self) -> None:
        assert outcome({"accuracy": 0.98}, "better") == ""

    def test_a_verdict_nobody_knows_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="'splendid'"):
            outcome(BETTER, "splendid")


class TestFigures:
    said = publications(baseline=BASELINE, l2=BETTER, l1=NO_BETTER, zca=BETTER)
    ours = comparison(l2="better", dropout="worse", l1="undecided")
    fair = comparison("test_accuracy", l1="worse", l2="better")
    found = table(said, ours, fair)

    def test_are_those_published_in_their_order(self) -> None:
        assert self.found.index.tolist() == ["baseline", "l2", "l1", "zca"]
        assert self.found["published_accuracy"].tolist() == [0.97, 0.98, 0.965, 0.98]
        assert self.found["published_difference"].tolist() == pytest.approx(
            [np.nan, 0.01, -0.005, 0.01], nan_ok=True
        )
        assert self.found["claim"].tolist() == ["", "it helps", "it does not help", "it helps"]

    @pytest.mark.parametrize("technique", ["baseline", "l2", "l1"])
    def test_ours_and_the_fair_ones_stand_beside_them(self, technique: str) -> None:
        figures = ["difference", "difference_low", "difference_high", "verdict"]
        row = self.found.loc[technique]
        for prefix, compared, headline in (
            ("", self.ours, "validation_accuracy"),
            ("fair_", self.fair, "test_accuracy"),
        ):
            expected = compared.set_index("technique").loc[technique]
            assert row[f"{prefix}accuracy"] == expected[headline]
            pairs = [(row[prefix + figure], expected[figure]) for figure in figures]
            assert all(one == other or (pd.isna(one) and pd.isna(other)) for one, other in pairs)

    def test_of_a_technique_that_is_not_ours_are_missing(self) -> None:
        row = self.found.loc["zca"]
        assert row[["accuracy", "verdict", "fair_accuracy", "fair_verdict"]].isna().all()
        assert row["outcome"] == "not tested"
        assert pd.isna(row["decidable_with_one_seed"])

    @pytest.mark.parametrize("fair", [None, comparison("validation_accuracy", l2="better")])
    def test_without_a_fair_study_there_are_none_of_it(self, fair: pd.DataFrame | None) -> None:
        found = table(self.said, self.ours, fair)
        columns = [column for column in found if str(column).startswith("fair_")]
        assert len(columns) == 5
        assert found[columns].isna().all(axis=None)

    def test_without_a_published_baseline_there_is_no_published_difference(self) -> None:
        found = table(publications(l2=BETTER), self.ours)
        assert pd.isna(found.loc["l2", "published_difference"])
        assert pd.isna(found.loc["l2", "decidable_with_one_seed"])
        assert found.loc["l2", "outcome"] == "survives"

    def test_are_the_same_from_stored_comparisons(self) -> None:
        def stored(compared: pd.DataFrame) -> pd.DataFrame:
            return pd.read_csv(io.StringIO(compared.to_csv(index=False)))

        again = table(self.said, stored(self.ours), stored(self.fair))
        pd.testing.assert_frame_equal(again, self.found, check_dtype=False)

    def test_survive_a_csv_file(self) -> None:
        again = pd.read_csv(io.StringIO(self.found.to_csv())).set_index("technique")
        assert again["decidable_with_one_seed"].dropna().to_dict() == {"l2": True, "l1": True}
        assert again.loc["l2", "outcome"] == "survives"

    def test_of_nothing_trained_are_those_published_alone(self) -> None:
        none = compare({"baseline": Results.none(), "l2": Results.none()}, {}, 0.001)
        found = table(self.said, none)
        assert found["published_accuracy"].tolist() == [0.97, 0.98, 0.965, 0.98]
        assert found["accuracy"].isna().all()
        assert found["outcome"].tolist() == ["", "not tested", "not tested", "not tested"]

    def test_of_nothing_published_is_no_table(self) -> None:
        assert claims_table({}, self.ours, self.fair, "validation_accuracy") is None


class TestOneSeed:
    @given(st.floats(0.001, 0.03), st.floats(0.0001, 0.03))
    def test_tells_if_chance_rarely_makes_a_pair_differ_as_much(
        self, published: float, deviation: float
    ) -> None:
        ours = comparison(l2="better").assign(difference_sd=deviation)
        said = publications(baseline={"accuracy": 0.9}, l2={"accuracy": 0.9 + published})
        found = table(said, ours).loc["l2", "decidable_with_one_seed"]
        chance = 2 * stats.norm.sf(said["l2"].accuracy - 0.9, scale=deviation)
        assert found == (chance < 0.05)

    def test_tells_of_a_loss_too(self) -> None:
        said = publications(baseline={"accuracy": 0.9}, l2={"accuracy": 0.8})
        found = table(said, comparison(l2="worse"))
        assert found.loc["l2", "decidable_with_one_seed"]

    def test_is_unknown_where_nothing_was_repeated(self) -> None:
        said = publications(baseline=BASELINE, l2=BETTER)
        for ours in (
            comparison(l2="descriptive only").drop(columns="difference_sd"),
            comparison(l2="descriptive only").assign(difference_sd=np.nan),
        ):
            assert pd.isna(table(said, ours).loc["l2", "decidable_with_one_seed"])

    def test_says_nothing_of_the_baseline(self) -> None:
        found = table(publications(baseline=BASELINE, l2=BETTER), comparison(l2="better"))
        assert pd.isna(found.loc["baseline", "decidable_with_one_seed"])
