"""Colour jitter against Pillow, TensorFlow and colour spaces of the standard library."""

import colorsys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance
from pydantic import ValidationError
from tests.regularizers.batches import changed, smooth_images

from regbench.regularizers.colour_jitter import ColourJitter
from regbench.regularizers.computations.colours import jittered

NAMES = ["brightness", "contrast", "saturation", "hue"]
STILL = dict.fromkeys(NAMES, 0.0)


def jitter(images: np.ndarray, **given: float) -> np.ndarray:
    changes = [[given.get(name, 0.0)] * len(images) for name in NAMES]
    return np.asarray(jittered(tf.constant(images), tf.constant(changes)))


@pytest.mark.parametrize("change", [-0.6, 0.4])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("name", "pillows"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_is_pillows(name: str, pillows: Any, channels: int, change: float) -> None:
    images = smooth_images(6, 16)[..., :channels]
    if (name, channels) == ("saturation", 1):
        return  # nothing to change
    found = jitter(images, **{name: change})
    for image, new in zip(images, found, strict=True):
        shown = Image.fromarray(image[..., 0] if channels == 1 else image)
        expected = np.asarray(pillows(shown).enhance(1 + change)).reshape(image.shape)
        # Pillow rounds greys and takes fractions off.
        assert np.abs(new.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("turn", [-0.4, 0.1, 0.25])
def test_hue_is_turned_in_yiq_and_grey_stays(turn: float) -> None:
    images = (smooth_images(3, 6) // 3 + 90).astype(np.uint8)  # nothing is cut off
    found = jitter(images, hue=turn)
    for old, new in zip(images.reshape(-1, 3) / 255, found.reshape(-1, 3) / 255, strict=True):
        grey, in_phase, quadrature = colorsys.rgb_to_yiq(*old)
        turned = (in_phase + 1j * quadrature) * np.exp(2j * np.pi * turn)
        own_grey, *own = colorsys.rgb_to_yiq(*new)
        assert own_grey == pytest.approx(grey, abs=0.01)
        assert own == pytest.approx([turned.real, turned.imag], abs=0.02)
    flat = np.full((1, 2, 2, 3), 140, np.uint8)
    np.testing.assert_array_equal(jitter(flat, hue=turn, saturation=0.5), flat)


def test_all_at_once_are_one_after_the_other() -> None:
    images = (smooth_images(4, 8) // 3 + 90).astype(np.uint8)
    given = {"brightness": 0.1, "contrast": -0.2, "saturation": 0.3, "hue": 0.05}
    expected = images
    for name in NAMES:
        expected = jitter(expected, **{name: given[name]})
    assert np.abs(jitter(images, **given).astype(int) - expected).max() <= 3  # rounded four times


def test_brightness_is_tensorflows() -> None:
    images = smooth_images(2, 8)
    as_multiplied = tf.image.convert_image_dtype(
        tf.clip_by_value(tf.image.convert_image_dtype(images, tf.float32) * 1.4, 0, 1), tf.uint8
    )
    assert np.abs(jitter(images, brightness=0.4).astype(int) - as_multiplied).max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_strengths_are_limits(name: str) -> None:
    settings = ColourJitter(**STILL | {name: 0.4})
    grey = np.full((2000, 1, 2, 3), 100, np.uint8)
    grey[:, :, 1] = [60, 100, 120]
    found, _ = changed(settings, grey)
    if name == "brightness":
        factors = found[:, 0, 0, 0] / 100
        assert factors.min() == pytest.approx(0.6, abs=0.01)
        assert factors.max() == pytest.approx(1.4, abs=0.01)
        assert np.histogram(factors, 4, (0.6, 1.4))[0] == pytest.approx([500] * 4, abs=80)
    assert len(np.unique(found.reshape(2000, -1), axis=0)) > 5  # every image its own


def test_what_changes_nothing_is_told() -> None:
    with pytest.raises(ValidationError, match="all strengths are 0"):
        ColourJitter(**STILL)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hue": 0.1}, "grey images have no colours: leave out hue;"),
        ({"hue": 0.1, "saturation": 0.2}, "leave out saturation and hue"),
        ({"brightness": 0, "contrast": 0}, "brightness and contrast are 0"),
    ],
)
def test_what_grey_images_lack_is_told(settings: dict[str, float], words: str) -> None:
    jitter = ColourJitter(**settings)
    problem = jitter.problem("cnn", (8, 8, 1))
    assert problem is not None
    assert words in problem
    assert jitter.problem("cnn", (8, 8, 3)) is None


def test_grey_images_take_brightness_and_contrast_by_default() -> None:
    assert ColourJitter().problem("mlp", (28, 28, 1)) is None
    assert ColourJitter(hue=0).problem("mlp", (28, 28, 1)) is None
