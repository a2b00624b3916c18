"""Images that need not fit in memory."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench import large_arrays
from regbench.large_arrays import empty_images, in_chunks


@given(
    rows=st.lists(st.integers(0, 19), max_size=30),
    shape=st.tuples(*[st.integers(0, 40)] * 3),
    at_once=st.integers(1, 5000),
)
def test_pieces_are_the_rows_in_order(
    rows: list[int], shape: tuple[int, int, int], at_once: int
) -> None:
    images = np.arange(20 * np.prod(shape)).astype(np.uint8).reshape(20, *shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_arrays, "_CHUNK_BYTES", at_once)
        pieces = list(in_chunks(images, np.array(rows, dtype=int)))
    together = np.concatenate([images[:0], *pieces])
    np.testing.assert_array_equal(together, images[np.array(rows, dtype=int)])
    assert all(len(piece) == 1 or 0 < piece.nbytes <= at_once or not piece.size for piece in pieces)


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
