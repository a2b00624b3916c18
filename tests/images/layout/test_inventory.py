"""What is made of all names of a set at once is what each name gives by itself."""

from hypothesis import given
from hypothesis import strategies as st
from tests.images.layout.test_recognition import Listing as Source

from regbench.images.layout.inventory import Inventory, folded, folded_all, folders_of
from regbench.images.picture_files import is_picture
from regbench.images.sources.base import Listing, is_clean, is_hidden, without_hidden

PARTS = st.sampled_from(
    ("a", "B.png", " c.jpg", "É.PNG", "e\u0301.png", ".", "..", ".d.png", "Thumbs.db", "x\\y.png")
)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
LAST = st.one_of(PARTS, st.text(max_size=6).filter(lambda text: "/" not in text))


@given(st.lists(LAST))
def test_names_are_folded_together_as_one_by_one(names: list[str]) -> None:
    assert folded_all(names) == [folded(name) for name in names]


@given(st.lists(st.text("aB.-_1", max_size=4)))
def test_plain_names_are_folded_together_as_one_by_one(names: list[str]) -> None:
    assert folded_all(names) == [folded(name) for name in names]


@given(st.lists(PATHS))
def test_hidden_paths_are_those_with_a_hidden_component(names: list[str]) -> None:
    assert without_hidden(names) == [name for name in names if not is_hidden(*name.split("/"))]


@given(st.lists(PATHS))
def test_every_name_is_of_one_kind(names: list[str]) -> None:
    listing = Listing.of(names)
    pictures = [name for name in names if is_picture(name)]
    assert listing.pictures == [name for name in pictures if is_clean(name)]
    assert listing.unusable == [name for name in pictures if not is_clean(name)]
    assert listing.others == [name for name in names if not is_picture(name)]


def test_an_inventory_knows_names_by_folder_last_component_and_as_they_are() -> None:
    names = ("cat/A 1.PNG", "cat/b.jpg", "c.png", "dog/notes.txt", "../bad.txt", "../bad.png")
    inventory = Inventory.of(Source(dict.fromkeys(names, b"")))
    assert inventory.folders == {"cat": 2, "": 1}
    assert list(folders_of(inventory.pictures)) == ["", "cat", "cat"]
    assert inventory.last_names == ["c.png", "a 1.png", "b.jpg"]
    assert inventory.suffixes == {"png", "jpg"}
    assert set(inventory.by_name) == {"c.png", "cat/A 1.PNG", "cat/b.jpg", "dog/notes.txt"}
    assert inventory.unusable == ["../bad.png"]
