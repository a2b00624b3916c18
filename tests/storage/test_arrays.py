"""Image arrays larger than memory."""

import os
import re
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.storage import arrays
from regbench.storage.arrays import empty_images, in_chunks, release_memory


@given(
    rows=st.lists(st.integers(0, 19), max_size=30),
    shape=st.tuples(*[st.integers(0, 40)] * 3),
    chunk_bytes=st.integers(1, 5000),
)
def test_pieces_are_the_rows_in_order(
    rows: list[int], shape: tuple[int, int, int], chunk_bytes: int
) -> None:
    images = np.arange(20 * np.prod(shape)).astype(np.uint8).reshape(20, *shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "_CHUNK_BYTES", chunk_bytes)
        pieces = list(in_chunks(images, np.array(rows, dtype=int)))
    together = np.concatenate([images[:0], *pieces])
    np.testing.assert_array_equal(together, images[np.array(rows, dtype=int)])
    assert all(
        len(piece) == 1 or 0 < piece.nbytes <= chunk_bytes or not piece.size for piece in pieces
    )


def test_a_large_array_is_in_a_file_that_goes_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    free = os.statvfs(tmp_path).f_bfree * os.statvfs(tmp_path).f_frsize
    large = empty_images((65, 1024, 1024, 1))
    assert isinstance(large, np.memmap)
    assert large.dtype == np.uint8
    large[:] = 7
    assert large[64, 1023, 1023, 0] == 7
    assert list(tmp_path.iterdir()) == []  # nothing is left behind, even by a killed process
    assert os.statvfs(tmp_path).f_bfree * os.statvfs(tmp_path).f_frsize < free  # reserved
    assert not isinstance(empty_images((63, 1024, 1024, 1)), np.memmap)


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_nothing_is_lost_of_what_is_let_go(tmp_path: Path, mode: Literal["r+", "c"]) -> None:
    np.save(tmp_path / "images.npy", np.zeros((100, 28, 28, 1), np.uint8))
    images = np.load(tmp_path / "images.npy", mmap_mode=mode)
    images[40:60] = 7
    for array in (images, images[10:], images.reshape(100, 784), np.array(images)):
        release_memory(array)
    assert (images[40:60] == 7).all()
    assert images.sum() == 7 * 20 * 784


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells")
@pytest.mark.parametrize("which", ["all", "every seventh", "shuffled"])
def test_what_has_been_read_of_a_file_does_not_stay_in_memory(tmp_path: Path, which: str) -> None:
    np.save(tmp_path / "images.npy", np.ones((400_000, 28, 28, 1), np.uint8))  # 299 MB
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    rows = {
        "all": None,
        "every seventh": np.arange(0, len(images), 7),  # one of them in each page
        "shuffled": np.random.default_rng(0).permutation(len(images))[:60_000],
    }[which]
    resident = 0
    for number, piece in enumerate(in_chunks(images, rows)):
        assert piece.all()
        if number % 20 == 0:
            resident = max(resident, resident_kilobytes(tmp_path))
    assert resident < 100 << 10


def resident_kilobytes(folder: Path) -> int:
    """Return the resident bytes of the one file mapped from a folder (/proc/self/smaps)."""
    maps = Path("/proc/self/smaps").read_text().partition(str(folder))[2]
    return int(re.search(r"Rss:\s+(\d+) kB", maps)[1])  # type: ignore[index]
