"""The page of a search: its table says what the trials came to."""

import html
import re
from typing import Any

import pytest

from regbench.report.tuning_page import at_edge, tuning_page

FACTOR = {"setting": "l2.factor", "own": 1e-4, "low": 1e-6, "high": 1e-2, "log": True}
RATE = {"setting": "dropout.rate", "own": 0.5, "low": 0.0, "high": 0.8, "log": False}


def outcome(searched: dict[str, Any], value: float, **changed: Any) -> dict[str, Any]:
    label = searched["setting"]
    of = {"epochs": 5, "seconds": 1.0}
    trials = [
        {"point": 0, "state": "complete", "score": 0.9, "values": {}, **of},
        {"point": 1, "state": "complete", "score": 0.9412, "values": {label: value}, **of},
        {"point": 2, "state": "failed", "score": None, "values": {label: 1e-3}, **of}
        | {"reason": "the loss is <not> finite"},
    ]
    return {
        **{"technique": label.split(".")[0], "metric": "accuracy", "rule": "epochs", "budget": 15},
        **{"sampler": "quasi_random", "searched": [searched], "trials": trials, "epochs": 15},
        **{"own_score": 0.9, "best": {"point": 1, "score": 0.9412}, "importance": {}},
    } | changed


def rows_of(page: str) -> list[list[str]]:
    rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', page)
    return [[re.sub("<.*?>", "", cell) for cell in re.split("</t[hd]>", row)[:-1]] for row in rows]


def test_the_table_has_scores_budget_failures_and_the_value_found() -> None:
    nothing = outcome(RATE, 0.4, best=None, own_score=None, trials=[], epochs=0, reason="no memory")
    page = tuning_page({"l2": outcome(FACTOR, 9e-3), "dropout": nothing}, "a <folder>")
    l2, dropout = rows_of(page)
    assert l2 == ["l2", "90.00", "94.12", "15", "3", "0", "1", "l2.factor", "l2.factor 0.009"]
    assert dropout[0] == "dropout"
    assert dropout[3:7] == ["0", "0", "0", "0"]
    assert dropout[-1] == "nothing"
    text = html.unescape(page)
    assert "l2, failed: the loss is <not> finite" in text
    assert "dropout, failed: no memory" in text
    assert "15 epochs for every technique" in text
    assert "kedro run --env=tuned" in text
    assert "a &lt;folder>" in page or "a &lt;folder&gt;" in page
    assert page.count("<svg") == 2 * 3  # each for a page and for a telephone
    assert not re.search(r'(src|href)="(?!#|data:)', page)


@pytest.mark.parametrize(
    ("searched", "value", "is_at_edge"),
    [
        (FACTOR, 1e-4, False),
        (FACTOR, 1e-2 / 10**0.19, True),  # 5 % of four powers of ten are 0.2
        (FACTOR, 1e-2 / 10**0.21, False),
        (FACTOR, 1e-6 * 10**0.19, True),
        (RATE, 0.77, True),
        (RATE, 0.75, False),
        (RATE, 0.0, False),  # off is no edge
    ],
)
def test_a_value_is_at_the_edge_within_five_percent_of_the_range(
    searched: dict[str, Any], value: float, is_at_edge: bool
) -> None:
    assert bool(at_edge(outcome(searched, value))) is is_at_edge


def test_the_importance_is_told_in_figures_too() -> None:
    shares = {"l2.factor": 0.7, "learning_rate.factor": 0.3}
    page = tuning_page({"l2": outcome(FACTOR, 9e-3, importance=shares)}, "digits.zip")
    assert rows_of(page)[1:] == [["l2", "factor 70 %, learning rate 30 %"]]
    assert "Importance in figures" not in tuning_page({"l2": outcome(FACTOR, 9e-3)}, "digits.zip")
