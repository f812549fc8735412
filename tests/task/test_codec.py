"""Tiles to bytes and back, and bytes that are no tile."""

from __future__ import annotations

import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenefleet_task.codec import CorruptError, Form, decode, encode, predictor_of

DTYPES = ["uint8", "uint16", "int16", "uint32", "int32", "float32"]


def tile_of(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Any bits are a number; of reals also those that are none."""
    raw = np.random.default_rng(seed).integers(0, 256, (*shape, np.dtype(dtype).itemsize))
    return raw.astype(np.uint8).view(dtype)[..., 0]


def bits(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values).tobytes()


def back(data: bytes, form: Form, tile: np.ndarray) -> np.ndarray:
    """Decoded into the middle of a larger array, as tiles are joined to rows."""
    height, width = tile.shape
    row = np.zeros((height, width * 3), tile.dtype)
    room = np.empty_like(tile)
    decode(data, form, room, row[:, width : 2 * width])
    assert not row[:, :width].any()
    assert not row[:, 2 * width :].any()
    return row[:, width : 2 * width]


@given(
    dtype=st.sampled_from(DTYPES),
    compression=st.sampled_from(["deflate", "zstd"]),
    differences=st.booleans(),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_every_bit_comes_back(
    dtype: str, compression: Any, differences: bool, shape: tuple[int, int], seed: int
) -> None:
    tile = tile_of(dtype, shape, seed)
    form = Form(compression, predictor_of(tile.dtype) if differences else 1)
    kept = tile.copy()
    data = encode(tile, form, np.empty_like(tile))
    assert bits(back(data, form, tile)) == bits(kept) == bits(tile)
    assert data == encode(tile, form, np.ones_like(tile))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("compression", ["deflate", "zstd"])
@pytest.mark.parametrize("plain", [False, True])
def test_a_part_of_an_array_is_encoded_as_its_copy_is(
    dtype: str, compression: Any, plain: bool
) -> None:
    whole = tile_of(dtype, (64, 100))
    part = whole[16:48, 32:64]
    form = Form(compression, 1 if plain else predictor_of(part.dtype))
    scratch = np.empty(part.shape, part.dtype)
    assert encode(part, form, scratch) == encode(part.copy(), form, scratch)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32"])
def test_differences_are_those_of_tiff(dtype: str) -> None:
    """From the left, wrapping; of a stack each band by itself (TIFF 6.0, section 14)."""
    tile = tile_of(dtype, (5, 7, 3))
    data = encode(tile, Form("deflate", 2), np.empty_like(tile))
    wanted = tile.copy()
    wanted[:, 1:] -= tile[:, :-1]
    assert zlib.decompress(data) == wanted.tobytes()


def test_reals_are_differenced_by_bytes() -> None:
    """High bytes of a row first, then differences of bytes (Adobe's TIFF Technical Note 3)."""
    tile = tile_of("float32", (4, 9))
    data = encode(tile, Form("deflate", 3), np.empty_like(tile))
    planes = tile.astype(">f4").view(np.uint8).reshape(4, 9, 4).swapaxes(1, 2).reshape(4, 36)
    wanted = planes.copy()
    wanted[:, 1:] -= planes[:, :-1]
    assert zlib.decompress(data) == wanted.tobytes()


def test_the_predictor_suits_the_numbers() -> None:
    found = {name: predictor_of(np.dtype(name)) for name in ("uint8", "int16", "float32")}
    assert found == {"uint8": 1, "int16": 2, "float32": 3}


# --- what is no tile

TILE = tile_of("int16", (16, 16))
WHOLE: dict[str, Any] = {
    "deflate": zlib.compress(TILE.tobytes()),
    "zstd": imagecodecs.zstd_encode(TILE),
    "lzw": imagecodecs.lzw_encode(TILE),
}
SHORT = {
    "deflate": zlib.compress(TILE.tobytes()[:-2]),
    "zstd": imagecodecs.zstd_encode(TILE[:15]),
    "lzw": imagecodecs.lzw_encode(TILE[:15]),
}
LONG = {
    "deflate": zlib.compress(TILE.tobytes() + b"\0\0"),
    "zstd": imagecodecs.zstd_encode(TILE.tobytes() + b"\0\0"),
}


@pytest.mark.parametrize("compression", WHOLE)
def test_what_others_encode_is_decoded(compression: Any) -> None:
    for buffer in (bytes, bytearray, memoryview):
        got = back(buffer(WHOLE[compression]), Form(compression, 1), TILE)
        np.testing.assert_array_equal(got, TILE)


@pytest.mark.parametrize(("compression", "data"), [*SHORT.items(), *LONG.items()])
def test_a_tile_of_another_size_is_corrupt(compression: Any, data: bytes) -> None:
    with pytest.raises(CorruptError):
        back(data, Form(compression, 1), TILE)


@pytest.mark.parametrize("compression", WHOLE)
@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("length", [0, 1, 7, 100, -2])
def test_a_tile_that_was_cut_off_is_corrupt(compression: Any, predictor: Any, length: int) -> None:
    with pytest.raises(CorruptError):
        back(WHOLE[compression][:length], Form(compression, predictor), TILE)


@pytest.mark.parametrize("compression", ["deflate", "zstd", "lzw"])
def test_bytes_of_something_else_are_corrupt(compression: Any) -> None:
    for data in (bytes(400), b"\xff" * 400, b"<?xml version='1.0'?><Error>no</Error>" * 10):
        with pytest.raises(CorruptError):
            back(data, Form(compression, 1), TILE)


@given(place=st.integers(0, len(WHOLE["deflate"]) - 1), bit=st.integers(0, 7))
@settings(deadline=None)
def test_a_flipped_bit_of_deflate_gives_no_wrong_pixel(place: int, bit: int) -> None:
    """Its checksum is looked at; some bits of a header mean nothing."""
    data = bytearray(WHOLE["deflate"])
    data[place] ^= 1 << bit
    try:
        got = back(bytes(data), Form("deflate", 1), TILE)
    except CorruptError:
        return
    np.testing.assert_array_equal(got, TILE)
