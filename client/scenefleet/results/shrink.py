"""Makes a small picture smaller still: a report holds many, a scene's own thumbnail is 512 wide."""

from __future__ import annotations

import warnings
from typing import Any, cast

SIDE = 192
"""Pixels of the longer side: sharp at 112 CSS pixels on most screens."""
QUALITY = 72
"""Of WebP: some 6 kB a picture, where the PNG has 300."""

DRIVERS = ((b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"))


def shrink(data: bytes) -> bytes | None:
    """A PNG or JPEG as WebP of `SIDE` pixels at most; None where it is neither or is damaged."""
    driver = next((driver for start, driver in DRIVERS if data.startswith(start)), None)
    if driver is None:
        return None
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    with warnings.catch_warnings():  # noqa: TID251 - no threads of ours here
        # pictures have no place on earth, and need none
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            return _webp(data, driver)
        except RasterioError:
            return None


def _webp(data: bytes, driver: str) -> bytes:
    from rasterio.io import MemoryFile

    memory = cast("Any", MemoryFile)  # rasterio has no types
    with memory(data) as file, file.open(driver=driver) as picture:
        factor = max(picture.width, picture.height, SIDE) / SIDE
        high, wide = (max(1, round(n / factor)) for n in (picture.height, picture.width))
        # nearest, not average: colours of transparent pixels must not bleed into their neighbours
        pixels = picture.read(out_shape=(picture.count, high, wide))
    if len(pixels) in (1, 2):  # grey, with or without transparency
        pixels = pixels[[0, 0, 0, *range(1, len(pixels))]]
    profile = {"driver": "WEBP", "width": wide, "height": high, "count": len(pixels)}
    with memory() as file:
        with file.open(**profile, dtype="uint8", QUALITY=QUALITY) as target:
            target.write(pixels)
        return bytes(file.read())
