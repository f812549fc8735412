"""Clouds over the demo's land, the shadows they throw, and thin cirrus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenefleet.demo.noise import Field, double, fractal, quantile_level, step

_BRIGHTNESS = (0.62, 0.61, 0.63, 0.68)
"""Of a thick cloud in blue, green, red, near infrared."""
_CIRRUS = (0.23, 0.22, 0.22, 0.24)
_SKYLIGHT = (0.44, 0.36, 0.31, 0.26)
"""Light left in a deep shadow: the blue sky's, so the more the shorter the wave."""


@dataclass(frozen=True, slots=True)
class Sky:
    """Opacities from 0 to 1, of the landscape's shape."""

    cloud: Field
    shadow: Field
    """Of the clouds' shadows; also where a cloud hides them."""
    cirrus: Field
    detail: Field
    """Billows: relative brightness of cloud tops, around 1."""


def draw(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    clouds: float,
    cirrus: float,
    azimuth: float,
    elevation: float,
) -> Sky:
    """A sky whose clouds cover about the share `clouds` (0 to 1) of the land, and cirrus `cirrus`.

    The shape (rows, columns) is even.

    Shadows fall away from the sun by as much as its elevation says, for tops at 1,100 m.
    """
    half = (shape[0] // 2, shape[1] // 2)
    field = fractal(rng, half, slope=1.95, low=95)
    opacity = double(_opacity(field, clouds, soft=0.75))
    reach = min(110 / np.tan(np.radians(elevation)), 260)
    bearing = np.radians(azimuth)
    # rows count southwards, so a shadow away from the sun in the south moves to lower rows
    down, right = reach * np.cos(bearing), -reach * np.sin(bearing)
    shadow = np.roll(opacity, (round(down), round(right)), axis=(0, 1))
    veil = double(_opacity(fractal(rng, half, slope=2.6, low=200), cirrus, soft=1.6))
    detail = double(1 + np.float32(0.15) * fractal(rng, half, slope=1.5, low=30))
    return Sky(opacity, shadow, np.float32(0.5) * veil, detail)


def cover(ground: list[Field], sky: Sky) -> list[Field]:
    """What a satellite sees of the ground's bands through the sky."""
    seen: list[Field] = []
    for band, values in enumerate(ground):
        dimmed = values * (1 - sky.shadow * (1 - _SKYLIGHT[band]))
        veiled = dimmed + (_CIRRUS[band] - dimmed) * sky.cirrus
        top = _BRIGHTNESS[band] * sky.detail * (0.42 + 0.58 * sky.cloud)
        seen.append(np.asarray(veiled + (top - veiled) * sky.cloud, dtype=np.float32))
    return seen


def _opacity(field: Field, share: float, *, soft: float) -> Field:
    if share <= 0:
        return np.zeros_like(field)
    level = quantile_level(field, share)
    return step(field, level - 0.2 * soft, level + 0.8 * soft)
