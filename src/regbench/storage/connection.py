"""Connections to object stores, one per process and store; secrets are kept out of messages."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from regbench.errors import StudyError
from regbench.text.redaction import keep_secret

if TYPE_CHECKING:
    import fsspec

_SECRET_OPTION = re.compile(r"key|secret|token|password", re.IGNORECASE)


def file_system(protocol: str, address: str, options: str) -> "fsspec.AbstractFileSystem":
    """Return the fsspec file system of a store, cached per process: connecting is slow.

    Args:
        protocol: Such as ``s3``.
        address: Of a file in the store.
        options: fsspec's, as JSON with sorted keys.

    Raises:
        StudyError: Its package is not installed, or the address is none of this protocol.
    """
    import fsspec  # noqa: PLC0415 - slow, needed only with a store

    try:
        address_options = fsspec.get_filesystem_class(protocol)._get_kwargs_from_urls(address)
    except ImportError as error:
        extra = "uv sync --extra s3 installs it" if protocol in {"s3", "s3a"} else error
        raise StudyError(f"{protocol}:// needs a package that is not installed: {extra}") from None
    except ValueError as error:
        raise StudyError(f"{address}: {error}") from None
    return _connect(os.getpid(), protocol, json.dumps(address_options, sort_keys=True), options)


@cache
def _connect(process: int, protocol: str, address_options: str, options: str) -> Any:
    import fsspec  # noqa: PLC0415
    from fsspec.config import conf  # noqa: PLC0415

    given = {**json.loads(address_options), **json.loads(options)}
    for secret in _secrets([given, conf, os.environ]):
        keep_secret(secret)
    if protocol in {"s3", "s3a"}:
        # ``RemoteFile.with_retries`` retries; botocore's own retries would take minutes.
        brief = {"connect_timeout": 10, "read_timeout": 60, "retries": {"total_max_attempts": 1}}
        own = [conf.get(protocol, {}).get("config_kwargs"), given.get("config_kwargs")]
        given["config_kwargs"] = brief | (own[0] or {}) | (own[1] or {})
    made = fsspec.filesystem(protocol, skip_instance_cache=True, **given)
    if protocol in {"s3", "s3a"}:
        made.retries = 2  # s3fs' own: 5 would wait for 5 minutes for one that does not answer
    return made


def _secrets(settings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the values of nested settings whose keys name a secret."""
    for key, value in (item for each in settings for item in each.items()):
        if isinstance(value, Mapping):
            yield from _secrets([value])
        elif _SECRET_OPTION.search(key) and isinstance(value, str):
            yield value
