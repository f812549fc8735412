"""Sentinel-2's scene classification (SCL) of the demo's scenes, consistent with what was drawn.

Classes: 2 dark, 3 cloud shadow, 4 vegetation, 5 bare, 6 water, 7 unclassified, 8 cloud medium,
9 cloud high, 10 thin cirrus; 0, no data, is set by who knows the swath.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenefleet.demo.landscape import Cover, Landscape
from scenefleet.demo.noise import Field
from scenefleet.demo.sky import Sky


def classify(land: Landscape, ground: list[Field], sky: Sky) -> NDArray[np.uint8]:
    """The class of each 20 m pixel, from the truth below and above; half the shape of `land`.

    Args:
        land: its water.
        ground: reflectance without clouds in B02, B03, B04, B08.
        sky: opacities.
    """
    cloud, shadow, cirrus = (_halve(field) for field in (sky.cloud, sky.shadow, sky.cirrus))
    red, near = _halve(ground[2]), _halve(ground[3])
    ndvi = (near - red) / (near + red)
    classes = np.where(ndvi > 0.4, 4, 5).astype(np.uint8)
    classes[(red < 0.035) & (near < 0.12)] = 2
    classes[_halve((land.cover == Cover.WATER).astype(np.float32)) > 0.5] = 6
    classes[shadow > 0.22] = 3
    classes[cirrus > 0.12] = 10
    classes[cloud > 0.04] = 7
    classes[cloud > 0.12] = 8
    classes[cloud > 0.55] = 9
    return classes


def _halve(field: Field) -> Field:
    """Means of two by two pixels."""
    rows, columns = field.shape
    parts = field.reshape(rows // 2, 2, columns // 2, 2)
    return np.asarray(parts.mean(axis=(1, 3)), dtype=np.float32)
