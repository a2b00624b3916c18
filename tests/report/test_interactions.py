"""The section on pairs of techniques: its figures, its plot, and when it is there."""

from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.report.test_page import HOSTILE, Page, a_report

from regbench.report.interactions import interactions_shown
from regbench.report.page import render_report
from regbench.report.plots.interactions import interaction_plot

HEADING = "Which techniques help each other"


def pairs(**changes: Any) -> pd.DataFrame:
    row = {
        "base": "baseline",
        "one": "dropout",
        "other": HOSTILE,
        "both": "dropout_l1",
        "seeds": 8,
        "one_difference": 0.0312,
        "other_difference": -0.01,
        "both_difference": 0.0412,
        "interaction": 0.02,
        "interaction_sd": 0.01,
        "interaction_low": 0.0125,
        "interaction_high": 0.0275,
        "p_value": 0.001,
        "p_adjusted": 0.002,
        "verdict": "help each other",
        "metric": "accuracy",
    }
    undecided = {"one": "l1", "other": "l2", "verdict": "descriptive only", "p_adjusted": None}
    alone = dict.fromkeys(("interaction_low", "interaction_high"))
    return pd.DataFrame([row | changes, row | undecided | alone | {"seeds": 1}])


def test_shows_each_alone_the_sum_and_both_together() -> None:
    page = Page(render_report(a_report(interactions=pairs())))
    assert ("interactions", HEADING) in [(attrs["id"], text) for attrs, text in page.all("h2")]
    [table] = [n for n, (_, text) in enumerate(page.all("table")) if "together − sum" in text]
    heads, first, second = page.rows(table)
    cells = dict(zip(heads, first, strict=True))
    assert cells["pair"] == f"dropout + {HOSTILE}"
    assert cells["verdict"] == "▶ help each other"
    assert [cells[name] for name in ("first alone", "second alone", "sum of both", "together")] == [
        "+3.12",
        "−1.00",
        "+2.12",
        "+4.12",
    ]
    assert cells["together − sum [95 %]"] == "+2.00 [1.25, 2.75]"
    assert dict(zip(heads, second, strict=True))["together − sum [95 %]"] == "+2.00"
    [described] = [of for of in page.attributes("aria-label") if "beyond the sum" in of][:1]
    assert "+2.00 [1.25, 2.75], help each other; l1 + l2 +2.00, descriptive only." in described
    assert "<script>alert" not in page.html


def test_says_what_is_missing_and_is_not_there_without_pairs() -> None:
    page = render_report(a_report(interactions=pairs().head(0)))
    assert "No pairs: the baseline, two techniques" in page
    assert HEADING not in render_report(a_report())
    assert interactions_shown(None, 0.0)["interactions"] is None


@pytest.mark.parametrize("network", [None, "mlp"])
@pytest.mark.parametrize("metric", ["accuracy", "cross_entropy"])
def test_the_plot_has_a_mark_and_an_interval_for_each(metric: str, network: str | None) -> None:
    table = pairs(one="dropout", other="l1").assign(metric=metric)
    if network:
        table.insert(0, "network", network)
    figure = interaction_plot(table, 0.005)
    [axis] = figure.axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == [
        f"{f'{network}: ' if network else ''}{of}" for of in ("l1 + l2", "dropout + l1")
    ]
    factor = 100 if metric == "accuracy" else 1
    drawn = [list(map(float, line.get_xdata())) for line in axis.lines]
    assert pytest.approx([factor * 0.0125, factor * 0.0275]) in drawn
    assert isinstance(interaction_plot(table.head(0), 0.0), Figure)
