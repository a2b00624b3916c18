"""Decoding of JPEGs at a fraction of their size, in threads, and of formats that are not read."""

import io
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features
from sklearn.datasets import load_sample_images

from regbench.images import batch_decoder, decode
from regbench.images.batch_decoder import BatchDecoder
from regbench.images.decode import Decoding, decode_picture
from regbench.images.picture_files import camera_raw_reason, is_picture
from regbench.images.sources.base import Unreadable

# Both 427 x 640, one of them rich in detail.
PHOTOS = [Image.fromarray(photo) for photo in load_sample_images().images]


def decoding(height: int, width: int, mode: Any = "RGB", **changes: Any) -> Decoding:
    given = {"aspect": "stretch", "background": "black", "max_pixels": 10**8} | changes
    return Decoding(height, width, mode, **given)


def encode(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def in_full(data: bytes, wanted: Decoding, monkeypatch: pytest.MonkeyPatch) -> NDArray[np.uint8]:
    with monkeypatch.context() as patched:
        patched.setattr(decode, "_DRAFT_MARGIN", 1e9)
        return decode_picture(data, wanted)


SIZES = [
    (96, 96),
    (72, 96),
    (112, 112),
    (106, 160),
    (53, 80),
    (71, 107),
    (28, 28),
    (10, 90),
    (5, 5),
]


class TestDrafts:
    @pytest.mark.parametrize("mode", ["RGB", "L"])
    @pytest.mark.parametrize("size", SIZES)
    def test_stay_within_a_grey_level_of_the_full_way_on_average(
        self, size: tuple[int, int], mode: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drafted = 0
        for photo in (*PHOTOS, PHOTOS[0].resize((500, 375)), PHOTOS[1].resize((333, 501))):
            for quality, subsampling in ((75, 2), (95, 0)):
                data = encode(photo, quality=quality, subsampling=subsampling)
                wanted = decoding(*size, mode)
                fast, full = decode_picture(data, wanted), in_full(data, wanted, monkeypatch)
                difference = np.abs(fast.astype(int) - full)
                drafted += bool(difference.any())
                assert difference.mean() <= 1
                assert abs(fast.mean() - full.mean()) < 0.3
        assert drafted

    @pytest.mark.parametrize("aspect", ["stretch", "pad", "crop"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_are_turned_and_fitted_as_in_full(
        self, orientation: int, aspect: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encode(PHOTOS[1].resize((501, 371)), quality=90, exif=exif)
        wanted = decoding(40, 64, aspect=aspect)
        fast, full = decode_picture(data, wanted), in_full(data, wanted, monkeypatch)
        assert 0 < np.abs(fast.astype(int) - full).mean() <= 1

    def test_are_of_jpegs_that_shrink_a_lot(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for kind, size in (("JPEG", (200, 300)), ("PNG", (28, 28)), ("WEBP", (28, 28))):
            data, wanted = encode(PHOTOS[0], kind), decoding(*size)
            same = in_full(data, wanted, monkeypatch)
            np.testing.assert_array_equal(decode_picture(data, wanted), same)

    def test_that_are_cut_short_are_rejected(self) -> None:
        data = encode(PHOTOS[0])
        with pytest.raises(Unreadable, match="truncated"):
            decode_picture(data[: len(data) // 2], decoding(28, 28))

    def test_of_cmyk_are_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data, wanted = encode(PHOTOS[0].convert("CMYK")), decoding(28, 28, "L")
        difference = np.abs(
            decode_picture(data, wanted).astype(int) - in_full(data, wanted, monkeypatch)
        )
        assert difference.mean() <= 1


class TestThreads:
    def files(self) -> list[bytes]:
        random = np.random.default_rng(0)
        noise = [Image.fromarray(random.integers(0, 256, (9, 9), np.uint8)) for _ in range(40)]
        kinds = ["PNG", "JPEG", "BMP", "GIF"]
        return [
            b"no picture" if number % 7 == 5 else encode(one, kinds[number % 4])
            for number, one in enumerate(noise)
        ]

    @pytest.mark.parametrize("fewest", [1, 8, 1000])
    def test_make_no_difference(self, fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(batch_decoder, "_FEWEST_FOR_THREADS", fewest)
        wanted, files = decoding(5, 5, "L"), self.files()
        images = np.zeros((len(files), 5, 5, 1), np.uint8)
        with BatchDecoder(images, wanted) as decoder:
            faults = [decoder.put(row, one) for row, one in enumerate(decoder.decode(files))]
            decoder.flush()
        for row, data in enumerate(files):
            if data == b"no picture":
                assert faults[row] is not None
            else:
                assert faults[row] is None
                np.testing.assert_array_equal(images[row], decode_picture(data, wanted))

    def test_end_with_the_decoder(self) -> None:
        before = threading.active_count()
        with BatchDecoder(np.zeros((40, 5, 5, 1), np.uint8), decoding(5, 5, "L")) as decoder:
            decoder.decode(self.files())
        assert threading.active_count() == before

    def test_large_pictures_are_decoded_one_at_a_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at_once, most = 0, []
        load = decode._render

        def counted(*given: Any) -> Any:
            nonlocal at_once
            at_once += 1
            most.append(at_once)
            made = load(*given)
            at_once -= 1
            return made

        monkeypatch.setattr(decode, "_render", counted)
        monkeypatch.setattr(decode, "_LARGE_PIXELS", 10)
        with BatchDecoder(np.zeros((40, 5, 5, 1), np.uint8), decoding(5, 5, "L")) as decoder:
            decoder.decode(self.files())
        assert len(most) > 30
        assert set(most) == {1}


UNREAD = {
    "HEIC; uv sync --extra heic reads it": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "PSD; save it as JPEG or PNG": b"8BPS\0\1",
    "JPEG XL; save it as JPEG or PNG": b"\xff\x0a\0\0",
    "JPEG 2000; save it as JPEG or PNG": b"\0\0\0\x0cjP  \r\n\x87\n",
    "DICOM; save it as JPEG or PNG": bytes(128) + b"DICM",
    "CR3, a camera's raw format; save it as JPEG or PNG": b"\0\0\0\x18ftypcrx \0\0\0\1",
}


@pytest.mark.parametrize("reason", UNREAD)
def test_formats_that_are_not_read_are_named(reason: str) -> None:
    if "HEIF" in decode.FORMATS and reason.startswith("HEIC"):
        pytest.skip("the extra heic is installed")
    with pytest.raises(Unreadable) as caught:
        decode_picture(UNREAD[reason], decoding(2, 2))
    assert caught.value.reason == f"unreadable: {reason}"


def test_a_dng_is_not_taken_for_its_preview() -> None:
    data = encode(Image.new("RGB", (8, 8)), "TIFF", tiffinfo={50706: b"\1\4\0\0"})
    with pytest.raises(Unreadable, match="DNG, a camera's raw format"):
        decode_picture(data, decoding(2, 2))


def test_raw_files_are_pictures_that_are_rejected_by_their_suffix() -> None:
    assert camera_raw_reason("a/b.NEF") == (
        "unreadable: NEF, a camera's raw format; save it as JPEG or PNG"
    )
    assert camera_raw_reason("a/b.png") is None
    shown = [
        "a.HEIC",
        "a.avif",
        "a.jxl",
        "a.psd",
        "a.cr2",
        "a.dng",
        "a.svg",
        "a.png",
        "a.JPG",
        "a/",
    ]
    assert all(map(is_picture, shown))
    assert not any(map(is_picture, ["a.csv", "a.h5", "a.npz", "a.tar", "a", "a.txt"]))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_is_read() -> None:
    data = encode(Image.new("RGB", (16, 16), (200, 0, 0)), "AVIF", quality=100)
    pixels = decode_picture(data, decoding(2, 2)).astype(int)
    assert np.abs(pixels - [200, 0, 0]).max() <= 4


@pytest.mark.skipif("HEIF" not in decode.FORMATS, reason="the extra heic is not installed")
def test_heic_is_read() -> None:
    data = encode(Image.new("RGB", (16, 16), (200, 0, 0)), "HEIF", quality=100)
    pixels = decode_picture(data, decoding(2, 2)).astype(int)
    assert np.abs(pixels - [200, 0, 0]).max() <= 4
    with pytest.raises(Unreadable):
        decode_picture(data[: len(data) // 2], decoding(2, 2))
