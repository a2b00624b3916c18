"""Masks: pictures that outline what another picture shows, and are no examples of its class."""

import re
from collections import defaultdict
from dataclasses import replace

from regbench.images.layout.inventory import Inventory, folders_of
from regbench.images.layout.words import is_no_class, split_part_of, words_of

# scan_mask.png and 'scan (1)_mask_2.png' beside a picture called scan and 'scan (1)'
_OF_PICTURE = re.compile(
    r"(?P<picture>.+?)[ _.-]+(mask|segmentation|seg|groundtruth|gt)([ _.-]?\d+)?", re.IGNORECASE
)
_WORDS = ("mask", "seg", "groundtruth", "gt")  # one of them is in the name of every mask
_FOLDERS = frozenset({"mask", "masks", "segmentation", "segmentations"})


def without_masks(inventory: Inventory) -> tuple[Inventory, list[str]]:
    """Return the inventory without masks, and their names.

    A mask is called as a picture in its folder is, with ``_mask`` behind it; or it has the name of
    a picture in ``cat/images`` and lies in ``cat/masks``, in a folder of a class.
    """
    called_masks = [folder for folder in inventory.folders if _is_called_masks(folder)]
    text = "/".join(inventory.last_names)  # of all names at once: most sets have no masks
    if not called_masks and not any(word in text for word in _WORDS):
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
