"""Images that two techniques differ on, as the page shows them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regbench.report.svg import image_data_url
from regbench.report.thumbnails import LARGEST_PIXELATED

if TYPE_CHECKING:
    from regbench.report.page import ReportContent


@dataclass(frozen=True)
class SheetImage:
    """An image on a contact sheet."""

    data_url: str
    alternative: str  # the image in words
    pixelated: bool  # whether it is enlarged without smoothing
    filename: str
    label: str
    wrong: str  # the most frequent wrong answer, and how many of how many seeds gave it
    right: str  # the same for the right answer


def contact_sheet(
    content: "ReportContent", images: pd.DataFrame, wrong: str, right: str
) -> list[SheetImage]:
    """Return the images that technique ``wrong`` mistakes and technique ``right`` recognizes.

    Args:
        content: Of the report.
        images: From ``comparison.tables.disagreements``.
        wrong: A technique.
        right: Another one.
    """
    rows = pd.Series(np.arange(len(content.split_index)), index=content.split_index["filename"])
    rows = rows[~rows.index.duplicated()]
    shown = []
    for image in images.to_dict("records"):
        pixels = np.asarray(content.images[rows[image["filename"]]])
        wrong_seeds, right_seeds = (
            f"{image[f'{side}_count']}\u00a0of\u00a0{image[f'{side}_trainings']}"  # breaks no line
            for side in ("one", "other")
        )
        label, mistake = image["label"], image["one_answer"]
        shown.append(
            SheetImage(
                image_data_url(pixels),
                f"Image of class {label}: {wrong} says {mistake} ({wrong_seeds} seeds), "
                f"{right} says {label} ({right_seeds} seeds).",
                max(pixels.shape[:2]) <= LARGEST_PIXELATED,
                image["filename"],
                label,
                f"{mistake} ({wrong_seeds})",
                f"{label} ({right_seeds})",
            )
        )
    return shown
