"""How much the near infrared varies around each pixel: field edges, hedges and towns stand out.

A script in place of formulas; `scenefleet try examples/texture.yaml` shows a window of it, and
`scenefleet run examples/texture.yaml` computes all scenes. Copy it to begin one of your own.
"""

from functools import reduce

import numpy as np

from scenefleet_task.script import Array, Scene

# What the script needs and gives. These are read without running it: write them as they are here.
BANDS = ("nir",)  # STAC common names
OUTPUTS = ("texture",)
OVERLAP = 1  # pixels around a window that `process` wants to see: a 3 x 3 neighbourhood needs one
SECONDS = 60  # a window may take so long


def process(scene: Scene) -> dict[str, Array]:
    """The largest minus the smallest value of each pixel's 3 x 3 neighbourhood, in reflectance.

    Neighbours that are masked or missing do not count. A pixel that is so itself, or stands alone
    among such, gets no value, which is what NaN means in an output.
    """
    # a cloud's edge is no texture: bands keep their values under a mask, so it is applied here
    nir = np.where(scene.valid, scene["nir"], np.nan)
    near = shifted(nir)
    # fmax and fmin pass over NaN, and give NaN where there is nothing else
    texture = reduce(np.fmax, near) - reduce(np.fmin, near)
    counted = sum(np.isfinite(values) for values in near)
    # the shape is that of the scene, overlap included; what lies in the overlap is cut off later
    return {"texture": np.where(scene.valid & (counted > 1), texture, np.nan)}


def shifted(values: Array) -> list[Array]:
    """The array moved by -1, 0 and 1 rows and columns, NaN coming in: nine views, no copies."""
    rows, cols = values.shape
    padded = np.pad(values, 1, constant_values=np.nan)
    return [padded[i : i + rows, j : j + cols] for i in range(3) for j in range(3)]
