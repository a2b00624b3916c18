"""Masks: pictures that outline what another picture shows, and are no examples of its class."""

import re
from collections import defaultdict

from regbench.images.layout.inventory import Inventory
from regbench.images.layout.words import is_no_class, split_part_of, words_of

# scan_mask.png and 'scan (1)_mask_2.png' beside a picture called scan and 'scan (1)'
_OF_PICTURE = re.compile(
    r"(?P<picture>.+?)[ _.-]+(mask|segmentation|seg|groundtruth|gt)([ _.-]?\d+)?", re.IGNORECASE
)
_FOLDERS = frozenset({"mask", "masks", "segmentation", "segmentations"})


def without_masks(inventory: Inventory) -> tuple[Inventory, list[str]]:
    """Return the inventory without masks, and their names.

    A mask is called as a picture in its folder is, with ``_mask`` behind it; or it has the name of
    a picture in ``cat/images`` and lies in ``cat/masks``, in a folder of a class.
    """
    stems: dict[str, set[str]] = defaultdict(set)
    for name in inventory.pictures:
        folder, _, last = name.rpartition("/")
        stems[folder].add(last.rpartition(".")[0])
    folders = {folder for folder in stems if _holds_masks(folder, stems)}
    masks = [name for name in inventory.pictures if _is_mask(name, stems, folders)]
    if not masks:
        return inventory, []
    gone = set(masks)
    pictures = [name for name in inventory.pictures if name not in gone]
    counts = inventory.folders.copy()
    counts.subtract(name.rpartition("/")[0] for name in masks)
    return inventory._replace(pictures=pictures, folders=+counts), masks


def _is_mask(name: str, stems: dict[str, set[str]], folders: set[str]) -> bool:
    folder, _, last = name.rpartition("/")
    if folder in folders:
        return True
    found = _OF_PICTURE.fullmatch(last.rpartition(".")[0])
    return found is not None and found["picture"] in stems[folder]


def _holds_masks(folder: str, stems: dict[str, set[str]]) -> bool:
    """Return whether a folder in that of a class has masks of the pictures in one beside it."""
    outer, _, last = folder.rpartition("/")
    label = outer.rpartition("/")[2]
    if not _FOLDERS.issuperset(words_of(last)) or not label or is_no_class(label):
        return False
    if split_part_of(label):
        return False
    start = f"{outer}/"
    return any(
        other != folder and other.startswith(start) and names >= stems[folder]
        for other, names in stems.items()
    )
