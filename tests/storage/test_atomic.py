"""Atomic file writes."""

import errno
from pathlib import Path

import pytest

from regbench.errors import explanation
from regbench.storage.atomic import atomic_write, remove_leftovers


def test_the_file_is_renamed_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "new/folders/table.csv"
    with atomic_write(target) as partial:
        partial.write_text("all")
        assert not target.exists()
        assert partial.parent == target.parent  # the same file system, so the rename is atomic
        assert partial.suffix == ".csv"
    assert target.read_text() == "all"
    assert list(target.parent.iterdir()) == [target]


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")

    def write_half() -> None:
        with atomic_write(target) as partial:
            partial.write_text("half")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_full_disk_is_told_with_the_name_that_the_user_knows(
    tmp_path: Path, wrapped: bool
) -> None:
    def fill() -> None:
        refusal = OSError(errno.ENOSPC, "No space left on device")
        with atomic_write(tmp_path / "table.csv"):
            if wrapped:
                raise RuntimeError("as Kedro's datasets do") from refusal
            raise refusal

    with pytest.raises((RuntimeError, OSError)) as caught:
        fill()
    told = explanation(caught.value)
    assert told is not None
    assert told.message == f"No space left on device: {tmp_path / 'table.csv'}"


@pytest.mark.parametrize("of", ["data", "data/06_models"])
def test_a_link_to_a_disk_that_is_not_mounted_is_told(tmp_path: Path, of: str) -> None:
    link = tmp_path / of
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("/nowhere/disk")
    with pytest.raises(FileExistsError) as caught, atomic_write(tmp_path / "data/06_models/a.json"):
        pass
    told = explanation(caught.value)
    assert told is not None
    assert told.message == (
        f"{link} is a link to /nowhere/disk, which is not there (is its disk mounted?)"
    )


def test_a_writer_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_write(target):
        pass
    assert target.read_text() == "old"


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("something longer")
    with target.open() as reader:
        with atomic_write(target) as partial:
            partial.write_text("new")
        assert reader.read() == "something longer"  # an open file keeps the old content
    assert target.read_text() == "new"


def test_two_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    with atomic_write(target) as one, atomic_write(target) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert target.read_text() == "one"
    assert list(tmp_path.iterdir()) == [target]


def test_only_what_killed_writers_have_left_is_removed(tmp_path: Path) -> None:
    kept = [
        "06_models/l2/seed_1.keras",
        "06_models/l2/.own.partial.txt",
        "01_raw/pictures/.0123abcd.partial.png",  # the user's own
        "mnist/06_models/.0123abcd.partial.keras",  # another study's
    ]
    removed = ["06_models/l2/.0123abcd.partial.keras", "01_raw/.0123abcd.partial.zip"]
    for name in kept + removed:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("something")
    remove_leftovers(tmp_path)
    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert left == set(kept)
