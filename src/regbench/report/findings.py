"""The doctor's findings as the report shows them: with their prices, and pictures of images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regbench.doctor.examine import MOST_SHOWN
from regbench.doctor.told import price_of, title_of
from regbench.report import svg

_MOST_PICTURES = 18  # of a finding


def findings_shown(
    findings: Sequence[Mapping[str, Any]], images: np.ndarray, split_index: pd.DataFrame
) -> dict[str, Any]:
    """Return the findings for the template.

    Args:
        findings: From ``examine``.
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image, in their order: filename.

    Returns:
        ``first``, the findings that are shown at once, and ``rest``, the others: title, seen, why,
        command, price, remark, and pictures, of each: data_url, filename, label, other.
    """
    shown = [_shown(finding, images, split_index) for finding in findings]
    return {"first": shown[:MOST_SHOWN], "rest": shown[MOST_SHOWN:]}


def _shown(
    finding: Mapping[str, Any], images: np.ndarray, split_index: pd.DataFrame
) -> dict[str, Any]:
    named = ("seen", "why", "command", "remark")
    suspects = finding["suspects"][:_MOST_PICTURES]
    rows = pd.Series(np.arange(len(split_index)), index=split_index["filename"])
    rows = rows[~rows.index.duplicated()]
    pictures = [
        {**suspect, "data_url": svg.image_data_url(np.asarray(images[rows[suspect["filename"]]]))}
        for suspect in suspects
        if suspect["filename"] in rows.index
    ]
    return {
        **{name: finding[name] for name in named},
        "title": title_of(finding),
        "price": price_of(finding),
        "pictures": pictures,
        "more": len(finding["suspects"]) - len(pictures),
    }
