"""Addresses of files: local paths and URLs of object stores, their checks and credentials."""

import re
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_LOCAL_PROTOCOLS = frozenset({"file", "local"})
_READ_ONLY_PROTOCOLS = frozenset({"http", "https"})

# Query parameters of signed URLs and access tokens.
_SECRET_PARAMETER = re.compile(
    r"[?&](sig|signature|x-[a-z]+-(signature|credential|security-token)|awsaccesskeyid|"
    r"(access_?)?token|(api_?)?key|secret|password)=",
    re.IGNORECASE,
)


def is_remote(address: str) -> bool:
    """Return whether an address is a URL of a store, not a path or ``file://`` URL."""
    protocol, separator, _ = address.partition("://")
    return bool(separator) and protocol.lower() not in _LOCAL_PROTOCOLS


def clean_address(address: str) -> str:
    """Return a store's URL in normal form: lower-case protocol, no repeated or trailing slashes."""
    if not is_remote(address):
        return address
    protocol, _, rest = address.partition("://")
    return f"{protocol.lower()}://{'/'.join(part for part in rest.split('/') if part)}"


def address_problem(address: str, *, to_write: bool = False) -> str | None:
    """Return why an address is invalid, or None if it is valid.

    The text does not repeat the address, which may contain a secret.

    Args:
        address: A local path or a URL.
        to_write: Whether files are written there; http(s) can only be read.
    """
    if to_write and {"{", "}"} & {*address}:
        return "must hold no { or }: in the paths of Kedro's catalog they stand for names"
    if not is_remote(address):
        return None
    protocol, _, rest = clean_address(address).partition("://")
    parts = rest.split("/")
    if "@" in parts[0] or _SECRET_PARAMETER.search(rest):
        return (
            "must hold no credentials: they belong in conf/local/credentials.yml or the environment"
        )
    if "::" in address or not parts[0] or {".", ".."} & {*parts} or re.search(r"[\\\0]", rest):
        return "must be protocol://place/folder, without '..' and '::'"
    if to_write and protocol in _READ_ONLY_PROTOCOLS:
        return f"cannot be written to: {protocol} addresses are only read"
    return None


def credentials_of(address: str, credentials: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fsspec options for an address: the credentials under its protocol's name.

    Args:
        address: A local path or a URL.
        credentials: The content of ``credentials.yml``, such as ``{"s3": {"key": ...}}``.

    Returns:
        A copy; empty for a local path or a protocol without credentials.
    """
    given = credentials.get(_protocol(address)) if is_remote(address) else None
    return dict(given) if given else {}


def with_credentials(
    catalog: Mapping[str, Any], credentials: Callable[[], Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a Kedro catalog whose entries in a store name their credentials.

    Args:
        catalog: Kedro's configuration of datasets, by name.
        credentials: Reads the credentials by name; called only if an entry is in a store.

    Returns:
        The catalog with addresses in normal form, and ``credentials: <protocol>`` in each entry
        whose protocol has credentials. An entry's own ``credentials`` are kept.
    """
    remote = {
        name: {key: clean_address(entry[key])}
        for name, entry in catalog.items()
        if isinstance(entry, Mapping)
        for key in ("filepath", "path")
        if isinstance(entry.get(key), str) and is_remote(entry[key])
    }
    known = credentials() if remote else {}
    completed = dict(catalog)
    for name, cleaned in remote.items():
        protocol = _protocol(next(iter(cleaned.values())))
        named = {"credentials": protocol} if protocol in known else {}
        completed[name] = {**named, **catalog[name], **cleaned}
    return completed


def _protocol(address: str) -> str:
    return address.partition("://")[0].lower()


def local_path(address: str) -> Path:
    """Return the local path of a path or a ``file://`` URL."""
    if "://" not in address:
        return Path(address)
    return Path(urllib.request.url2pathname(urlsplit(address).path))
