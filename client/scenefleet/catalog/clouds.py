"""The cloud limit, of whole acquisitions: where several items make one scene, all of them count.

One tile that two stations received in parts comes as two items with a cloud cover each; which of
them is over the limit says nothing of the scene. Its cloud cover is the mean of theirs, weighed by
the share of the tile that each holds (`s2:nodata_pixel_percentage`, else the footprint's size).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from scenefleet.catalog.coverage import size_of
from scenefleet.catalog.model import Scene
from scenefleet.catalog.scenes import Ticket


def cloud_reason(
    group: Sequence[Ticket], limit: float, read: Callable[[Ticket], Scene]
) -> str | None:
    """Why a scene is dropped for its clouds; None where it is kept.

    Args:
        group: the scene's items.
        limit: per cent that it must be below.
        read: reads an item.
    """
    covers = [ticket.cloud for ticket in group if ticket.cloud is not None]
    if len(covers) < len(group):
        lacking = next(ticket.id for ticket in group if ticket.cloud is None)
        of = "" if len(group) == 1 else f" {lacking} of its acquisition lacks it;"
        return f"no eo:cloud_cover:{of} cloud_below cannot be checked without it"
    if len(group) == 1:
        return None if covers[0] < limit else f"cloud: {covers[0]:g} per cent"
    cover = mean_cover(covers, [read(ticket) for ticket in group])
    if cover < limit:
        return None
    parts = ", ".join(f"{one.id} {cloud:g}" for one, cloud in zip(group, covers, strict=True))
    return f"cloud: {cover:.4g} per cent of the acquisition ({parts})"


def cover_of(parts: Sequence[Scene]) -> float | None:
    """The cloud cover of a scene by its parts, in per cent; None where one does not say."""
    items = [replace(part, also=()) for part in parts]
    covers = [cover for item in items if (cover := item.cloud_cover) is not None]
    return mean_cover(covers, items) if len(covers) == len(items) else None


def mean_cover(covers: Sequence[float], scenes: Sequence[Scene]) -> float:
    """The cloud cover of scenes in one, weighed by how much each holds, in per cent."""
    weights = _shares(scenes) or [size_of(scene) for scene in scenes]
    total = sum(weights)
    if not total:
        return sum(covers) / len(covers)
    return sum(cover * weight for cover, weight in zip(covers, weights, strict=True)) / total


def _shares(scenes: Sequence[Scene]) -> list[float]:
    """Per cent of the tile that each scene holds; empty where one does not say."""
    lacking = [scene.nodata_share for scene in scenes]
    shares = [max(0.0, 100.0 - share) for share in lacking if share is not None]
    return shares if len(shares) == len(scenes) else []
