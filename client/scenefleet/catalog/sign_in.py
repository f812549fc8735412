"""Files that ask for a sign-in which scenefleet cannot give yet: named before a task fails on them.

Known by where they lie: NASA's Earthdata Cloud (LP DAAC and the other DAACs), ESA's Copernicus Data
Space, USGS, and buckets whose readers pay (Registry of Open Data on AWS); or by what an item says
by the storage and authentication extensions of STAC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from scenefleet.catalog.model import Json, Scene

_EARTHDATA = (
    "NASA Earthdata (LP DAAC and others) asks for a sign-in that scenefleet cannot give yet. "
    "Planetary Computer has HLS without one: `hls2-s30` and `hls2-l30`"
)
_CDSE = (
    "the Copernicus Data Space asks for a sign-in that scenefleet cannot give yet. Sentinel-2 L2A "
    "is served without one by `planetary-computer` and `earth-search`"
)
_USGS = (
    "USGS asks for a sign-in, or its bucket's reader to pay, which scenefleet cannot do yet. "
    "Planetary Computer has `landsat-c2-l2` without"
)
_PAYS = (
    "the bucket's reader pays, which scenefleet cannot do yet. Search a catalogue that serves the "
    "data openly, such as `planetary-computer` or `earth-search`"
)
_TOLD = "the item says that it asks for a sign-in, which scenefleet cannot give yet"


@dataclass(frozen=True, slots=True)
class _Place:
    hosts: re.Pattern[str]
    buckets: re.Pattern[str]
    why: str


def _place(hosts: str, buckets: str, why: str) -> _Place:
    return _Place(re.compile(hosts), re.compile(buckets), why)


_PLACES = (
    _place(
        r"(.+\.)?(earthdatacloud|earthdata)\.nasa\.gov|e4ft[l1]\d+\.cr\.usgs\.gov",
        r"(lp|podaac|nsidc|ornl|gesdisc|laads|ghrc|asf|asdc|obdaac)[a-z0-9-]*-protected.*",
        _EARTHDATA,
    ),
    _place(r"(.+\.)?dataspace\.copernicus\.eu", r"eodata", _CDSE),
    _place(r"landsatlook\.usgs\.gov|m2m\.cr\.usgs\.gov", r"usgs-landsat", _USGS),
    _place(
        r"(?!)",
        r"sentinel-s[123]-l\w+|naip-(analytic|source|visualization)|usgs-landsat-level-3",
        _PAYS,
    ),
)
_VIRTUAL = re.compile(
    r"(?P<bucket>.+)\.s3[.-][a-z0-9.-]*amazonaws\.com|(?P<open>.+)\.s3\.amazonaws\.com"
)
_PATH = re.compile(r"s3[a-z0-9.-]*\.amazonaws\.com")


def sign_in(scene: Scene, key: str) -> str | None:
    """Why an asset cannot be read without a sign-in, or None where nothing speaks against it.

    Args:
        scene: the item.
        key: the asset's key.
    """
    href = scene.assets[key].href
    if "://" not in href:  # a copy on this machine, whatever the item says of where it came from
        return None
    host, bucket = _where(href)
    if "-public/" in href:  # pictures and metadata that Earthdata gives to everybody
        return None
    for place in _PLACES:
        if place.hosts.fullmatch(host) or place.buckets.fullmatch(bucket):
            return place.why
    return _by_extensions(scene, key)


def sign_in_note(scene: Scene) -> str | None:
    """The same of a scene's rasters, where none of them can be read; for a search's notes."""
    found = {sign_in(scene, key) for key, asset in scene.assets.items() if _is_data(asset.roles)}
    whys = sorted(why for why in found if why)
    return whys[0] if whys and None not in found else None


def _is_data(roles: tuple[str, ...]) -> bool:
    return "data" in roles or not roles


def _where(href: str) -> tuple[str, str]:
    """Host and bucket of an address; each empty where it has none."""
    try:
        parts = urlsplit(href)
    except ValueError:  # none at all, which is told where addresses are judged
        return "", ""
    host = (parts.hostname or "").lower()
    first = parts.path.lstrip("/").partition("/")[0]
    if parts.scheme in ("s3", "gs"):
        return "", host
    if met := _VIRTUAL.fullmatch(host):
        return host, met["bucket"] or met["open"]
    return host, first if _PATH.fullmatch(host) else ""


def _by_extensions(scene: Scene, key: str) -> str | None:
    """By `storage:requester_pays`, `storage:schemes` (2.0) or `auth:refs`, of asset and item."""
    assets = cast("Json", scene.document.get("assets") or {})
    asset = cast("Json", assets.get(key) or {})
    properties = scene.properties
    if asset.get("storage:requester_pays", properties.get("storage:requester_pays")) is True:
        return _PAYS
    schemes = _mapping(properties.get("storage:schemes"))
    for name in _names(asset.get("storage:refs")):
        if _mapping(schemes.get(name)).get("requester_pays") is True:
            return _PAYS
    known = _mapping(properties.get("auth:schemes"))
    for name in _names(asset.get("auth:refs")):
        if _mapping(known.get(name)).get("type") not in (None, "signedUrl"):
            return _TOLD
    return None


def _mapping(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - any JSON value
    return cast("Json", value) if isinstance(value, dict) else {}


def _names(value: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    return [str(name) for name in cast("list[Any]", value)] if isinstance(value, list) else []
