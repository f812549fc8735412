"""Addresses without their tokens: what is kept of a search is never signed.

Planetary Computer's files lie in Azure Blob Storage behind short-lived SAS tokens that anyone may
fetch; an item may come with them already in its hrefs. There the token is taken off, since the node
fetches its own. Elsewhere a signed href is refused: without its token it could not be read, and
with it a secret would be written into the run's files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, cast
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from scenefleet.catalog.model import Json, Scene
from scenefleet.errors import CatalogError

_PC_HOST = "planetarycomputer.microsoft.com"
_BLOB = ".blob.core.windows.net"
_SIGNATURES = frozenset(("sig", "signature", "x-amz-signature", "x-goog-signature"))
_SECRETS = _SIGNATURES | {"access_token", "token", "api_key", "apikey", "subscription-key"}
_SECRET_KEY = re.compile(
    rf"[?&](?:(?:{'|'.join(map(re.escape, sorted(_SECRETS)))})(?:[=&#]|$)|[^=&#]*%)"
)
"""Where a secret's key may stand in an address, or one that is written with escapes."""


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
    return any(_host(str(link.get("href")), _PC_HOST) == _PC_HOST for link in links)


def _host(url: str, wanted: str) -> str:
    """The host of an address that holds the text `wanted`; empty where it cannot be in the host."""
    # most addresses have not got it anywhere, and taking them apart costs more than planning them
    return urlsplit(url).hostname or "" if wanted in url.lower() else ""


def access(scene: Scene) -> Literal["none", "planetary-computer"]:
    """How a node must sign the scene's hrefs before it reads them."""
    hosts = (_host(asset.href, _BLOB) for asset in scene.assets.values())
    blobs = any(host.endswith(_BLOB) for host in hosts)
    return "planetary-computer" if blobs and of_planetary_computer(scene.document) else "none"


def unsigned(value: Any, *, item: str, pc: bool) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value with no signed address left in any of its texts.

    A value that holds none comes back as it is, not as a copy.

    Args:
        value: an item, or any part of one.
        item: the item's id, for the message.
        pc: whether the item is Planetary Computer's.

    Raises:
        CatalogError: for a signed address that is not Planetary Computer's.
    """
    if not _suspicious(value):
        return value
    if isinstance(value, dict):
        entries = cast("Json", value).items()
        return {key: unsigned(part, item=item, pc=pc) for key, part in entries}
    if isinstance(value, list):
        return [unsigned(part, item=item, pc=pc) for part in cast("list[Any]", value)]
    return _unsigned_url(value, item=item, pc=pc)


def _suspicious(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a text in the value could be a signed address: nothing without `?` or `@` is."""
    waiting: list[Iterable[Any]] = [[value]]
    while waiting:
        for part in waiting.pop():
            kind = cast("type[Any]", type(part))
            if kind is str:
                if "://" in part and ("?" in part or "@" in part) and not _harmless(part):
                    return True
            elif kind is dict:
                waiting.append(part.values())
            elif kind is list:
                waiting.append(part)
    return False


def _harmless(url: str) -> bool:
    """Whether no key of the query could be a secret's, told without taking the address apart."""
    if "@" in url or not url.isprintable():  # `urlsplit` takes line ends out
        return False
    return _SECRET_KEY.search(url.lower()) is None


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
