"""Stale trainings are set aside; the best technique and training are chosen by validation."""

from types import MappingProxyType

import numpy as np
import pytest
from tests.comparison.trainings import FINGERPRINT, UNTRAINED, collected, failed, trained

from regbench.comparison.compare import best_seed, best_technique, compare, set_aside_stale
from regbench.comparison.tables import best_besides_baseline
from regbench.evaluation.results import Results
from regbench.study.fingerprints import COMPONENTS


class TestStaleResults:
    current = MappingProxyType(dict.fromkeys(("l2", "l1", "none"), FINGERPRINT))

    def of(self, *fingerprints: dict[str, str]) -> Results:
        return collected(
            *(
                trained(seed, 0.9, fingerprint=made)
                for seed, made in enumerate(fingerprints, start=1)
            )
        )

    def test_are_set_aside_with_the_reason(self) -> None:
        words = {
            "data": "the images",
            "split": "the split",
            "protocol": "the protocol",
            "technique": "the technique's settings",
            "training": "the code that trains",
            "evaluation": "the code that evaluates, or its settings",
        }
        for component, said in words.items():
            old = self.of(FINGERPRINT | {component: "another"})
            fresh, stale = set_aside_stale({"l2": old}, self.current, [1])
            assert fresh["l2"].trainings.empty
            assert stale == {"l2": f"changed since: {said}"}
        assert set(words) == set(COMPONENTS)

    def test_all_reasons_are_named_once(self) -> None:
        old = self.of(
            FINGERPRINT | {"split": "a", "protocol": "a"}, FINGERPRINT | {"split": "b", "data": "b"}
        )
        _, stale = set_aside_stale({"l2": old}, self.current, [1, 2])
        said = stale["l2"].removeprefix("changed since: ").split(", ")
        assert sorted(said) == ["the images", "the protocol", "the split"]

    def test_leave_the_trainings_that_are_up_to_date(self) -> None:
        mixed = self.of(FINGERPRINT, FINGERPRINT | {"technique": "x"}, FINGERPRINT)
        fresh, stale = set_aside_stale(
            {"l2": mixed, "l1": self.of(FINGERPRINT), "none": UNTRAINED}, self.current, [1, 2, 3]
        )
        assert fresh["l2"].trainings["seed"].tolist() == [1, 3]
        for table in ("epochs", "predictions"):
            assert set(getattr(fresh["l2"], table)["seed"]) == {1, 3}
        assert fresh["l1"].trainings["seed"].tolist() == [1]
        assert fresh["none"].trainings.empty
        assert list(stale) == ["l2"]

    def test_are_those_without_a_fingerprint_too(self) -> None:
        old = self.of(FINGERPRINT)
        earlier = Results(
            old.trainings.drop(columns="fingerprint_evaluation"),
            old.epochs,
            old.predictions,
            old.measurements,
        )
        fresh, stale = set_aside_stale({"l2": earlier}, self.current, [1])
        assert fresh["l2"].trainings.empty
        assert "evaluates" in stale["l2"]

    def test_what_a_training_records_beside_its_origin_does_not_count(self) -> None:
        made = FINGERPRINT | {"weights": "any", "trained_on": "another machine"}
        fresh, stale = set_aside_stale({"l2": self.of(made)}, self.current, [1])
        assert fresh["l2"].trainings["seed"].tolist() == [1]
        assert stale == {}

    def test_other_seeds_than_the_studys_are_left_out_without_a_word(self) -> None:
        made = self.of(FINGERPRINT, FINGERPRINT | {"data": "x"}, FINGERPRINT)
        fresh, stale = set_aside_stale({"l2": made}, self.current, [1, 7])
        assert fresh["l2"].trainings["seed"].tolist() == [1]
        assert stale == {}

    def test_never_reach_the_statistics(self) -> None:
        stored = {
            "baseline": collected(trained(1, 0.90), trained(2, 0.91), trained(3, 0.95)),
            "l2": self.of(FINGERPRINT, FINGERPRINT | {"split": "x"}, FINGERPRINT),
        }
        current = dict.fromkeys(stored, FINGERPRINT)
        fresh, stale = set_aside_stale(stored, current, [1, 2, 3])
        found = compare(fresh, stale, band=0.001).set_index("technique")
        assert found.loc["l2", "difference"] == pytest.approx(np.mean([0.0, -0.05]))
        assert found.loc["l2", ["trainings", "status", "reason"]].tolist() == [
            *(2, "stale", "changed since: the split")
        ]


class TestTheBest:
    def test_is_chosen_by_validation_not_test(self) -> None:
        results = {
            "baseline": collected(trained(1, 0.99, 0.80), trained(2, 0.99, 0.82)),
            "l2": collected(trained(1, 0.50, 0.90), trained(2, 0.50, 0.95)),
            "none": UNTRAINED,
        }
        assert best_technique(results) == "l2"
        assert best_seed(results["l2"]) == 2

    def test_is_the_best_mean_not_the_best_training(self) -> None:
        results = {
            "baseline": collected(trained(1, 0.5, 0.85), trained(2, 0.5, 0.85)),
            "lucky": collected(trained(1, 0.5, 0.99), trained(2, 0.5, 0.50)),
        }
        assert best_technique(results) == "baseline"

    def test_is_never_a_failed_training(self) -> None:
        trainings = collected(failed(1), trained(7, 0.3), trained(4, 0.6), failed(9))
        assert best_seed(trainings) == 4
        assert best_technique({"l2": collected(failed(1)), "l1": trainings}) == "l1"

    def test_of_equal_ones_is_the_first_by_name_everywhere(self) -> None:
        # The comparison's order is by test accuracy, which must not decide.
        results = {
            name: collected(trained(1, test, 0.9), trained(2, test, 0.9))
            for name, test in (("zca", 0.95), ("l2", 0.80), ("dropout", 0.85))
        }
        compared = compare(results, {}, 0.001)
        assert compared["technique"].iloc[0] == "zca"
        assert best_technique(results) == "dropout"
        assert best_besides_baseline(compared, results) == "dropout"

    def test_of_nothing_is_none(self) -> None:
        assert best_technique({"baseline": UNTRAINED, "l2": collected(failed(1))}) is None
        assert best_seed(UNTRAINED) is None
        assert best_seed(collected(failed(1))) is None
