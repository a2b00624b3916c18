"""The networks of earlier runs."""

import json
import logging
import os
import re
import shutil
from typing import Any

from kedro.io import AbstractDataset

from regbench.storage.atomic import atomic_write
from regbench.storage.remote import RemoteFile
from regbench.storage.stored_file import StoredFile, stored_file

logger = logging.getLogger(__name__)

_RUN = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z(-\d+)?")  # as regbench.history.table names them


class NetworkArchiveDataset(AbstractDataset[dict[str, Any], list[str]]):
    """A folder per run with links to its networks, for the last runs.

    A network's file is replaced as a whole when it is trained again, so a hard link keeps the
    earlier one, and costs no space until then. Where there are no links, as in a store, files are
    copied.
    """

    def __init__(
        self,
        *,
        path: str,
        networks: str,
        archive: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the folders.

        Args:
            path: The folder of all results.
            networks: Below it, where trainings leave their networks.
            archive: Below it, the folder of folders.
            credentials: For a store.
            metadata: For kedro-viz.
        """
        self._root = stored_file(path, credentials)
        self._networks, self._archive = self._root.below(networks), self._root.below(archive)
        self.metadata = metadata

    def load(self) -> list[str]:
        """Return the runs whose networks are kept."""
        if isinstance(self._archive, RemoteFile):
            runs = {name.partition("/")[0] for name in self._archive.listing()}
        else:
            folder = self._archive.path
            runs = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        return sorted(run for run in runs if _RUN.fullmatch(run))

    def save(self, data: dict[str, Any]) -> None:
        """Keep the networks of one run, and remove those of runs not named.

        Args:
            data: ``run``; ``networks``, the digest of each one's weights by its name below the
                folder of networks, without suffix; and ``keep``, the runs to keep, this one
                among them.
        """
        for name, weights in data["networks"].items():
            self._keep(data["run"], name, weights)
        for run in self.load():
            if run not in {*data["keep"], data["run"]}:
                self._remove(self._archive.below(run))

    def _keep(self, run: str, name: str, weights: str) -> None:
        """Link a network and the fingerprint beside it, if they are those of the run."""
        network, made_from = f"{name}.keras", f"{name}_fingerprint.json"
        try:
            text = self._networks.below(made_from).readable().read_text(encoding="utf-8")
            recorded = json.loads(text)["weights"]
        except (OSError, ValueError, KeyError, TypeError):
            recorded = None
        if recorded != weights or not self._networks.below(network).exists():
            shown = self._networks.below(network)
            logger.warning("%s is no longer the network of run %s: not kept", shown, run)
            return
        for file in (network, made_from):
            _link(self._networks.below(file), self._archive.below(run).below(file))

    def _remove(self, folder: StoredFile) -> None:
        """Delete a run's folder, unless a link leads elsewhere."""
        if isinstance(folder, RemoteFile):
            for name in folder.listing():
                folder.below(name).remove()
            return
        root = self._root.path.resolve()
        if folder.path.is_symlink() or not folder.path.resolve().is_relative_to(root):
            logger.warning("%s leads out of %s: not deleted", folder, self._root)
            return
        try:
            shutil.rmtree(folder.path)
        except OSError as error:
            logger.warning("%s could not be deleted: %s", folder, error.strerror)

    def _exists(self) -> bool:
        return True  # one that keeps nothing is there too

    def _describe(self) -> dict[str, Any]:
        return {"networks": str(self._networks), "archive": str(self._archive)}


def _link(file: StoredFile, kept: StoredFile) -> None:
    """Have ``kept`` be the same file, or a copy."""
    if isinstance(file, RemoteFile) and isinstance(kept, RemoteFile):
        kept.become(file)
        return
    if kept.path.exists() and kept.path.samefile(file.path):
        return
    with atomic_write(kept.path) as partial:
        try:
            os.link(file.path, partial)
        except OSError:  # a disk without links
            shutil.copyfile(file.path, partial)
