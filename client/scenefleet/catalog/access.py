"""Addresses without their tokens: what is kept of a search is never signed.

Planetary Computer's files lie in Azure Blob Storage behind short-lived SAS tokens that anyone may
fetch; an item may come with them already in its hrefs. There the token is taken off, since the node
fetches its own. Elsewhere a signed href is refused: without its token it could not be read, and
with it a secret would be written into the run's files.
"""

from __future__ import annotations

from typing import Any, Literal, cast
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from scenefleet.catalog.model import Json, Scene
from scenefleet.errors import CatalogError

_PC_HOST = "planetarycomputer.microsoft.com"
_BLOB = ".blob.core.windows.net"
_SIGNATURES = frozenset(("sig", "signature", "x-amz-signature", "x-goog-signature"))
_SECRETS = _SIGNATURES | {"access_token", "token", "api_key", "apikey", "subscription-key"}


def plain(url: str) -> str:
    """A URL as it may be shown: without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def shown(place: str) -> str:
    """A URL or a path as it may be shown."""
    return plain(place) if "://" in place else place


def of_planetary_computer(item: Json) -> bool:
    """Whether the item was served by Planetary Computer: its links say so."""
    links = cast("list[Json]", item.get("links") or [])
    return any(urlsplit(str(link.get("href"))).hostname == _PC_HOST for link in links)


def access(scene: Scene) -> Literal["none", "planetary-computer"]:
    """How a node must sign the scene's hrefs before it reads them."""
    hosts = {urlsplit(asset.href).hostname or "" for asset in scene.assets.values()}
    blobs = any(host.endswith(_BLOB) for host in hosts)
    return "planetary-computer" if blobs and of_planetary_computer(scene.document) else "none"


def unsigned(value: Any, *, item: str, pc: bool) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value with no signed address left in any of its texts.

    Args:
        value: an item, or any part of one.
        item: the item's id, for the message.
        pc: whether the item is Planetary Computer's.

    Raises:
        CatalogError: for a signed address that is not Planetary Computer's.
    """
    if isinstance(value, dict):
        entries = cast("Json", value).items()
        return {key: unsigned(part, item=item, pc=pc) for key, part in entries}
    if isinstance(value, list):
        return [unsigned(part, item=item, pc=pc) for part in cast("list[Any]", value)]
    if isinstance(value, str) and "://" in value:
        return _unsigned_url(value, item=item, pc=pc)
    return value


def _unsigned_url(url: str, *, item: str, pc: bool) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # a text that only looks like an address
        return url
    keys = {key.lower() for key, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if "@" not in parts.netloc and not keys & _SECRETS:
        return url
    if pc and (parts.hostname or "").endswith(_BLOB) and keys & _SIGNATURES:
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    raise CatalogError(
        f"Item {item!r} holds a signed address ({plain(url)}), which scenefleet will not write "
        "into a run's files. Use items with unsigned hrefs: signing is only supported for "
        "Planetary Computer, where the node fetches its own token."
    )
