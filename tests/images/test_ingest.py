"""Ingestion: every picture becomes an image or a rejection; an unusable set is an error."""

import errno
import io
import logging
import os
import random
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from regbench.errors import StudyError
from regbench.images import batch_decoder
from regbench.images import decode as images_decode
from regbench.images.decode import Decoding, decode_picture
from regbench.images.ingest import (
    LabeledImages,
    UnlabeledImages,
    ingest_labeled,
    ingest_unlabeled,
)
from regbench.images.layout.labels import sort_classes
from regbench.images.picture_files import camera_raw_reason
from regbench.images.plain_png import PlainPngDecoder
from regbench.images.sources.base import Unreadable
from regbench.images.sources.open import open_source
from regbench.study.schema import Ingest

Files = dict[str, bytes]
Pixels = NDArray[np.generic]

PARAMETERS = Path(__file__).parents[2] / "conf/base/parameters_data.yml"
DEFAULTS: dict[str, Any] = yaml.safe_load(PARAMETERS.read_text())["ingest"]
FLAT = {"size": 2, "mode": "L", "max_rejected": 1}
TABLED = FLAT | {"label_file": "labels.csv", "image_folder": ""}
PROPERTY = hypothesis_settings(
    deadline=None, max_examples=60, suppress_health_check=list(HealthCheck)
)


def ingest_settings(**changes: Any) -> Ingest:
    return Ingest.model_validate(DEFAULTS | changes)


def decoding(**changes: Any) -> Decoding:
    """Return the settings of decoding, grey and 28 x 28 where nothing else is said."""
    settings = ingest_settings(**({"size": 28, "mode": "L"} | changes))
    assert settings.size != "auto"
    return Decoding.of(settings, (*settings.size, len(settings.mode)))


def flat(**changes: Any) -> Ingest:
    return ingest_settings(**(FLAT | changes))


def tabled(**changes: Any) -> Ingest:
    return ingest_settings(**(TABLED | changes))


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def grey(value: int, size: tuple[int, int] = (2, 2)) -> bytes:
    return encode(Image.new("L", size, value))


def write_set(root: Path, files: Files) -> Path:
    """Write files as a folder, or as a zip if the path ends in .zip."""
    if root.suffix == ".zip":
        with zipfile.ZipFile(root, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return root
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def labeled(path: Path, settings: Ingest) -> LabeledImages:
    with open_source(path) as source:
        return ingest_labeled(source, settings)


def unlabeled(path: Path, settings: Ingest) -> UnlabeledImages:
    with open_source(path) as source:
        return ingest_unlabeled(source, settings)


def table(rows: str, *pictures: str) -> Files:
    """Write a flat set: a label file of these rows, and pictures with grey value = position."""
    files = {name: grey(position) for position, name in enumerate(pictures)}
    return {"labels.csv": f"filename,label\n{rows}".encode()} | files


def rejections(result: LabeledImages | UnlabeledImages) -> list[tuple[str, str]]:
    return list(result.rejected.itertuples(index=False, name=None))


def stop(path: Path, settings: Ingest) -> str:
    with pytest.raises(StudyError) as caught:
        labeled(path, settings)
    assert "\n" not in caught.value.message
    return caught.value.message


class TestTheDefaultLayout:
    @pytest.fixture(params=["set", "set.zip", "topped", "topped.zip"])
    def path(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        files = {
            "Train/train.csv": b"filename,label\n2.png,7\n0.png,4\n1.png,7\n",
            "Test.csv": b"filename\n9.png\n8.png\n",
            **{f"Train/Images/train/{n}.png": grey(n, (28, 28)) for n in range(3)},
            **{f"Train/Images/test/{n}.png": grey(n, (28, 28)) for n in (8, 9)},
        }
        if "topped" in request.param:
            files = {f"digits/{name}": data for name, data in files.items()}
            files["__MACOSX/._digits"] = b""
        return write_set(tmp_path / request.param, files)

    @pytest.mark.parametrize("layout", ["auto", "label_file"])
    def test_labeled(self, path: Path, layout: str) -> None:
        result = labeled(path, ingest_settings(layout=layout))
        assert result.images.shape == (3, 28, 28, 1)
        assert result.images.dtype == np.uint8
        assert result.images[:, 0, 0, 0].tolist() == [2, 0, 1]
        assert result.classes == ["4", "7"]
        expected = pd.DataFrame(
            {
                "filename": ["2.png", "0.png", "1.png"],
                "label": ["7", "4", "7"],
                "target": np.array([1, 0, 1], np.int32),
            }
        )
        pd.testing.assert_frame_equal(result.index.drop(columns="digest"), expected)
        assert list(result.rejected.columns) == ["filename", "reason"]
        assert result.rejected.empty

    def test_images_are_named_by_their_pixels(self, path: Path) -> None:
        result = labeled(path, ingest_settings())
        expected = [blake2b(image.tobytes(), digest_size=16).hexdigest() for image in result.images]
        assert result.index["digest"].tolist() == expected

    def test_unlabeled(self, path: Path) -> None:
        result = unlabeled(path, ingest_settings())
        assert result.images.shape == (2, 28, 28, 1)
        assert result.images[:, 0, 0, 0].tolist() == [9, 8]
        pd.testing.assert_frame_equal(result.index, pd.DataFrame({"filename": ["9.png", "8.png"]}))
        assert result.rejected.empty


class TestClassFolders:
    FILES: ClassVar[Files] = {
        "dog/b.png": grey(3),
        "dog/a.PNG": grey(2),
        "cat/1.bmp": encode(Image.new("L", (2, 2), 1), "BMP"),
        "cat/notes.txt": b"not a picture",
        "cat/.hidden.png": b"",
        ".git/x.png": b"",
        "README.md": b"",
    }

    @pytest.mark.parametrize("layout", ["auto", "class_folders"])
    @pytest.mark.parametrize("name", ["set", "set.zip"])
    @pytest.mark.parametrize("top", ["", "pets/"])
    def test_folder_names_are_labels(
        self, tmp_path: Path, layout: str, name: str, top: str
    ) -> None:
        path = write_set(tmp_path / name, {top + file: data for file, data in self.FILES.items()})
        result = labeled(path, flat(layout=layout))
        assert result.index["filename"].tolist() == ["cat/1.bmp", "dog/a.PNG", "dog/b.png"]
        assert result.index["label"].tolist() == ["cat", "dog", "dog"]
        assert result.index["target"].tolist() == [0, 1, 1]
        assert result.images[:, 0, 0, 0].tolist() == [1, 2, 3]
        assert result.rejected.empty

    def test_pictures_further_down_count_for_the_top_folder(self, tmp_path: Path) -> None:
        names = ["set/cat/x/1.png", "set/cat/y/1.png", "set/dog/x/1.png"]
        path = write_set(tmp_path / "set.zip", dict.fromkeys(names, grey(0)))
        result = labeled(path, flat(layout="class_folders"))
        assert result.index["label"].tolist() == ["cat", "cat", "dog"]
        assert "ingest.label_from=top_folder" in stop(path, flat(layout="auto"))

    def test_folders_outside_are_no_classes(self, tmp_path: Path) -> None:
        names = ["cat/1.png", "../1.png", "/1.png"]
        path = write_set(tmp_path / "set.zip", dict.fromkeys(names, grey(0)))
        assert "not in a folder per class" in stop(path, flat())

    def test_rejects_by_name(self, tmp_path: Path) -> None:
        extra = {
            "stray.png": grey(0),
            "cat/../../evil.png": grey(0),
            "../evil.png": grey(0),
            "/evil.png": grey(0),
            "dog/./b.png": grey(9),
            "dog/c.eps": b"%!PS-Adobe-3.0 EPSF-3.0",
        }
        path = write_set(tmp_path / "set.zip", self.FILES | extra)
        result = labeled(path, flat(layout="class_folders"))
        assert result.images[:, 0, 0, 0].tolist() == [1, 2, 3]
        assert sorted(rejections(result)) == [
            ("../evil.png", "leaves the set"),
            ("/evil.png", "leaves the set"),
            ("cat/../../evil.png", "leaves the set"),
            ("dog/b.png", "duplicate file name"),
            ("dog/c.eps", "unreadable: none of PNG, JPEG, BMP, GIF, TIFF, WEBP, PPM, AVIF"),
            ("stray.png", "no label"),
        ]

    def test_rejects_links(self, tmp_path: Path) -> None:
        write_set(tmp_path / "outside", {"x.png": grey(0)})
        path = write_set(tmp_path / "set", self.FILES)
        (path / "cat/link.png").symlink_to(tmp_path / "outside/x.png")
        (path / "bird").symlink_to(tmp_path / "outside")
        result = labeled(path, flat())
        assert sorted(rejections(result)) == [
            ("bird/", "a folder or a link to one"),
            ("cat/link.png", "leaves the set"),
        ]

    def test_rejects_names_that_are_no_text(self, tmp_path: Path) -> None:
        path = write_set(tmp_path / "set", self.FILES)
        Path(os.fsdecode(os.fsencode(path / "cat") + b"/\xff.png")).write_bytes(grey(0))
        assert rejections(labeled(path, flat())) == [("cat/\\udcff.png", "not a file name")]

    def test_stops_without_pictures(self, tmp_path: Path) -> None:
        path = write_set(tmp_path / "set", {"README.md": b""})
        assert "no folders with pictures" in stop(path, flat(layout="class_folders"))

    def test_stops_at_a_single_class(self, tmp_path: Path) -> None:
        path = write_set(tmp_path / "set", {"cat/1.png": grey(0)})
        assert "one class, 'cat'" in stop(path, flat(layout="class_folders"))

    def test_folders_of_the_other_layout_are_no_classes(self, tmp_path: Path) -> None:
        files = dict.fromkeys(["train/1.png", "test/1.png", "extra/1.png"], grey(0))
        path = write_set(tmp_path / "set", files)
        message = stop(path, flat(image_folder="train", unlabeled_folder="test/"))
        assert "its pictures (1) lie in the folder 'train', not in a folder per class" in message

    @pytest.mark.parametrize("layout", ["auto", "class_folders"])
    def test_unlabeled_pictures_lie_in_their_folder(self, tmp_path: Path, layout: str) -> None:
        path = write_set(tmp_path / "set", self.FILES | {"new/x/9.png": grey(9), "new/a": b""})
        settings = flat(unlabeled_folder="new", layout=layout)
        result = unlabeled(path, settings)
        assert result.index["filename"].tolist() == ["x/9.png"]
        assert result.images[:, 0, 0, 0].tolist() == [9]
        assert "new" not in labeled(path, settings).classes

    @pytest.mark.parametrize("folder", ["", "absent"])
    def test_unlabeled_pictures_may_be_absent(self, tmp_path: Path, folder: str) -> None:
        path = write_set(tmp_path / "set.zip", self.FILES | {"/evil.png": grey(0)})
        result = unlabeled(path, flat(unlabeled_folder=folder))
        assert result.images.shape == (0, 2, 2, 1)
        assert list(result.index.columns) == ["filename"]
        assert result.index.empty
        assert result.rejected.empty


class TestLabelFile:
    @pytest.mark.parametrize(
        "text",
        [
            "filename,label\na.png,x\nb.png,y\n",
            "\ufefffilename,label\na.png,x\nb.png,y\n",
            "filename,label\r\na.png,x\r\nb.png,y",
            '"filename","label"\n"a.png","x"\n"b.png","y"\n',
            " filename , label \n\na.png,  x\n,\nb.png,y \n",
            "id,label,filename\n1,x,a.png\n2,y,b.png\n",
            "filename,label\na.png,x,\nb.png,y,,\n",
        ],
    )
    def test_takes_what_programs_write(self, tmp_path: Path, text: str) -> None:
        files = table("", "a.png", "b.png") | {"labels.csv": text.encode()}
        result = labeled(write_set(tmp_path / "set", files), tabled(max_rejected=0))
        assert result.index["filename"].tolist() == ["a.png", "b.png"]
        assert result.index["label"].tolist() == ["x", "y"]
        assert result.images[:, 0, 0, 0].tolist() == [0, 1]

    def test_separator_and_columns_are_settings(self, tmp_path: Path) -> None:
        files = table("", "a,1.png", "b.png")
        files["labels.csv"] = b"file\tclass\na,1.png\tx\nb.png\ty\n"
        settings = tabled(separator="\t", filename_column="file", label_column="class")
        result = labeled(write_set(tmp_path / "set", files), settings)
        assert result.index["filename"].tolist() == ["a,1.png", "b.png"]

    def test_labels_stay_text(self, tmp_path: Path) -> None:
        labels = ["NA", "NaN", "None", "007", "7", "1e3", "true", "ß", "a b"]
        names = [f"{number}.png" for number in range(len(labels))]
        rows = "".join(f"{name},{label}\n" for name, label in zip(names, labels, strict=True))
        result = labeled(write_set(tmp_path / "set", table(rows, *names)), tabled(max_rejected=0))
        assert result.index["label"].tolist() == labels
        assert result.classes == sorted(labels)
        assert [result.classes[target] for target in result.index["target"]] == labels

    def test_rejects_rows_by_name_and_reason(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        rows = (
            "good.png,x\nabsent.png,x\nblank.png, \nshort.png\nbroken.png,x\n,x\nfine.png,y\n"
            "sub/../good.png,x\n/etc/passwd,x\n..\\good.png,x\n./good.png,x\ntwo.png,x\n"
            "two.png,y\n./two.png,x\nnul\0.png,x\nblank.png,y\n"
        )
        files = table(rows, "good.png", "fine.png", "two.png", "blank.png")
        files["broken.png"] = b"GIF89a"
        caplog.set_level(logging.INFO)
        result = labeled(write_set(tmp_path / "set", files), tabled())
        assert result.index["filename"].tolist() == ["good.png", "fine.png", "blank.png"]
        assert result.images[:, 0, 0, 0].tolist() == [0, 1, 3]
        conflict = "duplicate file name with conflicting labels"
        assert rejections(result) == [
            ("absent.png", "missing"),
            ("blank.png", "no label"),
            ("short.png", "no label"),
            ("broken.png", "unreadable: none of PNG, JPEG, BMP, GIF, TIFF, WEBP, PPM, AVIF"),
            ("", "no file name"),
            ("sub/../good.png", "leaves the set"),
            ("/etc/passwd", "leaves the set"),
            ("..\\good.png", "leaves the set"),
            ("./good.png", "duplicate file name"),
            ("two.png", conflict),
            ("two.png", conflict),
            ("./two.png", conflict),
            ("nul\0.png", "not a file name"),
        ]
        recognized, record = caplog.records
        assert recognized.levelname == "INFO"
        assert "label file labels.csv: column 'filename' names pictures" in recognized.message
        assert record.levelname == "WARNING"
        assert re.search(r"3 images of 2 classes from .* in \d\.\d s; 13 rejected", record.message)
        assert f"3 leaves the set, 3 {conflict}, 2 no label, 1 missing" in record.message
        assert record.message.endswith("; for example 'absent.png'")  # the first

    def test_log_without_rejections(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        labeled(write_set(tmp_path / "set", table("a,x\nb,y\n", "a", "b")), tabled())
        _, record = caplog.records
        assert record.levelname == "INFO"
        assert record.message.endswith("; 0 rejected")

    def test_rejects_what_links_lead_out_to(self, tmp_path: Path) -> None:
        path = write_set(tmp_path / "set", table("a,x\nb,y\nlink,x\nout/c,x\n", "a", "b"))
        write_set(tmp_path, {"c": grey(0)})
        (path / "link").symlink_to(tmp_path / "c")
        (path / "out").symlink_to(tmp_path)
        result = labeled(path, tabled())
        assert rejections(result) == [("link", "leaves the set"), ("out/c", "leaves the set")]

    @pytest.mark.parametrize("name", ["set", "set.zip"])
    def test_rejects_a_picture_of_too_many_bytes(self, tmp_path: Path, name: str) -> None:
        files = table("a,x\nb,y\nc,y\n", "a", "b") | {"c": b"\0" * (2 << 20)}
        result = labeled(write_set(tmp_path / name, files), tabled(max_pixels=4))
        assert rejections(result) == [("c", f"too large: more than {(1 << 20) + 32} bytes")]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "'labels.csv' in .* is empty"),
            ("\n \n", "is empty"),
            ("filename,label\n", "a header and no rows"),
            ("what,label\nc,x\n", "no column names pictures of the set; its columns are 'what'"),
            ("filename\na\n", "no column of labels; its columns are 'filename'"),
            ("filename,label,label\na,x,y\n", "more than one column 'label'"),
            ('filename,label\n"a,x\n', "no well-formed CSV"),
            ('filename,label\n"a"b,x\n', "no well-formed CSV"),
            ("filename,label\na,x,y\n", "the row of 'a' has 3 cells, the header 2"),
            (f"filename,{'x' * 9999}\na,x\n", r"are 'filename', 'x+ \.\.\. x{29}'"),
            (b"filename,label\na,\xe9\n", r"'labels.csv' in .* is not UTF-8 \(byte 18\)"),
            ("filename,label".encode("utf-16")[:-1], "damaged UTF-16"),
        ],
    )
    def test_stops_at_a_bad_label_file(
        self, tmp_path: Path, text: str | bytes, message: str
    ) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        path = write_set(tmp_path / "set", {"labels.csv": data, "a": grey(0)})
        assert re.search(message, stop(path, tabled()))

    @pytest.mark.parametrize("separator", ["\n", "\r", '"', "\0", "|"])
    def test_stops_at_a_separator_that_is_none(self, tmp_path: Path, separator: str) -> None:
        path = write_set(tmp_path / "set", table("a,x\n"))
        assert "'labels.csv'" in stop(path, tabled(separator=separator))

    def test_stops_at_a_label_file_outside(self, tmp_path: Path) -> None:
        write_set(tmp_path, {"secret": b"filename,label\na,x\n"})
        path = write_set(tmp_path / "set", {"a": grey(0)})
        (path / "labels.csv").symlink_to(tmp_path / "secret")
        assert "'labels.csv'" in (message := stop(path, tabled()))
        assert "leaves the set" in message
        assert "no label file '../secret'" in stop(path, tabled(label_file="../secret"))

    @pytest.mark.parametrize("folder", ["../x", "/x", "..", "/", "a/.."])
    def test_stops_at_an_image_folder_outside(self, tmp_path: Path, folder: str) -> None:
        path = write_set(tmp_path / "set", table("a,x\n"))
        message = stop(path, tabled(image_folder=folder))
        assert message == f"ingest.image_folder={folder!r}: leaves the set"

    @pytest.mark.parametrize("folder", ["pictures", "pictures/", "./pictures", "."])
    def test_image_folder_may_be_written_in_many_ways(self, tmp_path: Path, folder: str) -> None:
        files = table("a,x\nb,y\n") | {"pictures/a": grey(0), "pictures/b": grey(0)}
        files |= {"a": grey(0), "b": grey(0)}
        path = write_set(tmp_path / "set", files)
        assert len(labeled(path, tabled(image_folder=folder)).index) == 2

    def test_stops_without_a_label_file(self, tmp_path: Path) -> None:
        path = write_set(tmp_path / "set", {"cat/1.png": grey(0), "README.md": b""})
        message = stop(path, ingest_settings(layout="label_file"))
        for part in ("no label file", "ingest.label_file=", "ingest.layout=class_folders"):
            assert part in message
        message = stop(path, tabled())
        assert "holds no label file 'labels.csv' (ingest.label_file)" in message

    def test_stops_without_a_list_of_unlabeled_images(self, tmp_path: Path) -> None:
        path = write_set(tmp_path / "set", table("a,x\nb,y\n", "a", "b"))
        with pytest.raises(StudyError, match=r"no list .* 'Test\.csv' \(ingest\.unlabeled_file\)"):
            unlabeled(path, tabled(unlabeled_file="Test.csv"))
        assert len(unlabeled(path, tabled()).index) == 0  # all have labels

    def test_unlabeled_images_need_no_labels(self, tmp_path: Path) -> None:
        files = {"new/Test.csv": b"filename\n1\n1\n2\n", "new/1": grey(1)}
        path = write_set(tmp_path / "set.zip", files)
        result = unlabeled(path, flat(unlabeled_file="Test.csv"))
        assert result.index["filename"].tolist() == ["1"]
        assert rejections(result) == [("1", "duplicate file name"), ("2", "missing")]


class TestStops:
    def test_without_a_usable_image(self, tmp_path: Path) -> None:
        path = write_set(tmp_path / "set", table("a,x\nb,y\nc,\n"))
        message = stop(path, tabled(image_folder="pictures"))
        assert "no usable image among the 3 of 'labels.csv'" in message
        assert "2 missing, 1 no label; for example 'a' in 'pictures'" in message

    def test_at_a_single_class(self, tmp_path: Path) -> None:
        path = write_set(tmp_path / "set", table("a,x\nb,x\nc,y\n", "a", "b"))
        assert "all 2 images are of one class, 'x'" in stop(path, tabled())

    def test_at_too_many_rejections(self, tmp_path: Path) -> None:
        rows = "a,x\nb,y\nm1,x\nm2,x\nm3,x\nl,\n../o,x\n../p,x\n,x\n\nbad,x\n"
        files = table(rows, "a", "b") | {"bad": b""}
        path = write_set(tmp_path / "set", files)
        message = stop(path, tabled(max_rejected=0.75))
        assert "8 of 10 rows of 'labels.csv' rejected" in message
        assert "ingest.max_rejected=0.75" in message
        assert message.endswith("3 missing, 2 leaves the set, 1 no label; for example 'm1'")

    @pytest.mark.parametrize(("share", "stops"), [(0.29, False), (0.28, True), (0, True)])
    def test_share_of_rejections_is_inclusive(
        self, tmp_path: Path, share: float, stops: bool
    ) -> None:
        names = [f"{number}" for number in range(71)]
        rows = "".join(f"{name},{int(name) % 2}\n" for name in names) + "absent,1\n" * 29
        path = write_set(tmp_path / "set.zip", table(rows, *names))
        if stops:
            assert "29 of 100" in stop(path, tabled(max_rejected=share))
        else:
            assert len(labeled(path, tabled(max_rejected=share)).rejected) == 29

    def test_at_more_images_than_memory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        path = write_set(tmp_path / "set", table("a,x\nb,y\n", "a", "b"))
        monkeypatch.setattr("os.posix_fallocate", refuse)
        message = stop(path, tabled(size=4096, mode="RGB"))
        assert "2 images of 4096 x 4096 x 3 need 0.1 GB in " in message
        assert "No space left" in message


def decode(data: bytes, **changes: Any) -> list[Any]:
    """Return the pixels at the picture's own size, H x W x 3 or, for grey, H x W."""
    with Image.open(io.BytesIO(data)) as picture:
        size = (picture.height, picture.width)
    pixels = decode_picture(data, decoding(**({"size": size} | changes)))
    rows: list[Any] = (pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).tolist()
    return rows


def reason(data: bytes, **changes: Any) -> str:
    with pytest.raises(Unreadable) as caught:
        decode_picture(data, decoding(**changes))
    return caught.value.reason


def image(rows: Any, dtype: Any = np.uint8) -> Image.Image:
    return Image.fromarray(np.array(rows, dtype))


SIXTEEN = [[0, 128, 129, 257], [32768, 65278, 65406, 65535]]
EIGHT = [[0, 0, 1, 1], [128, 254, 254, 255]]


class TestDecoding:
    @pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "PPM", "WEBP"])
    def test_eight_bits(self, kind: str) -> None:
        options = {"lossless": True} if kind == "WEBP" else {}
        assert decode(encode(image(EIGHT), kind, **options)) == EIGHT

    def test_jpeg(self) -> None:
        pixels = decode(encode(image([[10] * 8] * 8), "JPEG"))
        np.testing.assert_allclose(pixels, 10, atol=2)

    @pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "PPM"])
    def test_one_bit(self, kind: str) -> None:
        assert decode(encode(image([[0, 255]]).convert("1"), kind)) == [[0, 255]]

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
    def test_sixteen_bits_are_scaled(self, kind: str) -> None:
        assert decode(encode(image(SIXTEEN, np.uint16), kind)) == EIGHT
        rgb = decode(encode(image(SIXTEEN, np.uint16), kind), mode="RGB")
        assert rgb == [[[value] * 3 for value in row] for row in EIGHT]

    def test_sixteen_bits_of_the_other_byte_order(self) -> None:
        data = encode(Image.frombytes("I;16B", (4, 2), np.array(SIXTEEN, ">u2").tobytes()), "TIFF")
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.mode == "I;16B"
        assert decode(data) == EIGHT

    def test_thirty_two_bits_within_sixteen(self) -> None:
        assert decode(encode(image(SIXTEEN, np.int32), "TIFF")) == EIGHT

    @pytest.mark.parametrize("value", [65536, -1])
    def test_more_than_sixteen_bits_are_rejected(self, value: int) -> None:
        data = encode(image([[0, value]], np.int32), "TIFF")
        assert reason(data) == "unreadable: pixels beyond 16 bits"

    def test_sixteen_bits_with_white_as_zero(self) -> None:
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[262] = 0
        data = encode(image([[0, 65535]], np.uint16), "TIFF", tiffinfo=tags)
        assert decode(data) == [[255, 0]]

    def test_twelve_bits(self) -> None:
        data = bytearray(encode(image([[0] * 4], np.uint16), "TIFF"))
        bits = data.index(struct.pack("<HHI", 258, 3, 1)) + 8
        data[bits] = 12
        with Image.open(io.BytesIO(data)) as picture:
            start = picture.tag_v2[273][0]  # type: ignore[attr-defined]
        data[start : start + 6] = bytes.fromhex("000 fff 800 001".replace(" ", ""))
        assert decode(bytes(data)) == [[0, 255, 128, 0]]

    def test_float_pixels_are_rejected(self) -> None:
        data = encode(image([[0, 0.5]], np.float32), "TIFF")
        assert reason(data) == "unreadable: float pixels"

    def test_palette(self) -> None:
        picture = image([[0, 1]]).convert("P")
        picture.putpalette([255, 0, 0, 0, 0, 255])
        for kind in ("PNG", "BMP", "GIF", "TIFF"):
            assert decode(encode(picture, kind), mode="RGB") == [[[255, 0, 0], [0, 0, 255]]]
            assert decode(encode(picture, kind)) == [[76, 29]]

    def test_colours(self) -> None:
        picture = Image.new("RGB", (1, 1), (200, 100, 50))
        assert decode(encode(picture), mode="RGB") == [[[200, 100, 50]]]
        assert decode(encode(picture)) == [[124]]
        assert decode(encode(image([[7]])), mode="RGB") == [[[7, 7, 7]]]

    @pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
    def test_cmyk(self, kind: str) -> None:
        data = encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), kind)
        np.testing.assert_allclose(decode(data, mode="RGB")[0][0], [255, 0, 0], atol=3)
        np.testing.assert_allclose(decode(data)[0][0], 76, atol=3)

    def test_modes_without_conversion_are_rejected(self) -> None:
        data = encode(Image.new("LAB", (2, 2)), "TIFF")
        assert reason(data) == "unreadable: conversion from LAB to RGB not supported"

    @pytest.mark.parametrize(("background", "ground"), [("black", 0), ("white", 255)])
    def test_transparent_pixels_are_laid_on_the_background(
        self, background: str, ground: int
    ) -> None:
        half = (ground + 100) // 2
        rgba = image([[[100, 100, 100, a] for a in (255, 127 + (ground > 0), 0)]])
        palette = image([[0, 1, 2]]).convert("P")
        palette.putpalette([100] * 9)
        pictures = {
            "rgba": encode(rgba),
            "rgba tiff": encode(rgba, "TIFF"),
            "la": encode(rgba.convert("LA")),
            "palette": encode(palette, transparency=bytes([255, 127 + (ground > 0), 0])),
        }
        for name, data in pictures.items():
            pixels = decode(data, background=background)
            np.testing.assert_allclose(pixels, [[100, half, ground]], atol=1, err_msg=name)
            pixels = decode(data, background=background, mode="RGB")
            np.testing.assert_allclose(
                pixels, [[[100] * 3, [half] * 3, [ground] * 3]], atol=1, err_msg=name
            )

    def test_a_transparent_colour(self) -> None:
        white = {"background": "white"}
        assert decode(encode(image([[7, 8]]), transparency=7), **white) == [[255, 8]]
        assert decode(encode(image([[0, 255]]).convert("1"), transparency=0), **white) == [
            [255, 255]
        ]
        sixteen = image([[0, 257 * 9]], np.uint16)
        assert decode(encode(sixteen, transparency=0), **white) == [[255, 9]]
        gif = image([[0, 1]]).convert("P")
        gif.putpalette([0] * 6)
        assert decode(encode(gif, "GIF", transparency=1), **white) == [[0, 255]]

    def test_sixteen_bit_colours_and_their_transparent_one(self) -> None:
        white, other = (65535, 65535, 65535), (514, 771, 1028)
        pixels = zlib.compress(b"\0" + struct.pack(">6H", *white, *other))
        data = png(
            (2, 1, 16, 2, 0, 0, 0),
            chunk(b"tRNS", struct.pack(">3H", *white)),
            chunk(b"IDAT", pixels),
        )
        assert decode(data, mode="RGB") == [[[0, 0, 0], [2, 3, 4]]]

    @pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
    def test_first_frame_counts(self, kind: str) -> None:
        frames = [Image.new("L", (2, 2), value) for value in (0, 255)]
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        assert decode(data) == [[0, 0], [0, 0]]

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
    @pytest.mark.parametrize(
        ("orientation", "expected"),
        [
            (1, [[1, 2, 3], [4, 5, 6]]),
            (2, [[3, 2, 1], [6, 5, 4]]),
            (3, [[6, 5, 4], [3, 2, 1]]),
            (4, [[4, 5, 6], [1, 2, 3]]),
            (5, [[1, 4], [2, 5], [3, 6]]),
            (6, [[4, 1], [5, 2], [6, 3]]),
            (7, [[6, 3], [5, 2], [4, 1]]),
            (8, [[3, 6], [2, 5], [1, 4]]),
            (9, [[1, 2, 3], [4, 5, 6]]),
        ],
    )
    def test_exif_orientation(self, kind: str, orientation: int, expected: list[Any]) -> None:
        stored = np.kron(np.array([[1, 2, 3], [4, 5, 6]]) * 40, np.ones((16, 16)))
        exif = Image.Exif()
        exif[274] = orientation
        size = tuple(16 * length for length in np.shape(expected))
        pixels = np.array(decode(encode(image(stored), kind, exif=exif), size=size))
        np.testing.assert_allclose(pixels[8::16, 8::16] / 40, expected, atol=0.1)

    def test_orientation_of_sixteen_bits(self) -> None:
        exif = Image.Exif()
        exif[274] = 3
        data = encode(image([[0, 257]], np.uint16), exif=exif)
        assert decode(data) == [[1, 0]]

    def test_damaged_exif_does_not_matter(self) -> None:
        for kind in ("JPEG", "PNG", "WEBP"):
            data = encode(image([[7] * 8] * 8), kind, exif=b"Exif\0\0damaged beyond repair")
            np.testing.assert_allclose(decode(data), 7, atol=1)

    def test_resizes_only_if_needed(self) -> None:
        same = np.random.default_rng(0).integers(0, 256, (6, 4), np.uint8)
        assert decode(encode(image(same))) == same.tolist()
        flat_picture = encode(image(np.full((90, 60), 200)))
        assert decode(flat_picture, size=[6, 4]) == [[200] * 4] * 6

    def test_shrinking_averages_and_does_not_ring(self) -> None:
        checks = np.indices((64, 64)).sum(0) % 2 * 255
        np.testing.assert_allclose(decode(encode(image(checks)), size=8), 127.5, atol=8)
        step = np.repeat([[50] * 32 + [200] * 32], 64, 0)
        pixels = np.array(decode(encode(image(step)), size=16))
        assert (pixels.min(), pixels.max()) == (50, 200)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(header: tuple[int, ...], *chunks: bytes) -> bytes:
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", *header)), *chunks, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_header(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a size that its data do not have."""
    return png((width, height, 8, 0, 0, 0, 0), chunk(b"IDAT", zlib.compress(b"\0")))


class TestRejectedPictures:
    @pytest.mark.parametrize("size", [(20_000, 20_000), (8_000, 8_000), (2**31 - 1, 1)])
    def test_bombs_are_rejected_by_their_header(
        self, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
        assert reason(png_header(*size)) == "too large: more than 50000000 pixels"

    def test_pillows_own_limit_stands(self) -> None:
        assert reason(png_header(20_000, 20_000), max_pixels=10**9) == (
            "too large: more than 178956970 pixels"
        )

    def test_largest_size_is_a_setting(self) -> None:
        assert decode(grey(1), max_pixels=4) == [[1, 1], [1, 1]]
        assert reason(grey(1), max_pixels=3) == "too large: more than 3 pixels"

    def test_truncated(self) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
        for kind in ("PNG", "JPEG", "BMP", "GIF"):
            data = encode(image(noise), kind)
            assert reason(data[: len(data) // 2]).startswith("unreadable: "), kind
        data = encode(image(noise))
        assert reason(data[: len(data) // 2]) == reason(data[: len(data) // 3])

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (MemoryError(), "too large: not enough memory"),
            (OverflowError(), "unreadable: OverflowError"),
            (struct.error("bad\nlength (7 of 9)"), "unreadable: bad length"),
            (SyntaxError("not a 'PNG' file"), "unreadable: not a"),
            (RecursionError("deep " * 50), f"unreadable: {('deep ' * 12).strip()}"),
        ],
    )
    def test_any_error_while_decoding_is_a_rejection(
        self, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
    ) -> None:
        def fail(_: Image.Image) -> None:
            raise error

        monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
        assert reason(encode(image([[0, 1]]).convert("P"))) == expected

    def test_warnings_of_pillow_do_not_leak(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        data = encode(image([[0, 1]]).convert("P"), transparency=b"\0")
        warned = png_header(10_000, 10_000)
        files = table("a,x\nb,y\nc,x\n", "a", "b") | {"a": data, "c": warned}
        path = write_set(tmp_path / "set", files)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = labeled(path, tabled(max_pixels=10**9))
        assert len(result.images) == 2
        assert len(result.rejected) == 1
        assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "9", "1"], ["1", "9", "10"]),
        (["1", "01", "1.0", "-2", ".5", "1e3"], ["-2", ".5", "01", "1", "1.0", "1e3"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        (["1", "nan"], ["1", "nan"]),
        (["2", "inf", "10"], ["10", "2", "inf"]),
        (["1_0", "9"], ["1_0", "9"]),
        (["b", "a", "B"], ["B", "a", "b"]),
    ],
)
def test_classes_are_sorted_as_numbers_or_as_text(labels: list[str], expected: list[str]) -> None:
    assert sort_classes(labels) == expected


def quoted(cells: Iterable[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\r\n"


LABELS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).map(str.strip).filter(bool)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\:\0"), min_size=1, max_size=20
).filter(lambda name: bool(name.strip()) and name not in (".", "..", "labels.csv"))
READ_NAMES = NAMES.filter(lambda name: not camera_raw_reason(name))  # those are rejected by name


@hypothesis_settings(PROPERTY, max_examples=40)
@given(rows=st.dictionaries(READ_NAMES, LABELS, min_size=2, max_size=6), absent=st.integers(0, 3))
@example(rows={"a": "NA", "b": "1"}, absent=1)
@example(rows={'"': "1", "'": "1", ",": "2"}, absent=0)
def test_any_names_and_labels_come_through(
    tmp_path: Path, rows: dict[str, str], absent: int
) -> None:
    present = dict(list(rows.items())[absent:])
    text = quoted(["filename", "label"]) + "".join(map(quoted, rows.items()))
    pictures = {name: grey(value) for value, name in enumerate(present)}
    path = write_set(tmp_path / "set.zip", {"labels.csv": text.encode()} | pictures)
    if len(set(present.values())) < 2:
        stop(path, tabled())
        return
    result = labeled(path, tabled())
    assert result.index["filename"].tolist() == list(present)
    assert result.index["label"].tolist() == list(present.values())
    assert result.classes == sort_classes(set(present.values()))
    assert [result.classes[target] for target in result.index["target"]] == list(present.values())
    assert result.images[:, 0, 0, 0].tolist() == list(range(len(present)))
    assert rejections(result) == [(name, "missing") for name in rows if name not in present]


SEEDS = {
    "png": encode(image(np.arange(64).reshape(8, 8))),
    "rgba": encode(Image.new("RGBA", (8, 8), (1, 2, 3, 4))),
    "jpeg": encode(image(np.arange(256).reshape(16, 16)), "JPEG"),
    "gif": encode(image(np.arange(64).reshape(8, 8)), "GIF"),
    "bmp": encode(image(np.arange(64).reshape(8, 8)), "BMP"),
    "tiff": encode(image(np.arange(64).reshape(8, 8), np.uint16), "TIFF"),
    "deflated": encode(Image.new("RGB", (8, 8)), "TIFF", compression="tiff_deflate"),
}


@hypothesis_settings(PROPERTY, max_examples=300)
@given(kind=st.sampled_from(sorted(SEEDS)), seed=st.integers(0, 2**32), changes=st.integers(1, 10))
def test_any_damaged_picture_is_an_image_or_a_rejection(kind: str, seed: int, changes: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    data = bytearray(SEEDS[kind])
    for _ in range(changes):
        data[rng.randrange(len(data))] = rng.randrange(256)
    if seed % 4 == 0:
        del data[rng.randrange(len(data)) :]
    with warnings.catch_warnings(), suppress(Unreadable):
        warnings.simplefilter("ignore")
        pixels = decode_picture(bytes(data), decoding(max_pixels=100_000))
        assert pixels.shape == (28, 28, 1)


@PROPERTY
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 10))
def test_any_damaged_zip_is_ingested_or_stops(tmp_path: Path, seed: int, changes: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    path = write_set(tmp_path / "set.zip", table("a,x\nb,y\nc,x\n", "a", "b", "c"))
    data = bytearray(path.read_bytes())
    for _ in range(changes):
        data[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(data)
    with suppress(StudyError):
        result = labeled(path, tabled())
        assert len(result.images) == len(result.index) == 3 - len(result.rejected)


def test_no_format_of_an_outside_program_is_opened() -> None:
    assert not {"EPS", "PDF", "WMF", "PSD"} & set(images_decode.FORMATS)


@hypothesis_settings(PROPERTY, max_examples=300)
@given(
    width=st.integers(1, 9),
    height=st.integers(1, 9),
    colour_type=st.sampled_from([0, 2, 4, 6]),
    mode=st.sampled_from(["L", "RGB"]),
    seed=st.integers(0, 2**32),
    filters=st.integers(1, 6),  # 5 is the first undefined filter type
    rows_too_many=st.integers(-2, 2),
    length=st.sampled_from([None, None, 3, 30]),
    two_chunks=st.booleans(),
    extra=st.booleans(),
)
def test_the_fast_way_to_read_a_png_makes_no_difference(
    width: int,
    height: int,
    colour_type: int,
    mode: str,
    seed: int,
    filters: int,
    rows_too_many: int,
    length: int | None,
    two_chunks: bool,
    extra: bool,
) -> None:
    rng = random.Random(seed)  # noqa: S311
    row_bytes = width * {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]
    rows = (
        bytes([rng.randrange(filters)]) + rng.randbytes(row_bytes)
        for _ in range(height + rows_too_many)
    )
    deflated = zlib.compress(b"".join(rows))[:length]
    middle = len(deflated) // 2 if two_chunks else len(deflated)
    chunks = [chunk(b"IDAT", part) for part in (deflated[:middle], deflated[middle:]) if part]
    if extra:
        chunks.insert(0, chunk(b"tEXt", b"Title\0grey"))
    data = png((width, height, 8, colour_type, 0, 0, 0), *chunks)
    plain = PlainPngDecoder(height, width, mode)
    rows_found = plain.inflate(data)
    if rows_found is not None:
        size = {"size": (height, width), "mode": mode}
        expected = decode_picture(data, decoding(**size))
        bright = bytes(255 if at % (1 + row_bytes) else 0 for at in range(len(rows_found)))
        decoded = plain.decode([bright, rows_found, bright])  # the row above has no influence
        np.testing.assert_array_equal(decoded[1], expected)
        assert (decoded[[0, 2]] == 255).all()


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_plain_pngs_are_read_the_fast_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, batch_size: int
) -> None:
    size = (3, 2)
    channels = len(mode)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (5, *size, channels), dtype=np.uint8)
    names = "abcde"
    files = {
        f"Train/Images/train/{name}": encode(Image.fromarray(one.squeeze()))
        for name, one in zip(names, pixels, strict=True)
    }
    rows = "".join(f"{name},{number}\n" for number, name in enumerate(names))
    files["Train/train.csv"] = f"filename,label\n{rows}".encode()
    path = write_set(tmp_path / "set.zip", files)

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("not the fast way")

    monkeypatch.setattr(Image, "open", fail)
    monkeypatch.setattr(batch_decoder, "_BATCH_BYTES", batch_size * pixels[0].nbytes)
    ingested = ingest_labeled(open_source(path), ingest_settings(size=size, mode=mode))
    np.testing.assert_array_equal(ingested.images, pixels)
