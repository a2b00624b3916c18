"""The doctor's findings in the report: the first three at once, with pictures of images."""

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from regbench.report.findings import findings_shown


def finding(**changed: Any) -> dict[str, Any]:
    return {
        "code": "RB207",
        "title": "probable label errors",
        "why": "It matters.",
        "seen": "3 images",
        "command": "uv run kedro run",
        "minutes": 2.0,
        "remark": "",
        "network": "",
        "suspects": [],
        **changed,
    }


def test_three_are_first_and_the_others_rest() -> None:
    images, index = np.zeros((1, 8, 8, 1), np.uint8), pd.DataFrame({"filename": ["a.png"]})
    shown = findings_shown([finding(seen=str(number)) for number in range(5)], images, index)
    assert [each["seen"] for each in shown["first"]] == ["0", "1", "2"]
    assert [each["seen"] for each in shown["rest"]] == ["3", "4"]
    assert shown["first"][0]["price"] == "about 2 minutes"
    assert shown["first"][0]["title"] == "RB207: probable label errors"


def test_images_are_those_of_their_file_names() -> None:
    images = np.stack([np.full((8, 8, 3), grey, np.uint8) for grey in (10, 20, 30)])
    index = pd.DataFrame({"filename": ["a.png", "b.png", "c.png"]})
    suspects = [
        {"filename": name, "label": "cat", "other": "dog"} for name in ("c.png", "a.png", "gone")
    ]
    (shown,) = findings_shown([finding(suspects=suspects)], images, index)["first"]
    greys = []
    for picture in shown["pictures"]:
        data = base64.b64decode(picture["data_url"].removeprefix("data:image/png;base64,"))
        greys.append(int(np.asarray(Image.open(io.BytesIO(data)))[0, 0, 0]))
    assert greys == [30, 10]
    assert [picture["filename"] for picture in shown["pictures"]] == ["c.png", "a.png"]
    assert shown["more"] == 1
