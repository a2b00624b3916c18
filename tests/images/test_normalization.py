"""Scaling and whitening against scikit-learn and a singular value decomposition."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from regbench.errors import StudyError
from regbench.images.normalization import (
    fit_normalization,
    fit_zca,
    normalize,
    whiten,
)
from regbench.regularizers.zca import Whitening
from regbench.study.schema import Normalization

METHODS = {"min_max": MinMaxScaler, "mean_std": StandardScaler}


def random_images(
    count: int = 40, height: int = 5, width: int = 7, channels: int = 1, seed: int = 0
) -> np.ndarray:
    """Return images whose channels have different ranges."""
    draw = np.random.default_rng(seed).beta(0.5, 1.5, (count, height, width, channels))
    low, high = np.array([3, 40, 0])[:channels], np.array([250, 180, 99])[:channels]
    return (low + draw * (high - low)).astype(np.uint8)


def smooth_images(count: int, side: int = 6, channels: int = 1) -> np.ndarray:
    """Return images with correlated neighbouring pixels, as in photographs."""
    noise = np.random.default_rng(1).normal(size=(count, side + 2, side + 2, channels))
    sums = sum(noise[:, i : i + side, j : j + side] for i in range(3) for j in range(3))
    return np.clip(128 + 20 * sums, 0, 255).astype(np.uint8)


def fitted(images: np.ndarray, rows: np.ndarray, method: str) -> dict[str, list[float]]:
    return fit_normalization(images, rows, Normalization.model_validate({"method": method}))


class TestNormalization:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("method", METHODS)
    def test_is_that_of_scikit_learn(self, method: str, channels: int) -> None:
        images = random_images(channels=channels)
        train = np.arange(0, 40, 2)
        scaler = METHODS[method]().fit(images[train].reshape(-1, channels).astype(float))
        expected = scaler.transform(images.reshape(-1, channels).astype(float))
        actual = normalize(images, fitted(images, train, method))
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected.reshape(images.shape), rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("method", METHODS)
    def test_goes_by_train_rows_only(self, method: str) -> None:
        images = random_images()
        train = np.arange(20)
        before = fitted(images, train, method)
        images[20:] = np.random.default_rng(9).integers(0, 256, images[20:].shape)
        assert fitted(images, train, method) == before
        images[0] = 255
        assert fitted(images, train, method) != before

    @pytest.mark.parametrize("method", METHODS)
    def test_takes_more_images_than_it_reads_at_once(self, method: str, tmp_path: Path) -> None:
        # The extremes are in the first and the last image of 9,000, on disk.
        images = np.random.default_rng(0).integers(50, 200, (9001, 2, 2, 1), dtype=np.uint8)
        images[0], images[-1] = 7, 240
        np.save(tmp_path / "images.npy", images)
        mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
        actual = fitted(mapped, np.arange(9001), method)
        pixels = images.astype(float)
        expected = (7, 233) if method == "min_max" else (pixels.mean(), pixels.std())
        assert (actual["offset"][0], actual["scale"][0]) == pytest.approx(expected)

    @pytest.mark.parametrize("method", METHODS)
    def test_blank_images_stop(self, method: str) -> None:
        images = random_images(channels=3)
        images[..., 1] = 77
        with pytest.raises(StudyError, match="blank"):
            fitted(images, np.arange(10), method)

    def test_blank_train_images_stop_even_if_others_are_not(self) -> None:
        images = random_images()
        images[:10] = 5
        with pytest.raises(StudyError, match="blank"):
            fitted(images, np.arange(10), "min_max")


class TestZca:
    @staticmethod
    def fit(
        images: np.ndarray, epsilon: float, rows: np.ndarray | None = None
    ) -> tuple[dict[str, list[float]], dict[str, np.ndarray]]:
        rows = np.arange(len(images)) if rows is None else rows
        normalization = fitted(images, rows, "mean_std")
        return normalization, fit_zca(images, rows, normalization, Whitening(epsilon=epsilon))

    @pytest.mark.parametrize("channels", [1, 3])
    def test_whitened_pixels_are_uncorrelated_with_variance_one(self, channels: int) -> None:
        images = smooth_images(1500, side=4, channels=channels)
        normalization, zca = self.fit(images, 1e-6)
        whitened = whiten(normalize(images, normalization), zca)
        assert whitened.shape == images.shape
        assert whitened.dtype == np.float32
        flat = whitened.reshape(len(images), -1).astype(float)
        covariance = np.cov(flat, rowvar=False, bias=True)
        np.testing.assert_allclose(covariance, np.eye(16 * channels), atol=2e-3)
        np.testing.assert_allclose(flat.mean(axis=0), 0, atol=1e-3)

    @pytest.mark.parametrize("epsilon", [1e-3, 1e-2, 1.0])
    def test_is_that_of_a_singular_value_decomposition(self, epsilon: float) -> None:
        # Fewer images than pixels: most eigenvalues are zero, where only epsilon remains.
        images = smooth_images(20, side=6)
        normalization, zca = self.fit(images, epsilon)
        flat = normalize(images, normalization).reshape(20, -1).astype(float)
        centred = flat - flat.mean(axis=0)
        _, singular, vectors = np.linalg.svd(centred / np.sqrt(20), full_matrices=False)
        inside = vectors.T @ np.diag(1 / np.sqrt(singular**2 + epsilon)) @ vectors
        outside = (np.eye(36) - vectors.T @ vectors) / np.sqrt(epsilon)
        np.testing.assert_allclose(zca["matrix"], inside + outside, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(zca["mean"], flat.mean(axis=0), atol=1e-5)

    def test_is_symmetric_and_plain_enough_for_a_layer(self) -> None:
        _, zca = self.fit(smooth_images(200), 1e-2)
        np.testing.assert_allclose(zca["matrix"], zca["matrix"].T, atol=1e-5)
        assert (zca["matrix"].dtype, zca["mean"].dtype) == (np.float32, np.float32)
        assert (zca["matrix"].shape, zca["mean"].shape) == ((36, 36), (36,))

    def test_leaves_images_closer_to_themselves_than_pca_whitening(self) -> None:
        images = smooth_images(1500, side=4)
        normalization, zca = self.fit(images, 1e-6)
        flat = normalize(images, normalization).reshape(1500, -1).astype(float)
        _, singular, vectors = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
        pca = (flat - flat.mean(axis=0)) @ vectors.T / singular * np.sqrt(1500)
        actual = whiten(normalize(images, normalization), zca).reshape(1500, -1)
        assert np.square(actual - flat).sum() < 0.5 * np.square(pca - flat).sum()

    def test_goes_by_train_rows_only(self) -> None:
        images = smooth_images(300)
        rows = np.arange(200)
        _, before = self.fit(images, 1e-2, rows)
        images[200:] = 0
        _, after = self.fit(images, 1e-2, rows)
        assert before["matrix"].tobytes() == after["matrix"].tobytes()
        assert before["mean"].tobytes() == after["mean"].tobytes()

    def test_a_pixel_that_never_changed_does_not_explode(self) -> None:
        images = smooth_images(400)
        images[:, 0, 0] = 0
        normalization, zca = self.fit(images, 1e-2)
        other = images[:1].copy()
        other[:, 0, 0] = 255
        plain, changed = (
            whiten(normalize(some, normalization), zca) for some in (images[:1], other)
        )
        step = 255 / normalization["scale"][0]
        assert (changed - plain)[0, 0, 0, 0] == pytest.approx(step / np.sqrt(1e-2), rel=1e-3)

    def test_more_epsilon_whitens_less(self) -> None:
        images = smooth_images(400)
        spreads = []
        for epsilon in (1e-4, 1e-2, 1.0):
            normalization, zca = self.fit(images, epsilon)
            spreads.append(whiten(normalize(images, normalization), zca).std())
        assert spreads[0] > spreads[1] > spreads[2]

    def test_takes_more_images_than_it_reads_at_once(self) -> None:
        images = np.random.default_rng(0).integers(0, 256, (9001, 2, 2, 1), dtype=np.uint8)
        images[4500:, 0, 0] //= 4  # the second half differs
        normalization, zca = self.fit(images, 1e-6)
        flat = whiten(normalize(images, normalization), zca).reshape(9001, 4)
        np.testing.assert_allclose(np.cov(flat.T, bias=True), np.eye(4), atol=1e-3)

    def test_images_that_are_too_large_stop(self) -> None:
        images = np.zeros((2, 65, 64, 1), dtype=np.uint8)
        normalization = {"offset": [0.0], "scale": [255.0]}
        with pytest.raises(StudyError, match="4096 values an image, these have 4160") as caught:
            fit_zca(images, np.arange(2), normalization, Whitening(epsilon=0.01))
        assert "ingest.size" in caught.value.message
        assert Whitening.MAX_VALUES == 64 * 64
