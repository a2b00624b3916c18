"""The table of a set's unlabelled pictures."""

from regbench.images.layout.inventory import join
from regbench.images.layout.label_files import folder_setting
from regbench.images.layout.table import LabelTable, Row, common_folder, relative
from regbench.study.schema import Ingest


def unlabeled_table(rows: list[Row], settings: Ingest) -> LabelTable:
    """Return unlabelled pictures, given by their names in the set, relative to their folder."""
    folder = common_folder(sorted({row.filename.rpartition("/")[0] for row in rows}))
    if settings.unlabeled_folder not in ("auto", ""):
        named = folder_setting(settings, "unlabeled_folder")
        start, found, _ = f"/{folder}/".partition(f"/{named}/")
        folder = join(start.strip("/"), named) if found else folder
    short = [Row(relative(row.filename, folder), None) for row in rows] if folder else rows
    return LabelTable(short, folder, f"folder {folder!r}" if folder else "the unlabelled pictures")
