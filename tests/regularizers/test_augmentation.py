"""Random changes of images against SciPy's resampling of the same maps."""

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from regbench.regularizers.augmentation import Augmentation
from regbench.regularizers.computations.affine_maps import affine_maps, augment, augment_once

STILL: dict[str, Any] = {
    "rotation": 0,
    "shift": 0,
    "zoom": 0,
    "shear": 0,
    "horizontal_flip": False,
    "vertical_flip": False,
    "fill": "constant",
    "fill_value": 0,
}
STRONG: dict[str, Any] = {
    "rotation": 40,
    "shift": 0.2,
    "zoom": 0.3,
    "shear": 15,
    "horizontal_flip": True,
    "vertical_flip": True,
}
HEIGHT, WIDTH = 9, 14
# SciPy's names for what enters at the edges.
FILLS = {
    "constant": "grid-constant",
    "nearest": "nearest",
    "reflect": "reflect",
    "wrap": "grid-wrap",
}


def changes(**values: Any) -> Augmentation:
    return Augmentation.model_validate(STILL | values)


def random_images(count: int = 24, channels: int = 1) -> np.ndarray:
    shape = (count, HEIGHT, WIDTH, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def changed(images: np.ndarray, settings: Augmentation, *seed: int) -> np.ndarray:
    return np.asarray(augment(tf.constant(images), settings, tf.constant(seed or (1, 2))))


def maps(settings: Augmentation, count: int = 2000, *seed: int) -> np.ndarray:
    """The maps from new pixels to old ones, in float64."""
    found = affine_maps(
        tf.constant(count),
        tf.constant(HEIGHT),
        tf.constant(WIDTH),
        settings,
        tf.constant(seed or (1, 2)),
    )
    upper = np.asarray(found, dtype=float).reshape(count, 2, 3)
    return np.concatenate([upper, np.broadcast_to([0.0, 0.0, 1.0], (count, 1, 3))], axis=1)


def linear(settings: Augmentation) -> np.ndarray:
    return maps(settings)[:, :2, :2]


def with_scipy(images: np.ndarray, matrices: np.ndarray, settings: Augmentation) -> np.ndarray:
    """Resample; SciPy counts rows first, the maps columns first."""
    made = np.empty(images.shape)
    for image, matrix, new in zip(images, matrices, made, strict=True):
        for channel in range(images.shape[-1]):
            new[..., channel] = ndimage.affine_transform(
                image[..., channel].astype(float),
                matrix[1::-1, 1::-1],
                matrix[1::-1, 2],
                order=1,
                mode=FILLS[settings.fill],
                cval=settings.fill_value,
            )
    return made


class TestResampling:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize(
        "fill",
        [
            {"fill": "constant"},
            {"fill": "constant", "fill_value": 200},
            {"fill": "nearest"},
            {"fill": "reflect"},
        ],
        ids=lambda fill: "-".join(str(value) for value in fill.values()),
    )
    def test_is_that_of_scipy(self, fill: dict[str, Any], channels: int) -> None:
        settings = changes(**STRONG, **fill)
        images = random_images(channels=channels)
        found = changed(images, settings)
        assert found.shape == images.shape
        assert found.dtype == np.uint8
        expected = with_scipy(images, maps(settings, len(images)), settings)
        np.testing.assert_allclose(found.astype(float), expected, atol=0.51)

    @pytest.mark.parametrize("count", range(11))
    def test_is_of_every_image_however_few(self, count: int) -> None:
        settings, images = changes(**STRONG), random_images(count)
        found = changed(images, settings).astype(float)
        expected = with_scipy(images, maps(settings, count), settings)
        np.testing.assert_allclose(found, expected, atol=0.51)

    def test_wraps_as_scipy_does_but_at_the_seam(self) -> None:
        # TensorFlow does not interpolate between the last pixel and the first.
        settings = changes(**STRONG, fill="wrap")
        images, matrices = random_images(), maps(settings, 24)
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        new_pixels = np.stack([columns.ravel(), rows.ravel(), np.ones(HEIGHT * WIDTH)])
        x, y = (matrices @ new_pixels).reshape(24, 3, HEIGHT, WIDTH).transpose(1, 0, 2, 3)[:2]
        clear = (x % WIDTH < WIDTH - 1) & (y % HEIGHT < HEIGHT - 1)
        clear &= (x > 1 - WIDTH) & (y > 1 - HEIGHT) & (x < 2 * WIDTH - 2) & (y < 2 * HEIGHT - 2)
        inside = (x >= 0) & (x <= WIDTH - 1) & (y >= 0) & (y <= HEIGHT - 1)
        assert (clear & ~inside).sum() > 300
        found = changed(images, settings).astype(float)[clear]
        np.testing.assert_allclose(found, with_scipy(images, matrices, settings)[clear], atol=0.51)

    def test_treats_all_channels_alike(self) -> None:
        grey = random_images()
        found = changed(np.repeat(grey, 3, axis=-1), changes(**STRONG))
        alone = changed(grey, changes(**STRONG))
        for channel in range(3):
            np.testing.assert_array_equal(found[..., channel], alone[..., 0])

    @pytest.mark.parametrize("fill", FILLS)
    def test_without_changes_images_stay_as_they_are(self, fill: str) -> None:
        images = random_images(channels=3)
        np.testing.assert_array_equal(changed(images, changes(fill=fill)), images)

    def test_extremes_stay_within_a_byte(self) -> None:
        images = np.full((50, HEIGHT, WIDTH, 1), 255, dtype=np.uint8)
        found = changed(images, changes(**STRONG, fill="nearest"))
        assert (found == 255).all()

    def test_runs_inside_a_compiled_step(self) -> None:
        images, settings = random_images(), changes(**STRONG)
        compiled = tf.function(lambda batch, seed: augment(batch, settings, seed))
        found = np.asarray(compiled(tf.constant(images), tf.constant([1, 2])))
        np.testing.assert_array_equal(found, changed(images, settings, 1, 2))


class TestSeeds:
    def test_the_same_seed_gives_the_same_images(self) -> None:
        images, settings = random_images(), changes(**STRONG)
        first, again = changed(images, settings, 3, 4), changed(images, settings, 3, 4)
        np.testing.assert_array_equal(first, again)

    @pytest.mark.parametrize("other", [(3, 5), (4, 4)])
    def test_both_numbers_of_a_seed_count(self, other: tuple[int, int]) -> None:
        settings = changes(rotation=90)
        one, two = maps(settings, 50, 3, 4), maps(settings, 50, *other)
        assert (np.abs(one - two).max(axis=(1, 2)) > 1e-3).all()

    def test_every_image_has_its_own_map(self) -> None:
        found = maps(changes(rotation=90), 200).reshape(200, 9)
        assert len(np.unique(found.round(5), axis=0)) == 200

    def test_once_is_the_same_function(self) -> None:
        images, settings = random_images(), changes(**STRONG)
        np.testing.assert_array_equal(
            augment_once(images, settings, seed=7), changed(images, settings, 7, 0)
        )


class TestRanges:
    """What the matrices say about angles, shifts, zoom and shear."""

    def evenly(self, values: np.ndarray, limit: float, slack: float = 1e-3) -> None:
        """Within the limits, up to them, and flat in between."""
        assert np.abs(values).max() <= limit + slack
        counts, _ = np.histogram(values, bins=4, range=(-limit, limit))
        assert counts.sum() == pytest.approx(len(values), abs=5)
        assert (np.abs(counts / len(values) - 0.25) < 0.05).all()

    def test_of_rotation(self) -> None:
        matrices = linear(changes(rotation=30))
        angles = np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
        self.evenly(angles, 30)
        expected = np.stack(
            [
                [np.cos(np.radians(angles)), -np.sin(np.radians(angles))],
                [np.sin(np.radians(angles)), np.cos(np.radians(angles))],
            ]
        ).transpose(2, 0, 1)
        np.testing.assert_allclose(matrices, expected, atol=1e-5)

    def test_of_zoom(self) -> None:
        matrices = linear(changes(zoom=0.25))
        assert (matrices[:, [0, 1], [1, 0]] == 0).all()
        np.testing.assert_array_equal(matrices[:, 0, 0], matrices[:, 1, 1])
        self.evenly(1 / matrices[:, 0, 0] - 1, 0.25)  # the image's size, in and out

    def test_of_shear(self) -> None:
        matrices = linear(changes(shear=20))
        self.evenly(np.degrees(np.arctan(matrices[:, 0, 1])), 20)
        np.testing.assert_array_equal(matrices[:, [0, 1], [0, 1]], 1)
        np.testing.assert_array_equal(matrices[:, 1, 0], 0)

    def test_of_shift(self) -> None:
        matrices = maps(changes(shift=0.2))
        np.testing.assert_array_equal(matrices[:, :2, :2], np.tile(np.eye(2), (2000, 1, 1)))
        self.evenly(matrices[:, 0, 2], 0.2 * WIDTH)
        self.evenly(matrices[:, 1, 2], 0.2 * HEIGHT)
        assert abs(np.corrcoef(matrices[:, 0, 2], matrices[:, 1, 2])[0, 1]) < 0.1

    def test_all_at_once_are_the_product_of_each_alone(self) -> None:
        # A seed draws the same for every change, whether the others are asked for or not.
        order = ["vertical_flip", "horizontal_flip", "zoom", "shear", "rotation", "shift"]
        alone = [maps(changes(**{name: STRONG[name]})) for name in order]
        np.testing.assert_allclose(
            maps(changes(**STRONG)), functools.reduce(np.matmul, alone), atol=1e-4
        )

    def test_all_turn_about_the_middle(self) -> None:
        settings = changes(**STRONG | {"shift": 0})
        middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2, 1])
        np.testing.assert_allclose(maps(settings) @ middle, np.tile(middle, (2000, 1)), atol=1e-4)

    def test_a_shift_is_of_the_changed_image(self) -> None:
        # The old middle lies within the shift's range of the new one, however far it turns.
        found = maps(changes(**STRONG))
        middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2, 1])
        shifts = (np.linalg.solve(found, np.tile(middle[:, None], (2000, 1, 1)))[..., 0] - middle)[
            :, :2
        ]
        self.evenly(shifts[:, 0], 0.2 * WIDTH, slack=1e-2)
        self.evenly(shifts[:, 1], 0.2 * HEIGHT, slack=1e-2)

    def test_are_drawn_independently(self) -> None:
        found = maps(changes(rotation=30, shift=0.2, zoom=0.2, shear=20))
        upper, lower = found[:, 0, :2], found[:, 1, :2]
        angles = np.arctan2(lower[:, 0], lower[:, 1])
        sizes = np.linalg.norm(lower, axis=1)
        shears = (upper * lower).sum(axis=1) / sizes**2
        middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2, 1])
        shifts = np.linalg.solve(found, np.tile(middle[:, None], (2000, 1, 1)))[:, :2, 0]
        drawn = np.column_stack([angles, sizes, shears, shifts])
        assert (np.abs(np.corrcoef(drawn.T) - np.eye(5)) < 0.1).all()


class TestFlips:
    def test_are_exact_mirror_images_half_the_time(self) -> None:
        images = random_images(1000, channels=3)
        found = changed(images, changes(horizontal_flip=True))
        mirrored = (found == images[:, :, ::-1]).all(axis=(1, 2, 3))
        same = (found == images).all(axis=(1, 2, 3))
        assert (mirrored ^ same).all()
        assert mirrored.mean() == pytest.approx(0.5, abs=0.06)

    def test_upside_down_too(self) -> None:
        images = random_images(1000)
        found = changed(images, changes(vertical_flip=True))
        mirrored = (found == images[:, ::-1]).all(axis=(1, 2, 3))
        same = (found == images).all(axis=(1, 2, 3))
        assert (mirrored ^ same).all()
        assert mirrored.mean() == pytest.approx(0.5, abs=0.06)

    def test_of_both_kinds_are_independent(self) -> None:
        found = linear(changes(horizontal_flip=True, vertical_flip=True))
        kinds, counts = np.unique(found[:, [0, 1], [0, 1]], axis=0, return_counts=True)
        assert kinds.tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
        assert (np.abs(counts / 2000 - 0.25) < 0.04).all()

    def test_none_unless_asked_for(self) -> None:
        found = linear(changes(**STRONG | {"horizontal_flip": False, "vertical_flip": False}))
        assert (np.linalg.det(found) > 0).all()
