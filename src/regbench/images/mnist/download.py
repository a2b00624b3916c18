"""Atomic download of a file with retries, by pooch."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from regbench.errors import StudyError, root_cause
from regbench.images.mnist.faults import reason, write_errors

OnProgress = Callable[[int, int | None], None]
"""Called with the amount done and the total (None: unknown), in bytes or pictures."""

OTHER_SOURCE = "--params=mnist_source=... takes another address or a local file"
_CHUNK = 1 << 16  # bytes
_TIMEOUT = 30.0  # seconds without a byte
_RETRIES = 2


def download(address: str, target: Path, on_progress: OnProgress) -> None:
    """Download a file atomically: ``target`` exists only when it is complete.

    A failed download is restarted from the beginning, up to two times.

    Args:
        address: An http(s) URL.
        target: The file to write. Missing parent folders are created.
        on_progress: Called with the bytes downloaded and the total.

    Raises:
        StudyError: The address cannot be reached, the connection breaks, or the file cannot be
            written.
    """
    import pooch  # noqa: PLC0415 - slow, needed only here
    import requests  # noqa: PLC0415

    pooch.get_logger().setLevel("WARNING")  # it would log the URL with its password
    # No checksum of the file, which depends on its compression: the arrays have checksums.
    source = pooch.create(
        target.parent,
        base_url="",
        registry={target.name: None},
        urls={target.name: address},
        retry_if_failed=_RETRIES,
    )
    bar = _ProgressBar(on_progress)
    web = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK, timeout=_TIMEOUT)
    with write_errors(target):
        try:
            source.fetch(target.name, downloader=web)
        except requests.HTTPError as error:
            answer = cast(requests.Response, error.response)
            raise StudyError(
                f"{address} sends no file (HTTP status {answer.status_code} {answer.reason}); "
                f"{OTHER_SOURCE}"
            ) from error
        except (requests.RequestException, ValueError) as error:
            cause = reason(root_cause(error, contexts=True))
            raise StudyError(f"cannot download {address}: {cause}; {OTHER_SOURCE}") from error


class _ProgressBar:
    """The progress bar interface of ``pooch.HTTPDownloader``, which calls ``on_progress``."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._done = self._total = 0

    @property
    def total(self) -> int:
        """The total in bytes, 0 if unknown; pooch sets it when a download starts."""
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        self._done, self._total = 0, total
        self.update(0)

    def update(self, size: int) -> None:
        """Add downloaded bytes; pooch adds a full chunk for the last one."""
        self._done += size
        if self._total:
            self._done = min(self._done, self._total)
        self._on_progress(self._done, self._total or None)

    def reset(self) -> None:
        """Do nothing; pooch calls ``update`` with the total next."""

    def close(self) -> None:
        """Do nothing; nothing is open."""
