"""The mark of a folder of results, by which a set of images around it leaves the folder out.

The pictures that RegBench draws would otherwise be read as images, and their folders as classes.
"""

from collections.abc import Collection
from pathlib import Path

from regbench.storage.addresses import clean_address, is_remote, local_path
from regbench.storage.stored_file import LocalFile, StoredFile

MARKER = ".regbench-results"
_TEXT = "Results of RegBench lie in this folder. A set of images around it leaves it out.\n"
_LOCKS = ".runs"  # what runs before this file existed have left
LAYERS = frozenset(
    {
        *("02_intermediate", "03_primary", "04_feature", "06_models"),
        *("07_model_output", "08_reporting", "09_history"),
    }
)
_SEVERAL = 3  # layers beside one another are no coincidence


def mark_results(root: StoredFile) -> bool:
    """Mark a folder of results, here or in a store; an existing mark stays.

    Returns:
        Whether the folder holds no results yet.

    Raises:
        OSError: The folder cannot be written to.
        StudyError: The store cannot be reached, or refuses.
    """
    marker = root.joinpath(MARKER)
    if marker.exists():
        return False
    with marker.atomic_write() as partial:
        partial.write_text(_TEXT, encoding="utf-8")
    # Versions that wrote no mark have left layers.
    is_here = isinstance(root, LocalFile)
    return not (is_here and any(root.joinpath(layer).exists() for layer in LAYERS))


def holds_results(folders: Collection[str], files: Collection[str]) -> bool:
    """Return whether a folder holds results, by the names of what lies directly in it.

    Args:
        folders: The names of its folders, hidden ones included.
        files: The names of its files, hidden ones included.
    """
    layers = len(LAYERS.intersection(folders))
    return MARKER in files or layers >= _SEVERAL or (layers > 0 and _LOCKS in folders)


def is_same_folder(images: str, data_root: str, base: Path) -> bool:
    """Return whether images and results are to lie in one folder.

    Results in a folder inside the set are left out of it, and a set inside the folder of results
    is none of its layers; one folder for both would mix them.

    Args:
        images: The address of the set: a path or a URL.
        data_root: The address of the results.
        base: The folder that relative paths start from.
    """
    if is_remote(images) or is_remote(data_root):
        both_remote = is_remote(images) and is_remote(data_root)
        return both_remote and clean_address(images) == clean_address(data_root)
    return (base / local_path(images)).resolve() == (base / local_path(data_root)).resolve()
