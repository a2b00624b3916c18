"""MNIST's file downloaded, whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from regbench.errors import StudyError
from regbench.images.mnist.faults import reason, root_cause, writing

OnProgress = Callable[[int, int | None], None]
"""Called with how much is done and how much there is in all (None: unknown)."""

OTHER_SOURCE = "--params=mnist_source=... takes another address or a local file"
_CHUNK = 1 << 16
_TIMEOUT = 30.0  # seconds without a byte
_RETRIES = 2  # of a download that fails


def download(address: str, target: Path, on_progress: OnProgress) -> None:
    """Bring a file here; ``target`` stands only when all of it has arrived.

    A download that fails is begun anew, a few times.

    Args:
        address: An http(s) address.
        target: The file to write. Missing parent folders are made.
        on_progress: Called with bytes done and bytes in all.

    Raises:
        StudyError: The address cannot be reached, broke off, or the file cannot be written.
    """
    import pooch  # noqa: PLC0415 - only who downloads pays
    import requests  # noqa: PLC0415

    pooch.get_logger().setLevel("WARNING")  # it would tell the address with its password
    # No sum of the whole file: others pack the same arrays in other ways, and those have sums.
    source = pooch.create(
        target.parent,
        base_url="",
        registry={target.name: None},
        urls={target.name: address},
        retry_if_failed=_RETRIES,
    )
    bar = _ProgressBar(on_progress)
    web = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK, timeout=_TIMEOUT)
    with writing(target):
        try:
            source.fetch(target.name, downloader=web)
        except requests.HTTPError as error:
            answer = cast(requests.Response, error.response)
            raise StudyError(
                f"{address} sends no file (HTTP status {answer.status_code} {answer.reason}); "
                f"{OTHER_SOURCE}"
            ) from error
        except (requests.RequestException, ValueError) as error:
            raise StudyError(
                f"cannot download {address}: {reason(root_cause(error))}; {OTHER_SOURCE}"
            ) from error


class _ProgressBar:
    """What pooch takes for a progress bar: it sets ``total`` and tells every step."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._done = self._total = 0

    @property
    def total(self) -> int:
        """Bytes in all, 0 if the server does not say; set when a download begins."""
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        self._done, self._total = 0, total
        self.update(0)

    def update(self, size: int) -> None:
        """Count bytes; pooch rounds the last ones up."""
        self._done += size
        if self._total:
            self._done = min(self._done, self._total)
        self._on_progress(self._done, self._total or None)

    def reset(self) -> None:
        """Stay: what follows is told as a step, too."""

    def close(self) -> None:
        """Nothing is open."""
