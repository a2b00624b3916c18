"""Each corruption does what it says, to each image alike, whatever stands beside it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from regbench.evaluation import corruption
from regbench.evaluation.corruption import CORRUPTIONS, corrupt, robustness_rows

SHAPES = [(28, 28, 1), (20, 33, 3), (1, 1, 1), (2, 5, 3)]
RANDOM = {"shot_noise", "impulse_noise", "rotate", "shear", "translate"}


def noise(count: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def grey(value: int, count: int = 20, shape: tuple[int, ...] = (40, 40, 1)) -> np.ndarray:
    """Images of one brightness that differ in a single value, so their draws differ too."""
    images = np.full((count, *shape), value, dtype=np.uint8)
    images[:, shape[0] // 2, shape[1] // 2, 0] = np.arange(count)
    return images


def dots(height: int, width: int, row: int, column: int, count: int = 40) -> np.ndarray:
    """A bright 3 x 3 dot on black; images differ in its middle."""
    images = np.zeros((count, height, width, 1), dtype=np.uint8)
    images[:, row - 1 : row + 2, column - 1 : column + 2] = 200
    images[:, row, column, 0] = 200 + np.arange(count)
    return images


def centres(images: np.ndarray) -> set[tuple[int, int]]:
    return {
        (round(row), round(column))
        for row, column in (ndimage.center_of_mass(image[..., 0]) for image in images)
    }


@pytest.mark.parametrize("name", CORRUPTIONS)
class TestEvery:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_keeps_shape_and_type_and_the_original(self, name: str, shape: tuple[int, ...]) -> None:
        images = noise(7, shape)
        before = images.copy()
        found = corrupt(images, name, 3)
        assert found.shape == images.shape
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(images, before)

    def test_none(self, name: str) -> None:
        assert corrupt(noise(0, (8, 8, 1)), name, 0).shape == (0, 8, 8, 1)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_changes_every_image(self, name: str, channels: int) -> None:
        images = noise(30, (28, 28, channels))
        changed = corrupt(images, name, 0) != images
        assert changed.any(axis=(1, 2, 3)).all()

    def test_an_image_is_corrupted_alike_whatever_it_stands_beside(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images = noise(12, (9, 7, 3))
        whole = corrupt(images, name, 5)
        order = np.random.default_rng(0).permutation(12)
        np.testing.assert_array_equal(corrupt(images[order], name, 5), whole[order])
        alone = [corrupt(images[number : number + 1], name, 5) for number in range(12)]
        np.testing.assert_array_equal(np.concatenate(alone), whole)
        monkeypatch.setattr(corruption, "_VALUES_A_CHUNK", 5 * 9 * 7 * 3)
        np.testing.assert_array_equal(corrupt(images, name, 5), whole)

    def test_memory_mapped_images(
        self, name: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        images = noise(6, (8, 8, 1))
        file = tmp_path_factory.mktemp("images") / "images.npy"
        np.save(file, images)
        mapped = np.load(file, mmap_mode="r")
        np.testing.assert_array_equal(corrupt(mapped, name, 1), corrupt(images, name, 1))

    def test_seed_decides_what_is_random(self, name: str) -> None:
        images = noise(40, (12, 12, 1))
        first, second = corrupt(images, name, 1), corrupt(images, name, 2)
        np.testing.assert_array_equal(first, corrupt(images, name, 1))
        assert (first != second).any() == (name in RANDOM)

    @settings(max_examples=20, deadline=None)
    @given(data=st.data())
    def test_any_image(self, name: str, data: st.DataObject) -> None:
        sides = st.integers(1, 12)
        shape = data.draw(st.tuples(st.integers(1, 3), sides, sides, st.sampled_from([1, 3])))
        images = data.draw(arrays(np.uint8, shape))
        assert corrupt(images, name, data.draw(st.integers(0, 2**31))).shape == shape


def test_the_eight() -> None:
    assert list(CORRUPTIONS) == [
        "shot_noise",
        "impulse_noise",
        "blur",
        "rotate",
        "scale",
        "shear",
        "translate",
        "stripe",
    ]
    with pytest.raises(KeyError, match="fog"):
        corrupt(noise(1, (4, 4, 1)), "fog", 0)


def test_geometry_leaves_one_colour_alone() -> None:
    """What moves in is the border's colour: no black corners on a white photo."""
    images = np.full((6, 15, 11, 3), (250, 140, 30), dtype=np.uint8)
    for name in ("rotate", "scale", "shear", "translate", "blur"):
        np.testing.assert_array_equal(corrupt(images, name, 0), images, err_msg=name)


def test_shot_noise_is_poisson() -> None:
    images = grey(51, count=60)
    found = corrupt(images, "shot_noise", 0).astype(float)
    # 0.6 photons expected: the mean is kept, all 3 levels below white occur as often as said.
    levels, counts = np.unique(found.round(-1), return_counts=True)
    shares = dict(zip(levels, counts / found.size, strict=True))
    assert found.mean() == pytest.approx(51, abs=1)
    assert shares[0] == pytest.approx(np.exp(-0.6), abs=0.01)
    assert shares[80] == pytest.approx(0.6 * np.exp(-0.6), abs=0.01)  # 85 to the nearest ten
    black = np.zeros((2, 9, 9, 1), dtype=np.uint8)
    assert not corrupt(black, "shot_noise", 0).any()


def test_impulse_noise_is_salt_and_pepper() -> None:
    images = grey(100, count=60)
    found = corrupt(images, "impulse_noise", 0)
    changed = found != images
    assert set(np.unique(found[changed])) == {0, 255}
    assert (found == 255).mean() == pytest.approx(0.085, abs=0.005)
    assert (found == 0).mean() == pytest.approx(0.085, abs=0.005)


@pytest.mark.parametrize("shape", [(28, 28), (40, 20)])
def test_blur_is_as_scipys_of_one_image(shape: tuple[int, int]) -> None:
    image = noise(1, (*shape, 3))
    found = corrupt(image, "blur", 0)[0]
    sigma = [2 / 28 * side for side in shape]
    for channel in range(3):
        expected = ndimage.gaussian_filter(image[0, ..., channel] * 1.0, sigma, mode="nearest")
        assert np.abs(found[..., channel] - expected).max() < 0.51


TAN, COS, SIN = 0.4, np.cos(np.pi / 6), np.sin(np.pi / 6)
MAPS = {
    "rotate": [[[COS, -SIN], [SIN, COS]], [[COS, SIN], [-SIN, COS]]],
    "scale": [[[1 / 0.7, 0], [0, 1 / 0.7]]],
    "shear": [[[1, 0], [TAN, 1]], [[1, 0], [-TAN, 1]]],
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (17, 30, 3)])
def test_resampling_is_as_scipys_in_one_direction_or_the_other(
    name: str, shape: tuple[int, int, int]
) -> None:
    images = noise(24, shape)
    middle = (np.array(shape[:2]) - 1) / 2
    taken = []
    for image, found in zip(images, corrupt(images, name, 0), strict=True):
        errors = []
        for matrix in np.array(MAPS[name]):
            offset = middle - matrix @ middle
            expected = [
                ndimage.affine_transform(
                    image[..., channel] * 1.0, matrix, offset, order=1, mode="nearest"
                )
                for channel in range(shape[2])
            ]
            errors.append(np.abs(np.stack(expected, axis=-1) - found).max())
        taken.append(int(np.argmin(errors)))
        assert min(errors) < 0.51
    assert set(taken) == set(range(len(MAPS[name])))


def test_scale_makes_smaller() -> None:
    dot = dots(28, 28, 14, 24)
    assert centres(corrupt(dot, "scale", 0)) == {(14, 21)}
    assert corrupt(dot, "scale", 0).sum() / dot.sum() == pytest.approx(0.49, abs=0.1)


def test_translate_moves_towards_every_corner() -> None:
    dot = dots(28, 56, 14, 28)
    found = corrupt(dot, "translate", 0)
    assert centres(found) == {(12, 24), (12, 32), (16, 24), (16, 32)}
    np.testing.assert_array_equal(found.sum(axis=(1, 2, 3)), dot.sum(axis=(1, 2, 3)))


def test_stripe_is_a_negative_of_both_edges() -> None:
    images = noise(3, (28, 28, 3))
    found = corrupt(images, "stripe", 0)
    expected = images.copy()
    expected[:, :, [0, 1, 2, 25, 26, 27]] = ~expected[:, :, [0, 1, 2, 25, 26, 27]]
    np.testing.assert_array_equal(found, expected)


class TestRows:
    index = pd.DataFrame(
        {
            "target": np.random.default_rng(0).choice(4, 1000, p=[0.5, 0.3, 0.15, 0.05]),
            "split": np.random.default_rng(1).choice(["train", "test"], 1000),
        }
    )

    @pytest.mark.parametrize("most", [0, 1, 7, 100, 333])
    def test_every_class_keeps_its_share(self, most: int) -> None:
        rows = robustness_rows(self.index, "test", most)
        chosen = self.index.iloc[rows]
        assert len(rows) == len(set(rows)) == most
        assert (np.diff(rows) > 0).all()
        assert set(chosen["split"]) <= {"test"}
        expected = self.index.loc[self.index["split"] == "test", "target"].value_counts(True) * most
        found = chosen["target"].value_counts().reindex(expected.index, fill_value=0)
        assert (found - expected).abs().max() < 1
        np.testing.assert_array_equal(rows, robustness_rows(self.index, "test", most))

    def test_many_classes_of_one_image_beside_a_large_one(self) -> None:
        index = pd.DataFrame({"target": [*range(100), *[100] * 100], "split": "test"})
        chosen = index["target"].iloc[robustness_rows(index, "test", 50)]
        assert (chosen == 100).sum() in {25, 26}
        assert len(chosen) == 50

    def test_not_only_the_first_images(self) -> None:
        rows = robustness_rows(self.index, "test", 100)
        assert 400 < rows.mean() < 600
        assert rows.max() > 900

    def test_all_if_there_are_no_more(self) -> None:
        test = np.flatnonzero(self.index["split"] == "test")
        np.testing.assert_array_equal(robustness_rows(self.index, "test", 5000), test)
        assert len(robustness_rows(self.index, "validation", 10)) == 0

    def test_labels_of_the_tables_rows_do_not_matter(self) -> None:
        np.testing.assert_array_equal(
            robustness_rows(self.index.set_index(self.index.index[::-1] + 7), "test", 50),
            robustness_rows(self.index, "test", 50),
        )
