"""A tile's bytes to its numbers and back: deflate, zstd, LZW, and TIFF's predictors.

All codecs are imagecodecs': libdeflate, three times as fast as zlib, and zstd. ISA-L would write
deflate in half the time, but what it writes is not the same in every process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import imagecodecs
import numpy as np
from numpy.typing import NDArray

_codecs = cast("Any", imagecodecs)  # it has no types

Compression = Literal["deflate", "zstd", "lzw"]
Predictor = Literal[1, 2, 3]
"""TIFF's numbers: none, differences of whole numbers, differences of floats byte by byte."""
LEVEL = 1
"""Of both: a higher one makes an index no smaller, and costs more."""
_LEVEL_OF_CLASSES = 6
"""Of deflate for numbers of 8 bits: half the size of level 1, at nearly its cost."""


class CorruptError(ValueError):
    """Bytes that are no tile of this form."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a tile's numbers became bytes."""

    compression: Compression
    predictor: Predictor


def decode(data: Any, form: Form, room: NDArray[Any], out: NDArray[Any]) -> None:  # noqa: ANN401 - any buffer
    """Fills `out` with a tile's numbers.

    Args:
        data: the tile's bytes, any buffer.
        form: how they came about.
        room: for what is between, contiguous; shape (height, width), of the numbers' dtype.
        out: of the same shape and dtype; may be a part of a larger array.

    Raises:
        CorruptError: if the bytes do not give that many numbers.
    """
    flat = memoryview(cast("Any", room.reshape(-1))).cast("B")
    try:
        given = _decompress(data, form.compression, flat)
    except Exception:  # noqa: BLE001 - each codec has a class of its own
        raise CorruptError(f"{form.compression} says that its data are broken") from None
    if given != len(flat):
        raise CorruptError(f"it holds {given} bytes of {len(flat)}")
    if form.predictor == 2:
        _codecs.delta_decode(room, axis=1, out=out)
    elif form.predictor == 3:
        out[:] = _codecs.floatpred_decode(room, axis=1)
    else:
        out[:] = room


def encode(tile: NDArray[Any], form: Form, scratch: NDArray[Any]) -> bytes:
    """A tile as bytes.

    Args:
        tile: shape (height, width), or (height, width, bands) with bands interleaved by pixel.
        form: `deflate` or `zstd`.
        scratch: of the tile's shape and dtype; overwritten.
    """
    whole = tile
    if form.predictor == 2:
        _codecs.delta_encode(tile, axis=1, out=scratch)
        whole = scratch
    elif form.predictor == 3:
        whole = _codecs.floatpred_encode(tile, axis=1)
    elif not tile.flags.c_contiguous:
        scratch[:] = tile
        whole = scratch
    if form.compression == "zstd":
        return _codecs.zstd_encode(whole, level=LEVEL)
    level = _LEVEL_OF_CLASSES if tile.dtype.itemsize == 1 else LEVEL
    return _codecs.deflate_encode(whole, level=level)


def _decompress(data: Any, compression: Compression, out: memoryview) -> int:  # noqa: ANN401 - any buffer
    if compression == "deflate":
        return len(_codecs.deflate_decode(data, out=out))
    if compression == "zstd":
        return len(_codecs.zstd_decode(data, out=out))
    return len(_codecs.lzw_decode(data, out=out))


def predictor_of(dtype: np.dtype[Any]) -> Predictor:
    """The predictor that suits numbers of a kind; classes of 8 bits have no use for one."""
    if dtype.itemsize == 1:
        return 1
    return 3 if dtype.kind == "f" else 2
