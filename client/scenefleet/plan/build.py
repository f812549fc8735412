"""Scenes and a recipe become task documents. Pure: the same input gives the same plan."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from scenefleet.catalog import Scene, access
from scenefleet.catalog.access import DOCUMENT
from scenefleet.catalog.globe import footprint
from scenefleet.catalog.sound import blame
from scenefleet.errors import CatalogError
from scenefleet.plan.common import common_pixels
from scenefleet.plan.model import Documents, LeftOut, Plan
from scenefleet.plan.outputs import AlikeOutputs, bands_of
from scenefleet.plan.parts import Choices, SceneBands, make_part, reach_of
from scenefleet.recipe import Recipe
from scenefleet.recipe.area import polygons
from scenefleet.recipe.crs import unit_of
from scenefleet.recipe.indices import redefinition_notes
from scenefleet.recipe.script import ScriptPart
from scenefleet_task import spec
from scenefleet_task.reach import bare_host

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
_MANY_FIELDS = 20
"""An area of fewer polygons is an outline, and not a set of fields."""
_SURELY_SENT = _ENCODED_LIMIT * 3 // 4 - 100
"""A line that is no longer stays within the limit even if it cannot be compressed: base64 makes
four bytes of three, and zlib adds a few."""


def plan(
    recipe: Recipe,
    scenes: Sequence[Scene],
    *,
    hosts: tuple[str, ...] = (),
    folder: Path | None = None,
) -> Plan:
    """One task document for each scene that has the bands, mask and radiometry the recipe needs.

    Args:
        recipe: what is asked for.
        scenes: in the order of the plan.
        hosts: the store's own, which may be private whatever the catalogue is.
        folder: the store, where it is a folder of this machine: outputs then link to items in
            files, by relative paths.

    Returns:
        The plan; scenes that cannot be computed are in `left_out`, each with its reason.

    Raises:
        CatalogError: if not one scene can be computed, with the reasons.
    """
    documents = Documents()
    left_out: list[LeftOut] = []
    folders: set[str] = set()
    alike = AlikeOutputs(recipe)
    choices = Choices()
    hosts = tuple(sorted({*recipe.search.allow_private, *map(bare_host, hosts)}))
    for scene in scenes:
        try:
            with blame(scene.id):
                document, line = _document(recipe, scene, folders, alike, choices, hosts, folder)
        except CatalogError as error:
            left_out.append(LeftOut(scene.id, str(error)))
            continue
        folders.add(document.folder)
        documents.add(document, line)
    if scenes and not documents:
        reasons = list(dict.fromkeys(left.reason for left in left_out))
        more = f"\n... and {len(reasons) - 3} more reasons" if len(reasons) > 3 else ""
        all_ = f"None of the {len(scenes)} scenes can"
        none = all_ if len(scenes) > 1 else "The only scene cannot"
        raise CatalogError(f"{none} be computed:\n" + "\n".join(reasons[:3]) + more)
    notes = (*redefinition_notes(recipe.process.indices), *choices.notes)
    return Plan(name=recipe.name, documents=documents, left_out=tuple(left_out), notes=notes)


def _document(
    recipe: Recipe,
    scene: Scene,
    folders: set[str],
    alike: AlikeOutputs,
    choices: Choices,
    hosts: tuple[str, ...],
    store: Path | None,
) -> tuple[spec.TaskDocument, bytes]:
    """The scene's task, and its line."""
    described = recipe.collections.get(scene.collection)
    bands = SceneBands(scene, described, hosts)
    wanted = _outputs(recipe, scene, bands, alike)
    script = _script(recipe.process.script)
    names = script.bands if script else bands_of(wanted)
    first = make_part(recipe, scene, names, described, bands)
    choices.note(scene, bands)
    others = (
        make_part(recipe, one, names, described, SceneBands(one, described, hosts))
        for one in scene.also
    )
    folder = _folder(scene, folders)
    document, line = spec.seal_line(
        spec.TaskDocument(
            version=spec.VERSION,
            id="",
            product=recipe.name,
            folder=folder,
            source=_source(scene, store and store / "products" / recipe.name / folder),
            access=access(scene),
            parts=(first, *others),
            outputs=wanted,
            dtype=recipe.output.dtype,
            stacked=recipe.output.stacked,
            compression=recipe.output.compression,
            script=script,
            grid=_grid(recipe),
            clip=_clip(recipe, scene),
            negative=spec.Negative(
                how=recipe.process.negative,
                bands=tuple(n for n in names if bands.radiometry(n).unit == "reflectance"),
            ),
            reach=reach_of(scene.parts, hosts),
        )
    )
    _check_pixels(scene, document)
    _check_size(scene, document, line)
    return document, line


def _check_pixels(scene: Scene, document: spec.TaskDocument) -> None:
    pixels = common_pixels(document)
    if document.grid is None or pixels <= spec.MOST_PIXELS:
        return
    grid = document.grid
    fits = grid.resolution * math.sqrt(pixels / spec.MOST_PIXELS)
    raise CatalogError(
        f"Item {scene.id!r}: an output on the recipe's `grid` would have about {pixels:.2g} "
        f"pixels; at most {spec.MOST_PIXELS:.0e} are made. `resolution: {grid.resolution:g}` is in "
        f"units of the CRS ({unit_of(grid.crs).name}): write {_above(fits):g} or more, or clip to "
        "a smaller area."
    )


def _above(value: float) -> float:
    """The next number of two digits above, with a tenth to spare for boxes that turn a little."""
    step = 10.0 ** (math.floor(math.log10(value * 1.1)) - 1)
    return math.ceil(value * 1.1 / step) * step


def _check_size(scene: Scene, document: spec.TaskDocument, line: bytes) -> None:
    size = 0 if len(line) <= _SURELY_SENT else len(spec.encode_line(line))
    if size <= _ENCODED_LIMIT:
        return
    clip = len(spec.dump(document.clip)) if document.clip else 0
    if clip < len(line) / 2:
        raise CatalogError(
            f"Item {scene.id!r}: its task takes {size:,} bytes, of at most {_ENCODED_LIMIT:,} that "
            "a task can be sent, because its footprint or its list of bands is that long."
        )
    fields = len(polygons(_drawn(document.clip)))
    if fields < _MANY_FIELDS:
        raise CatalogError(
            f"Item {scene.id!r}: its task takes {size:,} bytes, of at most {_ENCODED_LIMIT:,} that "
            "a task can be sent, because of the many vertices of the area that it is clipped to. "
            "Simplify the area's outline, or leave `process.clip` out: the search keeps to the "
            "area all the same, and scenes stay whole."
        )
    fit = max(1, fields * _ENCODED_LIMIT // size)
    raise CatalogError(
        f"Item {scene.id!r}: a clip of {fields:,} fields in one scene is not supported yet: its "
        f"task would take {size:,} bytes, and at most {_ENCODED_LIMIT:,} can be sent. What works: "
        "leave `process.clip` out (the search keeps to the fields all the same, and scenes stay "
        f"whole); clip to fewer fields, about {fit:,} of these at once, each recipe with a `name` "
        "of its own; or clip to one simple outline around all of them, such as a `bbox`."
    )


def _drawn(geometry: Any) -> Any:  # noqa: ANN401 - shapely has no types
    from shapely.geometry import shape

    return shape(geometry)


def _outputs(
    recipe: Recipe, scene: Scene, bands: SceneBands, alike: AlikeOutputs
) -> tuple[spec.Output, ...]:
    if script := recipe.process.script:
        return tuple(
            spec.Output(name=name, title=name, formula=None, scale=spec.SCALE)
            for name in script.header.outputs
        )
    return alike.of(scene, lambda name: bands.radiometry(name).unit)


def _script(script: ScriptPart | None) -> spec.Script | None:
    if script is None:
        return None
    stated = script.header
    return spec.Script(
        name=script.file,
        sha256=script.sha256,
        bands=stated.bands,
        overlap=stated.overlap,
        seconds=stated.seconds,
    )


def _grid(recipe: Recipe) -> spec.TargetGrid | None:
    grid = recipe.process.grid
    if grid is None:
        return None
    return spec.TargetGrid(
        crs=grid.crs, resolution=grid.resolution, align=grid.align, resampling=grid.resampling
    )


def _folder(scene: Scene, taken: set[str]) -> str:
    name = spec.safe_name(scene.id)
    return name if name not in taken else spec.safe_name(f"{scene.id}@{scene.collection}")


def _source(scene: Scene, folder: Path | None) -> spec.Source:
    carried = {key: scene.properties[key] for key in _CARRIED if key in scene.properties}
    if scene.also and (cover := scene.cloud_cover) is not None:
        carried["eo:cloud_cover"] = round(cover, 4)
    bbox, geometry = _outline(scene)
    return spec.Source(
        id=scene.id,
        collection=scene.collection,
        href=_address(scene, folder),
        datetime=scene.datetime,
        bbox=bbox,
        geometry=geometry,
        properties=carried,
    )


def _address(scene: Scene, folder: Path | None) -> str | None:
    """The item's own address, or the file that it was found in as seen from the output's folder.

    A path means nothing where the store is elsewhere.
    """
    for href in (scene.href, scene.document.get(DOCUMENT)):
        if not isinstance(href, str) or not href.isprintable():
            continue
        if href.startswith(("http://", "https://")):
            return href
        if folder is not None and Path(href).is_absolute():
            return quote(os.path.relpath(href, folder.absolute()))
    return None


def _outline(scene: Scene) -> tuple[tuple[float, ...], dict[str, Any]]:
    """Box and footprint of all parts; across the antimeridian the box's west is the greater."""
    if not scene.also:
        return scene.bbox, scene.geometry
    import shapely
    from shapely.geometry import mapping

    joined: Any = shapely.union_all([footprint(part) for part in scene.parts])
    geometry = json.loads(json.dumps(mapping(joined)))
    return _joined_box([part.bbox for part in scene.parts]), geometry


def _joined_box(boxes: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """The narrowest box around boxes on a globe; each one's west may be greater than its east."""
    _, souths, _, norths = zip(*boxes, strict=True)

    def reach(start: float, box: tuple[float, ...]) -> float:
        west, _, east, _ = box
        return (west - start) % 360 + (east - west if west <= east else east - west + 360)

    west = min((box[0] for box in boxes), key=lambda w: max(reach(w, box) for box in boxes))
    last = max(boxes, key=lambda box: reach(west, box))
    if reach(west, last) >= 360:
        return -180.0, min(souths), 180.0, max(norths)
    return west, min(souths), last[2], max(norths)


def _clip(recipe: Recipe, scene: Scene) -> dict[str, Any] | None:
    area = recipe.search.area
    if not recipe.process.clip or not isinstance(area, dict):
        return None
    import shapely as untyped
    from shapely.geometry import mapping, shape

    shapely, whole = cast("Any", untyped), cast("Any", shape(area))
    if shapely.get_num_coordinates(whole) <= _CLIP_VERTICES:
        return area
    boxes = [
        shapely.clip_by_rect(whole, *_wider(polygon.bounds))
        for one in scene.parts
        for polygon in polygons(footprint(one))
    ]
    part = shapely.union_all(boxes)
    if part.is_empty:
        raise CatalogError(f"Item {scene.id!r} does not touch the area.")
    # nine decimals are a tenth of a millimetre: enough, and the same on every machine
    return json.loads(json.dumps(mapping(shapely.set_precision(part, 1e-9))))


def _wider(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = bounds
    margin = _CLIP_MARGIN
    return west - margin, south - margin, east + margin, north + margin
