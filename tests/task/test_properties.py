"""Any document, by any window, gives what plain numpy gives of the whole image at once.

The oracle knows nothing of windows, layers or tables: it lays every source out on the target's
pixels in float64, walks over rules one by one, and grows masks by shifting whole images.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine
from rasterio.warp import transform_geom

from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Grid, Window
from scenefleet_task.spec import (
    NODATA,
    Band,
    Exit,
    Mask,
    MaskRule,
    Output,
    Part,
    Reason,
    TargetGrid,
    TaskDocument,
)
from to_folder import InFolder, process

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: an example costs a dozen files, and most of it is a seed."""
LEFT, TOP = 600_000, 5_700_000
FIXED = {Reason.OUTSIDE, Reason.NODATA, Reason.SATURATED}
FORMULAS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "(nir - red) / (nir + red + 0.3)": lambda v: (
        (v["nir"] - v["red"]) / (v["nir"] + v["red"] + 0.3)
    ),
    "sqrt(red * nir) * 5": lambda v: (
        np.sqrt(v["red"] * v["nir"]) * 5
    ),  # here and there beyond int16
    "where(red > nir, blue, -nir)": lambda v: np.where(v["red"] > v["nir"], v["blue"], -v["nir"]),
    "blue": lambda v: v["blue"],
    "min(red, nir, blue) + red ** 2": lambda v: np.min([*v.values()], axis=0) + v["red"] ** 2,
    "nir / (red >= 0.30005)": lambda v: np.where(v["red"] >= 0.30005, v["nir"], np.inf),
}
REASONS = ["valid", "nodata", "saturated", "cloud", "shadow", "snow", "water", "class"]


@dataclass(frozen=True)
class Layer:
    """A source as drawn: its numbers on its own pixels."""

    numbers: np.ndarray
    size: int
    """Of a pixel in units of 10 m."""
    nodata: float | None
    """Of the header."""


@dataclass(frozen=True)
class Cover:
    """A mask as drawn."""

    layer: Layer
    rules: tuple[tuple[int, int, str], ...]
    """Bits, value, reason."""
    dilate: float


@dataclass(frozen=True)
class Piece:
    """A part as drawn."""

    bands: dict[str, Layer]
    offset: float
    fallback: float | None
    """The document's nodata number."""
    covers: tuple[Cover, ...]


@dataclass(frozen=True)
class Case:
    """A document and its pixels, before either is written."""

    shape: tuple[int, int]
    pieces: tuple[Piece, ...]
    formulas: tuple[str, ...]
    dtype: str
    stacked: bool
    inside: tuple[slice, slice] | None
    common: bool
    """Whether the target is a common grid; here one that the sources happen to lie on."""
    windows: tuple[tuple[float, float, float, float], ...]
    """Shares of the output's height and width: two rows, two columns."""


@st.composite
def layers(draw: Any, shape: tuple[int, int], size: int, rng: np.random.Generator) -> Layer:
    """A band: noise, with holes that its header or the document calls nodata."""
    own = tuple(math.ceil(side / size) for side in shape)
    dtype = draw(st.sampled_from(["uint16", "int16"]))
    numbers = rng.integers(1500, 9500, own).astype(dtype)
    numbers[rng.random(own) < 0.03] = 0
    if draw(st.booleans()):
        numbers[: rng.integers(0, own[0] + 1)] = 0  # a swath's edge
    return Layer(numbers, size, draw(st.sampled_from([None, 0.0])))


@st.composite
def covers(draw: Any, shape: tuple[int, int], rng: np.random.Generator) -> Cover:
    """A mask of classes or of bits, mostly of numbers that no rule takes out."""
    size = draw(st.sampled_from([1, 2]))
    own = tuple(math.ceil(side / size) for side in shape)
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    numbers = rng.choice(
        [0, 1, 2, 3, 8, 12, 255], own, p=[0.01, 0.01, 0.93, 0.02, 0.01, 0.01, 0.01]
    )
    reasons = st.sampled_from(REASONS)
    if draw(st.booleans()):
        told = draw(st.dictionaries(st.sampled_from([0, 1, 3, 8, 12, 255]), reasons, max_size=5))
        rules = tuple((0xFFFF, value, reason) for value, reason in told.items())
    else:
        told = draw(st.dictionaries(st.sampled_from([0, 2, 3]), reasons, min_size=1))
        rules = tuple((1 << bit, 1 << bit, reason) for bit, reason in told.items())
    header = draw(st.sampled_from([None, 0.0, 255.0]))
    dilate = draw(st.sampled_from([0.0, 0.0, 9.9, 10.0, 25.0, 60.0, 100.0]))
    return Cover(Layer(numbers.astype(dtype), size, header), rules, dilate)


@st.composite
def cases(draw: Any, *, common: bool) -> Case:
    """Sizes fit no tile, and some are more than one strip (512 rows) high."""
    height = draw(st.one_of(st.integers(1, 90), st.integers(500, 560)))
    width = draw(st.integers(1, 70))
    if common:  # else a band of 20 m would make the grid half a pixel pair larger
        height, width = height + height % 2, width + width % 2
    shape = (height, width)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pieces = tuple(
        Piece(
            bands={
                name: draw(layers(shape, draw(st.sampled_from(sizes)), rng))
                for name, sizes in (("red", [1]), ("nir", [1, 2]), ("blue", [1, 2]))
            },
            offset=draw(st.sampled_from([0.0, -0.1])),
            fallback=draw(st.sampled_from([None, 0.0])),
            covers=tuple(draw(st.lists(covers(shape, rng), max_size=2))),
        )
        for _ in range(draw(st.integers(1, 2)))
    )
    share = st.floats(0, 1)
    inside = None
    if draw(st.booleans()):
        rows, cols = (
            sorted(draw(st.tuples(st.integers(0, side - 1), st.integers(0, side - 1))))
            for side in shape
        )
        inside = slice(rows[0], rows[1] + 1), slice(cols[0], cols[1] + 1)
    return Case(
        shape=shape,
        pieces=pieces,
        formulas=tuple(
            draw(st.lists(st.sampled_from([*FORMULAS]), min_size=1, max_size=3, unique=True))
        ),
        dtype=draw(st.sampled_from(["int16", "float32"])),
        stacked=draw(st.booleans()),
        inside=inside,
        common=common,
        windows=tuple(
            draw(st.lists(st.tuples(share, share, share, share), min_size=1, max_size=2))
        ),
    )


# --- the oracle


def lay(values: np.ndarray, size: int, shape: tuple[int, int]) -> np.ndarray:
    """On pixels of 10 m."""
    return values.repeat(size, axis=0).repeat(size, axis=1)[: shape[0], : shape[1]]


def grown(where: np.ndarray, radius: float) -> np.ndarray:
    """Whole images shifted by every step within the radius."""
    height, width = where.shape
    reach = math.floor(radius + 1e-6)
    wide = np.pad(where, reach)
    out = np.zeros_like(where)
    for row in range(-reach, reach + 1):
        for col in range(-reach, reach + 1):
            if row**2 + col**2 <= radius**2 + 1e-6:
                out |= wide[reach + row :][:height, reach + col :][:, :width]
    return out


def reasons_of(cover: Cover, case: Case) -> np.ndarray:
    """Of a mask on pixels of 10 m; 99 where it says nothing."""
    numbers, size = cover.layer.numbers.astype(int), cover.layer.size
    told = np.full(numbers.shape, 99)
    said = np.zeros(numbers.shape, bool)
    for bits, value, reason in cover.rules:
        fits = (numbers & bits) == value
        said |= fits
        if reason != "valid":
            told[fits] = np.minimum(told[fits], Reason[reason.upper()].value)
    if cover.layer.nodata is not None:
        told[(numbers == cover.layer.nodata) & ~said] = Reason.NODATA
    if case.common:  # there, it grows in the grid's pixels
        told, size = lay(told, size, case.shape), 1
    out = told.copy()
    for reason in set(Reason) - FIXED - {Reason.VALID}:
        near = grown(told == reason, cover.dilate / 10 / size)
        out[near] = np.minimum(out[near], reason)
    return lay(out, size, case.shape)


def of_piece(piece: Piece, case: Case) -> tuple[dict[str, np.ndarray], np.ndarray]:
    reasons = np.full(case.shape, 99)
    values = {}
    for name, layer in piece.bands.items():
        numbers = lay(layer.numbers, layer.size, case.shape)
        if (layer.nodata if layer.nodata is not None else piece.fallback) is not None:
            reasons[numbers == 0] = Reason.NODATA
        values[name] = numbers * 1e-4 + piece.offset
    for cover in piece.covers:
        reasons = np.minimum(reasons, reasons_of(cover, case))
    return values, reasons


def oracle(case: Case) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """By formula float64 values of the whole image, and its reasons."""
    values, reasons = of_piece(case.pieces[0], case)
    for piece in case.pieces[1:]:
        more, others = of_piece(piece, case)
        take = (reasons == Reason.NODATA) & (others != Reason.NODATA)
        reasons = np.where(take, others, reasons)
        values = {name: np.where(take, more[name], values[name]) for name in values}
    with np.errstate(all="ignore"):
        made = {f: FORMULAS[f](values) for f in case.formulas}
    for one in made.values():
        reasons[~np.isfinite(one) & (reasons > Reason.NO_SIGNAL)] = Reason.NO_SIGNAL
    if case.inside:
        outside = np.ones(case.shape, bool)
        outside[case.inside] = False
        reasons[outside] = Reason.OUTSIDE
    reasons[reasons == 99] = Reason.VALID
    return made, reasons


# --- the document


def around(rows: slice, cols: slice) -> dict[str, Any]:
    """An area in degrees that holds the centres of exactly these pixels, and no others."""
    x0, y0 = LEFT + 10 * cols.start + 4, TOP - 10 * rows.start - 4
    x1, y1 = LEFT + 10 * cols.stop - 4, TOP - 10 * rows.stop + 4
    ring = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
    return transform_geom("EPSG:32631", "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})


def written(kit: Any, case: Case, folder: Path) -> TaskDocument:
    """The case's rasters on disk, and the document over them."""

    def write(name: str, layer: Layer) -> str:
        size = 10 * layer.size
        transform = Affine(size, 0, LEFT, 0, -size, TOP)
        return str(kit.write(folder / f"{name}.tif", layer.numbers, transform, nodata=layer.nodata))

    def band(n: int, name: str, piece: Piece) -> Band:
        return kit.band(
            name, write(f"{n}-{name}", piece.bands[name]),
            offset=piece.offset, nodata=piece.fallback,
        )  # fmt: skip

    def mask(name: str, cover: Cover) -> Mask:
        rules = tuple(MaskRule(bits=b, value=v, reason=r) for b, v, r in cover.rules)
        return Mask(asset=name, href=write(name, cover.layer), rules=rules, dilate=cover.dilate)

    parts = tuple(
        Part(
            item=f"item-{n}",
            bands=tuple(band(n, name, piece) for name in piece.bands),
            masks=tuple(mask(f"{n}-mask-{m}", cover) for m, cover in enumerate(piece.covers)),
            check=None,
        )
        for n, piece in enumerate(case.pieces)
    )
    return kit.document(
        parts[0].bands,
        parts=parts,
        outputs=tuple(
            Output(name=f"output{n}", title="", formula=text, scale=1e-4)
            for n, text in enumerate(case.formulas)
        ),
        dtype=case.dtype,
        stacked=case.stacked,
        compression="deflate",
        grid=TargetGrid(crs=kit.UTM, resolution=10, align=(0, 0), resampling="nearest")
        if case.common
        else None,
        clip=around(*case.inside) if case.inside else None,
    )


@dataclass(frozen=True)
class Done:
    """Pixels that were written."""

    rasters: InFolder
    values: list[np.ndarray]
    reasons: np.ndarray


def done(document: TaskDocument, folder: Path, only: Window | None = None) -> Done:
    folder.mkdir(exist_ok=True)
    rasters = process(document, Unsigned(), folder, only=only)
    values = []
    for made in rasters.made:
        with rasterio.open(made.file) as dataset:
            values.append(dataset.read(made.band))
    with rasterio.open(rasters.reason) as dataset:
        return Done(rasters, values, dataset.read(1))


def place(grid: Grid) -> tuple[slice, slice]:
    """Where a grid lies in the whole scene."""
    row, col = round((TOP - grid.transform[5]) / 10), round((grid.transform[2] - LEFT) / 10)
    return slice(row, row + grid.height), slice(col, col + grid.width)


def check_whole(case: Case, whole: Done) -> None:
    """Reasons exactly; values to the last digit of int16, or of float32's arithmetic."""
    here = place(whole.rasters.grid)
    made, reasons = oracle(case)
    if case.inside:
        assert (here[0].start <= case.inside[0].start) & (case.inside[0].stop <= here[0].stop)
        assert (here[1].start <= case.inside[1].start) & (case.inside[1].stop <= here[1].stop)
    else:
        assert whole.reasons.shape == case.shape
    np.testing.assert_array_equal(whole.reasons, reasons[here])
    numbers, counts = np.unique(reasons[here], return_counts=True)
    told = {reason.value: count for reason, count in whole.rasters.reasons.items() if count}
    assert told == dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    valid = whole.reasons == 0
    for got, wanted in zip(whole.values, made.values(), strict=True):
        exact = wanted[here][valid]
        if case.dtype == "int16":
            assert ((got == NODATA) == ~valid).all()
            exact = np.clip(exact / 1e-4, -32767, 32767)
            assert np.abs(got[valid] - exact).max(initial=0) <= 0.51 + 0.005  # float32's own digits
        else:
            assert (np.isnan(got) == ~valid).all()
            np.testing.assert_allclose(got[valid], exact, rtol=1e-5, atol=1e-6)


def check_windows(case: Case, document: TaskDocument, whole: Done, folder: Path) -> None:
    for n, (top, bottom, left, right) in enumerate(case.windows):
        height, width = whole.reasons.shape
        rows = sorted((int(top * (height - 1)), int(bottom * (height - 1))))
        cols = sorted((int(left * (width - 1)), int(right * (width - 1))))
        part = np.s_[rows[0] : rows[1] + 1, cols[0] : cols[1] + 1]
        only = Window(rows[0], cols[0], rows[1] - rows[0] + 1, cols[1] - cols[0] + 1)
        if (whole.reasons[part] == Reason.OUTSIDE).all():
            with pytest.raises(TaskError) as caught:
                done(document, folder / f"window-{n}", only)
            assert caught.value.exit is Exit.NO_OVERLAP
            continue
        window = done(document, folder / f"window-{n}", only)
        np.testing.assert_array_equal(window.reasons, whole.reasons[part])
        for got, wanted in zip(window.values, whole.values, strict=True):
            np.testing.assert_array_equal(got, wanted[part])


def check(kit: Any, case: Case) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        document = written(kit, case, folder)
        whole = done(document, folder / "whole")
        check_whole(case, whole)
        check_windows(case, document, whole, folder)


@given(case=cases(common=False))
@settings(max_examples=25, deadline=None, phases=PHASES)
def test_any_window_of_any_document_is_that_part_of_the_oracles(kit: Any, case: Case) -> None:
    check(kit, case)


@given(case=cases(common=True))
@settings(max_examples=12, deadline=None, phases=PHASES)
def test_so_it_is_on_a_common_grid(kit: Any, case: Case) -> None:
    check(kit, case)
