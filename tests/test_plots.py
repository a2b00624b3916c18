"""Pictures: what is drawn is what was given."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from regbench.comparison import compare
from regbench.plots import comparison_plot, contact_sheet, sheet_rows


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
        axes = np.reshape(figure.axes, (2, 3))
        assert [axis.get_title() for axis in axes[0]] == ["ant", "bee", "cat"]
        assert [row[0].get_ylabel() for row in axes] == ["original", "whitened"]
        for axis, image in zip(axes[0], grey, strict=True):
            shown = np.asarray(axis.images[0].get_array())
            np.testing.assert_allclose(shown, image[..., 0] / 255, rtol=1e-5)
        for axis, image in zip(axes[1], whitened, strict=True):
            shown = np.asarray(axis.images[0].get_array())
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
        found = [axis.get_title() for axis in figure.axes]
        assert found == ["a label of …", "exactly 12 l", "$x_1$ $"]
        pixels(figure)


def table(*figures: float | None) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"seed": seed, "status": "failed", "reason": "no luck"}
            if figure is None
            else {
                "seed": seed,
                "status": "trained",
                "test_accuracy": figure,
                "validation_accuracy": figure / 2,
            }
            for seed, figure in enumerate(figures)
        ]
    )


RESULTS = {
    "l1": table(0.85, None, 0.86),
    "baseline": table(0.90, 0.92, 0.91),
    "l2": table(0.95, 0.93, 0.94),
    "zca": pd.DataFrame(),
    "dropout": table(None),
}


class TestComparisonPlot:
    def drawn(self, results: dict[str, pd.DataFrame]) -> tuple[Figure, dict[str, Any]]:
        """The figure, and by technique the dots, the mean mark and the text beside it."""
        figure = comparison_plot(compare(results), results)
        axis = figure.axes[0]
        rows = {}
        for height, name in zip(axis.get_yticks(), axis.get_yticklabels(), strict=True):
            at = [line for line in axis.lines if set(line.get_ydata()) == {height}]
            dots = [line for line in at if line.get_marker() == "o"]
            marks = [line for line in at if line.get_marker() == "|"]
            text = [text.get_text() for text in axis.texts if text.xy[1] == height]
            rows[name.get_text()] = (dots[0].get_xdata(), marks[0].get_xdata(), text[0], height)
        return figure, rows

    def test_has_a_dot_for_every_run_and_a_mark_for_the_mean(self) -> None:
        _, rows = self.drawn(RESULTS)
        for name, runs in (("baseline", [0.90, 0.92, 0.91]), ("l2", [0.95, 0.93, 0.94])):
            dots, mark, text, _ = rows[name]
            assert sorted(dots) == sorted(runs)
            assert list(mark) == pytest.approx([np.mean(runs)])
            assert text == f"{np.mean(runs):.4f}"
        assert sorted(rows["l1"][0]) == [0.85, 0.86]

    def test_has_the_best_on_top_and_leaves_out_what_has_no_figures(self) -> None:
        _, rows = self.drawn(RESULTS)
        ordered = sorted(rows, key=lambda name: -rows[name][3])
        assert ordered == ["l2", "baseline", "l1"]

    def test_has_a_line_at_the_baseline(self) -> None:
        figure, _ = self.drawn(RESULTS)
        lines = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
        assert [list(line.get_xdata()) for line in lines] == [pytest.approx([0.91, 0.91])]

    def test_says_which_figure_it_is(self) -> None:
        figure, _ = self.drawn(RESULTS)
        assert figure.axes[0].get_xlabel().startswith("test accuracy")
        untested = {k: v.drop(columns="test_accuracy", errors="ignore") for k, v in RESULTS.items()}
        figure, rows = self.drawn(untested)
        assert figure.axes[0].get_xlabel().startswith("validation accuracy")
        assert sorted(rows["l2"][0]) == pytest.approx([0.465, 0.47, 0.475])

    def test_can_be_drawn_with_one_technique_or_none(self) -> None:
        for names in (["l2", "zca"], ["zca"], ["dropout"]):
            figure, _ = self.drawn({name: RESULTS[name] for name in names})
            assert pixels(figure).shape[1] == 800
