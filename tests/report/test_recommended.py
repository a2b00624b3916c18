"""The recommendation in words."""

from typing import Any

import yaml
from tests.report.test_page import Page, a_report

from regbench.report import recommended
from regbench.report.page import render_report

TEST = {"metric": "accuracy", "difference": 0.021, "difference_low": 0.018, "verdict": "better"}
TEST["difference_high"] = 0.024
UNDECIDED = {"name": "l2", "verdict": "undecided", "is_waiting": False}


def found(**changed: Any) -> dict[str, Any]:
    """A recommendation as ``recommendation.conclude`` returns it."""
    candidates = [
        {"name": "l2", "verdict": "equivalent", "is_waiting": False},
        {"name": "zca", "verdict": "worse", "is_waiting": False},
    ]
    step = {"kind": "add", "reference": "augmentation+dropout", "chosen": None}
    return {
        "regularizers": {"augmentation": True, "dropout": 0.1, "learning_rate": {"factor": 2.0}},
        "techniques": ["augmentation", "dropout"],
        "test": TEST,
        "time_ratio": 1.31,
        "steps": [{**step, "candidates": candidates}],
        "is_finished": True,
        "left_out": {},
        "stale": {},
        "not_tried": [],
        "failed": {},
        "workers_failed": [],
        "settings": {"minutes": 60.0, "max_techniques": 3, "candidates": 6},
        **changed,
    }


def last(*candidates: dict[str, Any], kind: str = "add") -> list[dict[str, Any]]:
    return [{"kind": kind, "reference": "one", "chosen": None, "candidates": list(candidates)}]


def test_the_sentence() -> None:
    begin = "augmentation + dropout 0.1 + learning rate (factor 2.0); "
    effect = "+2.10 points of test accuracy [1.80, 2.40]; 1.3 x the time; "
    assert recommended.sentence(found()) == f"{begin}{effect}nothing more helped"
    for changed, end in (
        ({"steps": last(UNDECIDED)}, "undecided whether more helps: l2"),
        (
            {"steps": last({**UNDECIDED, "is_waiting": True}), "is_finished": False},
            "time was up for l2",
        ),
        (
            {"techniques": ["a", "b", "c"], "steps": last(UNDECIDED, kind="drop")},
            "more than 3 techniques were not tried",
        ),
        ({"failed": {"zca": ["it diverged"]}}, "nothing more helped; failed: zca"),
    ):
        assert recommended.sentence(found(**changed)) == f"{begin}{effect}{end}"
    undecided = found(test={**TEST, "verdict": "undecided", "difference": 0.001})
    assert "[1.80, 2.40], undecided on test images;" in recommended.sentence(undecided)
    assert "not compared on test" in recommended.sentence(found(test={**TEST, "difference": None}))


def test_the_baseline_is_recommended_and_why() -> None:
    nothing = {"test": {}, "regularizers": {}}
    none = recommended.sentence(found(**nothing, steps=last(UNDECIDED, kind="first")))
    assert none == "baseline; no technique is shown to be better: 1 undecided (l2)"
    waiting = {**UNDECIDED, "verdict": None, "is_waiting": True}
    late = found(**nothing, steps=last(waiting, kind="first"), is_finished=False)
    assert recommended.sentence(late) == "baseline; time was up for l2"
    alone = recommended.sentence(found(**nothing, steps=last(kind="first")))
    assert alone == "baseline; there is no other technique"
    assert yaml.safe_load(recommended.entry_alone(late)) == {"techniques": {"baseline": {}}}


def test_the_entry_and_the_lines_say_where_it_comes_from() -> None:
    one = found(
        left_out={"a + b": "two values for l2", "a + c": "two values for l2"},
        stale={"l1": "changed since: the images", "l2": "changed since: the images"},
        failed={"zca": ["it diverged"]},
        not_tried=["l1"],
        workers_failed=["killed"],
        is_finished=False,
    )
    text = recommended.entry(one, "uv run kedro run")
    assert yaml.safe_load(text) == {"techniques": {"recommended": one["regularizers"]}}
    for line in (
        "left out: a + b, a + c (two values for l2)",
        "failed: zca: it diverged",
        "a worker ended: killed",
        "not up to date: changed since: the images",
        "time was up (60 minutes, recommend.minutes)",
        "recommend.candidates): l1",
    ):
        assert f"# {line}" in text or line in text
        assert any(line in told for told in recommended.lines(one))
    assert "  on top of augmentation+dropout: equivalent: l2; worse: zca" in recommended.lines(one)


def test_what_is_partly_trained_is_not_called_untrained() -> None:
    partly = {**UNDECIDED, "verdict": None, "is_waiting": True, "needed": 5}
    candidates = [{**partly, "pairs": 3}, {**partly, "pairs": 0, "name": "zca"}]
    [step] = recommended.steps(found(steps=last(*candidates, kind="first")))
    assert step.endswith(": not judged, 3 of 5 seeds trained: l2; not trained: zca")


def test_the_page_says_what_the_points_are_measured_against() -> None:
    for test, said in ((TEST, True), (None, False)):
        one = found(test=test, steps=last(UNDECIDED, kind="first"))
        one["sentence"] = recommended.sentence(one)
        page = Page(render_report(a_report(recommendation=one)))
        [box] = [text for attrs, text in page.all("aside") if "recommended" in attrs["class"]]
        # An interval is not broken across lines: the page has spaces there that do not break.
        assert box.replace("\xa0", " ").startswith(f"Recommended: {one['sentence']}.")
        assert ("Points and time are against the baseline." in box) is said


def test_what_failed_is_told_as_failed_and_not_by_its_verdict() -> None:
    candidates = [
        {"name": name, "verdict": verdict, "is_waiting": False, "pairs": 5, "needed": 5}
        for name, verdict in (("hot", "descriptive only"), ("zca", "worse"), ("l2", "better"))
    ]
    one = found(steps=last(*candidates, kind="first"), failed={"hot": ["it diverged"]})
    [step] = recommended.steps(one)
    assert step == "alone, against the baseline: better: l2; worse: zca; failed: hot"
