"""Do a scene's numbers carry an added offset? A look at its dark and its green pixels tells.

Since processing baseline 04.00 Sentinel-2's numbers carry 1000 more than reflectance x 10000, but
catalogues serve both kinds, and some say of one that it is the other. What the pixels tell, from
red and near infrared, for a shift of 1000:

- **removed**: more than 2% of the pixels of either band lie below 850. With the offset in, these
  would have a reflectance below -0.015, which dark water shows now and then, but no scene at large.
- **carried**: next to none lies there, and more than 2% are either vegetation (red below 1600, near
  infrared at least 1500 above it) or water (red below 1200, near infrared below 1300). Without the
  offset those would be plants and lakes of which not one reflects less than 8.5% of red light;
  real leaves and lakes reflect 2 to 6%.
- **unclear**: neither, as in a scene of cloud, snow or bare bright ground alone.

On the 14 real scenes of the tests, as they are and moved by 1000 either way, each verdict is right,
the shares lying at least 1.9 times from the limits, which were set on them. Of small pieces one can
be wrong (one in a thousand of 50 x 50 pixels: cloud over plants), so that fewer than 4000 pixels
tell nothing; a scene is looked at as a whole, whatever is cut from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.failure import TaskError
from scenefleet_task.spec import Exit, OffsetCheck

Verdict = Literal["carried", "removed", "unclear"]

FEW = 0.02
"""Share of the pixels that is more than noise and oddities."""
NONE = 0.001
LEAST = 4000
"""Pixels with data in both bands that a verdict needs."""
BELOW = 150
"""Numbers this far below the shift are darker than dark: reflectance -0.015."""
_GREEN_RED, _GREEN_RISE = 600, 1500
_WATER_RED, _WATER_NIR = 200, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Of the pixels that have data in both bands, from 0 to 1."""

    below: float
    """Darker than a shifted scene can be, in the band that has more of them."""
    green: float
    """Vegetation, if the offset is in the numbers."""
    water: float
    """Water, if it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the pixels say, and what follows."""

    verdict: Verdict
    settled: Literal["metadata", "pixels", "both"]
    """What decided: `both` agree, or only one of them says anything."""
    shares: Shares
    carried: bool
    """Whether the offset is to be taken off."""


def judge(red: NDArray[Any], nir: NDArray[Any], shift: int) -> tuple[Verdict, Shares]:
    """The verdict, and the shares that it rests on.

    Args:
        red: digital numbers of pixels that have data, shape (pixels,).
        nir: the same pixels in the near infrared.
        shift: the offset in digital numbers.
    """
    if red.size < LEAST:
        return "unclear", Shares(below=0, green=0, water=0)
    red, nir = red.astype(np.int64), nir.astype(np.int64)
    low = shift - BELOW
    shares = Shares(
        below=max(_share(red < low), _share(nir < low)),
        green=_share((red < shift + _GREEN_RED) & (nir >= red + _GREEN_RISE)),
        water=_share((red < shift + _WATER_RED) & (nir < shift + _WATER_NIR)),
    )
    if shares.below > FEW:
        return "removed", shares
    dark = shares.below < NONE and max(shares.green, shares.water) > FEW
    return ("carried" if dark else "unclear"), shares


def settle(check: OffsetCheck, red: NDArray[Any], nir: NDArray[Any], item: str) -> Finding:
    """Metadata and pixels together; `red` and `nir` as `judge` takes them.

    Raises:
        TaskError: `RADIOMETRY`, if they contradict each other, or neither tells.
    """
    verdict, shares = judge(red, nir, check.shift)
    if check.said == "disputed" and verdict == "unclear":
        raise TaskError(Exit.RADIOMETRY, _unclear(check, item))
    if check.said != "disputed" and verdict not in ("unclear", check.said):
        raise TaskError(Exit.RADIOMETRY, _contradiction(check, verdict, shares, item))
    decided = check.said if verdict == "unclear" else verdict
    settled = "metadata" if verdict == "unclear" else "pixels"
    return Finding(
        verdict=verdict,
        settled="both" if verdict == check.said else settled,
        shares=shares,
        carried=decided == "carried",
    )


def _share(where: NDArray[np.bool_]) -> float:
    return round(float(np.count_nonzero(where)) / where.size, 4)


def _unclear(check: OffsetCheck, item: str) -> str:
    return (
        f"item {item}: nothing tells whether its numbers carry the offset of {check.shift}: its "
        f"metadata says {'; '.join(check.evidence)}, and its pixels are too bright or too few to "
        "settle it. Correct the item's metadata, or believe its best guess by `radiometry: trust`."
    )


def _contradiction(check: OffsetCheck, verdict: Verdict, shares: Shares, item: str) -> str:
    words = {"carried": "carry", "removed": "do not carry"}
    seen = (
        f"{100 * shares.below:.1f}% lie below {check.shift - BELOW}"
        if verdict == "removed"
        else f"none lies below {check.shift - BELOW}, while {100 * shares.green:.1f}% look like "
        f"vegetation and {100 * shares.water:.1f}% like water just above it"
    )
    return (
        f"item {item}: its metadata says that the numbers {words[check.said]} the offset of "
        f"{check.shift} ({'; '.join(check.evidence)}), but its pixels say that they "
        f"{words[verdict]} it: {seen}. Correct the item's metadata, or believe it all the same by "
        "`radiometry: trust`."
    )
