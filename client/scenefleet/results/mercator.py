"""Web Mercator on a sheet of so many units: degrees to drawing units, ticks, the scale bar.

Formulas: Snyder, Map Projections - A Working Manual (USGS Professional Paper 1395, 1987), 7-1 to
7-4, on the sphere. `page/map.js` has the same formulas for the zoomed map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

RADIUS = 6_378_137.0
"""Metres: the sphere of Web Mercator (EPSG:3857)."""
NORTHMOST = 85.05
"""Degrees: beyond it Web Mercator is not drawn."""
STEPS = (30.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Distances of graticule lines, in degrees."""
LINES = 4
"""At least so many meridians cross the sheet's longer side."""
LEAST_SPAN = 0.01
"""Degrees: a map of one point still shows some ground around it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A drawing of Web Mercator: x runs right and y down, both from 0, in drawing units."""

    west: float
    """Longitude of the left edge, degrees."""
    top: float
    """Mercator ordinate of the upper edge, in radians."""
    scale: float
    """Drawing units a radian of longitude."""
    width: float
    height: float

    def x(self, longitude: float) -> float:
        """Drawing units from the left edge; the longitude is at or east of it."""
        return math.radians(longitude - self.west) * self.scale

    def y(self, latitude: float) -> float:
        """Drawing units from the upper edge."""
        return (self.top - ordinate(latitude)) * self.scale

    def longitude(self, x: float) -> float:
        """Degrees; runs on past 180."""
        return self.west + math.degrees(x / self.scale)

    def latitude(self, y: float) -> float:
        """Degrees."""
        return math.degrees(2.0 * math.atan(math.exp(self.top - y / self.scale)) - math.pi / 2)

    def metres(self, latitude: float) -> float:
        """Ground metres a drawing unit, at a latitude."""
        return RADIUS * math.cos(math.radians(latitude)) / self.scale


def ordinate(latitude: float) -> float:
    """Mercator ordinate in radians."""
    kept = max(-NORTHMOST, min(NORTHMOST, latitude))
    return math.log(math.tan(math.pi / 4 + math.radians(kept) / 2))


def fit(
    box: tuple[float, float, float, float], width: float, shortest: float, tallest: float
) -> Sheet:
    """The sheet that shows a box with a margin.

    Args:
        box: West, south, east, north in degrees; east may lie past 180.
        width: Of the sheet, in drawing units.
        shortest: Least height of the sheet.
        tallest: Greatest height; a taller box gets empty ground to its sides.
    """
    west, south, east, north = box
    across = math.radians(max(east - west, LEAST_SPAN))
    up = max(ordinate(north) - ordinate(south), math.radians(LEAST_SPAN))
    scale = min(width / across, tallest / up) * 0.86
    height = max(shortest, min(tallest, up * scale / 0.86))
    middle = (ordinate(north) + ordinate(south)) / 2
    left = (west + east) / 2 - math.degrees(width / scale) / 2
    return Sheet(left, middle + height / scale / 2, scale, width, height)


def step(sheet: Sheet) -> float:
    """Degrees from one graticule line to the next."""
    across = math.degrees(max(sheet.width, sheet.height) / sheet.scale)
    return next((s for s in STEPS if across / s >= LINES), STEPS[-1])


def ticks(least: float, most: float, distance: float) -> list[float]:
    """Multiples of a distance between two values, both included."""
    first, last = math.ceil(least / distance - 1e-9), math.floor(most / distance + 1e-9)
    return [round(n * distance, 9) for n in range(first, last + 1)]


def degrees(value: float, distance: float, *, latitude: bool) -> str:
    """A line's label, such as `5.5\N{DEGREE SIGN} E`, with the decimals that the distance needs."""
    if not latitude:
        value = (value + 180.0) % 360.0 - 180.0
    decimals = max(0, -math.floor(math.log10(distance) + 1e-9))
    text = f"{abs(value):.{decimals}f}"
    side = ("N", "S") if latitude else ("E", "W")
    if float(text) == 0.0 or (not latitude and float(text) == 180.0):
        return f"{text}\N{DEGREE SIGN}"
    return f"{text}\N{DEGREE SIGN}\N{NO-BREAK SPACE}{side[value < 0]}"


def bar(metres_a_unit: float, room: float) -> tuple[float, str]:
    """The longest round distance that fits: drawing units and label, such as `20 km`."""
    most = metres_a_unit * room
    power = 10.0 ** math.floor(math.log10(most))
    metres = next(n * power for n in (5, 2, 1) if n * power <= most)
    label = f"{metres / 1000:,.0f}" if metres >= 1000 else f"{metres:.0f}"
    unit = "km" if metres >= 1000 else "m"
    return metres / metres_a_unit, f"{label}\N{NO-BREAK SPACE}{unit}"
