"""The page of the history: every run and technique, what changed, and nothing from outside."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from regbench.history import trend
from regbench.history.page import duration, render_history
from regbench.history.table import empty_history

APast = Callable[..., pd.DataFrame]
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def past(a_past_run: APast) -> pd.DataFrame:
    alarm = {"alarms": f"l2 fell\n{HOSTILE}"}
    return pd.concat(
        [
            a_past_run(1, {"l2": 0.91, "baseline": 0.9, "gone": 0.85}),
            a_past_run(2, {"l2": 0.92, "baseline": 0.9}, data="d2", split="s2"),
            a_past_run(3, {"l2": 0.94, "baseline": 0.9}, data="d2", split="s2", protocol="p2"),
            a_past_run(
                4, {"l2": None, "baseline": 0.912}, data="d2", split="s2", protocol="p2", **alarm
            ),
        ],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def page(past: pd.DataFrame) -> str:
    return render_history(past, [HOSTILE, "two"], HOSTILE)


def row(page: str, day: int) -> str:
    rows = re.findall(r"<tr>.*?</tr>", page, flags=re.DOTALL)
    return next(text for text in rows if f"2026-01-{day:02} 02:00" in text)


def test_every_run_has_a_row_and_its_report(page: str) -> None:
    for day in (1, 2, 3, 4):
        assert f'<a href="reports/2026-01-{day:02}T020000Z.html">' in row(page, day)
    days = [int(day) for day in re.findall(r"2026-01-(\d\d) 02:00</a>", page)]
    assert days == [4, 3, 2, 1]
    assert ">protocol<" in row(page, 3)
    assert ">data<" in row(page, 2)
    assert 'class="changed"' not in row(page, 1)
    assert ">92.00 [91.00, 93.00]<" in row(page, 2)
    assert "<td>90.00</td>" in row(page, 2)
    told = page[page.index(row(page, 4)) :].partition("</tr>")[2].partition("</tr>")[0]
    assert "<li>l2 fell</li><li>&lt;script&gt;" in told
    assert page.count('class="told"') == 1
    assert "[95&nbsp;%]</th>" in page  # in one piece however narrow the column
    assert "1 of 2" in row(page, 4)


def test_a_report_made_by_a_command_of_its_own_does_not_hide_the_trainings(
    page: str, a_past_run: APast
) -> None:
    assert "<td>15 s</td>\n        <td>60 s</td>" in row(page, 4)  # 5 seeds of 3 s; 5 failed
    hours = a_past_run(5, {"baseline": 0.9, "l2": 0.9}, run_seconds=8.0, seconds=2880.0)
    assert "<td>8 h 00 min</td>\n        <td>8 s</td>" in row(render_history(hours, [], ""), 5)


def test_every_technique_has_a_picture(page: str) -> None:
    labels = re.findall(r'aria-label="(\w+: test accuracy.*?)"', page)
    assert labels == [
        "l2: test accuracy over 3 runs, from 91.00\u00a0% to 94.00\u00a0%, "
        "between 91.00\u00a0% and 94.00\u00a0%.",
        "baseline: test accuracy over 4 runs, from 90.00\u00a0% to 91.20\u00a0%, "
        "between 90.00\u00a0% and 91.20\u00a0%.",
        "gone: test accuracy over 1 run: 85.00\u00a0%.",
    ]
    for word in ("data", "protocol"):
        assert re.search(rf"<text[^>]*>{word}</text>", page)


def test_what_is_new_is_a_sentence(page: str, past: pd.DataFrame) -> None:
    assert (
        "The last run, of 2026-01-04 02:00 UTC: baseline is best on validation, with 91.20\u00a0% "
        "test accuracy, 2.80 points less than the best of the run before." in page
    )
    at_three = past[past["time"].dt.day <= 3]
    later = render_history(at_three[at_three["technique"] == "l2"], [], "")
    assert "2.00 points more than the best of the run before; changed since: protocol." in later
    assert 'role="alert"' not in later


def test_the_newest_figures_stand_beside_those_of_the_run_before(a_past_run: APast) -> None:
    nothing = {"test_macro_f1": None, "weights": None, "seconds": None}
    changed = {"test_macro_f1": 0.79, "weights": 1e6 + 1234, "untrained": nothing}
    past = pd.concat(
        [
            a_past_run(1, {"l2": 0.91, "baseline": 0.9}, test_macro_f1=0.8, weights=1e6),
            a_past_run(2, {"l2": 0.93, "new": 0.9, "untrained": None}, **changed),
        ],
        ignore_index=True,
    )
    table = render_history(past, [], "").partition('id="figures"')[2].partition("</details>")[0]
    headings = re.findall(r'<th scope="col">(.*?)</th>', table)
    assert headings == [
        "technique",
        "validation accuracy, %",
        "test macro F1, %",
        "seconds",
        "parameters",
    ]
    cells = {
        name: re.findall(r"<td>(.*?)</td>", row)
        for name, row in re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', table, re.DOTALL)
    }
    assert cells["l2"] == [
        "93.00 <small>+2.00</small>",
        "79.00 <small>−1.00</small>",
        "3.0 <small>0.0</small>",
        "1,001,234 <small>+1,234</small>",
    ]
    assert cells["new"] == ["90.00", "79.00", "3.0", "1,001,234"]
    assert "untrained" not in cells
    assert "<dt>test macro F1, %</dt><dd>on the test images: the mean over classes" in table


def test_alarms_stand_at_the_top(page: str) -> None:
    assert "2 alarms of the last run" in page
    assert "<li>two</li>" in page


def test_nothing_comes_from_outside_and_all_is_escaped(page: str) -> None:
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", page)
    links = set(re.findall(r'href="(.*?)"', page))
    assert {link for link in links if not link.startswith(("reports/", "#"))} == {"data:,"}


def test_a_history_without_runs_is_a_page_too() -> None:
    assert "No run has compared anything yet." in render_history(empty_history(), [], "set.zip")


def test_a_run_in_which_all_failed(a_past_run: APast) -> None:
    page = render_history(a_past_run(1, {"baseline": None}), [], "set.zip")
    assert "has no figures: every technique failed." in page
    assert "No technique has any figures yet." in page


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (float("nan"), "–"),
        (4.4, "4 s"),
        (100, "2 min"),
        (5940, "99 min"),
        (7200, "2 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_a_duration_is_read_at_a_glance(seconds: float, said: str) -> None:
    assert duration(seconds) == said


class TestTrend:
    def test_only_the_last_runs_are_drawn(self, a_past_run: APast) -> None:
        many = pd.concat([a_past_run(day, {"l2": 0.9}) for day in range(1, 29)] * 3)
        many["run"] = [f"{place}" for place in range(84)]
        assert trend.recent_runs(many)["run"].tolist() == [str(place) for place in range(24, 84)]

    def test_only_runs_judged_alike_are_drawn(self, a_past_run: APast) -> None:
        past = pd.concat(
            [a_past_run(1, {"l2": 0.9}, part="validation"), a_past_run(2, {"l2": 0.8})]
        )
        assert trend.recent_runs(past)["run"].tolist() == ["2026-01-02T020000Z"]

    def test_a_panel_shows_figures_interval_and_failures(self, a_past_run: APast) -> None:
        spoiled = {"failed_trainings": 1, "status": "failed"}
        past = pd.concat(
            [
                a_past_run(1, {"l2": 0.9, "baseline": 0.8}),
                a_past_run(2, {"baseline": 0.81}),
                a_past_run(3, {"l2": 0.92, "baseline": 0.82}, l2=spoiled, data="d2"),
            ],
            ignore_index=True,
        )
        axis = trend.trend_plot(past, ["l2"]).axes[0]
        lines = {str(line.get_marker()): line.get_xydata() for line in axis.lines}
        np.testing.assert_allclose(lines["o"], [[0, 90], [1, np.nan]])
        np.testing.assert_allclose(lines["X"], [[2, 92]])
        (intervals,) = axis.collections
        drawn = [segment for segment in intervals.get_segments() if len(segment)]
        np.testing.assert_allclose(drawn, [[[0, 89], [0, 91]], [[2, 91], [2, 93]]])
        assert [text.get_text() for text in axis.texts] == ["data"]

    def test_no_share_below_zero_is_on_the_axis(self, a_past_run: APast) -> None:
        """Words below the curves need room, and accuracies near zero leave none above it."""
        past = pd.concat([a_past_run(1, {"l2": 0.02}), a_past_run(2, {"l2": 0.9}, data="d2")])
        axis = trend.trend_plot(past, ["l2"]).axes[0]
        assert axis.get_ylim()[0] < -20
        ticks = axis.get_yticks()
        assert 0 <= ticks[0] < ticks[-1] <= 100
        assert len(ticks) >= 3

    def test_marks_that_stand_close_share_a_word(self, a_past_run: APast) -> None:
        days = range(1, 29)
        past = pd.concat([a_past_run(day, {"l2": 0.9}, data=f"d{day}") for day in days])
        axis = trend.trend_plot(past, ["l2"]).axes[0]
        lines = [line for line in axis.lines if line.get_linestyle() == "--"]
        assert len(lines) == 27
        assert 9 <= len(axis.texts) < 27
