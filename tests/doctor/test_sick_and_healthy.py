"""Right and quiet: a table of studies, each sick in one way, and the checks that see it."""

import dataclasses
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from tests.doctor.made_up import COMMAND, Study

from regbench.comparison.compare import compare, with_study_figures
from regbench.doctor.checks import rb105_collapse
from regbench.doctor.commands import longer_epochs
from regbench.doctor.evidence import Evidence
from regbench.doctor.examine import examine
from regbench.doctor.registry import checks
from regbench.report.next_step import next_step
from regbench.report.outcome import outcome_of

NO_TEST = {"protocol.split.train": 0.7, "protocol.split.validation": 0.3, "protocol.split.test": 0}


def guessing(table: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    labels = random.choice(["a", "b", "c"], len(table))
    return table.assign(predicted=labels, confidence=np.float32(0.4))


def never_c(table: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return table.assign(predicted=table["predicted"].replace("c", "b"))


def contradict(table: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """All networks are sure of one other label for one image in 50."""
    odd = [int(name.split()[1]) % 50 == 7 for name in table["filename"]]
    other = table["label"].replace({"a": "b", "b": "c", "c": "a"})
    return table.assign(
        predicted=table["predicted"].where(~np.asarray(odd), other),
        confidence=np.where(odd, np.float32(0.99), table["confidence"]),
        label_probability=np.where(odd, np.float32(0.005), table["label_probability"]),
    )


def patients(index: pd.DataFrame) -> pd.DataFrame:
    numbers = np.random.default_rng(0).integers(0, 300, len(index))
    return index.assign(**{"column:patient": [f"p{number}" for number in numbers]})


RISING = tuple(
    (0.5 + 0.03 * epoch, 1.5 - 0.09 * epoch, 0.52 + 0.035 * epoch) for epoch in range(1, 13)
)
NOISY = tuple((0.85 + 0.06 * (-1) ** epoch, 0.5 + 0.01 * epoch, 0.99) for epoch in range(12))
LEAKS = [
    (
        1 + image // 2,
        f"{'train' if image % 2 else 'test'} {image // 2}",
        "a",
        part,
        "in several parts",
    )
    for image in range(20)
    for part in [("test", "train")[image % 2]]
]


def study(**changed: Any) -> Study:
    return Study(**changed)


def with_accuracies(**changed: tuple[float, float, float]) -> Study:
    made = Study()
    return dataclasses.replace(made, accuracies={**made.accuracies, **changed})


# The code that is to be raised, the study, and the codes that may follow from the same trouble.
SICK: dict[str, tuple[Callable[[], Study], set[str]]] = {
    "RB101": (lambda: study(answers=guessing), {"RB301"}),
    "RB102": (
        lambda: dataclasses.replace(
            with_accuracies(
                baseline=(0.965, 0.96, 0.955), dropout=(0.96, 0.96, 0.955), l2=(0.96, 0.93, 0.92)
            ),
            course=[(0.96, 0.2, 0.965)] * 12,
        ),
        set(),
    ),
    "RB103": (lambda: with_accuracies(baseline=(0.60, 0.50, 0.49), l2=(0.6, 0.50, 0.49)), set()),
    "RB104": (lambda: study(course=RISING), set()),
    "RB105": (lambda: study(failed={"l2": 2}), {"RB302"}),
    "RB106": (lambda: study(course=NOISY, rates=[0.001] * 12), set()),
    "RB201": (lambda: study(images_in=(600, 600, 150)), {"RB302"}),
    "RB202": (lambda: study(shares=(0.7, 0.15, 0.15)), set()),
    "RB203": (lambda: study(answers=never_c), {"RB302"}),
    "RB204": (lambda: study(duplicates=LEAKS), set()),
    "RB205": (lambda: study(index=patients), set()),
    "RB206": (lambda: study(brighter=40), set()),
    "RB207": (lambda: study(answers=contradict), {"RB302"}),
    "RB301": (
        lambda: dataclasses.replace(
            with_accuracies(dropout=(0.99, 0.85, 0.84), aug=(1.0, 0.90, 0.84)),
            settings={"techniques.aug": {"augmentation": True}},
        ),
        set(),
    ),
    "RB302": (lambda: study(spread={"l2": 0.01}), set()),
    "RB303": (
        lambda: dataclasses.replace(
            with_accuracies(aug=(1.0, 0.88, 0.93)),
            settings={"techniques.aug": {"augmentation": True}},
        ),
        set(),
    ),
    "RB304": (lambda: study(settings={"techniques.dropout.dropout": 0.6}), set()),
    "RB305": (lambda: study(settings={"techniques.l2": {}}), set()),
}


@cache
def findings_of(code: str) -> list[dict[str, Any]]:
    make, _ = SICK[code]
    return examine(make().evidence())


def codes(of: Study) -> list[str]:
    return [finding["code"] for finding in examine(of.evidence())]


def test_a_healthy_study_raises_nothing() -> None:
    assert examine(Study().evidence()) == []


def test_every_check_has_a_study_that_is_sick_in_its_way() -> None:
    assert list(SICK) == list(checks())


@pytest.mark.parametrize("code", SICK)
def test_is_raised_and_nothing_else(code: str) -> None:
    _, also = SICK[code]
    found = [finding["code"] for finding in findings_of(code)]
    assert code in found
    assert set(found) - {code} <= also


@pytest.mark.parametrize("code", SICK)
def test_says_what_was_seen_with_figures_and_a_command_with_its_price(code: str) -> None:
    (finding,) = (of for of in findings_of(code) if of["code"] == code)
    assert any(letter.isdigit() for letter in finding["seen"])
    assert finding["command"].startswith("uv run kedro run ")
    assert "images=set" in finding["command"]
    assert finding["minutes"] >= 0
    assert finding["why"].endswith(".")


def test_can_be_muted() -> None:
    uneven = study(shares=(0.7, 0.15, 0.15)).evidence()
    assert examine(uneven, ["RB202"]) == []


def test_the_network_that_always_answers_the_largest_class() -> None:
    """As seen on real photos: 68 % 'ok', train as good as test, and every technique undecided."""
    shares, accuracy = (0.68, 0.17, 0.15), (0.68, 0.68, 0.68)
    sick = study(
        shares=shares,
        accuracies=dict.fromkeys(("baseline", "dropout", "l2"), accuracy),
        answers=lambda table, random: table.assign(predicted="a", confidence=np.float32(0.68)),
        course=[(0.68, 0.85, 0.68)] * 12,
    )
    found = codes(sick)
    assert found == ["RB101", "RB202", "RB305"]
    # RB101 explains RB103 and RB203; RB103 explains RB102: nothing is learned that could overfit
    untold = [finding["code"] for finding in examine(sick.evidence(), ["RB101"])]
    assert {"RB103", "RB203", "RB202"} <= set(untold)
    assert "RB102" not in untold


def test_a_network_that_knows_its_train_images_alone_is_not_trained_longer() -> None:
    """As seen on small noisy photos: train 98 %, test no better than the largest class."""
    by_heart = study(
        accuracies=dict.fromkeys(("baseline", "dropout", "l2"), (0.98, 0.35, 0.35)),
        answers=guessing,
    )
    (finding,) = (of for of in examine(by_heart.evidence(), []) if of["code"] == "RB101")
    assert "of the train images it has 98.0" in finding["seen"]
    assert "protocol.epochs" not in finding["command"]
    assert "data_root=data/trial" in finding["command"]
    assert "by heart" in finding["remark"]


def test_an_image_or_two_are_no_collapse() -> None:
    """Of few judged images equal accuracies are common, and a seed apart is luck."""
    accuracies = pd.Series([0.417, 0.25, 0.417, 0.361, 0.417], range(1, 6))
    few, many = (
        SimpleNamespace(
            results={
                "baseline": SimpleNamespace(trainings=pd.DataFrame(), by_seed=lambda _: accuracies)
            },
            part="test",
            images_in=lambda _, number=number: number,
            protocol={"optimizer": {"learning_rate": 0.001}},
            command=str,
            minutes=lambda: None,
        )
        for number in (36, 4000)
    )
    assert rb105_collapse.CHECK.find(cast(Evidence, few)) is None
    found = rb105_collapse.CHECK.find(cast(Evidence, many))
    assert found is not None
    assert "seed 2 has 25.0" in found.seen


def test_a_network_that_has_not_learned_is_trained_longer() -> None:
    finding = findings_of("RB103")[0]
    evidence = SICK["RB103"][0]().evidence()
    planned = int(evidence.protocol["epochs"])
    trained = evidence.trained_epochs
    assert finding["action"] == (
        f"Train the baseline longer: {3 * planned} epochs instead of {trained}"
    )
    assert finding["minutes"] == pytest.approx(
        5 * 3 * planned / trained / 2
    )  # 60 s each, 2 at once
    assert longer_epochs(1, 3) == 10
    assert longer_epochs(15, 3) == 45


def test_what_decides_is_what_the_report_advises() -> None:
    evidence = SICK["RB302"][0]().evidence()
    compared = evidence.comparison[evidence.comparison["technique"] != "dropout"].copy()
    compared.loc[compared["technique"] == "l2", "further_seeds"] = 7.0
    compared = with_study_figures(compared, evidence.reporting.band, evidence.side_by_side)
    (finding,) = examine(dataclasses.replace(evidence, comparison=compared))
    step = next_step(compared, outcome_of(compared), COMMAND, {"protocol": evidence.protocol})
    assert finding["code"] == "RB302"
    assert finding["command"] == step.command
    assert "'--params=images=set,protocol.seeds.looks=5 12'" in step.command
    assert finding["minutes"] == pytest.approx(7)  # 2 x 7 trainings of 60 s, two at once
    assert step.remark.startswith("about 7 minutes with 2 trainings at once,")


def test_without_a_test_part_the_figures_are_those_that_chose() -> None:
    made = with_accuracies(aug=(1.0, 0.87, 0.84))
    sick = dataclasses.replace(
        made,
        images_in=(600, 600, 0),
        settings={"techniques.aug": {"augmentation": True}, **NO_TEST},
    )
    (finding,) = examine(sick.evidence())
    assert finding["code"] == "RB301"
    assert finding["command"].startswith(f"{COMMAND},protocol.split.train=0.7,")


def test_a_quarter_of_few_epochs_is_the_last() -> None:
    (finding,) = examine(study(course=RISING[:6], rates=[0.001] * 6).evidence())
    assert finding["code"] == "RB104"
    assert finding["seen"].startswith("in the last epoch the baseline's validation accuracy rose")


def test_a_seed_far_below_the_others() -> None:
    found = examine(study(outlier={"l2": 0.5}).evidence())
    (finding,) = (of for of in found if of["code"] == "RB105")
    assert "l2 seed 1 has 50.0 % where its median is 84.0 %" in finding["seen"]


def test_of_several_networks_each_has_its_own_findings_and_the_images_theirs_once() -> None:
    sound, sick = Study().evidence(), with_accuracies(baseline=(0.6, 0.5, 0.49)).evidence()
    results = {
        f"{technique}.{network}": of
        for network, evidence in (("mlp", sound), ("cnn", sick))
        for technique, of in evidence.results.items()
    }
    both = dataclasses.replace(
        sound,
        results=results,
        comparison=compare(results, {}, sound.reporting.band),
        duplicates=study(duplicates=LEAKS).evidence().duplicates,
    )
    found = [(finding["code"], finding["network"]) for finding in examine(both)]
    assert ("RB103", "cnn") in found
    assert ("RB103", "mlp") not in found
    assert found.count(("RB204", "")) == 1


def test_equal_settings_on_different_networks_are_two_techniques() -> None:
    evidence = study(settings={"techniques.l2": {}}).evidence()  # as the baseline's
    results = {
        f"{technique}.{network}": of
        for network in ("mlp", "cnn")
        for technique, of in evidence.results.items()
        if (technique, network) != ("l2", "mlp")
    }
    compared = compare(results, {}, evidence.reporting.band)
    found = examine(dataclasses.replace(evidence, results=results, comparison=compared))
    assert [each["network"] for each in found if each["code"] == "RB305"] == ["cnn"]
