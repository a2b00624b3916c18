"""What is said of learning curves and network sizes that are made up."""

import re
from typing import Any

import numpy as np
import pytest

from regbench.scaling import curve as curves
from regbench.scaling import networks, page, plots, sentences
from regbench.scaling.outcomes import SKIPPED
from regbench.study.cells import Cell, cells_of_curve, cells_of_networks, title_of
from regbench.study.scaling import LearningCurve, NetworkSize

SIZES = [100, 300, 1000, 3000, 10000]
REPORTING = {
    "metric": "accuracy",
    "equivalence_band": 0.5,
    "equivalence_band_nats": 0.01,
    "published": {},
    "failed": [],
}
ROW = '<th scope="row">'
TRAINED = {"status": "trained", "judged_images": 100_000, "step": 1e-5}


def made_up_curve(draws: int = 6, **gains: list[float]) -> dict[str, Any]:
    """The baseline's error is 3 n^-1/2; techniques gain so many points at each size."""
    settings = LearningCurve(
        techniques=list(gains), sizes=[*SIZES, 90000], draws=draws, length="steps"
    )
    cells = cells_of_curve(settings, "mlp")
    generator = np.random.default_rng(3)
    noise = 0.002 * generator.normal(size=(draws, len(SIZES)))
    plan = {
        "techniques": {"baseline": "baseline", **{name: name for name in gains}, "best_2": None},
        "sizes": {str(size): size for size in SIZES} | {"90000": None},
        "train_images": 10000,
        "judged": "test",
        "network": "mlp",
    }

    def outcome(cell: Cell) -> dict[str, Any]:
        if cell.size not in SIZES:
            return {"status": SKIPPED}
        place = SIZES.index(int(cell.size))
        value = 1 - 3 * SIZES[place] ** -0.5 + noise[cell.draw - 1, place]
        if cell.technique != "baseline":
            value += gains[cell.technique][place] / 100 + 0.0002 * (-1) ** cell.draw
        return TRAINED | {"test_accuracy": value}

    made = {name: outcome(cell) for name, cell in cells.items()}
    made["baseline.size_100.draw_2"] = {"status": "failed", "reason": "it diverged"}
    return curves.summary(plan, REPORTING, cells, made)


def test_each_technique_is_worth_what_its_curve_says() -> None:
    # At 1,000 images 9.49 points of error; 1 point fewer takes (3 / 0.0849)^2 = 1,249 images.
    found = made_up_curve(
        one=[3, 2, 1, 1, 0.5], other=[2, 1, 1, 0, 0], none=[0, 0, 0, 0, 0], bad=[0, 0, 0, -1, -1]
    )
    one, other, none, bad, ahead = sentences.of_curve(found)
    worth = (3 / (0.03 - 0.005)) ** 2 - 10000
    assert worth == pytest.approx(4400)
    assert one.startswith("one is worth about 4,")
    assert one.endswith("] more images at 10,000 images (+0.50 points [0.48, 0.52]).")
    assert other.startswith("other is worth about 2")
    assert "at 1,000 images (+1.00 points" in other
    assert "; at 10,000 images it is worth nothing detectable (0.00 points" in other
    assert none.startswith(
        "none is worth nothing detectable at any of 5 sizes; at 10,000 images: 0.00 points ["
    )
    assert bad.startswith("bad costs as much as 4,")
    assert "images fewer at 10,000 images" in bad
    low, high = re.search(r"\[([\d,]+), ([\d,]+)\] images fewer", bad).groups()  # type: ignore[union-attr]
    assert int(low.replace(",", "")) <= int(high.replace(",", ""))
    ahead = ahead.replace("\N{NO-BREAK SPACE}", " ")
    assert ahead.startswith("Twice the images, 20,000, would give the baseline 97.9 % [97.")
    assert "in place of 97.1 %" in ahead
    assert sentences.notes_of_curve(found) == [
        "left out: 90000, as the study has 10,000 train images",
        "best_2: no further technique is trained",
        "failed: baseline.size_100.draw_2 (it diverged)",
    ]
    row = next(row for row in found["rows"] if (row["technique"], row["images"]) == ("one", 1000))
    assert row["worth"] == pytest.approx(249, rel=0.1)
    assert row["worth_low"] < row["worth"] < row["worth_high"]


def test_too_few_draws_or_sizes_are_said() -> None:
    described = sentences.of_curve(made_up_curve(draws=3, one=[1, 1, 1, 1, 1]))[0]
    assert described.startswith("one: +0.99 points [")
    assert "a verdict takes 5 draws" in described
    found = made_up_curve(one=[3, 2, 1, 1, 1])
    found["fit"] = {"reason": "a curve takes four sizes or more"}
    for row in found["rows"]:
        row.pop("worth", None)
    one, ahead = sentences.of_curve(found)
    assert "what that is worth in images cannot be said: a curve takes four" in one
    assert ahead == "No curve is fitted to the baseline: a curve takes four sizes or more."


@pytest.mark.parametrize(
    ("worth", "low", "high", "text"),
    [
        (912.0, 634.0, 1382.0, "910 [630, 1,400]"),
        (912.0, 634.0, 20000.0, "910 [630, more than 20,000]"),
        (20000.0, 634.0, 20000.0, "more than 20,000 [630, more than 20,000]"),
        (-912.0, -1382.0, 0.2, "−910 [−1,400, 0]"),
        (7.0, None, None, "7"),
    ],
)
def test_images_have_two_digits_that_count(
    worth: float, low: float | None, high: float | None, text: str
) -> None:
    row = {"worth": worth, "worth_low": low, "worth_high": high, "worth_most": 20000.0}
    assert sentences.worth_text(row) == text


def test_picture_and_page_have_every_row() -> None:
    found = made_up_curve(one=[3, 2, 1, 1, 0.5])
    left, right = plots.curve_plot(found).axes
    points = dict(zip(*left.lines[1].get_data(), strict=True))
    assert list(points.values()) == pytest.approx(
        [100 * row["mean"] for row in found["rows"] if row["technique"] == "one"]
    )
    assert list(right.lines[1].get_ydata())[-1] == pytest.approx(0.5, abs=0.03)
    upper, lower = plots.curve_plot(found, plots.NARROW).axes  # of a telephone
    assert upper.get_position().y0 > lower.get_position().y1
    html = page.curve_page(found, "<b>&", "steps")
    assert html.count('class="plot"') == 2
    assert html.count(ROW) == len(found["rows"]) == 10
    assert "&lt;b&gt;&amp;: 10,000 train images, judged by 100,000 test images" in html


def made_up_sizes(**values: tuple[float, int]) -> dict[str, Any]:
    """By ``<network>_<technique>``: accuracy in percent and number of weights."""
    names = list(dict.fromkeys(name.split("_")[0] for name in values))
    settings = NetworkSize(networks=names[1:], scales=[0.5], technique="best", draws=5)
    cells = cells_of_networks(settings, names)
    plan = {
        "techniques": {"baseline": "baseline", "best": "l2"},
        "networks": names,
        "judged": "test",
        "train_images": 500,
    }
    called = {"baseline": "baseline", "best": "l2"}
    made = {
        name: TRAINED
        | {
            "test_accuracy": values[f"{cell.network}_{called[cell.technique]}"][0] / 100
            + 0.0003 * (cell.draw * len(cell.network + cell.technique) % 5)
        }
        for name, cell in cells.items()
    }
    costs = {
        name.replace("_", "."): {
            "weights": weights,
            "multiply_adds": None,
            **dict.fromkeys(("seconds", "seconds_low", "seconds_high"), weights * 1e-8),
        }
        for name, (_, weights) in values.items()
    }
    return networks.summary(plan, REPORTING, cells, made, costs)


def test_the_smallest_network_that_equals_the_baseline_is_named() -> None:
    found = made_up_sizes(
        big_baseline=(90, 1000),
        big_l2=(92, 1000),
        half_baseline=(90, 500),
        half_l2=(90.1, 500),
        fifth_baseline=(88, 200),
        fifth_l2=(90, 200),
    )
    [said] = sentences.of_networks(found)
    assert said.startswith("fifth with l2 is as good as the baseline of big (")
    assert "with 1/5 of the weights and 0.2 of the inference time" in said
    assert said.endswith("; without l2 it takes half, with 1/2.")
    figure = plots.size_plot(found)
    html = page.size_page(found, "set")
    assert html.count(ROW) == 6
    assert "fifth" in {text.get_text() for text in figure.axes[0].texts}


def test_a_width_is_named_by_its_network() -> None:
    assert title_of("width_12_5_percent", "cnn") == "cnn at 12.5 % of its width"
    assert title_of("resnet", "cnn") == "resnet"


def test_where_no_smaller_network_equals_it_the_nearest_is_named() -> None:
    found = made_up_sizes(
        big_baseline=(90, 1000), big_l2=(92, 1000), half_baseline=(80, 500), half_l2=(85, 500)
    )
    [said] = sentences.of_networks(found)
    assert said.startswith("No smaller network is shown to equal the baseline of big; the nearest,")
    assert "half with l2, is at −5.0" in said
    assert said.endswith("(worse).")
    assert sentences.of_networks(found | {"rows": found["rows"][:2]}) == [
        "No smaller network is compared with the baseline of big."
    ]
    found["rows"][0]["weights"] = None
    assert sentences.of_networks(found) == ["Nothing can be compared: the baseline of big failed."]
