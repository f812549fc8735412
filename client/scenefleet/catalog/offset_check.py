"""Decides which look at the pixels a scene's task takes, or refuses metadata in dispute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from scenefleet.catalog.evidence import Said
from scenefleet.catalog.model import Scene
from scenefleet.catalog.radiometry import Radiometry
from scenefleet.errors import CatalogError
from scenefleet_task import spec

Mode = Literal["trust", "check", "refuse"]
"""What a recipe makes of metadata: believe it, let the pixels confirm it, or refuse where it
contradicts itself."""

_S2_SHIFT = 1000


def check_of(
    radiometries: Sequence[Radiometry], scene: Scene, mode: Mode
) -> spec.OffsetCheck | None:
    """The look at the pixels that a scene's task takes, or None where none is needed.

    Args:
        radiometries: of the bands that the task reads.
        scene: for messages.
        mode: `check` and `refuse` take one of every Sentinel-2 product, even an undisputed one,
            since catalogues err. `trust` takes none: what comes back holds the evidence only.

    Raises:
        CatalogError: if the metadata is disputed, in `refuse`, be it within a band or between
            bands; or in `check` of a product whose pixels cannot tell, as all but Sentinel-2's.
    """
    for one in radiometries:
        if one.confidence == "disputed" and one.said is None and mode != "trust":
            raise _contradiction(one, scene)
    told: list[Said] = [one.said for one in radiometries if one.said]
    if not told:
        return None
    said: Said = told[0] if len(set(told)) == 1 else "disputed"
    texts = (text for one in radiometries if one.said for text in one.evidence)
    evidence = tuple(dict.fromkeys(texts))
    if said == "disputed" and mode == "refuse":
        raise _disputed(evidence, scene)
    return spec.OffsetCheck(shift=_S2_SHIFT, said=said, evidence=evidence)


def _contradiction(one: Radiometry, scene: Scene) -> CatalogError:
    return CatalogError(
        f"Item {scene.id!r} contradicts what is known of its product: {'; '.join(one.evidence)}. "
        "Pixels cannot tell which is right. Describe the band under `collections`, or believe the "
        "item by `radiometry: trust` under `process`."
    )


def _disputed(evidence: Sequence[str], scene: Scene) -> CatalogError:
    return CatalogError(
        f"Item {scene.id!r} does not say clearly whether its numbers carry Sentinel-2's offset of "
        f"1000: {'; '.join(evidence)}. Write `radiometry: check` under `process` to let the pixels "
        "tell, or correct the item."
    )
