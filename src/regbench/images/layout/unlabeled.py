"""The table of a set's unlabelled pictures."""

from collections.abc import Sequence

from regbench.images.layout.inventory import folders_of, join
from regbench.images.layout.label_files import folder_setting
from regbench.images.layout.table import LabelTable, UnlabeledRows, common_folder
from regbench.study.schema import Ingest


def unlabeled_table(names: Sequence[str], settings: Ingest) -> LabelTable:
    """Return unlabelled pictures, given by their names in the set, relative to their folder."""
    folder = common_folder(sorted(set(folders_of(names))))
    if settings.unlabeled_folder not in ("auto", ""):
        named = folder_setting(settings, "unlabeled_folder")
        start, found, _ = f"/{folder}/".partition(f"/{named}/")
        folder = join(start.strip("/"), named) if found else folder
    origin = f"folder {folder!r}" if folder else "the unlabelled pictures"
    return LabelTable(UnlabeledRows(names, folder), folder, origin)
