"""The first screen answers five questions by what the study has found, and by nothing else."""

import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from tests.report import staged_study
from tests.report.test_answer import described
from tests.report.test_sentences import row, table

from regbench.doctor.commands import with_params
from regbench.report.answer import verdict_sentence
from regbench.report.first_screen import (
    Answered,
    after_the_doctor,
    answers,
    answers_on_networks,
    beside_the_answers,
)
from regbench.report.scope import scope_sentence
from regbench.study.schema import Protocol

PROTOCOL = Path(__file__).parents[2] / "conf/base/parameters_protocol.yml"
COMMAND = "uv run kedro run --env=mine"
SETTINGS: dict[str, Any] = {
    "protocol": {"network": "small", "epochs": 10, "seeds": [1, 2, 3, 4, 5]},
    "networks": {"small": {"kind": "mlp"}, "large": {"kind": "cnn"}},
    "data_root": "data",
}
COST = {"seconds": 10.0, "weights_bytes": 2e6, "multiply_adds": 1e6, "inference_seconds": 1e-4}


def asked(
    compared: pd.DataFrame, pruning: pd.DataFrame | None = None, **settings: Any
) -> dict[str, Answered]:
    found = answers(compared, COMMAND, SETTINGS | settings, pruning)
    assert [one.question for one in found] == [
        *("Which technique?", "By how much?", "Is it real?", "What does it cost?", "What next?")
    ]
    return dict(zip(("which", "by", "is", "cost", "next"), found, strict=True))


def priced(*rows: dict[str, Any], **baseline: Any) -> pd.DataFrame:
    """A comparison in which everything costs something."""
    return described(pd.DataFrame([*rows, row("baseline", **{**COST, **baseline})]))


def curves(**by_technique: list[float]) -> pd.DataFrame:
    return pd.DataFrame(by_technique, index=[0.0, 0.5, 0.8, 0.9]).T


class TestWhatHelps:
    slower = COST | {"seconds": 13.0, "weights_bytes": 3e6}
    compared = priced(
        row("l2", 1.5, "better", p_adjusted=0.0123, **slower), row("l1", -1, "worse", **COST)
    )
    found = asked(compared)

    def test_is_named_with_its_size_and_interval(self) -> None:
        assert self.found["which"].answer == "l2"
        assert self.found["which"].remark == "of 2 compared, the only one that helps"
        assert self.found["by"].answer == "1.50 points [1.00, 2.00]"
        assert self.found["by"].remark.startswith(
            "in brackets the 95\u00a0% interval, not corrected for other techniques; "
        )
        assert "test accuracy 91.5\u00a0%, the baseline's 90.0\u00a0%" in self.found["by"].remark

    def test_is_the_only_one_that_is_compared(self) -> None:
        alone = priced(row("l2", 1.5, "better", p_adjusted=0.0123, **self.slower))
        assert asked(alone)["which"].remark == "the only one compared"

    def test_is_real_by_its_test(self) -> None:
        assert self.found["is"].answer == "yes"
        assert self.found["is"].remark == (
            "5 seeds, each trained with and without l2; p = 0.012, corrected for all techniques"
        )

    def test_is_real_on_these_images_only_if_the_bootstrap_says_so(self) -> None:
        for over, answer in (("better", "yes"), ("undecided", "yes, on these images")):
            lucky = self.compared.assign(verdict_over_images=over)
            lucky.attrs = self.compared.attrs
            assert asked(lucky)["is"].answer == answer

    def test_says_what_failed(self) -> None:
        lost = priced(row("l2", 1.5, "better", failed_trainings=2, **COST))
        assert asked(lost)["is"].remark.endswith("2 of 5 trainings failed, and are left out")

    def test_costs_time_size_and_inference(self) -> None:
        cost = self.found["cost"]
        assert cost.answer == "1.3 × the baseline's training time"
        assert cost.remark == ("l2 13 s a training, the baseline 10 s; size × 1.50; same inference")

    def test_times_that_hardly_differ_are_no_ratio(self) -> None:
        alike = priced(row("l2", 1.5, "better", **COST | {"seconds": 9.0}))
        assert asked(alike)["cost"].answer == "about the baseline's training time"

    def test_may_lose_more_weights_than_the_baseline(self) -> None:
        pruned = curves(baseline=[0.9, 0.9, 0.8, 0.3], l2=[0.899, 0.899, 0.896, 0.7])
        cost = asked(self.compared, pruned)["cost"]
        assert cost.remark.endswith(
            "80\u00a0% of its weights can be pruned at −0.30 points of its accuracy, of the "
            "baseline's 50\u00a0%"
        )
        alike = curves(baseline=[0.9, 0.9, 0.9, 0.3], l2=[0.9, 0.9, 0.9, 0.7])
        assert "pruned" not in asked(self.compared, alike)["cost"].remark
        bumpy = curves(baseline=[0.9, 0.8, 0.7, 0.3], l2=[0.9, 0.897, 0.7, 0.9])
        assert "50\u00a0% of its weights can be" in asked(self.compared, bumpy)["cost"].remark

    def test_is_trained_for_use_next(self) -> None:
        step = self.found["next"]
        assert step.answer == "Train l2 on train and validation images together, for use"
        assert step.command == f"{COMMAND} --params=refit.technique=l2 --pipelines=refit"
        assert step.remark == (
            "data/06_models/refit/network.keras; the study's best on validation is "
            "data/06_models/l2/seed_<n>.keras"
        )

    def test_has_the_price_of_a_refit(self) -> None:
        settings = SETTINGS | {"refit": {"parts": ["train", "validation"], "seeds": [1, 2, 3]}}
        images = {"train": 200, "validation": 100, "test": 50}
        step = answers(self.compared, COMMAND, settings, images=images)[-1]
        assert step.remark.startswith(
            "3 trainings, of about 1 minute in all; data/06_models/refit/network.keras averages "
            "their probabilities; "
        )  # 3 x 13 s x 300 / 200
        of_two = self.compared.copy()
        of_two.attrs = {**self.compared.attrs, "side_by_side": 2}
        step = answers(of_two, COMMAND, settings, images=images)[-1]
        assert step.remark.startswith("3 trainings, of about 39 seconds in all; ")

    @pytest.mark.parametrize(
        ("technique", "schedule", "pipeline"),
        [
            ({"l2": 0.1}, {"name": "cosine"}, "refit"),
            ({"stacking": {"members": 3}}, {"name": "cosine"}, "export"),
            ({"l2": 0.1}, {"name": "plateau", "monitor": "validation_accuracy"}, "export"),
        ],
    )
    def test_is_exported_where_it_follows_what_a_refit_would_train_on(
        self, technique: dict[str, Any], schedule: dict[str, str], pipeline: str
    ) -> None:
        base = yaml.safe_load(PROTOCOL.read_text("utf-8"))["protocol"]
        protocol = Protocol.model_validate(base | {"schedule": schedule})
        settings = {
            "refit": {"parts": ["train", "validation"], "seeds": [1]},
            "techniques": {"l2": technique},
            "protocol": protocol.model_dump(),
        }
        step = asked(self.compared, **settings)["next"]
        assert step.command.endswith(f".technique=l2 --pipelines={pipeline}")

    def test_is_used_by_the_seed_that_prediction_would_take(self) -> None:
        seeded = answers(self.compared, COMMAND, SETTINGS, best_seeds={"l2": 4, "l1": 2})
        assert "data/06_models/l2/seed_4.keras" in seeded[-1].remark
        of_two = self.compared.copy()
        of_two.attrs = {**self.compared.attrs, "networks": 2}
        step = answers(of_two, COMMAND, SETTINGS, best_seeds={"l2": 4})[-1]
        assert "data/06_models/small/l2/seed_4.keras" in step.remark
        assert "refit.technique=l2,refit.network=small" in step.command


def test_several_that_help_are_named() -> None:
    two = priced(row("l2", 1.5, "better", **COST), row("l1", 1, "better", **COST))
    assert asked(two)["which"].remark == "best on validation of 2 that help; l1 helps, too"


def test_the_reservation_stands_where_the_claim_is() -> None:
    def better(name: str, over: str) -> dict[str, Any]:
        return row(name, 1.5, "better", verdict_over_images=over, **COST)

    one = priced(better("l2", "better"), better("l1", "undecided"))
    assert asked(one)["which"].remark.endswith("; l1 helps, too, shown on these images only")
    assert "; l1 helps, too, shown on these images only." in verdict_sentence(one)
    two = priced(better("l2", "better"), better("l1", "undecided"), better("zca", "better"))
    assert asked(two)["which"].remark.endswith(
        "l1 and zca help, too, l1 shown on these images only"
    )
    assert "; 2 others help, too, 1 shown on these images only." in verdict_sentence(two)
    lead = priced(better("l2", "undecided"))
    assert verdict_sentence(lead).endswith("[1.00, 2.00] on these images.")
    assert asked(lead)["is"].remark.endswith("holds 0: not shown for other images")


class TestNothingHelps:
    rows = (row("l2", 0.1, "equivalent", **COST), row("l1", -1, "worse", **COST))
    compared = priced(*rows)
    found = asked(compared)

    def test_none_is_needed(self) -> None:
        assert self.found["which"].answer == "none is needed"
        assert self.found["by"].answer == "by no more than 0.5 points"
        assert self.found["is"].answer == "yes"
        assert self.found["is"].remark.startswith("1 equivalent and 1 worse")

    def test_costs_nothing_more_than_the_baseline(self) -> None:
        cost = self.found["cost"]
        assert cost.answer == "nothing more"
        assert cost.remark == "the baseline takes 10.0 s a training, 2.0 MB, 0.100 ms an image"

    def test_by_how_much_at_most(self) -> None:
        assert self.found["by"].remark == (
            "the most by l2: +0.10 points [−0.40, 0.60]; baseline's test accuracy: 90.0\u00a0%"
        )

    def test_is_not_known_while_one_that_was_tried_has_no_verdict(self) -> None:
        few = row("dropout", 1.2, "descriptive only", **{**COST, "trainings": 3})
        found = asked(priced(*self.rows, few | {"missing_trainings": 2}))
        assert found["which"].answer == "not known yet"
        assert (
            found["which"].remark
            == "of 2 with a verdict none helps; without one: dropout; use the baseline until then"
        )
        assert found["by"].answer == "not known"
        assert found["by"].remark.startswith(
            "so far dropout, the highest of those without a verdict, +1.20 points [0.70, 1.70], "
            "with 3 seeds, too few for a verdict; in brackets "
        )
        assert found["is"].answer == "not known"
        assert found["next"].answer == "Run the 2 missing trainings, for a verdict"
        assert found["next"].remark == "about 20 seconds"  # of 10 each

    def test_another_network_is_next(self) -> None:
        step = self.found["next"]
        assert step.command == f"{COMMAND} --params=protocol.network=large,data_root=data/large"
        alone = {"networks": {"small": {"kind": "mlp"}}}
        assert asked(self.compared, **alone)["next"].command == ""


class TestUndecided:
    def test_says_what_a_verdict_takes_and_the_command(self) -> None:
        compared = priced(row("l2", 0.4, "undecided", further_seeds=7, **COST))
        found = asked(compared)
        assert found["which"].answer == "none is shown to help"
        assert found["by"].answer == "+0.40 points [−0.10, 0.90]"
        assert found["is"].answer == "not shown"
        assert found["is"].remark == (
            "5 seeds, each trained with and without l2; "
            "the 95\u00a0% interval holds 0 and reaches beyond the band of ±0.5 points: "
            "it may help or not"
        )
        assert found["which"].remark == "undecided: l2; use the baseline until it is shown to help"
        assert (
            found["next"].answer == "Train 7 more seeds, 12 in all, probably enough to decide on l2"
        )
        assert found["next"].command == (
            f"{COMMAND} '--params=protocol.seeds.looks=5 12' --only-missing-outputs"
        )
        # 2 x 7 x 10 s
        assert (
            found["next"].remark
            == "about 2 minutes, for the baseline, l2; corrected for judging twice"
        )

    @pytest.mark.parametrize(
        ("low", "high", "why"),
        [
            (-0.001, 0.003, "the 95\u00a0% interval holds 0"),
            (0.001, 0.007, "the 95\u00a0% interval reaches beyond the band of ±0.5 points"),
            (-0.006, 0.003, "the 95\u00a0% interval holds 0 and reaches beyond the band of ±0.5"),
            (0.001, 0.003, "corrected for the number of techniques, no test shows it"),
            (None, None, "there is no interval"),
        ],
    )
    def test_says_why_it_is_open(self, low: float | None, high: float | None, why: str) -> None:
        ends = {"difference_low": low, "difference_high": high}
        compared = priced(row("l2", 0.2, "undecided", further_seeds=7, **COST) | ends)
        assert f"l2; {why}" in asked(compared)["is"].remark

    def test_trains_no_technique_that_was_not_asked_for(self) -> None:
        none = COST | {"trainings": 0, "status": "not trained", "verdict": ""}
        compared = priced(row("l2", 0.4, "undecided", further_seeds=7, **COST), row("zca", **none))
        compared.attrs["side_by_side"] = 2
        step = asked(compared)["next"]
        assert step.command == (
            f"{COMMAND} '--params=protocol.seeds.looks=5 12' --pipelines=baseline,l2,reporting "
            "--only-missing-outputs"
        )
        # 2 x 7 x 10 s / 2
        assert step.remark == (
            "about 1 minute with 2 trainings at once, for the baseline, l2; corrected "
            "for judging twice"
        )

    def test_decides_the_most_promising_of_those_that_can_be(self) -> None:
        compared = priced(
            row("l1", 0.5, "undecided", further_seeds=2000, futile=True, **COST),
            row("l2", 0.4, "undecided", further_seeds=9, **COST),
            row("zca", 0.2, "undecided", further_seeds=1, **COST),
        )
        step = asked(compared)["next"]
        assert step.answer == "Train 9 more seeds, 14 in all, probably enough to decide on l2"
        # l2, zca and the baseline: 3 x 9 x 10 s
        assert step.remark == (
            "about 4 minutes, for the baseline, l2 and 1 other undecided; corrected "
            "for judging twice"
        )

    def test_adds_a_look_where_there_are_looks(self) -> None:
        settings = {"protocol": {"looks": [5, 8, 12]}}
        compared = staged_study.comparison()
        of_one = compared[compared["technique"] != "augmentation"].reset_index(drop=True)
        of_one.attrs = compared.attrs
        seeds = of_one.set_index("technique").loc["dropout_with_a_long_name", "further_seeds"]
        step = asked(of_one, **settings)["next"]
        assert shlex.split(step.command)[-2] == (
            f"--params=protocol.seeds.looks=5 8 12 {12 + seeds:.0f}"
        )

    def test_without_prospect_no_seeds_are_advised(self) -> None:
        compared = priced(row("l2", 0.4, "undecided", further_seeds=2000, futile=True, **COST))
        assert "protocol.network=large" in asked(compared)["next"].command
        assert "no affordable number of seeds" in asked(compared)["is"].remark
        some = priced(row("l2", 0.4, "undecided", further_seeds=75, futile=True, **COST))
        assert asked(some)["is"].remark.endswith("by the study's last look a verdict is unlikely")
        assert "75 more seeds" in asked(some)["next"].answer


class TestNoAnswer:
    def test_of_a_network_that_has_not_learned(self) -> None:
        compared = priced(row("l2", 0.4, "better", near_zero_share=0.99, **COST))
        compared["largest_class"] = 0.95
        pruned = curves(baseline=[0.9, 0.8, 0.7, 0.3], l2=[0.9] * 4)
        found = asked(compared, pruned)
        assert found["which"].answer == "none can be named"
        assert found["by"].answer == "nothing to compare"
        assert found["is"].answer == "nothing to judge"
        assert not any("pruned" in one.remark for one in found.values())
        assert scope_sentence(compared) == ""
        assert found["next"].command == (
            f"{COMMAND} --params=protocol.epochs=30,protocol.seeds=1,data_root=data/trial "
            "--pipelines=baseline,reporting"
        )
        assert found["next"].answer == "Train the baseline longer: 30 epochs instead of 10"
        assert found["next"].remark == (
            "about 30 seconds; if it has learned then, run the whole study with as many epochs"
        )
        short = {"protocol": {"epochs": 1}}  # 10 seconds each
        assert "protocol.epochs=10," in asked(compared, **short)["next"].command
        assert asked(compared, **short)["next"].remark.startswith("about 2 minutes;")
        assert asked(compared, protocol={})["next"].command == ""

    def test_of_too_few_seeds(self) -> None:
        few = COST | {"trainings": 2}
        compared = priced(row("l2", 0.4, "descriptive only", **few), trainings=2)
        found = asked(compared)
        assert found["which"].remark == "that takes 5 seeds of each technique"
        assert found["next"].command.endswith("--params=protocol.seeds=5 --only-missing-outputs")
        assert found["next"].remark == "about 1 minute"  # 2 x 3 x 10 s

    def test_of_one_side_alone(self) -> None:
        alone = table().assign(status="trained")
        assert asked(alone)["next"].command == f"{COMMAND} --only-missing-outputs"
        assert asked(alone)["by"].remark == "baseline's test accuracy: 90.0\u00a0%"
        other = table(row("l2"))[:1].assign(status="trained")
        assert asked(other)["next"].command == f"{COMMAND} --pipelines=baseline,reporting"

    def test_of_nothing(self) -> None:
        nothing = pd.DataFrame(
            {
                "technique": ["baseline"],
                "trainings": 0,
                "failed_trainings": 0,
                "status": "not trained",
            }
        )
        assert asked(nothing)["next"].command == COMMAND

    @pytest.mark.parametrize("lacks", [{"missing_trainings": 2}, {"status": "stale"}])
    def test_of_a_study_that_is_not_finished_goes_on_first(self, lacks: dict[str, Any]) -> None:
        begun = priced(row("l2", 1.5, "better", **COST, **lacks))
        assert asked(begun)["next"].command == f"{COMMAND} --only-missing-outputs"


def test_what_ails_the_network_comes_first() -> None:
    helped = priced(row("l2", 1.5, "better", **COST))
    step = answers(helped, COMMAND, SETTINGS)
    finding = {
        **{"code": "RB102", "network": "", "title": "no overfitting", "minutes": 3.0},
        "action": "Train the baseline longer: 30 epochs instead of 15",
        "command": "kedro run --params=protocol.epochs=30",
    }
    *others, after = after_the_doctor(step, [finding], helped)
    assert others == step[:-1]  # what helps, helps
    assert after.answer == finding["action"]
    assert after.command == finding["command"]
    assert after.remark == (
        "about 3 minutes; if the report of this trial does not say RB102 again, run the whole "
        "study with as many epochs"
    )
    *_, of_one = after_the_doctor(step, [finding | {"network": "cnn"}], helped)
    assert of_one.answer == f"{finding['action']} (network cnn)"
    assert after_the_doctor(step, [finding | {"code": "RB201"}, finding], helped) == step
    assert after_the_doctor(step, [], helped) == step
    nothing = TestNothingHelps.compared
    step = answers(nothing, COMMAND, SETTINGS)
    which, _, is_real, *_ = after_the_doctor(step, [finding], nothing)
    assert (which.answer, is_real.answer) == ("none is needed", "yes")
    assert which.remark == "regularization is not the remedy: no overfitting (RB102)"
    which, how_much, is_real, *_ = after_the_doctor(step, [finding | {"code": "RB103"}], nothing)
    assert which.answer == "none can be named"
    assert how_much.answer == "not known before the network has learned enough"
    assert how_much.remark == f"as it is now, {step[1].answer}; {step[1].remark}"
    assert is_real.answer == how_much.answer
    assert is_real.remark == "of the network as it is now, 1 equivalent and 1 worse after 5 seeds"


def test_the_doctor_does_not_say_again_what_the_answers_say() -> None:
    undecided = priced(row("l2", 0.4, "undecided", further_seeds=7, **COST))
    step = [Answered("What next?", "Train", "", "the step")]
    found = [
        {"code": code, "network": network, "command": command}
        for code, network, command in (
            ("RB101", "", "the step"),
            ("RB302", "", "another"),
            ("RB302", "cnn", "another"),
        )
    ]
    left = beside_the_answers(found, step, undecided)
    assert [(each["code"], each["network"], each["command"]) for each in left] == [
        ("RB101", "", ""),
        ("RB302", "cnn", "another"),
    ]
    helped = priced(row("l2", 1.5, "better", **COST))
    assert len(beside_the_answers(found, step, helped)) == 3


def test_networks_share_an_answer_or_have_one_each() -> None:
    first, second = (
        [Answered("Which?", which), Answered("Real?", "yes", "", command)]
        for which, command in (("l1", ""), ("l2", "run"))
    )
    assert answers_on_networks({"mlp": first, "cnn": second}) == [
        Answered("Which?", "mlp: l1; cnn: l2"),
        Answered("Real?", "yes", "", "run"),
    ]


@pytest.mark.parametrize(
    ("command", "changed", "whole"),
    [
        ("kedro run", {}, "kedro run"),
        ("kedro run --params=a=1", {"b": 2}, "kedro run --params=a=1,b=2"),
        ("kedro run --params=a.b=1,c=x", {"a": 2}, "kedro run --params=c=x,a=2"),
        ("kedro run --params=a=1", {"a.b": 2}, "kedro run --params=a.b=2"),
        ("kedro run --params=ab=1", {"a": 2}, "kedro run --params=ab=1,a=2"),
        (
            "kedro run '--params=images=/a b/c'",
            {"x": "1 2"},
            "kedro run '--params=images=/a b/c,x=1 2'",
        ),
    ],
)
def test_a_command_keeps_its_other_parameters(
    command: str, changed: dict[str, Any], whole: str
) -> None:
    assert with_params(command, changed) == whole
