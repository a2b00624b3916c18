"""What the report says of a study with looks: figures are the looks', and sentences agree."""

import html
import re
from dataclasses import replace

import numpy as np
import pytest
from tests.report import staged_study
from tests.report.staged_study import BAND, LOOKS, SHIFTS, STEP

from regbench.comparison.compare import compare
from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.judge import judge
from regbench.evaluation.results import Results
from regbench.report.answer import verdict_sentence
from regbench.report.facts import key_facts, verdict_meanings
from regbench.report.html_table import techniques_table
from regbench.report.page import render_report
from regbench.report.plots.differences import difference_plot
from regbench.report.text_table import comparison_table, comparison_tables

EXPECTED = judge(
    {name: STEP * np.array(shifts) for name, shifts in SHIFTS.items()},
    Design(LOOKS, len(SHIFTS), BAND),
    smallest_sd=STEP / 2,
)
LONG = "dropout_with_a_long_name"


@pytest.fixture(scope="module")
def page() -> str:
    rendered = html.unescape(render_report(staged_study.content()))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", rendered))


def test_the_study_has_every_verdict() -> None:
    assert {name: found.verdict for name, found in EXPECTED.items()} == {
        "augmentation": "better",
        "zca": "worse",
        "l2": "equivalent",
        LONG: "undecided",
        "l1": "undecided",
    }
    assert EXPECTED["l1"].futile
    assert not EXPECTED[LONG].futile


def test_the_sentence_answers_with_the_looks_figures() -> None:
    helps = EXPECTED["augmentation"]
    open_, futile = EXPECTED[LONG].further_seeds, EXPECTED["l1"].further_seeds
    compared = staged_study.comparison()
    assert open_ is not None
    assert open_ < 100
    assert futile is not None
    # Trainings take 30 s, two at once; l1 and the baseline, which has 12, train l1's further ones.
    hours = (futile * 30 + (5 + futile - 12) * 30) / 2 / 3600
    assert verdict_sentence(compared) == (
        f"augmentation helps by {100 * helps.mean:.2f} points of test accuracy "
        f"[{100 * helps.low:.2f}, {100 * helps.high:.2f}]; l2 makes no difference; zca makes it "
        "worse; 2 are undecided."
    )
    (note,) = (n for n in comparison_table(compared, "run").notes if n.startswith("Undecided"))
    assert note.endswith(
        f"a later look adds them: {LONG} ({open_} more seeds, about {open_ * 30 / 60:.0f} minutes) "
        f"and l1 (stopped without prospect, would take about {round(futile, -1)} more seeds, "
        f"{hours:.0f} hours)."
    )


@pytest.mark.parametrize("trained", ["baseline", "l2"])
def test_a_study_of_one_trained_technique_has_a_report(trained: str) -> None:
    content = staged_study.content()
    results = {"baseline": Results.none(), "l2": Results.none()} | {
        trained: content.results[trained].of_seeds(range(1, LOOKS[0] + 1))
    }
    compared = compare(results, {}, BAND, seeds=LOOKS[-1], looks=LOOKS)
    assert "verdict" not in compared
    assert render_report(replace(content, comparison=compared, results=results))
    decided = [figure for name, figure, _ in key_facts(compared, "test") if name == "Decided"]
    assert decided == ([] if trained == "baseline" else ["0 of 1"])
    notes = " ".join(comparison_table(compared, "kedro run").notes)
    assert "to baseline" not in notes  # there is no such column


def test_intervals_in_the_table_agree_with_verdicts() -> None:
    table = comparison_table(staged_study.comparison(), "kedro run")
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    for name, found in EXPECTED.items():
        row = rows[name]
        assert row["verdict"] == found.verdict
        assert row["seeds"] == str(found.pairs)
        low, high = map(float, re.findall(r"[+-]\d+\.\d+", row["to baseline [95 %]"])[1:])
        assert (low, high) == pytest.approx((100 * found.low, 100 * found.high), abs=0.00501)
        inside = -100 * BAND <= low <= high <= 100 * BAND
        assert inside == (found.verdict == "equivalent")
        if not inside:
            assert (low > 0) == (found.verdict == "better")
            assert (high < 0) == (found.verdict == "worse")


def test_the_notes_say_what_was_saved_and_what_the_verdicts_mean() -> None:
    compared = staged_study.comparison()
    made = int(compared["trainings"].sum())
    (table,) = comparison_tables(compared, "kedro run")
    answer, _, verdicts, undecided, *_ = table.notes
    assert answer == verdict_sentence(compared)
    assert f"(decided 3 of 5 with {made} of {6 * LOOKS[-1]} trainings)" in verdicts
    assert "within ±2 points, the band" in verdicts
    assert "decided early is on average a little too large" in verdicts
    assert undecided.startswith("Undecided is no proof of equality.")
    assert "a later look adds them" in undecided
    facts = {name: (figure, remark) for name, figure, remark in key_facts(compared, "test")}
    assert facts["Decided"] == ("3 of 5", "techniques besides the baseline")
    trained = (
        f"{made} of {made}",
        "5 techniques and the baseline; 25 more were not needed",
    )
    assert facts["Trainings finished"] == trained


def test_verdicts_are_explained_by_the_interval_and_the_band() -> None:
    meanings = verdict_meanings(staged_study.comparison())
    assert meanings["better"] == "the interval lies above 0, and not within ±2 points"
    assert "3 pairs of trainings" in meanings["descriptive only"]
    assert not any("p value" in meaning for meaning in meanings.values())


def test_details_have_the_uncorrected_interval() -> None:
    table = techniques_table(staged_study.comparison(), "test")
    titles = [column.title for column in table["columns"]]
    assert {"seeds", "more seeds", "paired t [95 %]"} <= set(titles)
    assert "p, Holm" not in titles
    (cells,) = (
        row["cells"] for row in table["tables"][0]["rows"] if row["technique"] == "augmentation"
    )
    plain = cells[titles.index("paired t [95 %]")].text
    found = EXPECTED["augmentation"]
    assert plain == f"[{100 * found.plain_low:.2f}, {100 * found.plain_high:.2f}]"


def test_the_plot_draws_the_interval_of_the_verdict() -> None:
    figure = difference_plot(staged_study.comparison())
    drawn = [
        tuple(line.get_xdata()) for line in figure.axes[0].lines if line.get_linewidth() == 4.5
    ]
    for found in EXPECTED.values():
        ends = (100 * found.low, 100 * found.high)
        assert any(np.allclose(ends, np.asarray(line, dtype=float)) for line in drawn)
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "joint 95 % interval" in texts
    assert "95 % interval (paired t)" not in texts


def test_the_page_explains_looks_and_not_what_they_replace(page: str) -> None:
    assert "A technique’s first verdict is final" in page
    assert "is on average a little too large" in page
    assert f"{LONG} ({EXPECTED[LONG].further_seeds} more seeds, about " in page
    assert "Looks that are added later read all verdicts anew" in page
    for of_one_judgement in ("Holm", "Could have been found", "Detectable difference"):
        assert of_one_judgement not in page


def test_a_failed_training_is_said_beside_what_it_helps() -> None:
    lost = staged_study.comparison({"augmentation": 2})
    row = lost.set_index("technique").loc["augmentation"]
    assert row["pairs"] == row["trainings"] - 1
    said = verdict_sentence(lost)
    assert f"1 of its {row['trainings']} trainings failed" in said
