"""Masks: pictures that outline what another picture shows, and are no examples of its class."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from regbench.images.layout.inventory import Inventory, folders_of
from regbench.images.layout.words import is_no_class, split_part_of, words_of

# scan_mask.png and 'scan (1)_mask_2.png' beside a picture called scan and 'scan (1)'
_OF_PICTURE = re.compile(
    r"(?P<picture>.+?)[ _.-]+(mask|segmentation|seg|groundtruth|gt)([ _.-]?\d+)?", re.IGNORECASE
)
_WORDS = ("mask", "seg", "groundtruth", "gt")  # one of them is in the name of every mask
_AT_ONCE = 10_000
_FOLDERS = frozenset({"mask", "masks", "segmentation", "segmentations"})


def without_masks(inventory: Inventory) -> tuple[Inventory, list[str]]:
    """Return the inventory without masks, and their names.

    A mask is called as a picture in its folder is, with ``_mask`` behind it; or it has the name of
    a picture in ``cat/images`` and lies in ``cat/masks``, in a folder of a class.
    """
    called_masks = [folder for folder in inventory.folders if _is_called_masks(folder)]
    if not called_masks and not _has_words(inventory.pictures):
        return inventory, []
    stems: dict[str, set[str]] = defaultdict(set)
    for name in inventory.pictures:
        folder, _, last = name.rpartition("/")
        stems[folder].add(last.rpartition(".")[0])
    folders = {folder for folder in called_masks if _holds_masks(folder, stems)}
    masks = [name for name in inventory.pictures if _is_mask(name, stems, folders)]
    if not masks:
        return inventory, []
    gone = set(masks)
    pictures = [name for name in inventory.pictures if name not in gone]
    counts = inventory.folders.copy()
    counts.subtract(folders_of(masks))
    return replace(inventory, pictures=pictures, folders=+counts), masks


def _has_words(names: Sequence[str]) -> bool:
    """Return whether a file may be called a mask; many are looked at at once, most sets have none.

    These words may stand in a folder's name: then each file is looked at.
    """
    parts = (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))
    texts = ("/".join(part).casefold() for part in parts)
    return any(word in text for text in texts for word in _WORDS)


def _is_mask(name: str, stems: dict[str, set[str]], folders: set[str]) -> bool:
    folder, _, last = name.rpartition("/")
    if folder in folders:
        return True
    found = _OF_PICTURE.fullmatch(last.rpartition(".")[0])
    return found is not None and found["picture"] in stems[folder]


def _is_called_masks(folder: str) -> bool:
    """Return whether a folder in that of a class is named for masks."""
    outer, _, last = folder.rpartition("/")
    label = outer.rpartition("/")[2]
    if not label or not _FOLDERS.issuperset(words_of(last)):
        return False
    return not (is_no_class(label) or split_part_of(label))


def _holds_masks(folder: str, stems: dict[str, set[str]]) -> bool:
    """Return whether a folder has masks of the pictures in one beside it."""
    outer = folder.rpartition("/")[0]
    start = f"{outer}/"
    return any(
        other != folder and other.startswith(start) and names >= stems[folder]
        for other, names in stems.items()
    )
