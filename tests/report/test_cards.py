"""The cards of regularizers and their pictures."""

import io
import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import yaml
from PIL import Image

from regbench.regularizers.base import Batch, Choice, Range, Regularizer
from regbench.regularizers.registry import REGULARIZERS
from regbench.report import cards, pictures
from regbench.report.reference import PAGES
from regbench.study.technique import Technique


def card_of(key: str) -> str:
    return cards.card(key, REGULARIZERS[key], {})


def test_a_card_says_what_its_file_declares() -> None:
    card = card_of("dropout")
    assert card.startswith("### dropout\n\n**Dropout.** Set hidden activations to zero")
    assert "It keeps units from relying on one another." in card
    assert "`rate` 0.25; worth trying: `rate` 0.05 to 0.6." in card
    assert "Srivastava et al., 2014, Table 2" in card
    assert "Measured: not yet." in card
    assert "`epsilon`: those of `zca` in the study's settings" in card_of("zca").casefold()
    measured = cards.card("l2", REGULARIZERS["l2"], {"mlp, 28 x 28": 1.049})
    assert "Measured: 1.05 (mlp, 28 x 28) times an epoch." in measured


@pytest.mark.parametrize("key", REGULARIZERS)
def test_the_entry_on_a_card_is_a_technique(key: str) -> None:
    (entry,) = yaml.safe_load(card_of(key).partition("```yaml\n")[2].partition("```")[0]).values()
    technique = Technique.model_validate(entry[key])
    assert list(technique.entries()) == [key]


class WithoutDefault(Regularizer):
    shorthand = "rate"
    search: ClassVar = {"rate": Range(0.1, 0.5)}

    rate: float


class WithoutDefaults(Regularizer):
    search: ClassVar = {"rate": Range(0.1, 0.5), "by": Choice(("norm", "value"))}

    rate: float
    by: str
    often: bool = True


def test_the_entry_of_what_has_no_default_is_of_its_search_range() -> None:
    assert cards.entry_of(WithoutDefault) == 0.1
    assert cards.entry_of(WithoutDefaults) == {"rate": 0.1, "by": "norm"}


def test_every_regularizer_has_a_card_under_its_family() -> None:
    page = PAGES["cards.md"]()
    for key, kind in REGULARIZERS.items():
        assert f"[{kind.title}](#{key})" in page
        assert page.count(f"\n### {key}\n") == 1
    assert page.index("## Layers") < page.index("### dropout") < page.index("## The loss")


def test_measured_epochs_are_those_of_the_benchmark(tmp_path: Path) -> None:
    file = tmp_path / "speed.json"
    assert cards.measured_epochs(file) == {}
    figures = [
        {"what": cards.EPOCH.format(key="l2", network=network), "value": value}
        for network, value in (("mlp, 28 x 28", 1.02), ("cnn, 32 x 32", 1.01))
    ]
    other = {"what": "one epoch / stock model.fit epoch", "value": 0.3}
    file.write_text(json.dumps({"regularizers": {"figures": [*figures, other]}}))
    assert cards.measured_epochs(file) == {"l2": {"mlp, 28 x 28": 1.02, "cnn, 32 x 32": 1.01}}


class Inverted(Regularizer):
    def change_batch(self, batch: Batch, seed: object) -> Batch:
        return batch._replace(images=255 - batch.images)


def test_a_picture_shows_images_and_what_becomes_of_them() -> None:
    images = np.zeros((3, 8, 8, 1), np.uint8)
    made = pictures.picture(Inverted(), {"black": images})
    picture = np.asarray(Image.open(io.BytesIO(made)).convert("L"))
    middle = int(picture.shape[1] * 0.6)  # the second of three images
    above, below = (
        picture[picture.shape[0] // 3, middle],
        picture[picture.shape[0] * 3 // 4, middle],
    )
    assert (above, below) == (0, 255)


def test_pictures_are_written_of_what_changes_the_batch(tmp_path: Path) -> None:
    (file,) = pictures.write_pictures(tmp_path / "made", ["augmentation", "l2"])
    assert file.name == "augmentation.png"
    with Image.open(file) as picture:
        assert picture.width > picture.height
    assert [found.name for found in file.parent.iterdir()] == [file.name]


def test_the_docs_have_a_picture_of_all_that_changes_the_batch() -> None:
    needed = {key for key, kind in REGULARIZERS.items() if kind.does("change_batch")}
    there = {file.stem for file in cards.PICTURES.glob("*.png")}
    assert there == needed, "uv run python -m regbench.report.pictures <key> draws one"


def test_sample_images_are_digits_and_colour_photos() -> None:
    sets = pictures.sample_images()
    assert sets["digits"].shape == (8, 28, 28, 1)
    assert sets["photos"].shape == (8, 64, 64, 3)
    assert all(images.dtype == np.uint8 for images in sets.values())
