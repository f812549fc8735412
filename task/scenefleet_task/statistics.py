"""Exact statistics of an int16 raster, gathered strip by strip in whole numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Statistics:
    """Of the valid pixels' stored integers; 1e9 pixels x 32767^2 is within 64 bits a strip."""

    pixels: int = 0
    """All pixels, valid or not."""
    count: int = 0
    """Valid ones."""
    low: int = 0
    high: int = 0
    total: int = 0
    squares: int = 0

    def add(self, values: NDArray[np.int16], valid: NDArray[np.bool_]) -> None:
        """Takes in a strip: `values` and `valid` have one shape."""
        self.pixels += values.size
        kept = values[valid].astype(np.int64)
        if not kept.size:
            return
        low, high = int(kept.min()), int(kept.max())
        self.low = min(self.low, low) if self.count else low
        self.high = max(self.high, high) if self.count else high
        self.count += kept.size
        self.total += int(kept.sum())
        self.squares += int(np.dot(kept, kept))

    @property
    def mean(self) -> float:
        """Of the valid pixels."""
        return self.total / self.count

    @property
    def deviation(self) -> float:
        """Standard deviation of the population, as GDAL's."""
        return math.sqrt(self.count * self.squares - self.total**2) / self.count

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
        """As STAC 1.1's `statistics` object, of the stored integers."""
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
