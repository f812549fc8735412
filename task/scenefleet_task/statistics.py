"""Statistics of a raster, gathered tile by tile: exact in whole numbers for int16."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.outputs import TILE
from scenefleet_task.spec import NODATA

_AT_ONCE = 65_536
"""Numbers, of which the float64 copy stays in the processor's cache."""


@dataclass(slots=True)
class Statistics:
    """Of the valid pixels' stored values."""

    whole: bool
    """Whether values are whole numbers: then sums are exact."""
    pixels: int = 0
    """All pixels, valid or not."""
    count: int = 0
    """Valid ones."""
    low: float = 0
    high: float = 0
    total: float = 0
    squares: int = 0
    """Sum of whole numbers squared."""
    spread: float = 0
    """Of reals: sum of squared distances from the mean."""

    def join(self, other: Statistics) -> None:
        """Takes in those of another piece.

        Reals by Chan, Golub and LeVeque (1983): the order of pieces decides the last digits.
        """
        self.pixels += other.pixels
        if not other.count:
            return
        self.low = min(self.low, other.low) if self.count else other.low
        self.high = max(self.high, other.high) if self.count else other.high
        self.squares += other.squares
        self.spread += other.spread
        if self.count and not self.whole:
            apart = other.mean - self.mean
            self.spread += apart**2 * self.count * other.count / (self.count + other.count)
        self.count += other.count
        self.total += other.total

    @property
    def mean(self) -> float:
        """Of the valid pixels."""
        return self.total / self.count

    @property
    def deviation(self) -> float:
        """Standard deviation of the population, as GDAL's."""
        if not self.whole:
            return math.sqrt(self.spread / self.count)
        variance = self.count * self.squares - int(self.total) ** 2
        return math.sqrt(variance) / self.count

    @property
    def valid_percent(self) -> float:
        """Of all pixels."""
        return round(100 * self.count / self.pixels, 4) if self.pixels else 0.0

    def tags(self) -> dict[str, str]:
        """As GDAL keeps them in a band's metadata; no values where no pixel is valid."""
        share = {"STATISTICS_VALID_PERCENT": f"{self.valid_percent:.4g}"}
        if not self.count:
            return share
        return {
            "STATISTICS_MINIMUM": str(self.low),
            "STATISTICS_MAXIMUM": str(self.high),
            "STATISTICS_MEAN": repr(self.mean),
            "STATISTICS_STDDEV": repr(self.deviation),
            **share,
        }

    def to_stac(self) -> dict[str, Any]:
        """As STAC 1.1's `statistics` object, of the stored values."""
        share = {"valid_percent": self.valid_percent, "count": self.count}
        if not self.count:
            return share
        return {
            "minimum": self.low,
            "maximum": self.high,
            "mean": self.mean,
            "stddev": self.deviation,
            **share,
        }


def gather(values: NDArray[Any]) -> list[Statistics]:
    """Statistics of an array: of reals tile by tile, so that they do not depend on what a block is.

    Args:
        values: int16 with `NODATA`, or float32 with NaN, where a pixel is invalid.
    """
    if values.dtype == np.int16:
        return [_whole(values)]
    return [_real(values[:, col : col + TILE]) for col in range(0, values.shape[1], TILE)]


def _whole(values: NDArray[np.int16]) -> Statistics:
    """Sums of squares of a few numbers are whole and below 2^53: float64 has them exactly."""
    flat = values.reshape(-1)
    found = Statistics(whole=True, pixels=flat.size)
    low, high, missing = 0xFFFF, NODATA, 0
    room = np.empty(min(_AT_ONCE, flat.size))
    for start in range(0, flat.size, _AT_ONCE):
        part = flat[start : start + _AT_ONCE]
        missing += int(np.count_nonzero(part == NODATA))
        # one less, as if unsigned: the lowest number, NODATA, becomes the highest
        low = min(low, int((part.view(np.uint16) + np.uint16(0x7FFF)).min()))
        high = max(high, int(part.max()))
        real = room[: part.size]
        real[:] = part
        found.total += int(real.sum())
        found.squares += int(np.dot(real, real))
    found.count = flat.size - missing
    if found.count:
        found.low, found.high = low - 0x7FFF, high
    found.total -= missing * NODATA
    found.squares -= missing * NODATA**2
    return found


def _real(values: NDArray[np.float32]) -> Statistics:
    real = values[~np.isnan(values)].astype(np.float64)
    found = Statistics(whole=False, pixels=values.size)
    if real.size:
        found.count, found.low, found.high = real.size, float(real.min()), float(real.max())
        found.total = float(real.sum())
        found.spread = float(np.square(real - found.mean).sum())
    return found
