"""A learning curve, or a comparison of network sizes, as one HTML page."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from regbench.errors import by_reason
from regbench.metrics.base import Metric
from regbench.metrics.registry import METRICS
from regbench.report.numbers import MISSING, difference_text, metric_value
from regbench.report.page import page_environment, template_text
from regbench.report.plots.style import NARROW, WIDE
from regbench.report.svg import inline_svg
from regbench.scaling import sentences
from regbench.scaling.plots import curve_plot, size_plot

_CURVE_HEADINGS = (
    "technique",
    "images",
    "trainings",
    "{of}",
    "difference",
    "verdict",
    "worth, images",
)
_SIZE_HEADINGS = (
    *("network", "technique", "parameters", "multiply-adds", "µs an image", "trainings", "{of}"),
    *("difference", "verdict"),
)


def curve_page(curve: Mapping[str, Any], images: str, length: str) -> str:
    """Return the page of a learning curve: sentences, picture, table, and how it was made.

    Args:
        curve: From ``curve.summary``.
        images: Path or address of the images.
        length: ``steps`` or ``epochs``.
    """
    metric = METRICS[curve["metric"]]
    rows = [
        (
            row["technique"],
            f"{row['images']:,}",
            f"{row['trainings']}",
            _mean(row, metric),
            *_compared(row, metric),
            sentences.worth_text(row) if row.get("worth") is not None else MISSING,
        )
        for row in curve["rows"]
    ]
    trained = {
        "steps": "Every size takes as many optimizer steps as all images do",
        "epochs": "Every size takes as many passes over its subset",
    }[length]
    method = [
        f"{curve['draws']} draws: in each, a stratified subset of every size lies within the next "
        "larger one, with a training seed of its own; techniques are paired by draw. Validation "
        f"and test images stay the same. {trained}. All images are the same in every draw: there "
        "the spread is that of training seeds alone.",
        "Verdicts are by the rules of the report, corrected over all techniques and sizes; they "
        "are about these judged images. Intervals of means and differences are 95 % t intervals.",
        "Worth in images: the baseline's mean error is fitted as a + b n^-c (Hestness et al., "
        "2017), its value at a size lowered by the technique's gain there, and the number of "
        "images sought that has this error. Beyond the largest size the curve is the mean of two: "
        "that law, and one without a limit through the three largest sizes; a few sizes cannot "
        "tell them apart. Intervals are bootstraps over draws and over these two (expanded "
        "percentiles, Hesterberg, 2015). Beyond three times the images nothing is said: curves "
        "need not go on as they began (Viering and Loog, 2021).",
        *_law(curve),
    ]
    return _page(
        "What more images are worth",
        _subject(curve, images),
        sentences.of_curve(curve),
        sentences.notes_of_curve(curve),
        (lambda width: curve_plot(curve, width), _alternative(rows, "Learning curve")),
        ([heading.format(of=_of(curve, metric)) for heading in _CURVE_HEADINGS], rows),
        method,
    )


def _law(curve: Mapping[str, Any]) -> list[str]:
    """Return the fitted curve in numbers; nothing if there is none."""
    fit = curve["fit"]
    if fit.get("reason"):
        return []
    metric = METRICS[curve["metric"]]
    miss = f"{metric.factor * fit['largest_miss']:.{metric.digits}f} {metric.short_unit}"
    return [
        f"The baseline's fit: a = {fit['limit']:.4f}, b = {fit['scale']:.4g}, c = "
        f"{fit['exponent']:.3f}; without a limit c = {fit['tail_exponent']:.3f}. It misses a mean "
        f"by {miss} at most."
    ]


def size_page(sizes: Mapping[str, Any], images: str) -> str:
    """Return the page of a comparison of network sizes.

    Args:
        sizes: From ``networks.summary``.
        images: Path or address of the images.
    """
    metric = METRICS[sizes["metric"]]
    rows = [
        (
            row["title"],
            row["technique"],
            _count(row["weights"]),
            _count(row["multiply_adds"]),
            MISSING if row["seconds"] is None else f"{1e6 * row['seconds']:.1f}",
            f"{row['trainings']}",
            _mean(row, metric),
            *_compared(row, metric),
        )
        for row in sizes["rows"]
    ]
    method = [
        f"{sizes['draws']} trainings of each network, with and without the technique, all on the "
        "same train images. Each is compared with the baseline of the first network, paired by "
        "seed, by the rules of the report, corrected over all rows; verdicts are about these "
        "judged images.",
        "Inference time is the median of nine predictions of up to 256 images together, taken one "
        "network after another once all is trained, on this machine. An ensemble counts with all "
        "its networks.",
    ]
    return _page(
        "How large the network should be",
        _subject(sizes, images),
        sentences.of_networks(sizes),
        [f"failed: {line}" for line in by_reason(sizes["failures"])],
        (
            lambda width: size_plot(sizes, width),
            _alternative([row[:7] for row in rows], "Network sizes"),
        ),
        ([heading.format(of=_of(sizes, metric)) for heading in _SIZE_HEADINGS], rows),
        method,
    )


def _page(
    title: str,
    subject: str,
    said: Sequence[str],
    notes: Sequence[str],
    picture: tuple[Callable[[int], Figure], str],
    table: tuple[Sequence[str], Sequence[Sequence[str]]],
    method: Sequence[str],
) -> str:
    headings, rows = table
    draw, in_words = picture
    page = (
        page_environment("regbench.scaling")
        .get_template("scaling.html.j2")
        .render(
            style=template_text("regbench.report", "report.css"),
            title=title,
            subject=subject,
            sentences=said,
            notes=notes,
            plots={
                place: inline_svg(draw(width), f"scaling-{width}", in_words)
                for place, width in (("on-wide", WIDE), ("on-narrow", NARROW))
            },
            headings=headings,
            rows=rows,
            method=method,
        )
    )
    return page.encode(errors="replace").decode()  # a file name may be no valid text


def _subject(found: Mapping[str, Any], images: str) -> str:
    return (
        f"{images}: {found['train_images']:,} train images, judged by "
        f"{found['judged_images']:,} {found['judged']} images"
    )


def _of(found: Mapping[str, Any], metric: Metric) -> str:
    return f"{found['judged']} {metric.title}"


def _mean(row: Mapping[str, Any], metric: Metric) -> str:
    if row["mean"] is None:
        return MISSING
    spread = "" if row["sd"] is None else f" ± {metric.factor * row['sd']:.{metric.digits}f}"
    return f"{metric_value(row['mean'], metric, metric.digits)}{spread}"


def _compared(row: Mapping[str, Any], metric: Metric) -> tuple[str, str]:
    if "difference" not in row:
        return MISSING, MISSING
    return difference_text({**row, "metric": metric.name}), str(row["verdict"])


def _count(value: int | None) -> str:
    return MISSING if value is None else f"{value:,}"


def _alternative(rows: Sequence[Sequence[str]], what: str) -> str:
    """Return a picture's content in words."""
    return f"{what}: {'; '.join(' '.join(row[:4]) for row in rows)}."
