"""The task document: the one contract between client and node. Standard library only.

A document holds all that one task computes, as plain values. It is unsigned (no token ever enters
it) and says nothing of where it runs or where its outputs go: those come by the environment, so
that one document gives the same bytes on a laptop and on Azure Batch.

What a node gets beside it stands in `environment`.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import urlsplit

from scenefleet_task import environment, exits, formula
from scenefleet_task.reach import Reach
from scenefleet_task.typed import DocumentError, build, plain

VERSION = 4
"""Goes up when the same document would give other pixels, so that every task id changes too."""

# For all who read documents; the supervisor needs these and no more of the contract.
Exit = exits.Exit
ENV_TASK = environment.ENV_TASK
ENV_STORE = environment.ENV_STORE
ENV_STORE_SAS = environment.ENV_STORE_SAS
ENV_STORE_IDENTITY = environment.ENV_STORE_IDENTITY
ENV_RUN = environment.ENV_RUN
ENV_SCRIPT = environment.ENV_SCRIPT
ENV_MEMORY = environment.ENV_MEMORY
ENV_THREADS = environment.ENV_THREADS
ENV_RETRIES = environment.ENV_RETRIES

SCALE = 0.0001
"""An index is stored as int16 x SCALE: four decimals, which is what published products use."""
NODATA = -32768
MOST_PIXELS = 4e9
"""Of one output on a common grid: refused when planning, and by the task."""
RESERVED = ("reason", "thumbnail")
"""Names of files that a task writes beside its outputs."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


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
    """An output has no value here: its denominator is zero, say, or a script gave NaN."""
    CLASS = 9
    """A class or bit of the mask's raster that the recipe names by number."""
    NEGATIVE = 10
    """A band's reflectance is at or below zero, and the document wants such pixels masked."""


NO_SCENE = 255
"""The `reason` raster's nodata. No task writes it; programs that merge or warp fill with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One band to read. Its value = digital number x scale + offset: reflectance, or kelvin.

    Scale and offset are what recipe, item or product say. The file's header counts where they are
    None; where they are not and it says otherwise, the output's item tells so (`header`).
    """

    name: str
    """The name formulas use, a STAC common name such as `red`."""
    asset: str
    """The asset's key in the source item."""
    href: str
    """An unsigned `http(s)://` address, or an absolute path of a local file."""
    band: int | None = None
    """Its number in the file, from 1; None where `band_name` tells, or the file must hold one band
    only."""
    band_name: str | None = None
    """Its description in the file's header, of any case, where no number is known."""
    listed: int | None = None
    """Number of bands the item lists for the file, if `band` comes from that list; the file must
    have as many, not counting alpha."""
    called: tuple[str, ...] = ()
    """The item's names of the band, if `band` comes from its list; no part of the id. A file that
    calls another band by one of them is refused."""
    scale: float | None
    """None: the header's, or 1."""
    scale_from: Literal["recipe", "item", "product"] | None = None
    """Who says the scale. A `product` stores whole numbers: its files of floats are refused."""
    offset: float | None
    """None: the header's, where its scale is the one that counts, or 0."""
    nodata: float | None
    """Digital number that means no data, where the file's own header names none."""
    always: tuple[float, ...] = ()
    """Digital numbers that mean no data whatever the header says: the recipe's, Sentinel-2's 0."""
    rule: str
    """Name of the rule that decided scale and offset, e.g. `s2-baseline>=04.00`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRule:
    """Pixels whose `number & bits == value` are invalid."""

    bits: int
    """0xFFFF for a raster of classes."""
    value: int
    reason: str
    """Name of a `Reason` in lower case, e.g. `cloud`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A raster of classes or of bits, and what in it makes a pixel invalid."""

    asset: str
    href: str
    band: int | None = None
    """As a `Band`'s; so are the next three."""
    band_name: str | None = None
    listed: int | None = None
    called: tuple[str, ...] = ()
    rules: tuple[MaskRule, ...]
    dilate: float
    """Metres by which what is masked grows; nodata and saturated pixels do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCheck:
    """A look at the pixels: do the numbers carry an added offset, as Sentinel-2's may?"""

    shift: int
    """What the numbers carry or do not: 1000 in Sentinel-2."""
    said: Literal["carried", "removed", "disputed"]
    """What the metadata says; `disputed` where it contradicts itself: then the pixels decide."""
    evidence: tuple[str, ...]
    """What the metadata says, a phrase a source."""
    bands: tuple[str, ...] = ()
    """Names of the bands whose offset is in question; others' stays as it is."""
    look: tuple[Band, ...] = ()
    """The bands to look at: red and near infrared, whatever the formulas use. None where the
    metadata is trusted, or the item lacks them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One item's files. Later parts fill where the earlier ones of an acquisition have no data."""

    item: str
    """The source item's id."""
    bands: tuple[Band, ...]
    """The same names in every part."""
    masks: tuple[Mask, ...]
    check: OffsetCheck | None
    """None where nothing is in doubt, or the user trusts the metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One raster, or one band of a stacked raster."""

    name: str
    title: str
    formula: str | None
    """By the grammar of `formula`, over names of bands; None where a script makes it."""
    scale: float
    """An integer raster stores value / scale."""
    range: tuple[float, float] | None = None
    """Least and greatest value that the formula can have of values above 0, where it is bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """The treatment of reflectance at or below zero, as dark ground has it under an offset."""

    how: Literal["keep", "clip", "mask"] = "keep"
    """`keep` computes with it as it is, `clip` takes it as 0, `mask` makes the pixel invalid."""
    bands: tuple[str, ...] = ()
    """Names of the bands whose values are reflectance; kelvin is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A user's processing script, as it states itself (see `script`)."""

    name: str
    """The file's name, for messages."""
    sha256: str
    """Of the file."""
    bands: tuple[str, ...]
    overlap: int
    """Pixels around a window that the script wants to see."""
    seconds: float
    """A window may take so long."""

    @property
    def file_name(self) -> str:
        """Its name in a task's working folder, and in a store's `code/`."""
        return f"{self.sha256}.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGrid:
    """A grid that outputs of many scenes share. Pixel edges lie at `align + n x resolution`."""

    crs: str
    """An authority's code such as `EPSG:3035`, or WKT2."""
    resolution: float
    """Size of a pixel, square, in units of the CRS."""
    align: tuple[float, float]
    """x, y in units of the CRS."""
    resampling: Literal["nearest", "bilinear", "cubic", "average"]
    """For bands; masks are always taken from the nearest pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The STAC item that the scene came from, as far as the output item repeats it."""

    id: str
    collection: str
    href: str | None
    """The item's own unsigned address, or None where it has none; or the file that it was found in,
    relative to the folder of the outputs."""
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
    parts: tuple[Part, ...]
    """At least one."""
    outputs: tuple[Output, ...]
    """At least one; all share one validity, told by `reason.tif`."""
    dtype: Literal["int16", "float32"]
    """Of the outputs."""
    stacked: bool
    """Whether all outputs are bands of one file `<product>.tif`."""
    compression: Literal["deflate", "zstd"]
    """Of the outputs' tiles."""
    script: Script | None
    grid: TargetGrid | None
    """None keeps the grid of the scene's finest band."""
    clip: dict[str, Any] | None
    """GeoJSON geometry (EPSG:4326); pixels beyond it are `outside`. None keeps the whole scene."""
    negative: Negative = field(default_factory=Negative)
    """What becomes of reflectance at or below zero."""
    reach: Reach = field(default_factory=lambda: Reach(origin="public"))
    """Where sources may lie; like their hosts no part of the id."""


def sources(part: Part) -> tuple[Band | Mask, ...]:
    """All that a task may read of a part: bands, masks, and the bands that are only looked at."""
    return (*part.bands, *part.masks, *(part.check.look if part.check else ()))


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

    Hosts of addresses are left out, so that a mirror or another port of a local server means the
    same task; so are the id itself, where sources may lie (`reach`), and what a script's file and
    the bands of a list are called. An address's query counts, since it may name the file.
    """
    return _identify(plain(document))


def _identify(content: dict[str, Any]) -> str:
    """The id of a document's JSON values, which stay as they are."""
    parts = [
        {
            **part,
            "bands": _meant(part["bands"]),
            "masks": _meant(part["masks"]),
            "check": part["check"] and {**part["check"], "look": _meant(part["check"]["look"])},
        }
        for part in content["parts"]
    ]
    same = {
        **content,
        "parts": parts,
        "source": {**content["source"], "href": None},
        "script": content["script"] and {**content["script"], "name": None},
    }
    del same["id"], same["reach"]
    return hashlib.sha256(dump(same)).hexdigest()[:20]


def _meant(readers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bands or masks without what is no part of an id."""
    return [
        {key: value for key, value in reader.items() if key != "called"}
        | {"href": hostless(str(reader["href"]))}
        for reader in readers
    ]


def hostless(href: str) -> str:
    """The name of a file wherever it is served: an address's path and query; a path as it is."""
    if not href.lower().startswith(("http://", "https://")):
        return href
    parts = urlsplit(href)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def seal(document: TaskDocument) -> TaskDocument:
    """The document with every value in its field's type and its id set: how a plan ends one.

    Raises:
        DocumentError: if a value does not fit its field.
    """
    return seal_line(document)[0]


def seal_line(document: TaskDocument) -> tuple[TaskDocument, bytes]:
    """The sealed document and its `line`.

    Raises:
        DocumentError: if a value does not fit its field.
    """
    given = plain(document)
    source = given["source"]
    source |= {key: json.loads(dump(source[key])) for key in ("geometry", "properties")}
    given["clip"] = json.loads(dump(given["clip"]))
    typed: TaskDocument = build(TaskDocument, given, "document")
    content = plain(typed)
    content["id"] = _identify(content)
    return dataclasses.replace(typed, id=content["id"]), dump(content)


def dump(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Canonical JSON: sorted keys, no spaces, UTF-8, no NaN."""
    return _CANONICAL.encode(value).encode()


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def line(document: TaskDocument) -> bytes:
    """The document as canonical JSON: a line of a plan's file, and what `encode` packs."""
    return dump(plain(document))


def to_json(document: TaskDocument) -> dict[str, Any]:
    """The document as JSON values (tuples become lists)."""
    return json.loads(line(document))


def from_json(value: Any) -> TaskDocument:  # noqa: ANN401 - any JSON value
    """Reads a document and checks every type, key, name and the id.

    Raises:
        DocumentError: says where, what was found and what is allowed.
    """
    document: TaskDocument = build(TaskDocument, value, "document")
    if document.version != VERSION:
        raise DocumentError(
            f"document.version: {document.version}; this code reads version {VERSION}. "
            "Use the code that the run was made with."
        )
    # a line that `seal_line` wrote gives its id as it is, without being written out again
    if document.id != _identify(value) and document.id != (given := identify(document)):
        raise DocumentError(
            f"document.id: {document.id}, but its content gives {given}: "
            "the document was changed after it was planned. Plan again."
        )
    for where, name in (("folder", document.folder), ("product", document.product)):
        if safe_name(name) != name:
            raise DocumentError(f"document.{where}: {name!r} is no safe path segment")
    _check_names(document)
    return document


def trusted(value: Any) -> TaskDocument:  # noqa: ANN401 - any JSON value
    """Reads a document that `from_json` or `seal` has checked already.

    Raises:
        DocumentError: if it has not the shape of one.
    """
    return build(TaskDocument, value, "document")


def encode(document: TaskDocument) -> str:
    """The document as one line for an environment variable: base64 of zlib of canonical JSON."""
    return encode_line(line(document))


def encode_line(text: bytes) -> str:
    """The same of a document's `line`, as a plan's file holds it."""
    return base64.urlsafe_b64encode(zlib.compress(text, 9)).decode()


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
    if not document.parts or not document.outputs:
        raise DocumentError("document: it needs at least one part and one output")
    bands = {band.name for band in document.parts[0].bands}
    for part in document.parts:
        _check_part(part, bands)
    for output in document.outputs:
        _check_output(output, bands, document.script)
    names = [output.name for output in document.outputs]
    files = [document.product] if document.stacked else names
    taken = {*RESERVED} & {*files} or {name for name in names if names.count(name) > 1}
    if taken:
        raise DocumentError(f"document.outputs: the name {min(taken)!r} is taken by another file")
    if unknown := sorted(set(document.negative.bands) - bands):
        raise DocumentError(f"document.negative: no band {unknown[0]!r}; there are {sorted(bands)}")
    if document.script and (unknown := sorted(set(document.script.bands) - bands)):
        raise DocumentError(f"document.script: uses band {unknown[0]!r}; there are {sorted(bands)}")


def _check_part(part: Part, bands: set[str]) -> None:
    where = f"document.parts: {part.item!r}"
    if {band.name for band in part.bands} != bands:
        raise DocumentError(f"{where} has other bands than the first")
    if not bands or len(bands) != len(part.bands):
        raise DocumentError(f"{where} needs at least one band, and each name once")
    look = part.check.look if part.check else ()
    if len(look) not in (0, 2):
        raise DocumentError(f"{where}: its check looks at {len(look)} bands; it takes red and nir")
    for band in (*part.bands, *look):
        if band.scale == 0:
            raise DocumentError(f"{where}, {band.name}: its scale is 0; every value would be one")
    for source in (*part.bands, *look, *part.masks):
        if source.band is not None and source.band < 1:
            raise DocumentError(f"{where}, {source.asset}: band {source.band}; they count from 1")
    for mask in part.masks:
        _check_mask(mask)


def _check_output(output: Output, bands: set[str], script: Script | None) -> None:
    where = f"document.outputs.{output.name}"
    if safe_name(output.name) != output.name:
        raise DocumentError(f"document.outputs: {output.name!r} is no safe file name")
    if output.range and not output.range[0] <= output.range[1]:
        raise DocumentError(f"{where}: its range {output.range} has no value in it")
    if output.scale <= 0:
        raise DocumentError(f"{where}: its scale is {output.scale}; it must be above 0")
    if output.formula is None:
        if script is None:
            raise DocumentError(f"{where}: it has no formula, and the document names no script")
        return
    if script:
        raise DocumentError(f"{where}: it has a formula, and the document a script; one must go")
    try:
        used = _names_used(output.formula)
    except formula.FormulaError as error:
        raise DocumentError(f"{where}: {error}") from None
    if unknown := sorted(used - bands):
        raise DocumentError(f"{where}: uses band {unknown[0]!r}; there are {sorted(bands)}")


@lru_cache(maxsize=256)  # a plan's documents share their formulas
def _names_used(text: str) -> frozenset[str]:
    return frozenset(formula.names(formula.parse(text)))


_REASONS = frozenset(reason.name.lower() for reason in Reason)


def _check_mask(mask: Mask) -> None:
    where = f"document.parts.masks.{mask.asset}"
    if mask.dilate < 0:
        raise DocumentError(f"{where}: dilate is {mask.dilate} m; it must be 0 or more")
    for rule in mask.rules:
        if rule.reason not in _REASONS:
            raise DocumentError(
                f"{where}: {rule.value} has reason {rule.reason!r}; one of {sorted(_REASONS)}"
            )
