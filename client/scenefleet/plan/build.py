"""Scenes and a recipe become task documents. Pure: the same input gives the same plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from scenefleet.catalog import Scene, access, decide, find_band, find_mask
from scenefleet.errors import CatalogError
from scenefleet.plan.masks import scl_classes
from scenefleet.plan.model import LeftOut, Plan
from scenefleet.recipe import Recipe
from scenefleet.recipe.indices import INDICES
from scenefleet_task import spec

_CARRIED = (
    "constellation",
    "created",
    "end_datetime",
    "eo:cloud_cover",
    "grid:code",
    "instruments",
    "platform",
    "s2:datatake_id",
    "s2:mgrs_tile",
    "s2:processing_baseline",
    "s2:product_uri",
    "sat:orbit_state",
    "sat:relative_orbit",
    "start_datetime",
    "updated",
    "view:off_nadir",
    "view:sun_azimuth",
    "view:sun_elevation",
)
"""Properties of a scene that its outputs repeat."""

_CLIP_VERTICES = 50
"""An area of more vertices than this is cut to each scene's surroundings, to keep tasks small."""
_CLIP_MARGIN = 0.02
"""Degrees kept around a scene's bounding box, about 2 km: the cut must not reach the pixels."""
_ENCODED_LIMIT = 24_000
"""Bytes of a document in the environment: 100 of them are one call of at most 1 MB, halved once or
twice where documents come near this."""


def plan(recipe: Recipe, scenes: Sequence[Scene]) -> Plan:
    """One task document for each scene that has the bands, mask and radiometry the recipe needs.

    Args:
        recipe: what is asked for.
        scenes: in the order of the plan.

    Returns:
        The plan; scenes that cannot be computed are in `left_out`, each with its reason.

    Raises:
        CatalogError: if not one scene can be computed, with the reasons.
    """
    documents: list[spec.TaskDocument] = []
    left_out: list[LeftOut] = []
    folders: set[str] = set()
    for scene in scenes:
        try:
            document = _document(recipe, scene, folders)
        except CatalogError as error:
            left_out.append(LeftOut(scene.id, str(error)))
            continue
        folders.add(document.folder)
        documents.append(document)
    if scenes and not documents:
        reasons = list(dict.fromkeys(left.reason for left in left_out))
        more = f"\n... and {len(reasons) - 3} more reasons" if len(reasons) > 3 else ""
        raise CatalogError(
            f"None of the {len(scenes)} scenes can be computed:\n" + "\n".join(reasons[:3]) + more
        )
    return Plan(name=recipe.name, documents=tuple(documents), left_out=tuple(left_out))


def _document(recipe: Recipe, scene: Scene, folders: set[str]) -> spec.TaskDocument:
    indices = [INDICES[name] for name in recipe.process.indices]
    names = dict.fromkeys(name for index in indices for name in (index.first, index.second))
    document = spec.seal(
        spec.TaskDocument(
            version=spec.VERSION,
            id="",
            product=recipe.name,
            folder=_folder(scene, folders),
            source=_source(scene),
            access=access(scene),
            bands=tuple(_band(scene, name) for name in names),
            mask=_mask(recipe, scene),
            indices=tuple(spec.Index(name=i.name, first=i.first, second=i.second) for i in indices),
            clip=_clip(recipe, scene),
        )
    )
    size = len(spec.encode(document))
    if size > _ENCODED_LIMIT:
        raise CatalogError(
            f"Item {scene.id!r}: its task takes {size} bytes of at most {_ENCODED_LIMIT}, because "
            "of the area's or the footprint's many vertices. Simplify the area's outline."
        )
    return document


def _folder(scene: Scene, taken: set[str]) -> str:
    name = spec.safe_name(scene.id)
    return name if name not in taken else spec.safe_name(f"{scene.id}@{scene.collection}")


def _source(scene: Scene) -> spec.Source:
    web = scene.href is not None and scene.href.startswith(("http://", "https://"))
    return spec.Source(
        id=scene.id,
        collection=scene.collection,
        href=scene.href if web else None,  # a path of this machine means nothing on a node
        datetime=scene.datetime,
        bbox=scene.bbox,
        geometry=scene.geometry,
        properties={key: scene.properties[key] for key in _CARRIED if key in scene.properties},
    )


def _band(scene: Scene, name: str) -> spec.Band:
    key = find_band(scene, name)
    _check_address(scene, key)
    radiometry = decide(scene, key)
    return spec.Band(
        name=name,
        asset=key,
        href=scene.assets[key].href,
        scale=radiometry.scale,
        offset=radiometry.offset,
        nodata=radiometry.nodata,
        rule=radiometry.rule,
    )


def _check_address(scene: Scene, key: str) -> None:
    href = scene.assets[key].href
    if "://" in href and not href.startswith(("http://", "https://")):
        scheme = href.partition("://")[0]
        raise CatalogError(
            f"Item {scene.id!r}: its asset {key!r} lies at {scheme}://, which tasks cannot read; "
            "they read http(s):// and local files. Search a catalogue that serves it so, such as "
            "planetary-computer."
        )


def _mask(recipe: Recipe, scene: Scene) -> spec.Mask | None:
    if not recipe.process.mask:
        return None
    key = find_mask(scene)
    if key is None:
        wanted = ", ".join(recipe.process.mask)
        raise CatalogError(
            f"Item {scene.id!r} of {scene.collection!r} has no scene classification (SCL) to mask "
            f"{wanted} by; it has {', '.join(sorted(scene.assets))}. Write `mask: none` under "
            "`process` to keep every pixel that has data."
        )
    _check_address(scene, key)
    classes = scl_classes(recipe.process.mask)
    return spec.Mask(asset=key, href=scene.assets[key].href, classes=classes)


def _clip(recipe: Recipe, scene: Scene) -> dict[str, Any] | None:
    area = recipe.search.area
    if not recipe.process.clip or not isinstance(area, dict):
        return None
    import shapely as untyped
    from shapely.geometry import mapping, shape

    shapely, whole = cast("Any", untyped), cast("Any", shape(area))
    if shapely.get_num_coordinates(whole) <= _CLIP_VERTICES:
        return area
    west, south, east, north = scene.bbox
    margin = _CLIP_MARGIN
    part = shapely.clip_by_rect(whole, west - margin, south - margin, east + margin, north + margin)
    if part.is_empty:
        raise CatalogError(f"Item {scene.id!r} does not touch the area.")
    # nine decimals are a tenth of a millimetre: enough, and the same on every machine
    return json.loads(json.dumps(mapping(shapely.set_precision(part, 1e-9))))
