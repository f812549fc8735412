"""Decides from a scene's pixels whether its numbers carry an added offset, where the ground tells.

Since processing baseline 04.00 Sentinel-2's numbers carry 1000 more than reflectance x 10000, but
catalogues serve both kinds, and some say of one that it is the other. The pixels of red and near
infrared tell as follows, for a shift of 1000. A pixel of which either number is 50 or less (swath
edge, cast shadow) tells nothing and is left out. Fewer than 128 x 128 pixels tell nothing.

- **removed**: more than 10% of the pixels of either band lie below 700, and more than 1% below 500.
  With the offset in, a tenth of the ground would reflect less than -3%, and some of it less than
  -5%. Water under an atmosphere that was corrected too far reflects -1 to -3%, all of it alike; it
  is for such ground that the offset was made.
- **carried**: the ground holds a ruler, and it lies where the offset puts it. The ruler is lush
  plants: pixels whose near infrared is 3500 or more above their red, which is the same with and
  without the offset. Real ones reflect 2 to 5% of red light, whatever else grows. The verdict needs
  10% of such pixels, the 10th percentile of their red from 1250 to 1400, half of them no more than
  150 above it (a patchy veil of cloud spreads them), the darkest 0.1% of all pixels' red above
  1125, and next to no near infrared below 1000.
- **unclear**: neither. Bright ground, cloud, snow, water alone and thin plants have no ruler.

Plants under a haze that adds 800 would pass a wider window: their darkest red lies at 950 to 1200
then. A veil that adds about 1000 to both bands, everywhere and evenly, cannot be told from the
offset.

Metadata that contradict themselves are settled by these limits. Those that speak with one voice are
overruled by stricter ones only (`sure`). `benchmarks/radiometry_pieces.py` measures both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.failure import TaskError
from scenefleet_task.spec import Exit, OffsetCheck

Verdict = Literal["carried", "removed", "unclear"]

LEAST = 128 * 128
"""Pixels that tell something, in both bands, which a verdict needs."""
BLIND = 50
"""Numbers up to this are no ground: swath edges, and shadows that were corrected away."""
BELOW, FAR_BELOW = 300, 500
"""Numbers this far below the shift are darker than ground can be: reflectance -0.03 and -0.05."""
FEW = 0.01
"""Share of the pixels that must lie far below."""
MANY, SURELY_MANY = 0.1, 0.2
"""Share of the pixels below that which tells, and which overrules one voice."""
RISE = 3500
"""From red to near infrared, of lush plants."""
LUSH = 0.1
"""Share of the pixels that must be such plants."""
SPREAD = 150
"""From the 10th percentile of their red to its median, at most."""
NONE = 0.001
"""Share of the pixels that is oddities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """Where red must lie above the shift for `carried`."""

    darkest: int
    plants: tuple[int, int]


_TELLS = _Limits(darkest=125, plants=(250, 400))
_SURE = _Limits(darkest=150, plants=(275, 375))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Shares of the pixels that tell something, from 0 to 1."""

    below: float
    """Darker than a shifted scene can be, in the band that has more of them."""
    green: float
    """Lush plants, with or without an offset."""
    blind: float
    """Share of the pixels with data that tell nothing, for their number is `BLIND` or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The shares of pixels that a look found."""

    shares: Shares
    pixels: int
    """That tell something."""
    darkest: float
    """The red number that 0.1% of them do not reach; NaN of too few."""
    plants: float
    """The red number that 10% of the lush plants do not reach; NaN where there are none."""
    spread: float
    """From there to the median of their red."""
    deep: float
    """Share of near infrared below the shift."""
    far: float
    """Share far below, in the band that has more of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the pixels say, and what follows."""

    verdict: Verdict
    settled: Literal["metadata", "pixels", "both"]
    """What decided: `both` agree, or only one of them says anything."""
    shares: Shares
    carried: bool
    """Whether the offset is to be taken off."""


def judge(red: NDArray[Any], nir: NDArray[Any], shift: int) -> tuple[Verdict, Sight]:
    """The verdict, and what it rests on.

    Args:
        red: digital numbers of pixels that have data, shape (pixels,).
        nir: the same pixels in the near infrared.
        shift: the offset in digital numbers.
    """
    sight = _look(red, nir, shift)
    if sight.pixels < LEAST:
        return "unclear", sight
    if sight.shares.below > MANY and sight.far > FEW:
        return "removed", sight
    return ("carried" if _shifted(sight, shift, _TELLS) else "unclear"), sight


def sure(verdict: Verdict, sight: Sight, shift: int) -> bool:
    """Tells whether a verdict is beyond doubt, so that it overrules undisputed metadata."""
    if verdict == "removed":
        return sight.shares.below > SURELY_MANY
    return verdict == "carried" and _shifted(sight, shift, _SURE)


def settle(check: OffsetCheck, red: NDArray[Any], nir: NDArray[Any], item: str) -> Finding:
    """Metadata and pixels together; `red` and `nir` as `judge` takes them.

    Raises:
        TaskError: `RADIOMETRY`, if pixels overrule the metadata, or neither tells.
    """
    verdict, sight = judge(red, nir, check.shift)
    if check.said == "disputed" and verdict == "unclear":
        raise TaskError(Exit.RADIOMETRY, _unclear(check, sight, item))
    if check.said != "disputed" and verdict not in ("unclear", check.said):
        if sure(verdict, sight, check.shift):
            raise TaskError(Exit.RADIOMETRY, _contradiction(check, verdict, sight, item))
        verdict = "unclear"
    decided = check.said if verdict == "unclear" else verdict
    settled = "metadata" if verdict == "unclear" else "pixels"
    return Finding(
        verdict=verdict,
        settled="both" if verdict == check.said else settled,
        shares=sight.shares,
        carried=decided == "carried",
    )


def _look(red: NDArray[Any], nir: NDArray[Any], shift: int) -> Sight:
    tells = (red > BLIND) & (nir > BLIND)
    blind = 1 - _share(tells)
    red, nir = red[tells].astype(np.int64), nir[tells].astype(np.int64)
    low, lower = shift - BELOW, shift - FAR_BELOW
    lush = nir - red >= RISE
    enough = red.size >= LEAST
    low_red, mid_red = np.percentile(red[lush], (10, 50)) if lush.any() else (np.nan, np.nan)
    return Sight(
        shares=Shares(
            below=max(_share(red < low), _share(nir < low)),
            green=_share(lush),
            blind=round(blind, 4),
        ),
        pixels=red.size,
        darkest=float(np.percentile(red, 100 * NONE)) if enough else np.nan,
        plants=float(low_red),
        spread=float(mid_red - low_red),
        deep=_share(nir < shift),
        far=max(_share(red < lower), _share(nir < lower)),
    )


def _shifted(sight: Sight, shift: int, limits: _Limits) -> bool:
    """Whether there are lush plants, and their red lies where the offset puts it."""
    low, high = limits.plants
    return (
        sight.shares.green >= LUSH
        and shift + low <= sight.plants <= shift + high
        and sight.spread <= SPREAD
        and sight.darkest >= shift + limits.darkest
        and sight.deep < NONE
    )


def _share(where: NDArray[np.bool_]) -> float:
    return round(float(np.count_nonzero(where)) / where.size, 4) if where.size else 0.0


def _unclear(check: OffsetCheck, sight: Sight, item: str) -> str:
    if sight.pixels < LEAST:
        why = f"{sight.pixels} are above {BLIND}, and it takes {LEAST}"
    else:
        shares = sight.shares
        why = (
            f"{100 * shares.below:.1f}% lie below {check.shift - BELOW}, and "
            f"{100 * shares.green:.1f}% are lush plants"
        )
    return (
        f"item {item}: nothing tells whether its numbers carry the offset of {check.shift}: its "
        f"metadata says {'; '.join(check.evidence)}, and its pixels are too bright, too few or too "
        f"much alike to settle it: {why}. Correct the item's metadata, or believe its best guess "
        "by `radiometry: trust`."
    )


def _contradiction(check: OffsetCheck, verdict: Verdict, sight: Sight, item: str) -> str:
    words = {"carried": "carry", "removed": "do not carry"}
    shares = sight.shares
    seen = (
        f"{100 * shares.below:.1f}% lie below {check.shift - BELOW}"
        if verdict == "removed"
        else f"{100 * shares.green:.1f}% are lush plants, whose red begins at {sight.plants:.0f}, "
        f"and next to none lies below {sight.darkest:.0f}"
    )
    return (
        f"item {item}: its metadata says that the numbers {words[check.said]} the offset of "
        f"{check.shift} ({'; '.join(check.evidence)}), but its pixels say that they "
        f"{words[verdict]} it: {seen}. Correct the item's metadata, or believe it all the same by "
        "`radiometry: trust`."
    )
