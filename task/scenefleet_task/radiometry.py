"""The meaning of a band's numbers: by the document, and by the header where the document is silent.

The rule, for scale and offset each: the recipe goes before the item, the item before the product's
constants, these before the header. The planner has decided among the first three; a header counts
where they say nothing. Where a header says otherwise than what counts, the output's item and the
log tell. GDAL's 1 and 0 stand for a header that says nothing, and 32-bit floats' noise is no
difference.

An offset that only the header gives counts if the scale beside it is the one that counts: it is in
the units of that scale.

No data is what the header calls so, or else the item or the product; and beside it, whatever the
header says, the recipe's number and Sentinel-2's 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scenefleet_task.failure import TaskError
from scenefleet_task.header import Header
from scenefleet_task.log import log
from scenefleet_task.names import Name
from scenefleet_task.spec import Band, Exit

HEADER = "file-header"
"""The rule's name where the header decides."""
UNTOLD = "no-scale-told"
"""The rule's name where whole numbers are taken as values, since nothing tells their scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The rule by which a band's digital numbers become values."""

    scale: float
    offset: float
    nodata: tuple[float, ...]
    """All that mean no data; NaN among them where the header says so."""
    rule: str


def numbers_of(band: Band, header: Header, name: Name) -> Numbers:
    """The band's numbers, by document and header; what the header says otherwise is logged.

    Raises:
        TaskError: `INPUT_MISMATCH`, if the file cannot hold what its product holds, or its header's
            scale leaves no values.
    """
    _check_kind(band, header, name)
    scale, offset = band.scale, band.offset
    by_header: list[str] = []
    if scale is None and header.scale is not None:
        scale = _sound(header.scale, name)
        by_header.append("scale")
    if offset is None and header.offset is not None and alike(scale, header.scale):
        offset = _sound_offset(header.offset, name)
        by_header.append("offset")
    found = Numbers(
        scale=1.0 if scale is None else scale,
        offset=0.0 if offset is None else offset,
        nodata=nodata_of(band, header.nodata),
        rule=_rule(band, by_header),
    )
    if scale is None and header.dtype.kind in "iu":
        found = replace(found, rule=UNTOLD)
        log.warning(
            "%s: nothing tells the scale of its whole numbers; they are taken as they are. Give "
            "band %s its `scale` under `collections`.", name, band.name,
        )  # fmt: skip
    if (unused := unused_nodata(band, found.nodata)) is not None:
        log.warning(
            "%s: its header says that %g is no data, so the item's %g counts as a measurement",
            name, header.nodata, unused,
        )  # fmt: skip
    if contradicts(header, found.scale, found.offset):
        log.warning(
            "%s: its header says scale %g and offset %g; by rule %s they are %g and %g",
            name, header.scale, header.offset, found.rule, found.scale, found.offset,
        )  # fmt: skip
    return found


def nodata_of(band: Band, header: float | None) -> tuple[float, ...]:
    """The digital numbers that mean no data, each once; `header` is the header's, if it has one."""
    usual = band.nodata if header is None else header
    numbers = dict.fromkeys(((usual,) if usual is not None else ()) + band.always)
    return tuple(numbers)


def unused_nodata(band: Band, counted: tuple[float, ...]) -> float | None:
    """The document's usual number, where the header names another and this one does not count."""
    return None if band.nodata is None or band.nodata in counted else band.nodata


def contradicts(header: Header, scale: float, offset: float) -> bool:
    """Tells whether a header's scale and offset differ from these."""
    return header.scale is not None and not (
        alike(header.scale, scale) and alike(header.offset, offset)
    )


def alike(one: float | None, other: float | None) -> bool:
    """Tells whether two numbers are equal, as far as 32-bit floats and short decimals tell."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)


def _check_kind(band: Band, header: Header, name: Name) -> None:
    if header.palette:
        raise TaskError(
            Exit.INPUT_MISMATCH,
            f"{name}: its numbers stand for colours of a table, as in a picture or a map of "
            "classes; they have no reflectance.",
        )
    whole = header.dtype.kind in "iu"
    if band.scale_from != "product" or whole or alike(header.scale, band.scale):
        return
    collection = name.collection or "<collection>"
    raise TaskError(
        Exit.INPUT_MISMATCH,
        f"{name}: its product stores whole numbers, to be multiplied by {band.scale:g}, but the "
        f"file's are {header.dtype}, which may be values already. Say in the recipe what they are: "
        f"`collections: {{{collection}: {{bands: {{{band.name}: {{asset: {band.asset}, "
        "scale: 1, offset: 0}}}}`, or with the scale that they want.",
    )


def _sound(scale: float, name: Name) -> float:
    if scale == 0 or not math.isfinite(scale):
        raise TaskError(
            Exit.INPUT_MISMATCH,
            f"{name}: its header says scale {scale:g}, which leaves no values. Give the band's "
            "`scale` in the recipe, under `collections`.",
        )
    return scale


def _sound_offset(offset: float, name: Name) -> float:
    if not math.isfinite(offset):
        raise TaskError(
            Exit.INPUT_MISMATCH,
            f"{name}: its header says offset {offset:g}, which leaves no values. Give the band's "
            "`offset` in the recipe, under `collections`.",
        )
    return offset


def _rule(band: Band, by_header: list[str]) -> str:
    if not by_header:
        return band.rule
    if "scale" in by_header and band.offset is None:
        return HEADER
    return f"{band.rule}, {by_header[0]} by {HEADER}"
