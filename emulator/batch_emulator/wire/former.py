"""What versions before 2020-09-01.12.0 call by another name: taken as today's, told as theirs.

Found by comparing the models of the azure-batch wheels 4.0.0 to 14.2.0, each with the next one.
Versions begin with their date, so they compare as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
SLOTS_UNTIL = "2020-03-01.11.0"
"""The last version without task slots: pools have `maxTasksPerNode`, counts are of tasks."""
ADDRESSES_UNTIL = "2019-08-01.10.0"
"""The last version whose pools are given addresses as a plain list, `publicIPs`."""
SKUS_UNTIL = "2018-12-01.8.0"
"""The last version that lists node agents with their images, and not images with their agents."""
BLOBS_UNTIL = "2018-08-01.7.0"
"""The last version whose resource files have a `blobSource`, and which can upgrade a pool's OS."""
VALIDATED_UNTIL = "2018-03-01.6.1"
"""The last version whose task counts say whether they were validated."""


def _addresses_taken(value: Any) -> Any:  # noqa: ANN401 - JSON
    return {"provision": "usermanaged", "ipAddressIds": value}


def _addresses_told(value: Any) -> Any:  # noqa: ANN401 - JSON
    return value.get("ipAddressIds")


def _same(value: Any) -> Any:  # noqa: ANN401 - JSON
    return value


@dataclass(frozen=True)
class _Name:
    """A property that had another name."""

    former: str
    today: str
    until: str
    kind: Json
    required: tuple[str, ...] = ()
    taken: Callable[[Any], Any] = _same
    told: Callable[[Any], Any] = _same


_SLOTS = _Name("maxTasksPerNode", "taskSlotsPerNode", SLOTS_UNTIL, {"type": "integer"})
_NAMES: Mapping[str, _Name] = {
    "BatchPool": _SLOTS,
    "BatchPoolCreateOptions": _SLOTS,
    "BatchPoolSpecification": _SLOTS,
    "NetworkConfiguration": _Name(
        "publicIPs",
        "publicIPAddressConfiguration",
        ADDRESSES_UNTIL,
        {"list": _TEXT},
        taken=_addresses_taken,
        told=_addresses_told,
    ),
    "ResourceFile": _Name(
        "blobSource", "httpUrl", BLOBS_UNTIL, _TEXT, required=("blobSource", "filePath")
    ),
}
"""By the newest version's names of shapes."""
_UPGRADE: Mapping[str, Json] = {
    "CloudServiceConfiguration": {
        "properties": {"osFamily": _TEXT, "targetOSVersion": _TEXT, "currentOSVersion": _TEXT},
        "required": ["osFamily"],
    },
    "PoolUpgradeOSParameter": {
        "properties": {"targetOSVersion": _TEXT},
        "required": ["targetOSVersion"],
    },
}
"""Shapes of the versions until `BLOBS_UNTIL`."""
_COLLECTIONS: Mapping[str, str] = {
    "pools": "BatchPool",
    "nodes": "BatchNode",
    "jobs": "BatchJob",
    "tasks": "BatchTask",
    "jobschedules": "BatchJobSchedule",
}
"""What is told of each collection, where a name may be another one."""


def with_former(shapes: Mapping[str, Json], version: str) -> dict[str, Json]:
    """The shapes with a version's own names in the place of today's."""
    merged = {**shapes, **(_UPGRADE if version <= BLOBS_UNTIL else {})}
    for shape, name in _of(version).items():
        own = merged[shape]
        properties = {k: v for k, v in own["properties"].items() if k != name.today}
        properties[name.former] = name.kind
        required = [*own.get("required", ()), *name.required]
        merged[shape] = {**own, "properties": properties, "required": required}
    return merged


def as_today(document: Json, shape: str, version: str) -> Json:
    """What a request of a version says, by today's names; what is within it has them already."""
    name = _of(version).get(shape)
    if name is None or name.former not in document:
        return document
    rest = {k: v for k, v in document.items() if k != name.former}
    return {**rest, name.today: name.taken(document[name.former])}


def names_today(names: frozenset[str], shape: str, version: str) -> frozenset[str]:
    """The selected names of a version's properties, by today's names."""
    name = _of(version).get(shape)
    if name is None:
        return names
    return frozenset(name.today if one == name.former else one for one in names)


def as_then(
    document: Mapping[str, Any], collection: str, version: str, shapes: Mapping[str, Json]
) -> Mapping[str, Any]:
    """A member of a collection as a version tells it.

    Args:
        document: the member, by today's names.
        collection: such as `pools`.
        version: the request's.
        shapes: today's.
    """
    shape = _COLLECTIONS.get(collection)
    if shape is None or not _of(version):
        return document
    return _told({"ref": shape}, document, version, shapes)


def _told(kind: Json, value: Any, version: str, shapes: Mapping[str, Json]) -> Any:  # noqa: ANN401 - JSON
    if "list" in kind:
        members = cast("list[Any]", value)
        return [_told(kind["list"], one, version, shapes) for one in members]
    if "ref" not in kind:
        return value
    properties: Json = shapes[kind["ref"]]["properties"]
    name = _of(version).get(kind["ref"])
    told: Json = {}
    for key, member in cast("Json", value).items():
        if name is not None and key == name.today:
            inner = name.told(member)
            if inner is not None:
                told[name.former] = inner
        else:
            told[key] = _told(properties.get(key, {}), member, version, shapes)
    return told


@cache
def _of(version: str) -> dict[str, _Name]:
    """The names that are others in a version."""
    return {shape: name for shape, name in _NAMES.items() if version <= name.until}
