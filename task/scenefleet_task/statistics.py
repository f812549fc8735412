"""Statistics of a raster, gathered strip by strip: exact in whole numbers for int16."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Statistics:
    """Of the valid pixels' stored values."""

    pixels: int = 0
    """All pixels, valid or not."""
    count: int = 0
    """Valid ones."""
    low: float = 0
    high: float = 0
    total: float = 0

    def add(self, values: NDArray[Any], valid: NDArray[np.bool_]) -> None:
        """Takes in a strip: `values` and `valid` have one shape."""
        self.pixels += values.size
        kept = values[valid]
        if not kept.size:
            return
        low, high = kept.min().item(), kept.max().item()
        self.low = min(self.low, low) if self.count else low
        self.high = max(self.high, high) if self.count else high
        self._gather(kept)

    def _gather(self, kept: NDArray[Any]) -> None:
        raise NotImplementedError

    @property
    def mean(self) -> float:
        """Of the valid pixels."""
        return self.total / self.count

    @property
    def deviation(self) -> float:
        """Standard deviation of the population, as GDAL's."""
        raise NotImplementedError

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


@dataclass(slots=True)
class WholeStatistics(Statistics):
    """Of int16; 1e9 pixels x 32767^2 is within 64 bits a strip."""

    squares: int = 0

    def _gather(self, kept: NDArray[Any]) -> None:
        whole = kept.astype(np.int64)
        self.count += whole.size
        self.total += int(whole.sum())
        self.squares += int(np.dot(whole, whole))

    @property
    def deviation(self) -> float:
        """Standard deviation of the population, as GDAL's."""
        variance = self.count * self.squares - int(self.total) ** 2
        return math.sqrt(variance) / self.count


@dataclass(slots=True)
class RealStatistics(Statistics):
    """Of float32, in float64; strips are joined by Chan, Golub and LeVeque (1983)."""

    spread: float = 0
    """Sum of squared distances from the mean."""

    def _gather(self, kept: NDArray[Any]) -> None:
        real = kept.astype(np.float64)
        total, mean = float(real.sum()), float(real.mean())
        spread = float(np.square(real - mean).sum())
        if self.count:
            apart = mean - self.mean
            spread += apart**2 * self.count * real.size / (self.count + real.size)
        self.spread += spread
        self.count += real.size
        self.total += total

    @property
    def deviation(self) -> float:
        """Standard deviation of the population, as GDAL's."""
        return math.sqrt(self.spread / self.count)


def statistics_of(dtype: str) -> Statistics:
    """Empty statistics of an `int16` or `float32` raster."""
    return WholeStatistics() if dtype == "int16" else RealStatistics()
