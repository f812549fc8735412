"""The task document: the one contract between client and node. Standard library only.

A document holds all that one task computes, as plain values. It is unsigned (no token ever enters
it) and says nothing of where it runs or where its outputs go: those come by the environment, so
that one document gives the same bytes on a laptop and on Azure Batch.

The environment a node gets beside it:

| variable | holds |
|---|---|
| `SCENEFLEET_TASK` | the document, by `encode` |
| `SCENEFLEET_STORE` | a folder, or the `https://` address of a container and prefix |
| `SCENEFLEET_STORE_SAS` | a short-lived write-only SAS for that container, where one is used |
| `SCENEFLEET_STORE_IDENTITY` | the client id of a managed identity, where one is used |
| `SCENEFLEET_RUN` | the run's id: logs go to `runs/<run>/logs/<task>/<attempt>/` |
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import types
import typing
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal
from urllib.parse import urlsplit

VERSION = 1
"""Goes up when the same document would give other pixels, so that every task id changes too."""

ENV_TASK = "SCENEFLEET_TASK"
ENV_STORE = "SCENEFLEET_STORE"
ENV_STORE_SAS = "SCENEFLEET_STORE_SAS"
ENV_STORE_IDENTITY = "SCENEFLEET_STORE_IDENTITY"
ENV_RUN = "SCENEFLEET_RUN"

SCALE = 0.0001
"""An index is stored as int16 x SCALE: four decimals, which is what published products use."""
NODATA = -32768

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class DocumentError(ValueError):
    """A task document that cannot be used: says where in it, what was found and what is allowed."""


class Reason(IntEnum):
    """Why a pixel is invalid, as stored in the `reason` raster; lower non-zero values win."""

    VALID = 0
    OUTSIDE = 1
    NODATA = 2
    SATURATED = 3
    CLOUD = 4
    SHADOW = 5
    SNOW = 6
    WATER = 7
    NO_SIGNAL = 8
    """The index is undefined: its denominator is zero."""


class Exit(IntEnum):
    """What a task's exit code means. Everything but DONE leaves no STAC item behind."""

    DONE = 0
    INTERNAL = 1
    DOCUMENT = 2
    SOURCE_MISSING = 10
    """404: the asset is not there."""
    SOURCE_DENIED = 11
    """401 or 403: not allowed to read the asset, or throttled by its account."""
    SOURCE_UNREADABLE = 12
    """There, but truncated, corrupt, or not a raster."""
    SOURCE_UNREACHABLE = 13
    """No connection, a timeout, or 5xx after all retries."""
    INPUT_MISMATCH = 20
    """Bands or mask of one scene disagree in CRS or alignment."""
    NO_OVERLAP = 21
    """The area to clip to does not touch the scene's pixels."""
    STORE_FULL = 30
    STORE_DENIED = 31
    STORE_UNREACHABLE = 32
    KILLED = 40
    """The computing process was killed by a signal, most often for want of memory."""
    STOPPED = 41
    """Ended from outside by SIGTERM: a cancel, a lost node, a time limit. Not the scene's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One band to read. Reflectance = digital number x scale + offset, without unit."""

    name: str
    """The name formulas use, a STAC common name such as `red`."""
    asset: str
    """The asset's key in the source item."""
    href: str
    """An unsigned `http(s)://` address, or an absolute path of a local file."""
    scale: float
    offset: float
    nodata: float | None
    """Digital number that means no data, where the file's own header names none."""
    rule: str
    """Name of the rule that decided scale and offset, e.g. `s2-baseline>=04.00`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A classification raster and the classes that make a pixel invalid."""

    asset: str
    href: str
    classes: tuple[tuple[int, str], ...]
    """Pairs of class value and name of a `Reason` in lower case, e.g. `(9, "cloud")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A normalised difference `(first - second) / (first + second)` of two bands' reflectances."""

    name: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The STAC item that the scene came from, as far as the output item repeats it."""

    id: str
    collection: str
    href: str | None
    """The item's own unsigned address, or None where it has none."""
    datetime: str
    """RFC 3339, UTC."""
    bbox: tuple[float, ...]
    """west, south, east, north in degrees (EPSG:4326)."""
    geometry: dict[str, Any]
    """GeoJSON geometry of the footprint, longitude before latitude."""
    properties: dict[str, Any]
    """The properties that outputs carry on (platform, cloud cover, processing baseline ...)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDocument:
    """All that one task needs; `id` is a hash of the rest (see `identify`)."""

    version: int
    id: str
    product: str
    folder: str
    """Where the outputs go, below `products/<product>/`; one safe path segment."""
    source: Source
    access: Literal["none", "planetary-computer"]
    """How the node signs addresses before it reads them."""
    bands: tuple[Band, ...]
    mask: Mask | None
    indices: tuple[Index, ...]
    clip: dict[str, Any] | None
    """GeoJSON geometry (EPSG:4326); pixels beyond it are `outside`. None keeps the whole scene."""


def safe_name(text: str) -> str:
    """One path segment made from any text: never empty, hidden, a parent, or over 128 characters.

    A text that is safe already stays as it is; any other is cleaned and gets 8 hexadecimal digits
    of its SHA-256, so that two ids never meet in one folder.
    """
    clean = _UNSAFE.sub("-", text).lstrip(".-")
    if clean == text and 0 < len(text) <= 128:
        return text
    return f"{clean[:100] or 'item'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def identify(document: TaskDocument) -> str:
    """The document's id: 20 hexadecimal digits of a SHA-256 over what is computed.

    Hosts and queries of addresses are left out, so that a mirror or another port of a local server
    means the same task; the id itself is left out too.
    """
    content = to_json(document)
    del content["id"]
    readers: list[dict[str, Any]] = [*content["bands"], content["mask"] or {"href": ""}]
    for reader in readers:
        reader["href"] = urlsplit(str(reader["href"])).path
    content["source"]["href"] = None
    return hashlib.sha256(dump(content)).hexdigest()[:20]


def seal(document: TaskDocument) -> TaskDocument:
    """The document with every value in its field's type and its id set: how a plan ends one.

    Raises:
        DocumentError: if a value does not fit its field.
    """
    typed: TaskDocument = _build(TaskDocument, to_json(document), "document")
    return dataclasses.replace(typed, id=identify(typed))


def dump(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Canonical JSON: sorted keys, no spaces, UTF-8, no NaN."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def to_json(document: TaskDocument) -> dict[str, Any]:
    """The document as JSON values (tuples become lists)."""
    return json.loads(dump(dataclasses.asdict(document)))


def from_json(value: Any) -> TaskDocument:  # noqa: ANN401 - any JSON value
    """Reads a document and checks every type, key, name and the id.

    Raises:
        DocumentError: says where, what was found and what is allowed.
    """
    document: TaskDocument = _build(TaskDocument, value, "document")
    if document.version != VERSION:
        raise DocumentError(
            f"document.version: {document.version}; this code reads version {VERSION}. "
            "Use the code that the run was made with."
        )
    if document.id != identify(document):
        raise DocumentError(
            f"document.id: {document.id}, but its content gives {identify(document)}: "
            "the document was changed after it was planned. Plan again."
        )
    for where, name in (("folder", document.folder), ("product", document.product)):
        if safe_name(name) != name:
            raise DocumentError(f"document.{where}: {name!r} is no safe path segment")
    _check_names(document)
    return document


def encode(document: TaskDocument) -> str:
    """The document as one line for an environment variable: base64 of zlib of canonical JSON."""
    return base64.urlsafe_b64encode(zlib.compress(dump(to_json(document)), 9)).decode()


def decode(text: str) -> TaskDocument:
    """The reverse of `encode`.

    Raises:
        DocumentError: if the text is not what `encode` writes.
    """
    try:
        value = json.loads(zlib.decompress(base64.urlsafe_b64decode(text)))
    except (ValueError, zlib.error) as error:
        raise DocumentError(f"{ENV_TASK} does not hold an encoded task document: {error}") from None
    return from_json(value)


def _check_names(document: TaskDocument) -> None:
    bands = {band.name for band in document.bands}
    for index in document.indices:
        for name in (index.first, index.second):
            if name not in bands:
                raise DocumentError(
                    f"document.indices.{index.name}: uses band {name!r}; there are {sorted(bands)}"
                )
        if safe_name(index.name) != index.name:
            raise DocumentError(f"document.indices: {index.name!r} is no safe file name")
    reasons = {reason.name.lower() for reason in Reason}
    for value, name in document.mask.classes if document.mask else ():
        if name not in reasons:
            raise DocumentError(
                f"document.mask.classes: class {value} has reason {name!r}; "
                f"one of {sorted(reasons)}"
            )


def _build(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401, PLR0911 - a walk over types
    """`value` as `kind`, checked: dataclasses, tuples, unions, literals and JSON's own types."""
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(typing.cast("type[Any]", kind), value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return _build(next(a for a in arguments if a is not type(None)), value, where)
    if origin is Literal:
        if value in arguments:
            return value
        raise DocumentError(f"{where}: {value!r}; one of {list(arguments)}")
    if origin is tuple:
        return _build_tuple(arguments, value, where)
    wanted = origin or kind
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise DocumentError(f"{where}: {value!r} is no {wanted.__name__}")
    return value


def _build_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, list | tuple):
        raise DocumentError(f"{where}: {value!r} is no list")
    parts = typing.cast("list[Any]", list(value))  # pyright: ignore[reportUnknownArgumentType]
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_build(arguments[0], part, f"{where}[{n}]") for n, part in enumerate(parts))
    if len(parts) != len(arguments):
        raise DocumentError(f"{where}: {len(parts)} values; {len(arguments)} are needed")
    return tuple(
        _build(argument, part, f"{where}[{n}]")
        for n, (argument, part) in enumerate(zip(arguments, parts, strict=True))
    )


def _build_dataclass(kind: type[Any], value: Any, where: str) -> Any:  # noqa: ANN401
    if not isinstance(value, dict):
        raise DocumentError(f"{where}: {value!r} is no object")
    fields = typing.get_type_hints(kind)
    given = typing.cast("dict[str, Any]", value)
    if unknown := sorted(given.keys() - fields.keys()):
        raise DocumentError(f"{where}: unknown key {unknown[0]!r}; allowed are {sorted(fields)}")
    if missing := sorted(fields.keys() - given.keys()):
        raise DocumentError(f"{where}: key {missing[0]!r} is missing")
    parts = {name: _build(hint, given[name], f"{where}.{name}") for name, hint in fields.items()}
    return kind(**parts)
