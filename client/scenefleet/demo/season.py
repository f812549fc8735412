"""What the land reflects on a day of the year, without clouds.

Spectra are rounded from field measurements as published for Sentinel-2's bands (blue, green, red,
near infrared); a crop's cover follows a double logistic curve of the day (Beck et al. 2006).
"""

from __future__ import annotations

import numpy as np

from scenefleet.demo.landscape import Cover, Landscape
from scenefleet.demo.noise import Field, blur

BANDS = ("B02", "B03", "B04", "B08")
_SOIL = (0.062, 0.088, 0.122, 0.205)
_GREEN = {
    Cover.GRASS: (0.034, 0.074, 0.040, 0.400),
    Cover.WHEAT: (0.028, 0.060, 0.031, 0.430),
    Cover.RAPE: (0.030, 0.068, 0.036, 0.455),
    Cover.MAIZE: (0.027, 0.061, 0.029, 0.440),
    Cover.BEET: (0.030, 0.078, 0.031, 0.520),
    Cover.POTATO: (0.031, 0.070, 0.036, 0.465),
    Cover.DECIDUOUS: (0.021, 0.043, 0.022, 0.350),
}
_BARE = {
    Cover.DECIDUOUS: (0.036, 0.050, 0.058, 0.165),
    Cover.CONIFER: (0.020, 0.031, 0.021, 0.190),
    Cover.TOWN: (0.104, 0.112, 0.118, 0.178),
    Cover.SUBURB: (0.074, 0.090, 0.092, 0.235),
    Cover.ROAD: (0.073, 0.087, 0.094, 0.190),
    Cover.WATER: (0.036, 0.041, 0.026, 0.014),
}
_ROUGH = {
    Cover.TOWN: 0.2,
    Cover.SUBURB: 0.17,
    Cover.DECIDUOUS: 0.09,
    Cover.CONIFER: 0.08,
    Cover.WATER: 0.02,
}
"""How much fine texture shows; elsewhere 0.035."""
_STRAW = (0.075, 0.115, 0.155, 0.270)
_BLOSSOM = (0.045, 0.165, 0.150, 0.420)
# start and end of the season (day of the year), days of growth and of decline, least and most cover
_CURVES = {
    Cover.GRASS: (80, 320, 14, 25, 0.58, 0.90),
    Cover.WHEAT: (85, 190, 12, 7, 0.22, 0.93),
    Cover.RAPE: (75, 185, 12, 8, 0.42, 0.93),
    Cover.MAIZE: (172, 262, 9, 8, 0.06, 0.92),
    Cover.BEET: (158, 300, 10, 8, 0.06, 0.93),
    Cover.POTATO: (155, 240, 8, 9, 0.05, 0.90),
    Cover.DECIDUOUS: (115, 298, 7, 9, 0.08, 0.94),
}


def reflectance(land: Landscape, day: int, *, azimuth: float, elevation: float) -> list[Field]:
    """Surface reflectance (without unit) of `BANDS`, each of the landscape's shape.

    Args:
        land: what is looked at.
        day: of the year, 1 to 366.
        azimuth: of the sun, degrees clockwise from north.
        elevation: of the sun above the horizon, degrees.
    """
    parcels = len(land.shift)
    index = land.cover.astype(np.int32) * parcels + land.parcel
    leaves = cover_fraction(land, day)
    light = illumination(land, azimuth=azimuth, elevation=elevation)
    light[land.cover == Cover.WATER] = 1
    rough = np.array([_ROUGH.get(cover, 0.035) for cover in Cover], np.float32)[land.cover]
    light *= 1 + rough * np.clip(land.texture, -2.2, 2.2)
    bands: list[Field] = []
    for band in range(len(BANDS)):
        soil, fixed = _colours(land, leaves, day, band)
        values = (soil.ravel()[index] * land.soil + fixed.ravel()[index]) * light
        bands.append(blur(values))
    return bands


def cover_fraction(land: Landscape, day: int) -> Field:
    """Share of the ground that green leaves hide, 0 to 1; shape (kinds of cover, parcels)."""
    result = np.zeros((len(Cover), len(land.shift)), np.float32)
    for cover, (start, end, growth, decline, least, most) in _CURVES.items():
        up = 1 / (1 + np.exp(-(day - start - land.shift) / growth))
        down = 1 / (1 + np.exp((day - end - land.shift) / decline))
        result[cover] = np.minimum((least + (most - least) * up * down) * land.vigour, 0.97)
    return result


def illumination(land: Landscape, *, azimuth: float, elevation: float) -> Field:
    """Light on a slope over light on level ground; half of the contrast, as the sky lights too."""
    zenith, bearing = np.radians(90 - elevation), np.radians(azimuth)
    east, north = (np.float32(np.tan(zenith) * f(bearing)) for f in (np.sin, np.cos))
    # the normal of a slope is (-east, -north, 1), so a rise towards the sun takes light away
    ratio = 1 - east * land.slope_east - north * land.slope_north
    return np.asarray(np.clip(0.5 + 0.5 * ratio, 0.45, 1.5), dtype=np.float32)


def _colours(land: Landscape, leaves: Field, day: int, band: int) -> tuple[Field, Field]:
    """Per cover and parcel: the reflectance that varies with the soil's brightness, and the rest.

    Ripe cereals and their stubble show straw in place of soil between harvest and ploughing; rape
    blossoms yellow around the first of May; below trees lie trunks and litter, not soil.
    """
    straw = np.zeros_like(leaves)
    straw[Cover.WHEAT] = np.exp(-(((day - 212) / 34) ** 2))
    bloom = np.zeros_like(leaves)
    bloom[Cover.RAPE] = 0.75 * np.exp(-(((day - 121 - land.shift) / 13) ** 2))
    green, under = (_column(table, band) for table in (_GREEN, _BARE))
    seen = green + (np.float32(_BLOSSOM[band]) - green) * bloom
    earth = np.where(under > 0, np.float32(0), np.float32(_SOIL[band]))
    soil = (1 - leaves) * (1 - straw) * earth
    fixed = leaves * seen + (1 - leaves) * (under + straw * _STRAW[band])
    return np.asarray(soil, dtype=np.float32), np.asarray(fixed, dtype=np.float32)


def _column(spectra: dict[Cover, tuple[float, float, float, float]], band: int) -> Field:
    """One band of a table of spectra, shape (kinds of cover, 1); 0 where it has none."""
    values = [spectra.get(cover, (0.0,) * 4)[band] for cover in Cover]
    return np.array(values, np.float32)[:, None]
