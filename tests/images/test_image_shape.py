"""The size and colour that pictures are decoded to, found from the pictures."""

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image, ImageOps

from regbench.images.image_shape import usual_shape
from regbench.images.ingest import LabeledImages, ingest_labeled, ingest_unlabeled
from regbench.images.known_files import EarlierIngestion
from regbench.images.sources.open import open_source
from regbench.study.schema import Ingest

PARAMETERS = Path(__file__).parents[2] / "conf/base/parameters_data.yml"
DEFAULTS: dict[str, Any] = yaml.safe_load(PARAMETERS.read_text())["ingest"]
RANDOM = np.random.default_rng(0)


def ingest_settings(**changes: Any) -> Ingest:
    return Ingest.model_validate(DEFAULTS | {"layout": "class_folders"} | changes)


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(height: int, width: int, mode: str = "L") -> Image.Image:
    shape = (height, width) if mode == "L" else (height, width, 3)
    return Image.fromarray(RANDOM.integers(0, 256, shape, np.uint8))


def grey_in_colour(height: int = 6, width: int = 8) -> Image.Image:
    """Return a grey picture that is stored in colour."""
    return noise(height, width).convert("RGB")


def write(root: Path, pictures: list[bytes]) -> Path:
    for number, data in enumerate(pictures):
        path = root / "ab"[number % 2] / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def read(path: Path, earlier: EarlierIngestion | None = None, **changes: Any) -> LabeledImages:
    with open_source(path) as source:
        return ingest_labeled(source, ingest_settings(**changes), earlier)


class TestUsualShape:
    @pytest.mark.parametrize(
        ("sizes", "expected"),
        [
            ([(28, 28)] * 9, (28, 28)),
            ([(24, 20)], (24, 20)),
            ([(375, 500)] * 9, (72, 96)),
            ([(500, 375)] * 9, (96, 72)),
            ([(97, 10)], (96, 10)),
            ([(1, 5000)], (1, 96)),
            ([(20, 30)] * 9 + [(4000, 6000)], (20, 30)),  # a giant among small ones
            ([(20, 30), (22, 30), (24, 30)], (22, 30)),  # nearly the same aspect ratio
            ([(20, 40)] * 95 + [(40, 20)] * 5, (20, 40)),
            ([(20, 45)] * 5 + [(45, 20)] * 5, (30, 30)),  # as much upright as not
            ([(375, 500)] * 5 + [(500, 375)] * 5, (96, 96)),
            ([], (1, 1)),
        ],
    )
    def test_is_the_median_at_most_so_large(
        self, sizes: list[tuple[int, int]], expected: tuple[int, int]
    ) -> None:
        assert usual_shape(sizes, 96) == expected


class TestAuto:
    def test_size_and_colour_are_those_of_the_pictures(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        pictures = [noise(6, 8, "RGB") for _ in range(4)]
        made = read(write(tmp_path, [encode(one) for one in pictures]))
        np.testing.assert_array_equal(made.images[0], np.asarray(pictures[0]))
        line = "pictures: 4 of 6 x 8, colour -> 6 x 8 x 3 (ingest.size, ingest.mode)"
        assert f"{tmp_path}: {line}" in caplog.messages

    def test_says_how_many_were_looked_at_and_how_they_differ(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        read(write(tmp_path, [encode(noise(6 + n % 2, 8)) for n in range(210)]))
        line = "pictures: 210 of 6 x 8 to 7 x 8 (200 looked at), grey -> 6 x 8 x 1"
        assert any(line in message for message in caplog.messages)

    def test_nothing_is_looked_at_or_said_where_both_are_set(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        path = write(tmp_path, [encode(noise(6, 8)) for _ in range(4)])
        assert read(path, size=3, mode="RGB").images.shape == (4, 3, 3, 3)
        assert "ingest.size" not in caplog.text

    def test_one_may_be_set(self, tmp_path: Path) -> None:
        path = write(tmp_path, [encode(noise(6, 8, "RGB")) for _ in range(4)])
        assert read(path, size=3).images.shape == (4, 3, 3, 3)
        assert read(path, mode="L").images.shape == (4, 6, 8, 1)
        assert read(path, max_auto_size=4).images.shape == (4, 3, 4, 3)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
    def test_grey_pictures_stored_in_colour_are_grey(self, tmp_path: Path, kind: str) -> None:
        options = {"lossless": True} if kind == "WEBP" else {}
        pictures = [grey_in_colour() for _ in range(4)]
        made = read(write(tmp_path, [encode(one, kind, **options) for one in pictures]))
        assert made.images.shape == (4, 6, 8, 1)
        if kind != "JPEG":
            expected = np.asarray(pictures[0].convert("L"))
            np.testing.assert_array_equal(made.images[0, ..., 0], expected)

    @pytest.mark.parametrize("shrunk", [False, True])
    def test_the_only_colour_picture_of_many_is_found_while_decoding(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, shrunk: bool
    ) -> None:
        caplog.set_level(logging.INFO)
        pictures = [encode(grey_in_colour()) for _ in range(60)]
        pictures[31] = encode(noise(6, 8, "RGB"))  # not among the 20 that are decoded first
        path = write(tmp_path, pictures)
        size = {"size": 3} if shrunk else {}
        made = read(path, **size)
        assert made.images.shape[3] == 3
        np.testing.assert_array_equal(made.images, read(path, mode="RGB", **size).images)
        assert "a picture has colours" in caplog.text

    def test_what_cannot_be_read_decides_nothing(self, tmp_path: Path) -> None:
        pictures = [encode(noise(6, 8)) for _ in range(4)] + [b"no picture", encode(noise(99, 99))]
        made = read(write(tmp_path, pictures), max_rejected=1, max_pixels=100)
        assert made.images.shape == (4, 6, 8, 1)

    def test_orientation_counts(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        for kind in ("JPEG", "TIFF", "PNG"):
            data = encode(noise(6, 8), kind, exif=exif)
            made = read(write(tmp_path / kind, [data, encode(noise(8, 6))]))
            assert made.images.shape == (2, 8, 6, 1)


class TestKnownFiles:
    """What an earlier ingestion has read is used only where it was read the same way."""

    def test_colours_that_were_made_grey_are_not_taken_for_grey(self, tmp_path: Path) -> None:
        pictures = [encode(grey_in_colour()) for _ in range(60)]
        pictures[31] = encode(noise(6, 8, "RGB"))
        path = write(tmp_path, pictures)
        forced = read(path, mode="L")
        made = read(path, EarlierIngestion(forced.files, lambda: forced.images))
        np.testing.assert_array_equal(made.images, read(path).images)

    @pytest.mark.parametrize("added", [noise(6, 8, "RGB"), noise(30, 2), noise(6, 8)])
    def test_a_set_that_grows_is_read_as_from_scratch(
        self, tmp_path: Path, added: Image.Image
    ) -> None:
        path = write(tmp_path, [encode(grey_in_colour()) for _ in range(9)])
        before = read(path)
        (path / "a/added.png").write_bytes(encode(added))
        (path / "b/added.png").write_bytes(encode(added.transpose(Image.Transpose.ROTATE_180)))
        made = read(path, EarlierIngestion(before.files, lambda: before.images))
        scratch = read(path)
        np.testing.assert_array_equal(made.images, scratch.images)
        assert made.index.equals(scratch.index)
        assert made.files.equals(scratch.files)


def test_unlabeled_pictures_become_what_the_labeled_ones_are(tmp_path: Path) -> None:
    path = write(tmp_path, [encode(noise(6, 8)) for _ in range(4)])
    (path / "new").mkdir()
    (path / "new/1.png").write_bytes(encode(noise(50, 50, "RGB")))
    settings = ingest_settings(unlabeled_folder="new")
    with open_source(path) as source:
        labeled = ingest_labeled(source, settings)
        made = ingest_unlabeled(source, settings, labeled.images.shape[1:])
    assert labeled.images.shape == (4, 6, 8, 1)
    assert made.images.shape == (1, 6, 8, 1)


class TestAspect:
    @pytest.mark.parametrize("size", [(8, 8), (5, 9), (9, 5), (30, 40)])
    @pytest.mark.parametrize("of", [(20, 10), (10, 20), (31, 17)])
    def test_pad_and_crop_are_those_of_pillow(
        self, tmp_path: Path, size: tuple[int, int], of: tuple[int, int]
    ) -> None:
        picture = noise(*of)
        path = write(tmp_path, [encode(picture), encode(noise(*of))])
        wanted, bilinear = size[::-1], Image.Resampling.BILINEAR
        expected = {
            "stretch": picture.resize(wanted, bilinear),
            "pad": ImageOps.pad(picture, wanted, bilinear, color="white", centering=(0.49, 0.49)),
            "crop": ImageOps.fit(picture, wanted, bilinear),
        }
        for aspect, image in expected.items():
            made = read(path, size=list(size), aspect=aspect, background="white")
            difference = np.abs(made.images[0, ..., 0].astype(int) - np.asarray(image, int))
            assert difference.max() <= 1, aspect

    def test_crop_keeps_the_middle_and_pad_all(self, tmp_path: Path) -> None:
        pixels = np.zeros((10, 30), np.uint8)
        pixels[:, 10:20] = 200
        path = write(tmp_path, [encode(Image.fromarray(pixels)), encode(noise(10, 30))])
        assert (read(path, size=10, aspect="crop").images[0] == 200).all()
        padded = read(path, size=30, aspect="pad", background="white").images[0, ..., 0]
        np.testing.assert_array_equal(padded[10:20], pixels)
        assert (padded[:10] == 255).all()
        assert (padded[20:] == 255).all()
        colour = read(path, size=30, aspect="pad", background="white", mode="RGB").images[0]
        assert (colour[:10] == 255).all()
