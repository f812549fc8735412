"""From what a recipe wants masked to the classes of a scene classification.

Classes of Sentinel-2's SCL: Sentinel-2 Level-2A Algorithm Theoretical Basis Document, table of
scene classes (https://sentiwiki.copernicus.eu/web/s2-processing).
"""

from __future__ import annotations

from collections.abc import Iterable

from scenefleet.recipe import MaskKind

_ALWAYS = ((0, "nodata"), (1, "saturated"))
_SCL: dict[MaskKind, tuple[tuple[int, str], ...]] = {
    MaskKind.CLOUDS: ((8, "cloud"), (9, "cloud"), (10, "cloud")),
    MaskKind.SHADOWS: ((3, "shadow"),),
    MaskKind.SNOW: ((11, "snow"),),
    MaskKind.WATER: ((6, "water"),),
}


def scl_classes(kinds: Iterable[MaskKind]) -> tuple[tuple[int, str], ...]:
    """Pairs of SCL class and reason, by class; no data and defective pixels are always masked."""
    return tuple(sorted({*_ALWAYS, *(pair for kind in kinds for pair in _SCL[kind])}))
