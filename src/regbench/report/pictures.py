"""Pictures of what regularizers make of images, for their cards in the documentation.

``uv run python -m regbench.report.pictures`` writes them into ``docs/regularizers``: one for every
regularizer that changes the input batch, of digits that ship and of photos that scikit-learn ships.
Names of regularizers after it leave the others as they are.
"""

import io
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from regbench.regularizers.base import Regularizer
from regbench.regularizers.registry import REGULARIZERS
from regbench.report.cards import PICTURES, entry_of
from regbench.report.plots.contact_sheet import contact_sheet
from regbench.storage.atomic import atomic_write
from regbench.study.technique import Technique

_ROOT = Path(__file__).parents[3]
_DIGITS = _ROOT / "data" / "01_raw" / "digits.zip"
_SETTINGS = _ROOT / "conf" / "base" / "parameters_data.yml"
_COUNT = 8
_SIDE = 64  # of photos, in pixels


def picture(regularizer: Regularizer, sets: Mapping[str, np.ndarray], seed: int = 1) -> bytes:
    """Return a PNG with rows of images, each with a row of what a regularizer makes of them.

    Args:
        regularizer: One with ``change_batch``, bound to its data.
        sets: Images by title, each B x H x W x C, uint8; all of one B.
        seed: For random numbers.
    """
    from regbench.regularizers.computations.one_batch import (  # noqa: PLC0415 - TensorFlow
        changed_images,
    )

    strips = {}
    for title, images in sets.items():
        targets = np.arange(len(images))
        strips[title] = images
        strips[f"{title}, changed"] = changed_images(
            regularizer, images, targets, len(images), seed
        )
    count = len(next(iter(sets.values())))
    drawn, small = io.BytesIO(), io.BytesIO()
    contact_sheet(strips, [""] * count).savefig(drawn, format="png", dpi=60)
    # 200 colours take a third of the bytes, and look the same.
    Image.open(drawn).convert("RGB").quantize(200).save(small, format="png", optimize=True)
    return small.getvalue()


def by_default(key: str, shared: Mapping[str, Any]) -> Regularizer:
    """Return a regularizer as it is by default.

    Args:
        key: Its key in a technique.
        shared: The settings that all techniques share, by key.
    """
    technique = Technique.model_validate({key: entry_of(REGULARIZERS[key])})
    (regularizer,) = technique.regularizers(shared)
    return regularizer


def sample_images() -> dict[str, np.ndarray]:
    """Return digits that ship with RegBench, and parts of photos that scikit-learn ships."""
    return {"digits": np.stack(list(_digits())), "photos": np.stack(list(_photos()))}


def _digits() -> Iterator[np.ndarray]:
    """Yield the first train images of the digits that ship, each H x W x 1."""
    import zipfile  # noqa: PLC0415 - nothing else here reads one

    with zipfile.ZipFile(_DIGITS) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        for name in names[:_COUNT]:
            yield np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("L"))[..., None]


def _photos() -> Iterator[np.ndarray]:
    """Yield squares of photos of a temple and a flower, each H x W x 3."""
    from sklearn.datasets import load_sample_images  # noqa: PLC0415 - slow to import

    photos = load_sample_images().images
    side = 200
    for number in range(_COUNT):
        photo = photos[number % len(photos)]
        top, left = 100, 100 * (number // len(photos))
        part = Image.fromarray(photo[top : top + side, left : left + side])
        yield np.asarray(part.resize((_SIDE, _SIDE), Image.Resampling.BOX))


def write_pictures(folder: Path, keys: list[str]) -> list[Path]:
    """Write the pictures of regularizers into a folder, and return their files.

    Args:
        folder: Is made if missing.
        keys: Of the regularizers; those that do not change the batch have no picture. None: all.
    """
    shared = yaml.safe_load(_SETTINGS.read_text("utf-8"))
    sets = sample_images()
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for key, kind in REGULARIZERS.items():
        if kind.does("change_batch") and (key in keys or not keys):
            file = folder / f"{key}.png"
            with atomic_write(file) as partial:
                partial.write_bytes(picture(by_default(key, shared), sets))
            files.append(file)
    return files


if __name__ == "__main__":
    for written in write_pictures(PICTURES, sys.argv[1:]):
        print(written)  # noqa: T201 - a command's answer
