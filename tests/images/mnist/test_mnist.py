"""MNIST: download, checksums, sampling, and the set of images."""

import errno
import hashlib
import http.server
import io
import os
import re
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from regbench.errors import StudyError
from regbench.images.mnist import arrays as mnist
from regbench.images.mnist import download as mnist_download
from regbench.images.mnist.arrays import (
    ImageSet,
    Mnist,
    NotMnistError,
    full_set,
    largest_remainder,
    load_mnist,
    local_path,
    read_mnist,
    sample_set,
)
from regbench.images.mnist.download import download
from regbench.images.mnist.write_set import write_set
from regbench.pipelines.fetch_mnist import nodes

ROOT = Path(__file__).parents[3]
MNIST_NPZ = ROOT.parent / "shared" / "data" / "mnist" / "mnist.npz"
DIGITS_ZIP = ROOT / "data" / "01_raw" / "digits.zip"
CONTENT = np.random.RandomState(0).bytes(300_000)


def silent(done: int, total: int | None) -> None:
    """Ignore progress."""


@dataclass
class Web:
    """A web server with one file and a request counter."""

    content: bytes = CONTENT
    announce: bool = True  # send a Content-Length header
    cut: int | None = None  # bytes of the body sent before the connection is closed
    failures: int | None = None  # number of first responses that are cut or refused; None: all
    status: int | None = None
    address: str = ""
    asked: int = 0


class Handler(http.server.BaseHTTPRequestHandler):
    web: ClassVar[Web]

    def do_GET(self) -> None:
        web = self.web
        web.asked += 1
        fails = web.failures is None or web.asked <= web.failures
        self.send_response(web.status if web.status and fails else 200)
        if web.announce:
            self.send_header("Content-Length", str(len(web.content)))
        self.end_headers()
        self.wfile.write(web.content[: web.cut if fails else None])

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()
    handler = type("OneHandler", (Handler,), {"web": served})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        served.address = f"http://127.0.0.1:{server.server_address[1]}/mnist.npz"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "01_raw" / "mnist.npz"


@pytest.fixture(scope="module")
def published() -> Mnist:
    if not MNIST_NPZ.exists():
        pytest.skip("the copy of mnist.npz is not beside the repository")
    return read_mnist(MNIST_NPZ)


def error_of(source: str, target: Path) -> str:
    with pytest.raises(StudyError) as caught:
        download(source, target, silent)
    assert "\n" not in caught.value.message
    assert not target.exists()
    return caught.value.message


def files_beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def full_disk(*args: object, **kwargs: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class TestDownload:
    @pytest.fixture(autouse=True)
    def _at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mnist_download, "_RETRIES", 0)

    def test_downloads_the_whole_file_and_reports_progress(self, web: Web, target: Path) -> None:
        told: list[tuple[int, int | None]] = []
        download(web.address, target, lambda done, total: told.append((done, total)))
        assert target.read_bytes() == CONTENT
        assert files_beside(target) == ["mnist.npz"]
        assert told[0] == (0, len(CONTENT))
        assert told[-1] == (len(CONTENT), len(CONTENT))
        assert told == sorted(told)

    def test_accepts_a_server_without_content_length(self, web: Web, target: Path) -> None:
        web.announce = False
        told: list[int | None] = []
        download(web.address, target, lambda _, total: told.append(total))
        assert target.read_bytes() == CONTENT
        assert set(told) == {None}

    @pytest.mark.parametrize("status", [403, 404, 500])
    def test_reports_the_http_status(self, web: Web, target: Path, status: int) -> None:
        web.status = status
        message = error_of(web.address, target)
        assert web.address in message
        assert f"HTTP status {status}" in message
        assert "--params=mnist_source=" in message

    @pytest.mark.parametrize(("cut", "status"), [(100_000, None), (None, 503)])
    def test_begins_anew_after_a_failure(
        self,
        web: Web,
        target: Path,
        monkeypatch: pytest.MonkeyPatch,
        cut: int | None,
        status: int | None,
    ) -> None:
        monkeypatch.setattr(mnist_download, "_RETRIES", 1)
        web.cut, web.status, web.failures = cut, status, 1
        told: list[int] = []
        download(web.address, target, lambda done, _: told.append(done))
        assert target.read_bytes() == CONTENT
        assert web.asked == 2
        assert told[-1] == len(CONTENT)
        assert files_beside(target) == ["mnist.npz"]

    def test_reports_that_it_broke_off(self, web: Web, target: Path) -> None:
        web.cut = 100_000
        message = error_of(web.address, target)
        assert message.startswith(f"cannot download {web.address}: IncompleteRead(100000 bytes")
        assert message.endswith("--params=mnist_source=... takes another address or a local file")
        assert files_beside(target) == []

    def test_reports_that_nobody_answers(self, web: Web, target: Path) -> None:
        free = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        address = f"http://127.0.0.1:{free.server_address[1]}/mnist.npz"
        free.server_close()
        message = error_of(address, target)
        assert message.startswith(f"cannot download {address}: ")
        assert "refused" in message
        assert message.endswith("--params=mnist_source=... takes another address or a local file")

    def test_reports_a_time_out(
        self, web: Web, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mnist_download, "_TIMEOUT", 0.05)
        released = threading.Event()
        monkeypatch.setattr(Handler, "do_GET", lambda _: released.wait(10))
        try:
            assert "timed out" in error_of(web.address, target)
        finally:
            released.set()

    @pytest.mark.parametrize("address", ["http://", "http://[::1", "http://127.0.0.1/a b"])
    def test_reports_a_malformed_address(self, target: Path, address: str) -> None:
        assert f"cannot download {address}: " in error_of(address, target)

    def test_does_not_report_a_password_by_itself(
        self, web: Web, target: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        download(web.address.replace("//", "//me:geheim@"), target, silent)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("number", "message"),
        [
            (errno.ENOSPC, "no space left in {0.parent} for mnist.npz"),
            (errno.EACCES, "no permission to write mnist.npz in {0.parent}"),
            (errno.EIO, "cannot write {0}: "),
        ],
    )
    def test_reports_why_it_cannot_write(
        self,
        web: Web,
        target: Path,
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        message: str,
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "makedirs", fail)
            assert error_of(web.address, target).startswith(message.format(target))
        download(web.address, target, silent)  # once it can
        assert target.read_bytes() == CONTENT


class TestReadMnist:
    @pytest.fixture
    def small(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
        """Return small arrays; the expected shapes and checksums are patched to theirs."""
        arrays = {
            "x_train": np.arange(24, dtype=np.uint8).reshape(6, 2, 2),
            "y_train": np.arange(6, dtype=np.uint8),
            "x_test": np.arange(8, dtype=np.uint8).reshape(2, 2, 2),
            "y_test": np.arange(2, dtype=np.uint8),
        }
        monkeypatch.setattr(
            mnist,
            "ARRAYS",
            {
                name: (array.shape, hashlib.sha256(array.tobytes()).hexdigest())
                for name, array in arrays.items()
            },
        )
        return arrays

    @staticmethod
    def npz(arrays: dict[str, np.ndarray]) -> bytes:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=True, **arrays)
        return buffer.getvalue()

    def error_of(self, path: Path) -> str:
        with pytest.raises(NotMnistError) as caught:
            read_mnist(path)
        assert str(path) in caught.value.message
        assert "\n" not in caught.value.message
        return caught.value.message

    def test_returns_the_arrays(self, small: dict[str, np.ndarray], tmp_path: Path) -> None:
        path = tmp_path / "mnist.npz"
        path.write_bytes(self.npz(small))
        for name, array in read_mnist(path)._asdict().items():
            np.testing.assert_array_equal(array, small[name])

    @pytest.mark.parametrize(
        ("name", "array", "message"),
        [
            ("x_test", np.zeros((2, 2, 2), np.uint8), "x_test has another SHA-256 sum"),
            ("y_train", np.arange(6), "y_train is (6,) int64, not (6,) uint8"),
            ("y_test", np.zeros(3, np.uint8), "y_test is (3,) uint8, not (2,) uint8"),
            ("y_test", np.array([{}, {}]), "y_test: Object arrays cannot be loaded"),
        ],
    )
    def test_names_the_array_that_differs(
        self,
        small: dict[str, np.ndarray],
        tmp_path: Path,
        name: str,
        array: np.ndarray,
        message: str,
    ) -> None:
        path = tmp_path / "mnist.npz"
        path.write_bytes(self.npz(small | {name: array}))
        assert message in self.error_of(path)

    def test_names_a_missing_array(self, small: dict[str, np.ndarray], tmp_path: Path) -> None:
        del small["y_train"]
        path = tmp_path / "mnist.npz"
        path.write_bytes(self.npz(small))
        assert "y_train is missing" in self.error_of(path)

    @pytest.mark.parametrize("content", [b"", b"<html>Sign in</html>", CONTENT])
    def test_reports_what_is_no_npz(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "mnist.npz"
        path.write_bytes(content)
        assert "is no npz file" in self.error_of(path)

    def test_reports_a_damaged_npz(self, small: dict[str, np.ndarray], tmp_path: Path) -> None:
        content = bytearray(self.npz(small))
        content[80] ^= 0xFF  # inside the compressed data of x_train
        path = tmp_path / "mnist.npz"
        path.write_bytes(content)
        assert "is damaged: x_train" in self.error_of(path)

    def test_reports_that_the_file_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(StudyError, match="No such file") as caught:
            read_mnist(tmp_path / "mnist.npz")
        assert not isinstance(caught.value, NotMnistError)

    def test_downloads_once(self, small: dict[str, np.ndarray], web: Web, target: Path) -> None:
        web.content = self.npz(small)
        for _ in range(2):
            np.testing.assert_array_equal(
                load_mnist(web.address, target, silent).x_train, small["x_train"]
            )
        assert web.asked == 1

    def test_removes_a_download_that_is_not_mnist(
        self, small: dict[str, np.ndarray], web: Web, target: Path
    ) -> None:
        with pytest.raises(NotMnistError, match="is removed: run again") as caught:
            load_mnist(web.address, target, silent)
        assert web.address in caught.value.message
        assert files_beside(target) == []
        web.content = self.npz(small)
        load_mnist(web.address, target, silent)

    def test_never_removes_a_local_file(self, target: Path) -> None:
        target.parent.mkdir()
        target.write_bytes(CONTENT)
        for spelling in (str(target), target.as_uri()):
            with pytest.raises(NotMnistError):
                load_mnist(spelling, target, silent)
        assert target.read_bytes() == CONTENT

    def test_a_local_file_comes_before_what_was_downloaded(
        self, small: dict[str, np.ndarray], tmp_path: Path, target: Path
    ) -> None:
        target.parent.mkdir()
        target.write_bytes(CONTENT)
        mine = tmp_path / "mine.npz"
        mine.write_bytes(self.npz(small))
        load_mnist(str(mine), target, silent)
        assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("data/mnist.npz", Path("data/mnist.npz")),
        ("file:///data/my%20mnist.npz", Path("/data/my mnist.npz")),
        ("https://127.0.0.1/mnist.npz", None),
        ("HTTP://127.0.0.1/mnist.npz", None),
    ],
)
def test_local_path(source: str, path: Path | None) -> None:
    assert local_path(source) == path


@given(st.data(), st.lists(st.integers(1, 60_000), min_size=1, max_size=20))
def test_largest_remainder_is_within_one_of_every_share(
    data: st.DataObject, counts: list[int]
) -> None:
    size = data.draw(st.integers(0, sum(counts)))
    allocated = largest_remainder(np.array(counts), size)
    exact = np.array(counts) * size / sum(counts)
    assert allocated.sum() == size
    assert (abs(allocated - exact) < 1).all()
    assert (allocated <= counts).all()


def test_largest_remainder_prefers_the_first_of_equals() -> None:
    np.testing.assert_array_equal(largest_remainder(np.array([5, 5, 5]), 4), [2, 1, 1])


class TestWriteSet:
    @pytest.fixture
    def images(self) -> ImageSet:
        random = np.random.RandomState(1)
        pictures = random.randint(0, 256, (7, 28, 28)).astype(np.uint8)
        return ImageSet((pictures[:4], np.array([3, 0, 9, 3], np.uint8)), pictures[4:])

    def test_is_in_the_layout_of_the_practice_data(self, images: ImageSet, tmp_path: Path) -> None:
        told: list[tuple[int, int | None]] = []
        target = tmp_path / "new" / "set.zip"
        write_set(target, images, lambda done, total: told.append((done, total)))
        assert told == [(7, 7)]
        with zipfile.ZipFile(target) as archive:
            assert archive.read("Train/train.csv").decode() == (
                "filename,label\n00000.png,3\n00001.png,0\n00002.png,9\n00003.png,3\n"
            )
            assert archive.read("Test.csv").decode() == (
                "filename\n00004.png\n00005.png\n00006.png\n"
            )
            pictures = [name for name in archive.namelist() if name.endswith(".png")]
            assert pictures == [
                *(f"Train/Images/train/0000{number}.png" for number in range(4)),
                *(f"Train/Images/test/0000{number}.png" for number in range(4, 7)),
            ]
            assert len(archive.namelist()) == 9
            for name, image in zip(pictures, [*images.labeled[0], *images.unlabeled], strict=True):
                with Image.open(archive.open(name)) as picture:
                    assert picture.mode == "L"
                    np.testing.assert_array_equal(np.asarray(picture), image)

    def test_a_split_is_a_column_of_the_label_file(self, images: ImageSet, tmp_path: Path) -> None:
        split = images._replace(parts=("train", "test", "train", "validation"))
        write_set(tmp_path / "set.zip", split, silent)
        with zipfile.ZipFile(tmp_path / "set.zip") as archive:
            assert archive.read("Train/train.csv").decode() == (
                "filename,label,split\n00000.png,3,train\n00001.png,0,test\n"
                "00002.png,9,train\n00003.png,3,validation\n"
            )

    def test_gives_the_same_bytes_twice(self, images: ImageSet, tmp_path: Path) -> None:
        for name in ("one.zip", "two.zip"):
            write_set(tmp_path / name, images, silent)
        assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()

    def test_a_full_disk_leaves_what_was_there(
        self, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = tmp_path / "set.zip"
        target.write_bytes(b"the one before")
        monkeypatch.setattr(Path, "write_bytes", full_disk)
        with pytest.raises(StudyError, match=r"no space left in .*: 0\.0 MB needed for set\.zip"):
            write_set(target, images, silent)
        assert target.read_bytes() == b"the one before"
        assert files_beside(target) == ["set.zip"]

    def test_a_full_disk_leaves_nothing_whole(
        self, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Path, "write_bytes", full_disk)
        with pytest.raises(StudyError):
            write_set(tmp_path / "set.zip", images, silent)
        assert files_beside(tmp_path / "set.zip") == []


class TestMnist:
    def test_full_set_is_all_of_it_in_order(self, published: Mnist) -> None:
        (images, labels), unlabeled, _ = full_set(published)
        assert (images.shape, unlabeled.shape) == ((49_000, 28, 28), (21_000, 28, 28))
        np.testing.assert_array_equal(images, published.x_train[:49_000])
        np.testing.assert_array_equal(labels, published.y_train[:49_000])
        np.testing.assert_array_equal(unlabeled[:11_000], published.x_train[49_000:])
        np.testing.assert_array_equal(unlabeled[11_000:], published.x_test)

    def test_sample_keeps_the_classes_shares(self, published: Mnist) -> None:
        (_, labels), unlabeled, _ = sample_set(published, 8_000, 1_000, 0)
        exact = np.bincount(published.y_train[:49_000]) * 8_000 / 49_000
        assert len(unlabeled) == 1_000
        assert len(labels) == 8_000
        assert (abs(np.bincount(labels) - exact) < 1).all()
        assert (labels[1:] != labels[:-1]).mean() > 0.8  # shuffled

    def test_sample_takes_each_part_from_its_own_rows_and_once(self, published: Mnist) -> None:
        (images, labels), unlabeled, _ = sample_set(published, 500, 300, 3)
        known = {row.tobytes(): int(y) for row, y in zip(*full_set(published).labeled, strict=True)}
        unknown = {row.tobytes() for row in full_set(published).unlabeled}
        assert [known[image.tobytes()] for image in images] == labels.tolist()
        assert {image.tobytes() for image in unlabeled} <= unknown
        assert len({image.tobytes() for image in [*images, *unlabeled]}) == 800

    def test_every_class_has_its_share_of_each_part(self, published: Mnist) -> None:
        sizes = {"train": 150, "validation": 50, "test": 300}
        (_, labels), _, parts = sample_set(published, 500, 0, 3, sizes)
        assert parts is not None
        assert Counter(parts) == sizes
        for part, size in sizes.items():
            counts = np.bincount(labels[np.array(parts) == part], minlength=10)
            assert (abs(counts - np.bincount(labels) * size / 500) < 2).all()

    def test_sample_goes_by_its_seed(self, published: Mnist) -> None:
        one, same, other = (sample_set(published, 50, 5, seed).labeled[0] for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()

    @pytest.mark.parametrize(("labeled", "unlabeled"), [(49_001, 1), (1, 21_001), (-1, 1)])
    def test_sample_has_no_more_than_there_is(
        self, published: Mnist, labeled: int, unlabeled: int
    ) -> None:
        with pytest.raises(ValueError, match="images cannot be drawn from"):
            sample_set(published, labeled, unlabeled, 0)

    def test_the_sample_that_ships_is_what_its_command_makes(
        self, published: Mnist, tmp_path: Path
    ) -> None:
        write_set(tmp_path / "digits.zip", nodes.sample_mnist(published), silent)
        # The pixels, not the bytes of the file, which depend on the version of zlib.
        assert contents(tmp_path / "digits.zip") == contents(DIGITS_ZIP)


def contents(path: Path) -> dict[str, bytes]:
    """Return the entries of a zip by name: the bytes, or the pixels of a picture."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    return {
        name: Image.open(io.BytesIO(entry)).tobytes() if name.endswith(".png") else entry
        for name, entry in entries.items()
    }


def test_the_readme_of_the_sample_has_its_checksum() -> None:
    text = DIGITS_ZIP.with_name("README.md").read_text(encoding="utf-8")
    checksum = hashlib.sha256(DIGITS_ZIP.read_bytes()).hexdigest()
    assert re.findall(r"\b[0-9a-f]{64}\b", text) == [checksum]
    assert DIGITS_ZIP.stat().st_size < 5_000_000


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/mnist.npz", "s3://bucket/mnist.npz"])
def test_an_address_of_another_kind(address: str) -> None:
    with pytest.raises(StudyError, match="is no http, https or file address"):
        local_path(address)
