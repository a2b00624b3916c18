"""A Kedro dataset that archives the networks of earlier runs."""

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
    """A folder per run with hard links to its networks, for the last runs.

    Network files are replaced, not modified, so a hard link keeps the earlier network and takes no
    disk space until then. Where hard links are not available, as in a store, files are copied.
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
        """Configure the dataset.

        Args:
            path: The data root, a path or URL.
            networks: The folder of the trainings' networks, relative to it.
            archive: The folder of the archive, relative to it.
            credentials: Options of the store's file system.
            metadata: For kedro-viz; not used here.
        """
        self._root = stored_file(path, credentials)
        self._networks, self._archive = self._root.joinpath(networks), self._root.joinpath(archive)
        self.metadata = metadata

    def load(self) -> list[str]:
        """Return the names of the archived runs, sorted by time."""
        if isinstance(self._archive, RemoteFile):
            runs = {name.partition("/")[0] for name in self._archive.listing()}
        else:
            folder = self._archive.path
            runs = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        return sorted(run for run in runs if _RUN.fullmatch(run))

    def save(self, data: dict[str, Any]) -> None:
        """Archive the networks of one run, and delete those of runs not to be kept.

        Args:
            data: ``run``: the run's name; ``networks``: the digest of each network's weights, by
                its path in the folder of networks without suffix; ``keep``: the names of all runs
                to keep.
        """
        for name, weights in data["networks"].items():
            self._archive_network(data["run"], name, weights)
        for run in self.load():
            if run not in {*data["keep"], data["run"]}:
                self._remove(self._archive.joinpath(run))

    def _archive_network(self, run: str, name: str, weights: str) -> None:
        """Archive a network and its fingerprint file, if its weights are still the run's."""
        network, fingerprint = f"{name}.keras", f"{name}_fingerprint.json"
        try:
            text = self._networks.joinpath(fingerprint).local_copy().read_text(encoding="utf-8")
            recorded = json.loads(text)["weights"]
        except (OSError, ValueError, KeyError, TypeError):
            recorded = None
        if recorded != weights or not self._networks.joinpath(network).exists():
            path = self._networks.joinpath(network)
            logger.warning("%s is no longer the network of run %s: not kept", path, run)
            return
        for file in (network, fingerprint):
            _link_or_copy(self._networks.joinpath(file), self._archive.joinpath(run).joinpath(file))

    def _remove(self, folder: StoredFile) -> None:
        """Delete a run's folder, unless a symbolic link leads out of the data root."""
        if isinstance(folder, RemoteFile):
            for name in folder.listing():
                folder.joinpath(name).remove()
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
        return True  # an empty archive exists, too

    def _describe(self) -> dict[str, Any]:
        return {"networks": str(self._networks), "archive": str(self._archive)}


def _link_or_copy(file: StoredFile, kept: StoredFile) -> None:
    """Make ``kept`` a hard link to ``file``, or a copy where links are not available."""
    if isinstance(file, RemoteFile) and isinstance(kept, RemoteFile):
        kept.copy_from(file)
        return
    if kept.path.exists() and kept.path.samefile(file.path):
        return
    with atomic_write(kept.path) as partial:
        try:
            os.link(file.path, partial)
        except OSError:  # the file system has no hard links
            shutil.copyfile(file.path, partial)
