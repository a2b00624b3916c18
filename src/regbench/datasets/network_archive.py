"""The networks of earlier runs."""

import json
import logging
import os
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset

from regbench.files import atomic_write

logger = logging.getLogger(__name__)

_RUN = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z(-\d+)?")  # as regbench.history names them


class NetworkArchiveDataset(AbstractDataset[dict[str, Any], list[str]]):
    """A folder per run with links to its networks, for the last runs.

    A network's file is replaced as a whole when it is trained again, so a hard link keeps the
    earlier one, and costs no space until then. Where the disk has no links, files are copied.
    """

    def __init__(
        self, *, path: str, networks: str, archive: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Name the folders.

        Args:
            path: The folder of all results.
            networks: Below it, where trainings leave their networks.
            archive: Below it, the folder of folders.
            metadata: For kedro-viz.
        """
        self._root = Path(path)
        self._networks, self._archive = self._root / networks, self._root / archive
        self.metadata = metadata

    def load(self) -> list[str]:
        """Return the runs whose networks are kept."""
        return [folder.name for folder in self._folders()]

    def save(self, data: dict[str, Any]) -> None:
        """Keep the networks of one run, and remove those of runs not named.

        Args:
            data: ``run``; ``networks``, the digest of each one's weights by its name below the
                folder of networks, without suffix; and ``keep``, the runs to keep, this one
                among them.
        """
        for name, weights in data["networks"].items():
            self._keep(self._archive / data["run"], name, weights)
        for folder in self._folders():
            if folder.name not in {*data["keep"], data["run"]}:
                self._remove(folder)

    def _keep(self, folder: Path, name: str, weights: str) -> None:
        """Link a network and the fingerprint beside it, if they are those of the run."""
        network = self._networks / f"{name}.keras"
        made_from = network.with_name(f"{PurePosixPath(name).name}_fingerprint.json")
        try:
            recorded = json.loads(made_from.read_text(encoding="utf-8"))["weights"]
        except (OSError, ValueError, KeyError, TypeError):
            recorded = None
        if recorded != weights or not network.exists():
            logger.warning("%s is no longer the network of run %s: not kept", network, folder.name)
            return
        for file in (network, made_from):
            _link(file, folder / file.relative_to(self._networks))

    def _folders(self) -> list[Path]:
        if not self._archive.is_dir():
            return []
        return sorted(folder for folder in self._archive.iterdir() if _RUN.fullmatch(folder.name))

    def _remove(self, folder: Path) -> None:
        """Delete a run's folder, unless a link leads elsewhere."""
        if folder.is_symlink() or not folder.resolve().is_relative_to(self._root.resolve()):
            logger.warning("%s leads out of %s: not deleted", folder, self._root)
            return
        try:
            shutil.rmtree(folder)
        except OSError as error:
            logger.warning("%s could not be deleted: %s", folder, error.strerror)

    def _exists(self) -> bool:
        return True  # one that keeps nothing is there too

    def _describe(self) -> dict[str, Any]:
        return {"networks": self._networks, "archive": self._archive}


def _link(file: Path, kept: Path) -> None:
    """Have ``kept`` be the same file, or a copy."""
    if kept.exists() and kept.samefile(file):
        return
    with atomic_write(kept) as partial:
        try:
            os.link(file, partial)
        except OSError:  # a disk without links
            shutil.copyfile(file, partial)
