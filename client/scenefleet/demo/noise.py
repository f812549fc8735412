"""Smooth random fields, by shaping the spectrum of white noise. All are periodic at their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def fractal(rng: np.random.Generator, shape: tuple[int, int], *, slope: float, low: float) -> Field:
    """A field of mean 0 and standard deviation 1 whose spectrum falls with frequency.

    Args:
        rng: where the randomness comes from.
        shape: rows, columns.
        slope: how fast amplitude falls: 1 is rough, 2 is like hills, 3 is very smooth.
        low: wavelength in pixels above which the spectrum is flat: the size of the largest blobs.

    Returns:
        Float32 array of that shape.
    """
    white: NDArray[Any] = np.fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    rows = np.fft.fftfreq(shape[0])[:, None]
    columns = np.fft.rfftfreq(shape[1])[None, :]
    frequency = np.hypot(rows, columns)
    white *= (frequency**2 + low**-2.0) ** (-slope / 2)
    white[0, 0] = 0
    field: NDArray[Any] = np.fft.irfft2(white, s=shape)
    return np.asarray(field / field.std(), dtype=np.float32)


def step(values: Field, start: float, end: float) -> Field:
    """0 below `start`, 1 above `end`, smooth between; `start` may be above `end`."""
    t = np.clip((values - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def blur(values: Field) -> Field:
    """Mixes each pixel with its neighbours, about as a sensor's optics do (weights 1, 6, 1)."""
    padded = np.pad(values, 1, mode="edge")
    rows = (padded[:-2] + 6 * padded[1:-1] + padded[2:]) / 8
    return np.asarray((rows[:, :-2] + 6 * rows[:, 1:-1] + rows[:, 2:]) / 8, dtype=np.float32)


def double(values: Field) -> Field:
    """Twice as many rows and columns, by weights 1, 2, 1 about linear between the old pixels."""
    large = np.pad(values.repeat(2, axis=0).repeat(2, axis=1), 1, mode="edge")
    rows = (large[:-2] + 2 * large[1:-1] + large[2:]) / 4
    return np.asarray((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4, dtype=np.float32)


def quantile_level(field: Field, share: float) -> float:
    """The level that `share` (0 to 1) of the field lies above; from a sample, for speed."""
    return float(np.quantile(field[::7, ::7], 1 - share))
