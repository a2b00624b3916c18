"""Addresses of files here and in stores: what they may be, and their credentials."""

import re
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    pass


_ON_THIS_MACHINE = frozenset({"file", "local"})
_READ_ONLY = frozenset({"http", "https"})

_SECRET_PARAMETER = re.compile(
    r"[?&](sig|signature|x-[a-z]+-(signature|credential|security-token)|awsaccesskeyid|"
    r"(access_?)?token|(api_?)?key|secret|password)=",
    re.IGNORECASE,
)


def is_remote(address: str) -> bool:
    """Say whether an address is in a store, not on this machine."""
    protocol, separator, _ = address.partition("://")
    return bool(separator) and protocol.lower() not in _ON_THIS_MACHINE


def clean_address(address: str) -> str:
    """Bring the address of a store into its one form: no empty parts, no slash at the end."""
    if not is_remote(address):
        return address
    protocol, _, rest = address.partition("://")
    return f"{protocol.lower()}://{'/'.join(part for part in rest.split('/') if part)}"


def address_problem(address: str, *, to_write: bool = False) -> str | None:
    """Say why an address cannot be used, in words that do not repeat it; None if it can."""
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
    if to_write and protocol in _READ_ONLY:
        return f"cannot be written to: {protocol} addresses are only read"
    return None


def credentials_of(address: str, credentials: Mapping[str, Any]) -> dict[str, Any]:
    """What the file system of an address takes: the credentials under its protocol's name."""
    given = credentials.get(_protocol(address)) if is_remote(address) else None
    return dict(given) if given else {}


def with_credentials(
    catalog: Mapping[str, Any], credentials: Callable[[], Mapping[str, Any]]
) -> dict[str, Any]:
    """Give catalog entries that are in a store the name of their credentials.

    Args:
        catalog: Kedro's configuration of datasets, by name.
        credentials: Reads the credentials by name; called only if an entry is in a store.

    Returns:
        The same with clean addresses, and ``credentials: <protocol>`` where there are such.
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
    """Return the path of a file on this machine, from its path or its file:// address."""
    if "://" not in address:
        return Path(address)
    return Path(urllib.request.url2pathname(urlsplit(address).path))
