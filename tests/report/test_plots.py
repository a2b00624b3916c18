"""Pictures: what is drawn is what was given."""

import io
import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from scipy.optimize import minimize

from regbench.evaluation.classification import reliability
from regbench.evaluation.results import Results
from regbench.report.plots import (
    confusion,
    corruptions,
    cost,
    differences,
    gaps,
    learning_curves,
    pruning,
)
from regbench.report.plots import (
    reliability as plots_reliability,
)
from regbench.report.plots import style as drawing
from regbench.report.plots.contact_sheet import contact_sheet, sheet_rows


def pixels(figure: Figure) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return np.asarray(Image.open(buffer).convert("RGB"))


def middle_of(figure: Figure, axis: Any) -> np.ndarray:
    """The colour at the middle of an axis as it is drawn."""
    drawn = pixels(figure)
    x, y = figure.transFigure.inverted().transform(axis.transAxes.transform((0.5, 0.5)))
    return drawn[int((1 - y) * drawn.shape[0]), int(x * drawn.shape[1])]


class TestSheetRows:
    index = pd.DataFrame(
        {
            "target": [0, 0, 0, 1, 2, 2, 1, 0],
            "split": ["test", "train", "train", "train", "train", "train", "validation", "train"],
        },
        index=range(8, 0, -1),
    )

    def test_are_the_first_of_each_class_then_the_next(self) -> None:
        assert sheet_rows(self.index).tolist() == [1, 3, 4, 2, 5, 7]

    def test_are_no_more_than_asked_for(self) -> None:
        assert sheet_rows(self.index, most=2).tolist() == [1, 3]

    def test_never_leave_the_train_part(self) -> None:
        random = np.random.default_rng(0)
        index = pd.DataFrame(
            {
                "target": random.integers(0, 7, 300),
                "split": random.choice(["train", "validation", "test"], 300),
            }
        )
        rows = sheet_rows(index)
        assert len(rows) == 10
        chosen = index.iloc[rows]
        assert (chosen["split"] == "train").all()
        assert chosen["target"].tolist() == [*range(7), 0, 1, 2]


class TestContactSheet:
    def test_shows_every_image_under_its_label(self) -> None:
        random = np.random.default_rng(0)
        grey = random.integers(0, 256, (3, 5, 4, 1), dtype=np.uint8)
        whitened = random.normal(size=(3, 5, 4, 1)).astype(np.float32)
        figure = contact_sheet({"original": grey, "whitened": whitened}, ["ant", "bee", "cat"])
        (axis,) = figure.axes
        places = {text.get_text(): text.get_position() for text in axis.texts}
        assert [places[label][0] for label in ("ant", "bee", "cat")] == [0, 1, 2]
        assert [places[title][1] for title in ("original", "whitened")] == [0, 1]
        found = {}
        for shown in axis.images:
            left, right, bottom, top = shown.get_extent()
            assert (right - left) / (bottom - top) == pytest.approx(4 / 5)
            place = round((bottom + top) / 2), round((left + right) / 2)
            found[place] = np.asarray(shown.get_array())
        assert sorted(found) == [(row, column) for row in range(2) for column in range(3)]
        for column, image in enumerate(grey):
            np.testing.assert_allclose(found[0, column], image[..., 0] / 255, rtol=1e-5)
        for column, image in enumerate(whitened):
            shown = found[1, column]
            assert (shown.min(), shown.max()) == pytest.approx((0, 1))
            assert np.corrcoef(shown.ravel(), image.ravel())[0, 1] == pytest.approx(1)
        assert pixels(figure).std() > 10

    def test_takes_colour(self) -> None:
        red = np.zeros((1, 4, 4, 3), np.uint8)
        red[..., 0] = 255
        figure = contact_sheet({"original": red}, ["red"])
        assert middle_of(figure, figure.axes[0]).tolist() == [255, 0, 0]

    @pytest.mark.parametrize("level", [0, 128, 255])
    def test_shows_grey_as_it_is(self, level: int) -> None:
        figure = contact_sheet({"original": np.full((1, 4, 4, 1), level, np.uint8)}, ["grey"])
        np.testing.assert_allclose(middle_of(figure, figure.axes[0]), level, atol=2)

    def test_takes_a_blank_float_image(self) -> None:
        figure = contact_sheet({"whitened": np.zeros((1, 4, 4, 1), np.float32)}, ["blank"])
        assert np.isfinite(np.asarray(figure.axes[0].images[0].get_array())).all()

    def test_shortens_long_labels_and_draws_any(self) -> None:
        labels = ["a label of many letters", "exactly 12 l", "$x_1$ $"]
        figure = contact_sheet({"original": np.zeros((3, 4, 4, 1), np.uint8)}, labels)
        found = [text.get_text() for text in figure.axes[0].texts]
        assert found == ["a label of …", "exactly 12 l", "$x_1$ $", "original"]
        pixels(figure)


def row(
    technique: str, points: float | None = None, verdict: str | None = None, **more: Any
) -> dict[str, Any]:
    """A row of a comparison: intervals of 0.5 and 0.4 points to either side."""
    difference = np.nan if points is None else points / 100
    return {
        "technique": technique,
        "test_accuracy": 0.9 + (0 if points is None else difference),
        "train_accuracy": 0.99,
        "difference": difference,
        "difference_low": difference - 0.005,
        "difference_high": difference + 0.005,
        "bootstrap_low": difference - 0.004,
        "bootstrap_high": difference + 0.004,
        "verdict": verdict,
        **more,
    }


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    compared = pd.DataFrame(rows)
    compared.attrs["band"] = 0.001
    return compared


COMPARED = table(
    row("dropout", 1.6, "better"),
    row("l2", 0.02, "equivalent"),
    row("baseline"),
    row("l1", -0.3, "undecided"),
    row("zca", -2, "worse"),
)


def study(**accuracies: list[float]) -> dict[str, Results]:
    """Results with one answer, three epochs and all measurements per seed."""
    found = {}
    for name, figures in accuracies.items():
        seeds = list(range(1, len(figures) + 1))
        random = np.random.default_rng(len(name))
        epochs = pd.DataFrame(
            {"seed": seed, "epoch": epoch, **dict(zip(HISTORY, random.random(2), strict=True))}
            for seed in seeds
            for epoch in range(1, 4)
        )
        measured = [
            {"seed": seed, "measure": measure, "setting": setting, "value": random.random()}
            for seed in seeds
            for measure, settings in (
                ("accuracy_after_pruning", ["0.5", "0.8", "0.9", "0.95"]),
                ("accuracy_under_corruption", ["shot_noise", "blur"]),
            )
            for setting in settings
        ]
        answers = pd.DataFrame(
            {
                "seed": np.repeat(seeds, 300),
                "split": "test",
                "label": "a",
                "predicted": random.choice(["a", "b"], 300 * len(seeds)),
                "confidence": random.uniform(0.1, 1, 300 * len(seeds)).astype(np.float32),
            }
        )
        trainings = pd.DataFrame({"seed": seeds, "status": "trained", "test_accuracy": figures})
        found[name] = Results(trainings, epochs, answers, pd.DataFrame(measured))
    return found


HISTORY = ("train_accuracy", "validation_accuracy")
RESULTS = study(baseline=[0.90, 0.91], l1=[0.93, 0.89], dropout=[0.92, 0.94])
NOTHING: dict[str, Results] = {"l1": Results.none()}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def names_of(axis: Axes) -> list[str]:
    return [label.get_text() for label in axis.get_yticklabels()]


def lines_at(axis: Axes, height: float) -> dict[str, list[float]]:
    """What is drawn for a row: the places by the line's marker, 'None' for a bare line."""
    filled = [line for line in axis.lines if np.size(line.get_ydata())]
    near = [line for line in filled if np.ptp(np.asarray(line.get_ydata())) == 0]
    return {
        str(line.get_marker()): np.asarray(line.get_xdata()).tolist()
        for line in near
        if abs(np.asarray(line.get_ydata())[0] - height) < 0.3
    }


class TestDifferences:
    def test_are_marked_with_both_intervals_and_every_seed(self) -> None:
        figure = differences.difference_plot(COMPARED, RESULTS)
        axis = figure.axes[0]
        assert names_of(axis) == ["zca", "l1", "l2", "dropout"]
        drawn = lines_at(axis, 3)
        assert drawn[">"] == pytest.approx([1.6])
        assert drawn["None"] == pytest.approx([1.1, 2.1])
        assert drawn["|"] == pytest.approx([1.2, 2.0])
        assert drawn["o"] == pytest.approx([2.0, 3.0])  # the seeds'
        assert lines_at(axis, 1)["None"] == pytest.approx([-0.8, 0.2])

    def test_tell_the_verdict_by_marker_and_word(self) -> None:
        axis = differences.difference_plot(COMPARED).axes[0]
        for height, (marker, word) in enumerate(
            [("<", "worse"), ("o", "undecided"), ("s", "equivalent"), (">", "better")]
        ):
            assert marker in lines_at(axis, height)
            assert any(word in text.get_text() for text in axis.texts if text.xy[1] == height)

    def test_stand_before_the_band(self) -> None:
        axis = differences.difference_plot(COMPARED).axes[0]
        box = axis.patches[0].get_extents().transformed(axis.transData.inverted())
        assert (box.x0, box.x1) == pytest.approx((-0.1, 0.1))

    def test_have_their_figures_written_out(self) -> None:
        for width in (drawing.NARROW, drawing.WIDE):
            written = " ".join(texts(differences.difference_plot(COMPARED, width=width)))
            assert "+1.60 [1.10, 2.10]" in written
            assert "−0.30 [−0.80, 0.20]" in written
            for name in ("dropout", "l2", "l1", "zca"):
                assert name in written

    def test_do_not_squeeze_the_others_if_one_is_far_off(self) -> None:
        far = pd.concat([COMPARED, table(row("broken", -83, "worse"))], ignore_index=True)
        axis = differences.difference_plot(far).axes[0]
        low, high = axis.get_xlim()
        assert -4 < low < -2.5
        assert high > 2.1
        assert lines_at(axis, 0) == {"<": [low]}  # an arrow at the edge
        assert any("−83.00 [−83.50, −82.50]" in text.get_text() for text in axis.texts)

    def test_may_lack_verdicts(self) -> None:
        for verdict in (None, np.nan):
            figure = differences.difference_plot(table(row("l2", 1, verdict=verdict)))
            assert "+1.00 [0.50, 1.50]" in texts(figure)

    def test_may_lack_intervals(self) -> None:
        lone = table({"technique": "l2", "test_accuracy": 0.9, "difference": 0.01})
        assert lines_at(differences.difference_plot(lone).axes[0], 0)["o"] == [1.0]


class TestGap:
    def test_lies_between_test_and_train_accuracy(self) -> None:
        axis = gaps.gap_plot(COMPARED).axes[0]
        assert names_of(axis) == ["zca", "l1", "baseline", "l2", "dropout"]
        drawn = lines_at(axis, 4)
        assert drawn["o"] == pytest.approx([91.6])
        assert drawn["D"] == pytest.approx([99])
        assert "gap +7.40" in texts(axis.figure)  # type: ignore[arg-type]

    def test_is_to_validation_accuracy_without_a_test_part(self) -> None:
        untested = COMPARED.rename(columns={"test_accuracy": "validation_accuracy"})
        assert "validation accuracy" in texts(gaps.gap_plot(untested))


class TestLearningCurves:
    def test_are_means_within_the_range_of_seeds(self) -> None:
        figure = learning_curves.learning_curves(RESULTS)
        assert [axis.get_title(loc="left") for axis in figure.axes] == list(RESULTS)
        for axis, found in zip(figure.axes, RESULTS.values(), strict=True):
            for line, band, column in zip(axis.lines, axis.collections, HISTORY, strict=True):
                by_seed = 100 * np.array(
                    [table[column] for _, table in found.epochs.groupby("seed")]
                )
                np.testing.assert_allclose(line.get_ydata(), by_seed.mean(axis=0))
                corners = band.get_paths()[0].vertices
                for epoch, values in enumerate(by_seed.T, start=1):
                    heights = corners[corners[:, 0] == epoch, 1]
                    assert (heights.min(), heights.max()) == pytest.approx(
                        (values.min(), values.max())
                    )

    def test_differ_in_dashes(self) -> None:
        train, validation = learning_curves.learning_curves(RESULTS).axes[0].lines
        assert train.get_linestyle() != validation.get_linestyle()

    def test_share_a_scale_that_shows_every_last_epoch(self) -> None:
        figure = learning_curves.learning_curves(RESULTS)
        assert len({(axis.get_xlim(), axis.get_ylim()) for axis in figure.axes}) == 1
        last = min(
            found.epochs.loc[found.epochs["epoch"] == 3, list(HISTORY)].to_numpy().min()
            for found in RESULTS.values()
        )
        assert figure.axes[0].get_ylim()[0] < 100 * last
        alone = learning_curves.learning_curves(
            {"l1": RESULTS["l1"]}, learning_curves.learning_scale(RESULTS)
        )
        assert alone.axes[0].get_ylim() == figure.axes[0].get_ylim()

    def test_leave_out_failed_runs(self) -> None:
        found = RESULTS["l1"]
        failed = found.trainings.assign(status=["trained", "failed"])
        half = Results(failed, found.epochs, found.predictions, found.measurements)
        axis = learning_curves.learning_curves({"l1": half}).axes[0]
        np.testing.assert_allclose(
            axis.lines[0].get_ydata(), 100 * found.epochs.loc[:2, "train_accuracy"]
        )


class TestPruning:
    def test_has_a_line_of_means_per_technique(self) -> None:
        axis = pruning.pruning_plot(RESULTS).axes[0]
        shown = [label.get_text() for label in axis.get_xticklabels()]
        assert shown == ["0 %", "50 %", "80 %", "90 %", "95 %"]
        for line, found in zip(axis.lines, RESULTS.values(), strict=True):
            pruned = found.measurements[found.measurements["measure"] == "accuracy_after_pruning"]
            means = [pruned.loc[pruned["setting"] == s, "value"].mean() for s in ("0.5", "0.95")]
            drawn = np.asarray(line.get_ydata())
            assert drawn[[1, 4]] == pytest.approx([100 * mean for mean in means])
            assert drawn[0] == pytest.approx(100 * found.trainings["test_accuracy"].mean())

    @pytest.mark.parametrize("width", [drawing.NARROW, drawing.WIDE])
    def test_names_every_line_with_its_end(self, width: int) -> None:
        figure = pruning.pruning_plot(RESULTS, width)
        written = texts(figure)
        for name, line in zip(RESULTS, figure.axes[0].lines, strict=True):
            assert f"{name} {np.asarray(line.get_ydata())[-1]:.1f}" in written

    def test_tells_lines_apart_without_colour(self) -> None:
        names = [f"t{place}" for place in range(32)]
        styles = drawing.line_styles(["baseline", *names])
        marks = {(style["marker"], str(style.get("linestyle"))) for style in styles.values()}
        assert len(marks) == 33
        for line, name in zip(pruning.pruning_plot(RESULTS).axes[0].lines, RESULTS, strict=True):
            assert line.get_marker() == drawing.line_styles(list(RESULTS))[name]["marker"]


class TestSpreadLabels:
    @given(st.lists(st.floats(0, 100), min_size=1, max_size=12))
    def test_keep_their_distance_order_and_frame(self, heights: list[float]) -> None:
        moved = drawing.spread_labels(np.array(heights), 3, 0, 100)
        order = np.argsort(heights, kind="stable")
        assert (np.diff(moved[order]) >= 3 - 1e-9).all()
        assert moved.min() >= -1e-9
        assert moved.max() <= 100 + 1e-9

    @given(st.lists(st.floats(20, 80), min_size=2, max_size=5))
    def test_move_no_further_than_needed(self, heights: list[float]) -> None:
        moved = drawing.spread_labels(np.array(heights), 4, 0, 100)
        wanted = np.sort(heights)
        found = minimize(
            lambda places: ((places - wanted) ** 2).sum(),
            wanted + 4 * np.arange(len(wanted)),
            constraints={"type": "ineq", "fun": lambda places: np.diff(places) - 4},
        )
        assert ((np.sort(moved) - wanted) ** 2).sum() == pytest.approx(
            found.fun, rel=1e-3, abs=1e-3
        )

    def test_stay_where_there_is_room(self) -> None:
        assert drawing.spread_labels(np.array([30.0, 10, 20]), 5, 0, 40).tolist() == [30, 10, 20]


class TestCorruptions:
    def test_are_written_into_the_cells_and_the_best_are_bold(self) -> None:
        figure = corruptions.corruption_heatmap(RESULTS)
        axis = figure.axes[0]
        assert names_of(axis) == list(RESULTS)
        cells = {text.get_position(): text for text in axis.texts}
        blur = {
            row: 100
            * found.measurements.loc[found.measurements["setting"] == "blur", "value"].mean()
            for row, found in enumerate(RESULTS.values())
        }
        for row, figures in blur.items():
            assert cells[(2, row)].get_text() == f"{figures:.1f}"
            weight = "bold" if figures == max(blur.values()) else "normal"
            assert cells[(2, row)].get_fontweight() == weight
        assert cells[(0, 0)].get_text() == "90.5"

    def test_are_the_darker_the_more_accurate(self) -> None:
        axis = corruptions.corruption_heatmap(RESULTS).axes[0]
        strength = np.asarray(axis.images[0].get_array())[..., 3]
        figures = np.zeros_like(strength)
        for text in axis.texts:
            column, row = text.get_position()
            figures[int(row), int(column)] = float(text.get_text())
        order = np.argsort(figures, axis=None)
        assert (np.diff(strength.ravel()[order]) >= -0.01).all()
        assert np.ptp(strength) > 0.3


class TestReliability:
    def test_dots_are_the_bins_of_all_seeds_together(self) -> None:
        found = RESULTS["l1"]
        axis = plots_reliability.reliability_plot({"l1": found}).axes[0]
        right = (found.predictions["label"] == found.predictions["predicted"]).to_numpy()
        edges = np.linspace(0, 1, 16)
        confidence = found.predictions["confidence"].to_numpy(dtype=float)
        expected = [
            (100 * confidence[inside].mean(), 100 * right[inside].mean())
            for low, high in itertools.pairwise(edges)
            if (inside := (confidence > low) & (confidence <= high)).sum() >= 10
        ]
        dots = axis.collections[-1].get_offsets()
        np.testing.assert_allclose(np.asarray(dots), expected, rtol=1e-6)

    def test_lines_through_dots_span_the_seeds(self) -> None:
        found = RESULTS["l1"]
        axis = plots_reliability.reliability_plot({"l1": found}).axes[0]
        spans = [np.sort(path.vertices[:, 1]) for path in axis.collections[0].get_paths()]
        by_seed = [
            reliability(answers["confidence"].to_numpy(), (answers["predicted"] == "a").to_numpy())[
                "accuracy"
            ].iloc[-1]
            for _, answers in found.predictions.groupby("seed")
        ]
        assert spans[-1] == pytest.approx([100 * min(by_seed), 100 * max(by_seed)])

    def test_leaves_out_bins_with_few_answers(self) -> None:
        found = RESULTS["l1"]
        answers = found.predictions.assign(confidence=0.95).reset_index(drop=True)
        answers.loc[:8, "confidence"] = 0.3
        few = Results(found.trainings, found.epochs, answers, found.measurements)
        assert (
            len(
                plots_reliability.reliability_plot({"l1": few})
                .axes[0]
                .collections[-1]
                .get_offsets()
            )
            == 1
        )


class TestConfusion:
    counts = np.array([[50, 3, 0], [1, 40, 0], [0, 0, 30]])
    labels = ("ant", "bee", "a label of many letters 1")

    def test_has_counts_in_its_cells(self) -> None:
        figure = confusion.confusion_plot({"baseline": self.counts}, self.labels)
        axis = figure.axes[0]
        cells = {text.get_position(): text.get_text() for text in axis.texts}
        expected = {
            (column, row): str(self.counts[row, column])
            for row, column in zip(*np.nonzero(self.counts), strict=True)
        }
        assert cells == expected
        assert names_of(axis) == ["ant", "bee", "a label…ters 1"]

    def test_shades_mistakes_on_one_scale(self) -> None:
        worse = self.counts + 10 * ~np.eye(3, dtype=bool)
        figure = confusion.confusion_plot({"baseline": self.counts, "l1": worse}, self.labels)
        assert [axis.get_title(loc="left") for axis in figure.axes] == ["baseline", "l1"]
        one, other = (np.asarray(axis.images[0].get_array())[..., 3] for axis in figure.axes)
        assert one.diagonal().max() == 0
        assert one[0, 1] < other[0, 1] == other.max()
        assert one[0, 1] > one[1, 0] > one[2, 0] == 0
        alone = confusion.confusion_plot({"baseline": self.counts}, self.labels, most=13).axes[0]
        np.testing.assert_allclose(np.asarray(alone.images[0].get_array())[..., 3], one)

    @pytest.mark.parametrize("classes", [21, 400])
    def test_of_many_classes_has_no_counts(self, classes: int) -> None:
        counts = np.eye(classes, dtype=int) * 9
        counts[3, classes - 1] = 5
        axis = confusion.confusion_plot({"l1": counts}, [str(n) for n in range(classes)]).axes[0]
        assert not axis.texts
        shaded = np.argwhere(np.asarray(axis.images[0].get_array())[..., 3])
        group = -(-classes // confusion.MOST_CELLS)
        assert shaded.tolist() == [[3 // group, (classes - 1) // group]]


class TestEveryPlot:
    drawn = (
        lambda results, compared: differences.difference_plot(compared, results),
        lambda results, compared: differences.difference_plot(compared, results, drawing.NARROW),
        lambda results, compared: cost.cost_plot(compared),
        lambda results, compared: cost.cost_plot(compared, drawing.NARROW),
        lambda results, compared: gaps.gap_plot(compared),
        lambda results, compared: gaps.gap_plot(compared, drawing.NARROW),
        lambda results, compared: learning_curves.learning_curves(results),
        lambda results, compared: plots_reliability.reliability_plot(results),
        lambda results, compared: pruning.pruning_plot(results),
        lambda results, compared: pruning.pruning_plot(results, drawing.NARROW),
        lambda results, compared: corruptions.corruption_heatmap(results),
        lambda results, compared: confusion.confusion_plot(
            {name: np.eye(2, dtype=int) for name in results}, ["a", "b"]
        ),
    )

    @pytest.mark.parametrize("draw", drawn)
    def test_can_be_drawn_of_nothing(self, draw: Any) -> None:
        untrained = pd.DataFrame({"technique": ["l1"], "trainings": [0], "failed_trainings": [0]})
        assert pixels(draw(NOTHING, untrained)).size

    @pytest.mark.parametrize("draw", drawn)
    def test_can_be_drawn_of_one_technique(self, draw: Any) -> None:
        assert pixels(draw(study(baseline=[0.9]), table(row("baseline")))).size

    @pytest.mark.parametrize("draw", drawn)
    def test_has_letters_of_nine_pixels_at_least(self, draw: Any) -> None:
        figure = draw(RESULTS, COMPARED)
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
        assert min(sizes) >= 9

    @pytest.mark.parametrize("draw", drawn)
    def test_has_no_colour_but_those_of_the_page(self, draw: Any) -> None:
        figure = draw(RESULTS, COMPARED)
        used = {to_hex(text.get_color()) for text in figure.findobj(Text) if text.get_text()}
        used |= {to_hex(line.get_color()) for axis in figure.axes for line in axis.lines}
        assert used <= set(drawing.COLOURS.values())

    @pytest.mark.parametrize("draw", drawn)
    def test_draws_names_as_they_are(self, draw: Any) -> None:
        name = "$x_1$ <script>"
        hostile = {name: RESULTS["l1"], "baseline": RESULTS["baseline"]}
        compared = table(row(name, 1, "better"), row("baseline")).assign(seconds=2.0)
        figure = draw(hostile, compared)
        pixels(figure)
        assert any(name in text for text in texts(figure))


class TestCost:
    rows = (
        {"technique": "baseline", "seconds": 10.0},
        {"technique": "a", "seconds": 12.0, "difference": 0.02, "verdict": "better"},
        {"technique": "b", "seconds": 15.0, "difference": 0.01, "verdict": "undecided"},
        {"technique": "c", "seconds": 8.0, "difference": -0.01, "verdict": "worse"},
        {"technique": "d", "seconds": 11.0, "difference": -0.9, "verdict": "worse"},
    )
    compared = pd.DataFrame(rows)
    compared["difference_low"] = compared["difference"] - 0.005
    compared["difference_high"] = compared["difference"] + 0.005

    def test_is_over_the_time_as_a_multiple_of_the_baselines(self) -> None:
        figure = cost.cost_plot(self.compared)
        axis = figure.axes[0]
        drawn = {
            (round(float(line.get_xdata()[0]), 3), round(float(line.get_ydata()[0]), 3)): (
                line.get_marker()
            )
            for line in axis.lines
            if line.get_marker() not in ("None", None, "")
        }
        assert drawn[1.2, 2.0] == "^"
        assert drawn[1.5, 1.0] == "o"
        assert drawn[0.8, -1.0] == "v"
        assert drawn[1.0, 0.0] == "P"
        assert len(drawn) == 5  # the outlier is an arrow at the edge
        assert {text.get_text().strip() for text in axis.texts} == {*"abcd", "baseline"}

    def test_joins_those_that_no_other_beats_in_both(self) -> None:
        (line,) = [
            line
            for line in cost.cost_plot(self.compared).axes[0].lines
            if line.get_linestyle() == "--" and len(line.get_xdata()) > 2
        ]
        assert list(line.get_xdata()) == pytest.approx([0.8, 1.0, 1.2])
        assert list(line.get_ydata()) == pytest.approx([-1, 0, 2])

    def test_of_less_is_better_joins_the_lowest(self) -> None:
        nats = self.compared.assign(metric="cross_entropy")
        axis = cost.cost_plot(nats, drawing.NARROW).axes[0]
        assert axis.get_ylabel() == "difference in nats; down is better"
        (line,) = [
            of for of in axis.lines if of.get_linestyle() == "--" and len(of.get_xdata()) > 1
        ]
        assert line.get_xdata()[0] == pytest.approx(0.8)

    def test_names_of_many_only_what_is_worth_it(self) -> None:
        many = pd.DataFrame(
            [
                {"technique": "baseline", "seconds": 10.0},
                *(
                    {"technique": f"t{n}", "seconds": 10.0 + n, "difference": -0.001 * n}
                    for n in range(1, 40)
                ),
                {"technique": "best", "seconds": 30.0, "difference": 0.1, "verdict": "better"},
            ]
        )
        names = {text.get_text().strip() for text in cost.cost_plot(many).axes[0].texts}
        assert names == {"baseline", "best"}

    @pytest.mark.parametrize("lacking", ["seconds", "difference"])
    def test_without_figures_is_empty(self, lacking: str) -> None:
        assert cost.costs(self.compared.drop(columns=lacking)) == []
        cost.cost_plot(self.compared.drop(columns=lacking))
