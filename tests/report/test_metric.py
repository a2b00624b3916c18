"""The report of a study that another metric than accuracy decides."""

import re

import numpy as np
import pandas as pd
import pytest
from tests.comparison.metric_study import CLASSES, STUDY, TARGETS, results

from regbench.comparison.compare import compare, with_study_figures
from regbench.evaluation.results import Results
from regbench.report.answer import verdict_sentence
from regbench.report.page import ReportContent, render_report
from regbench.report.plots.differences import difference_plot
from regbench.report.sentences import beating_largest_class
from regbench.report.text_table import comparison_table, results_table

COMMAND = "kedro run"


def compared(
    metric: str, largest_class: float | None = None, study: dict[str, Results] | None = None
) -> pd.DataFrame:
    found = compare(study or STUDY, {}, 0.001, metric=metric, largest_class=largest_class)
    return with_study_figures(found, 0.001)


def page(comparison: pd.DataFrame) -> str:
    """The report as text without its style, script and pictures."""
    learnt = {"train_accuracy": [0.5], "validation_accuracy": [0.5]}
    made = {
        name: Results(
            of.trainings,
            pd.DataFrame({"seed": [1], "epoch": [1]} | learnt),
            of.predictions,
            of.measurements,
        )
        for name, of in STUDY.items()
    }
    files = [f"{number:03}" for number in range(len(TARGETS))]
    labels = np.array(CLASSES, dtype=object)[TARGETS]
    content = ReportContent(
        comparison=comparison,
        results=made,
        classes=CLASSES,
        images=np.zeros((len(TARGETS), 4, 4, 1), np.uint8),
        split_index=pd.DataFrame({"filename": files, "label": labels, "split": "test"}),
        rejected=pd.DataFrame(columns=["filename", "reason"]),
        settings={},
        provenance={},
        notes=[],
        claims=None,
    )
    return re.sub(r"<(style|script|svg).*?</\1>", "", render_report(content), flags=re.DOTALL)


@pytest.mark.parametrize(
    ("metric", "title", "heading", "unit"),
    [
        ("balanced_accuracy", "test balanced accuracy", "test balanced accuracy, %", "points"),
        ("macro_f1", "test macro F1", "test macro F1, %", "points"),
        ("cross_entropy", "test cross-entropy", "test cross-entropy, nats", "nats"),
        (
            "log_likelihood_per_class",
            "test log-likelihood per class",
            "test log-likelihood per class, nats",
            "nats",
        ),
    ],
)
def test_the_page_is_of_the_metric_and_its_unit(
    metric: str, title: str, heading: str, unit: str
) -> None:
    shown = page(compared(metric, 0.4))
    assert f"Headline: {title} over" in shown
    lower = metric == "cross_entropy"
    assert f'aria-sort="{"ascending" if lower else "descending"}"' in shown
    assert f'<button type="button">{heading}</button>' in shown
    assert '<button type="button">test accuracy, %</button>' in shown
    assert f'<button type="button">difference, {unit} [95 %]</button>' in shown
    assert shown.count(heading) == 2  # the column's heading and its meaning: no second column
    other = {"points": "nats", "nats": "points"}[unit]
    sections = {
        name: shown.partition(f'id="{name}"')[2].partition("</section>")[0]
        for name in ("differences", "method")
    }
    for section in sections.values():
        assert other not in section
    side = "below" if lower else "above"
    assert (
        f"<em>Better</em>: not equivalent, the corrected p value is below 0.05 and the mean "
        f"difference {side} 0." in sections["method"]
    )
    assert ("less is better" in sections["differences"]) == lower
    rows = re.findall(r'<th scope="row">(.*?)</th>', shown.partition("</table>")[0])
    assert rows == ["better", "baseline", "worse", "always the largest class"]


def test_the_sentence_says_by_how_much_in_nats() -> None:
    comparison = compared("cross_entropy")
    difference = comparison.set_index("technique").loc["better", "difference"]
    assert difference < 0
    said = verdict_sentence(comparison)
    assert said.startswith(f"better helps by {-difference:.3f} nats of test cross-entropy [0.")
    assert said.endswith("; worse makes it worse.")


def test_without_a_verdict_the_lowest_cross_entropy_is_named() -> None:
    few = {name: found.of_seeds([1, 2]) for name, found in STUDY.items()}
    said = verdict_sentence(compared("cross_entropy", study=few))
    assert re.search(r"better is at −0\.\d{3} nats .* to the baseline's test cross-entropy", said)
    alone = {name: few[name] for name in ("baseline", "worse")}
    said = verdict_sentence(compared("cross_entropy", study=alone))
    assert re.search(r"the baseline's test cross-entropy, 0\.\d{3} nats, is the lowest\.$", said)
    only = verdict_sentence(compared("cross_entropy", study={"baseline": few["baseline"]}))
    assert re.match(r"The baseline's test cross-entropy is 0\.\d{3} nats; no technique", only)
    missing = verdict_sentence(compared("macro_f1", study={"worse": few["worse"]}))
    assert "the highest test macro F1 is that of worse, " in missing


def test_the_text_table_is_of_the_metric_with_a_line_for_the_largest_class() -> None:
    table = comparison_table(compared("cross_entropy", 0.94321), COMMAND)
    assert table.columns[:3] == ["technique", "test cross-entropy", "to baseline [95 %]"]
    assert "test accuracy" in table.columns  # it does not decide, and is worth knowing
    assert [row[0] for row in table.rows] == [
        *("better", "baseline (reference)", "worse"),
        "always the largest class",
    ]
    assert table.rows[-1] == [
        "always the largest class",
        "0.943",
        *["–"] * (len(table.columns) - 2),
    ]
    assert "'to baseline' in nats, paired by seed, less is better" in " ".join(table.notes)
    (better, *_) = table.rows
    assert re.match(r"-0\.\d{3} \[-0\.\d{3}, -0\.\d{3}\]$", better[2])
    share = comparison_table(compared("balanced_accuracy", 1 / 3), COMMAND)
    assert share.rows[-1][:2] == ["always the largest class", "0.3333"]


class TestLargestClass:
    def test_nobody_beats_it(self) -> None:
        chance = compared("accuracy", 0.999)
        assert not any(beating_largest_class(chance).values())
        said = verdict_sentence(chance)
        assert said == (
            "No technique is shown to beat always answering the largest class (test accuracy "
            "99.9\u00a0%): the network has not learned, and differences mean nothing."
        )
        assert comparison_table(chance, COMMAND).notes[0] == said

    def test_the_baseline_does_not(self) -> None:
        figures = compared("accuracy").set_index("technique")["test_accuracy"]
        between = (figures["better"] + figures["baseline"]) / 2
        found = beating_largest_class(compared("accuracy", between))
        assert found["better"]
        assert not found["baseline"]

    def test_all_or_only_techniques_do(self) -> None:
        assert all(beating_largest_class(compared("accuracy", 0.2)).values())
        assert beating_largest_class(compared("accuracy")) == {}
        assert all(beating_largest_class(compared("cross_entropy", 9.0)).values())
        assert not any(beating_largest_class(compared("cross_entropy", 0.01)).values())

    def test_five_seeds_beat_it_by_their_interval_and_fewer_by_their_mean(self) -> None:
        noisy = {"baseline": results(1.0, spread=0.3)}
        values = noisy["baseline"].by_seed("test_accuracy")
        just_below = values.mean() - 0.5 * values.std() / 5**0.5

        def beats(line: float, study: dict[str, Results]) -> bool:
            return beating_largest_class(compared("accuracy", line, study))["baseline"]

        assert not beats(just_below, noisy)
        few = {"baseline": noisy["baseline"].of_seeds([1, 2])}
        mean = few["baseline"].by_seed("test_accuracy").mean()
        assert beats(mean - 1e-6, few)
        assert not beats(mean, few)

    def test_is_no_technique(self) -> None:
        with_line, without = compared("accuracy", 0.5), compared("accuracy")
        columns = list(without.columns)
        pd.testing.assert_frame_equal(with_line[columns], without)
        assert with_line["largest_class"].tolist() == [0.5] * 3
        assert "largest_class" not in without


def test_the_plot_says_which_side_is_better_and_in_what() -> None:
    axis = difference_plot(compared("cross_entropy"), STUDY).axes[0]
    assert axis.get_xlabel() == "difference to the baseline in nats; left is better"
    marked = {str(line.get_marker()): line.get_xdata() for line in axis.lines}
    assert marked["<"][0] < 0 < marked[">"][0]  # arrows point where the differences lie
    axis = difference_plot(compared("macro_f1"), STUDY).axes[0]
    assert axis.get_xlabel() == "difference to the baseline in percentage points; right is better"


def test_the_legend_of_no_training_that_is_up_to_date_counts_no_seed() -> None:
    stale = compare({"baseline": Results.none()}, {"baseline": "changed since: the images"}, 0.001)
    (_, legend, *_) = comparison_table(stale, COMMAND).notes
    assert legend.startswith("No training is up to date")
    assert "seed" not in legend


def test_the_table_of_a_techniques_seeds_is_of_the_metric() -> None:
    trainings = STUDY["worse"].trainings
    table = results_table("worse", trainings, "cross_entropy", 0.9)
    assert table.columns[:4] == [
        *("seed", "status", "test cross-entropy", "validation cross-entropy"),
    ]
    assert "test accuracy" in table.columns
    assert [row[2] for row in table.rows[:-1]] == [
        f"{value:.3f}" for value in trainings["test_cross_entropy"]
    ]
    last = ["always the largest class", "–", "0.900"]
    assert table.rows[-1] == last + ["–"] * (len(table.columns) - 3)
    assert results_table("worse", trainings).columns[2:4] == [
        "test accuracy",
        "validation accuracy",
    ]
    assert len(results_table("worse", trainings).rows) == 5
