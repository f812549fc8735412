"""Addresses without their secrets: what is kept of a search is never signed.

A query, a fragment or a name before the host may hold a token under any name, and only who made it
knows. So none is kept, but for the queries whose keys the recipe names (`search.keep_query`). What
an asset's address lost is noted beside it by the names of its keys: a task that needs the asset is
refused when planning, for without them another file might be read.

Planetary Computer's files lie in Azure Blob Storage behind short-lived SAS tokens that anyone may
fetch; an item may come with them already in its hrefs. There the token is taken off, since the node
fetches its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Literal, cast
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from scenefleet.catalog.model import Json, Scene
from scenefleet_task.reach import Origin, known_origin
from scenefleet_task.redact import cleaned, may_hide, names_secret, redact

LOST = "scenefleet:query"
"""Member of a kept asset that names the query keys and other parts its address lost."""
ORIGIN = "scenefleet:origin"
"""Member of a kept item that says where it came from; without it the public web is assumed."""

DOCUMENT = "scenefleet:document"
"""Member of a kept item that names the file it was found in, if it came from one: unsigned."""

_PC_HOST = "planetarycomputer.microsoft.com"
_BLOB = ".blob.core.windows.net"
_SAS = re.compile(
    r"s[vterp]|sig|spr|sip|si|ss|srt|ske|skoid|sks|skt|sktid|skv|saoid|suoid|scid|sdd|ses"
)
"""Parameters of a shared access signature (Microsoft, "Create a service SAS")."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,39}", re.ASCII)
_DISGUISED = (
    r"[;&](?:amp;)*[\w.~-]+="
    r"|%(?:25)*(?:u00)?(?:3f|23|3b|26)(?:amp(?:;|%(?:25)*3b))*[\w.~-]+(?:=|%(?:25)*(?:u00)?3d)"
)
_APART = re.compile(rf"[?#]|{_DISGUISED}", re.IGNORECASE)
_APART_OF_PATH = re.compile(rf"\?|#[\w.~-]+=|{_DISGUISED}", re.IGNORECASE)
"""Matches the start of a query, or of what some server reads as one; file names may hold `#`."""
_DROPPED = frozenset(("body",))
"""Members that tell how to ask for a file, where tokens are written in the open; so do all that are
named as headers."""
_ASKED = ("headers", "body", "auth:", "authentication:", "storage:")
_LISTED = ("links", "assets")


def plain(url: str) -> str:
    """A URL as it may be shown: without user, password, query and fragment, and not too long."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    clean = redact(bare)
    return clean if len(clean) <= 500 else f"{clean[:500]}..."


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
    if wanted not in url.lower():
        return ""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def access(scene: Scene) -> Literal["none", "planetary-computer"]:
    """How a node must sign the scene's hrefs before it reads them."""
    hosts = (_host(asset.href, _BLOB) for asset in scene.assets.values())
    blobs = any(host.endswith(_BLOB) for host in hosts)
    return "planetary-computer" if blobs and of_planetary_computer(scene.document) else "none"


def address_of_document(href: str) -> str:
    """The address or path of a file of items as it is kept: without query, fragment and user."""
    return _bare_href(href)


def origin(scene: Scene) -> Origin:
    """The origin of the scene's own item."""
    return known_origin(scene.document.get(ORIGIN))


def lost(scene: Scene, key: str) -> tuple[str, ...]:
    """Names what an asset's address lost when it was kept: keys of its query, `#` and the like."""
    assets = cast("dict[str, Json]", scene.document.get("assets") or {})
    told = assets.get(key, {}).get(LOST)
    return tuple(map(str, cast("list[Any]", told))) if isinstance(told, list) else ()


def unsigned(item: Json, *, pc: bool, keep: Collection[str]) -> Json:
    """The item with no secret left in any of its texts, as far as one can be told.

    Args:
        item: whose hrefs are absolute.
        pc: whether it is Planetary Computer's.
        keep: keys of queries that are kept.
    """
    rest = {key: part for key, part in item.items() if key not in _LISTED}
    kept = cast("Json", _clean(rest)) if _suspicious(rest) else rest
    if "links" in item:
        kept["links"] = [_bare(link) for link in item["links"]]
    assets = cast("dict[str, Json]", item["assets"])
    kept["assets"] = {_text(key): _asset(asset, pc=pc, keep=keep) for key, asset in assets.items()}
    return {key: kept[key] for key in item if key in kept}


def _asset(asset: Json, *, pc: bool, keep: Collection[str]) -> Json:
    href, missing = kept_href(str(asset["href"]), pc=pc, keep=keep)
    before = cast("list[Any]", asset[LOST]) if isinstance(asset.get(LOST), list) else []
    missing = tuple(dict.fromkeys((*map(str, before), *missing)))
    rest = {key: part for key, part in asset.items() if key not in ("href", LOST)}
    if not missing and href == asset["href"] and not _suspicious(rest):
        return asset
    made = {"href": href, **cast("Json", _clean(rest))}
    return {**made, LOST: [cleaned(name)[:60] for name in missing]} if missing else made


def kept_href(href: str, *, pc: bool, keep: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """An asset's address as it is kept, and what it lost that may be needed to read it."""
    if href[:5].lower() == "data:":
        return "data:,", ()
    web = href[:8].lower().startswith(("http://", "https://"))
    start = (_APART if web else _APART_OF_PATH).search(href)
    mark = start[0][0] if start else ""
    query = href[start.start() :].lstrip("?#;&") if start else ""
    bare, user = _without_user(href[: start.start()] if start else href)
    clean = cleaned(bare)
    if web and mark == "?" and query and clean == bare and not user:
        if _may_keep(query, keep):
            return f"{bare}?{query}", ()
        if pc and _host(bare, _BLOB).endswith(_BLOB) and _is_sas(query):
            return bare, ()
    missing = ["a user name"] if user else []
    missing += _names(mark, query)
    missing += ["a part of its path"] if clean != bare else []
    return clean, tuple(dict.fromkeys(missing))


def _without_user(href: str) -> tuple[str, bool]:
    begin, mark, rest = href.partition("//")
    if not mark or (begin and not begin.endswith(":")):
        return href, False
    authority, slash, path = rest.partition("/")
    return f"{begin}//{authority.rpartition('@')[2]}{slash}{path}", "@" in authority


def _names(mark: str, query: str) -> list[str]:
    """Describes a query by the names of its keys; never by a value, or by what may be one."""
    if not query:
        return []
    parts = re.split(r"[&;?#]|%(?:25)*(?:u00)?(?:26|3b|3f|23)", query, flags=re.IGNORECASE)
    told = [_key(part) or "a part without a name" for part in parts if part]
    return (["#", *told] if mark == "#" else told)[:20]


def _key(part: str) -> str:
    name, _, value = unquote_plus(part).removeprefix("amp;").partition("=")
    given = value.strip("=")  # a bare token in base64 ends so, too
    return name if given and _NAME.fullmatch(name) else ""


def _may_keep(query: str, keep: Collection[str]) -> bool:
    parts = re.split(r"[&;]", query)
    if (
        "#" in query
        or not keep
        or not all(unquote_plus(p.partition("=")[0]) in keep for p in parts)
    ):
        return False
    return all(cleaned(part) == part and not _is_secret(part) for part in parts)


def _is_secret(part: str) -> bool:
    return names_secret(unquote_plus(part.partition("=")[0]))


def _is_sas(query: str) -> bool:
    keys = {part.partition("=")[0].lower() for part in query.split("&")}
    return "sig" in keys and "#" not in query and all(map(_SAS.fullmatch, keys))


def _bare(link: Json) -> Json:
    """A link, whose address nobody reads, without query, fragment and user."""
    href = str(link["href"])
    rest = {key: part for key, part in link.items() if key != "href"}
    bare = _bare_href(href)
    if bare == href and not _suspicious(rest):
        return link
    return {**cast("Json", _clean(rest)), "href": bare}


def _bare_href(href: str) -> str:
    return kept_href(href, pc=False, keep=())[0]


def _suspicious(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Tells quickly whether some text in the value could hold a secret: most items have none."""
    texts: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        kind = cast("type[Any]", type(part))
        if kind is str:
            texts.append(part)
        elif kind is dict:
            texts += part
            waiting += part.values()
        elif kind is list:
            waiting += part
    text = "\n".join(texts)
    return may_hide(text) or any(name in text.lower() for name in _ASKED)


def _clean(value: Any, *, storage: bool = False) -> Any:  # noqa: ANN401 - any JSON value
    """The value without what may be secret; `storage`: what it tells is how to reach a store."""
    kind = cast("type[Any]", type(value))
    if kind is str:
        return _text(value) if len(value) <= _SHORT else cleaned(value)
    if kind is list:
        return [
            _clean(part, storage=storage) if type(part) in _NOT_PLAIN else part for part in value
        ]
    if kind is not dict:
        return value
    members = cast("Json", value).items()
    return {
        _text(key): _member(key, part, storage=storage or key.startswith("storage:"))
        for key, part in members
        if not _drops(key, part, storage=storage)
    }


_SHORT = 200
_NOT_PLAIN = (str, list, dict)
_text = lru_cache(maxsize=16_384)(cleaned)
"""Items repeat each other's keys, types and titles; what differs is soon forgotten again."""


def _member(key: str, part: Any, *, storage: bool) -> Any:  # noqa: ANN401 - any JSON value
    if key == "href" and isinstance(part, str):
        return _bare_href(part)
    return _clean(part, storage=storage)


def _drops(key: str, part: Any, *, storage: bool) -> bool:  # noqa: ANN401 - any JSON value
    """Tells whether a member is dropped: it says how to ask for a file, or is named as a secret is.

    Names such as `key`, which elsewhere may mean anything, mean a secret where storage is told of.
    """
    found = _named(key, in_address=storage)
    return found == "asks" or (found == "secret" and isinstance(part, _NOT_PLAIN))


@lru_cache(maxsize=4096)
def _named(key: str, *, in_address: bool) -> Literal["asks", "secret", ""]:
    name = key.lower()
    if (
        name in _DROPPED
        or name.endswith("headers")
        or name.startswith(("auth:", "authentication:"))
    ):
        return "asks"
    return "secret" if names_secret(key, in_address=in_address) else ""
