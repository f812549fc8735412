"""Read by its tiles or through GDAL: whatever the file, the same pixels, the same bytes of outputs.

The other way is not forced: every source is also written with its high byte first, which by rule
goes through GDAL. `Rasters.read` tells that each way was really taken.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from dataclasses import dataclass, replace
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
from scenefleet_task.budget import Budget
from scenefleet_task.grid import Window
from scenefleet_task.spec import Mask, MaskRule, Output, Script, TaskDocument, seal
from to_folder import InFolder, process

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
LEFT, TOP = 600_000, 5_700_000
NARROW = Budget(memory=1)
"""So little that blocks are one tile wide."""


def done(document: TaskDocument, folder: Path, way: str, **more: Any) -> InFolder:
    """Processes a document, of which all sources must be read in one way."""
    rasters = process(document, Unsigned(), folder, **more)
    assert {found.name for _, found in rasters.read} == {way}, rasters.read
    return rasters


def big_endian(path: Path, to: Path) -> Path:
    """The same numbers in the same tiles, with their high byte first."""
    with rasterio.open(path) as source:
        height, width = source.block_shapes[0]
        profile = {
            **source.profile, "driver": "GTiff", "endianness": "big", "tiled": True,
            "blockxsize": width, "blockysize": height,
        }  # fmt: skip
        with rasterio.open(to, "w", **profile) as dataset:
            dataset.write(source.read())
    return to


def swapped(document: TaskDocument, folder: Path) -> TaskDocument:
    """The document over big-endian copies of its sources."""
    folder.mkdir(parents=True)
    made: dict[str, str] = {}

    def there(source: Any) -> Any:
        if source.href not in made:
            made[source.href] = str(big_endian(Path(source.href), folder / f"{len(made)}.tif"))
        return replace(source, href=made[source.href])

    parts = tuple(
        replace(part, bands=tuple(map(there, part.bands)), masks=tuple(map(there, part.masks)))
        for part in document.parts
    )
    return seal(replace(document, parts=parts))


def check_same(one: InFolder, other: InFolder) -> None:
    """Byte by byte: full resolution, overviews, statistics."""
    names = sorted(path.name for path in one.folder.glob("*.tif"))
    assert names == sorted(path.name for path in other.folder.glob("*.tif"))
    assert "reason.tif" in names
    for name in names:
        ours, theirs = ((made.folder / name).read_bytes() for made in (one, other))
        if hashlib.sha256(ours).digest() != hashlib.sha256(theirs).digest():
            for first, second in zip(pixels(one, name), pixels(other, name), strict=True):
                np.testing.assert_array_equal(first, second, err_msg=name)
            pytest.fail(f"{name}: equal pixels, other bytes")
    assert one.reasons == other.reasons
    for ours, theirs in zip(one.made, other.made, strict=True):
        assert ours.statistics == theirs.statistics
        np.testing.assert_array_equal(ours.small, theirs.small)


def pixels(made: InFolder, name: str) -> list[np.ndarray]:
    with rasterio.open(made.folder / name) as dataset:
        return list(dataset.read())


# --- real imagery

REAL = {"exeter-2024": 3, "nl-border-2019": 1, "monthly-2021": 12, "landsat-2019": 1}
"""Items of each folder."""
ITEMS = [(folder, number) for folder, count in REAL.items() for number in range(count)]
MASKS = {
    "SCL": ((0xFFFF, 3, "shadow"), (0xFFFF, 8, "cloud"), (0xFFFF, 6, "water")),
    "qa_pixel": ((1, 1, "nodata"), (8, 8, "cloud"), (16, 16, "shadow"), (128, 128, "water")),
}  # fmt: skip


def real(kit: Any, root: Path, number: int) -> TaskDocument:
    """All of an item's files: bands as they are, and its mask, which grows."""
    item = json.loads((root / "items.json").read_text())["features"][number]
    files = {name: root / asset["href"] for name, asset in item["assets"].items()}
    files = {name: file.resolve() for name, file in files.items() if file.suffix == ".tif"}
    masks = tuple(
        Mask(
            asset=name,
            href=str(file),
            rules=tuple(MaskRule(bits=b, value=v, reason=r) for b, v, r in MASKS[name]),
            dilate=100.0,
        )
        for name, file in files.items()
        if name in MASKS
    )
    bands = tuple(
        kit.band(f"b{n}", file, scale=1.0, nodata=None) for n, file in enumerate(files.values())
    )
    document = kit.document(bands, item=item["id"], dtype="float32")
    [part] = document.parts
    outputs = tuple(
        Output(name=f"o{n}", title="", formula=f"b{n}", scale=1.0) for n in range(len(bands))
    )
    return seal(replace(document, parts=(replace(part, masks=masks),), outputs=outputs))


@pytest.mark.parametrize(("folder", "number"), ITEMS)
def test_real_imagery(need: Any, kit: Any, tmp_path: Path, folder: str, number: int) -> None:
    root = need("shared") / "data" / folder
    document = real(kit, root, number)
    one = done(document, tmp_path / "tiles", "tiles", budget=NARROW)
    copies = swapped(document, tmp_path / "big")
    check_same(one, done(copies, tmp_path / "gdal", "gdal", budget=Budget(threads=2)))
    valid = kit.read(one.reason) == 0
    for band, made in zip(document.parts[0].bands, one.made, strict=True):
        wanted = kit.read(Path(band.href))[valid].astype(np.float32)
        np.testing.assert_array_equal(kit.read(made.file)[valid], wanted)


def test_no_real_file_was_left_out(need: Any, kit: Any) -> None:
    root = need("shared") / "data"
    used = {
        Path(band.href)
        for folder, number in ITEMS
        for band in real(kit, root / folder, number).parts[0].bands
    }
    assert used == {path.resolve() for path in root.rglob("*.tif")}
    assert len(used) == 86


# --- made-up files of any kind


@dataclass(frozen=True)
class Form:
    """How a source is written."""

    dtype: str
    nodata: float | None
    compress: str | None
    predictor: int
    tile: tuple[int, int]
    """Height and width."""
    bands: int
    big: bool
    sparse: bool
    overviews: bool

    def write(self, path: Path, values: np.ndarray, size: int, **more: Any) -> Path:
        """The last band of several, in pixels of `size` times 10 m."""
        height, width = values.shape
        options: dict[str, Any] = {"interleave": "band"} if self.bands > 1 else {}
        if self.compress:
            options |= {"compress": self.compress, "predictor": self.predictor}
        elif "endianness" in more:
            # GDAL 3.10 forgets to swap where it fills a plain file's empty tiles with nodata
            options |= {"compress": "lzw"}
        with rasterio.open(
            path, "w", driver="GTiff", dtype=self.dtype, nodata=self.nodata, count=self.bands,
            width=width, height=height, crs="EPSG:32631", tiled=True, blockysize=self.tile[0],
            blockxsize=self.tile[1], bigtiff="yes" if self.big else "no", sparse_ok=self.sparse,
            transform=Affine(10 * size, 0, LEFT, 0, -10 * size, TOP), **options, **more,
        ) as dataset:  # fmt: skip
            for band in range(1, self.bands + 1):
                dataset.write(values if band == self.bands else values[::-1], band)
        with rasterio.open(path) as dataset:
            np.testing.assert_array_equal(dataset.read(self.bands), values)
        if self.overviews:
            with rasterio.open(path, "r+") as dataset:
                dataset.build_overviews([2, 4])
        return path


@st.composite
def forms(draw: Any, dtypes: tuple[str, ...]) -> Form:
    dtype = draw(st.sampled_from(dtypes))
    number = {"float32": -999.25, "int16": -32768.0}.get(dtype, 0.0)
    nodata = [None, number, 7.0] + ([math.nan] if dtype == "float32" else [])
    compress = draw(st.sampled_from(["deflate", "zstd", "lzw"]))
    side = st.sampled_from([16, 32, 48, 128, 256, 512])
    return Form(
        dtype=dtype,
        nodata=draw(st.sampled_from(nodata)),
        compress=compress,
        predictor=draw(st.sampled_from([1, 3 if dtype == "float32" else 2])) if compress else 1,
        tile=(draw(side), draw(side)),
        bands=draw(st.sampled_from([1, 1, 2])),
        big=draw(st.booleans()),
        sparse=draw(st.booleans()),
        overviews=draw(st.booleans()),
    )


@dataclass(frozen=True)
class Case:
    """A document, before its files are written."""

    red: Form
    nir: Form
    scl: Form
    coarse: tuple[int, int]
    """How many pixels of 10 m the second band's and the mask's have along a side."""
    shape: tuple[int, int]
    seed: int
    dilate: float
    area: tuple[float, float, float, float] | None
    """Shares of height and width, of a slanted area."""
    window: tuple[float, float, float, float] | None
    dtype: str
    stacked: bool
    memory: int
    threads: int


NUMBERS = ("uint8", "uint16", "int16", "uint32", "int32", "float32")
SHARES = st.tuples(st.floats(0, 0.9), st.floats(0.05, 1), st.floats(0, 0.9), st.floats(0.05, 1))


@st.composite
def cases(draw: Any) -> Case:
    side = st.one_of(st.integers(17, 150), st.integers(500, 700), st.integers(1020, 1100))
    return Case(
        red=draw(forms(NUMBERS)),
        nir=draw(forms(NUMBERS)),
        scl=draw(forms(("uint8", "uint16"))),
        coarse=(draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 2, 3]))),
        shape=(draw(side), draw(side)),
        seed=draw(st.integers(0, 2**32)),
        dilate=draw(st.sampled_from([0.0, 20.0, 75.0])),
        area=draw(st.none() | SHARES),
        window=draw(st.none() | SHARES),
        dtype=draw(st.sampled_from(["int16", "float32"])),
        stacked=draw(st.booleans()),
        memory=draw(st.sampled_from([1, 150_000_000, 500_000_000])),
        threads=draw(st.integers(1, 3)),
    )


def numbers(form: Form, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise over the whole range; holes; whole tiles of nodata, which a sparse file leaves out."""
    if form.dtype == "float32":
        values = (rng.standard_normal(shape) * 1000).astype(np.float32)
        values[rng.random(shape) < 0.02] = np.nan
        values[rng.random(shape) < 0.01] = np.inf
    else:
        info = np.iinfo(form.dtype)
        low, high = max(info.min, -(2**20)), min(info.max, 2**20)
        values = rng.integers(low, high, shape, endpoint=True).astype(form.dtype)
    fill = 0 if form.nodata is None else form.nodata
    values[rng.random(shape) < 0.05] = fill
    height, width = form.tile
    for row in range(0, shape[0], height):
        for col in range(0, shape[1], width):
            if rng.random() < 0.3:
                values[row : row + height, col : col + width] = fill
    return values


def drawn(share: tuple[float, float, float, float], shape: tuple[int, int]) -> Window:
    rows, cols = (
        sorted((int(a * (length - 1)), int(b * (length - 1))))
        for (a, b), length in zip((share[:2], share[2:]), shape, strict=True)
    )
    return Window(rows[0], cols[0], rows[1] - rows[0] + 1, cols[1] - cols[0] + 1)


def slanted(window: Window) -> dict[str, Any]:
    """A quadrilateral in degrees that leaves two corners of a window out."""
    x0, y0 = LEFT + 10 * window.col + 2, TOP - 10 * window.row - 2
    x1, y1 = x0 + 10 * window.width - 4, y0 - 10 * window.height + 4
    ring = [[x0, y0], [x0 + 0.7 * (x1 - x0), y0], [x1, y1], [x0 + 0.3 * (x1 - x0), y1], [x0, y0]]
    return transform_geom("EPSG:32631", "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})


def tiled_wider(form: Form, width: int) -> Form:
    """The form with tiles that are not just as wide as the raster: those are strips by rule."""
    return replace(form, tile=(form.tile[0], 64)) if form.tile[1] == width else form


def planned(kit: Any, case: Case, folder: Path, **more: Any) -> tuple[TaskDocument, dict[str, Any]]:
    """The case on disk, its document, and the numbers it is made of."""
    rng = np.random.default_rng(case.seed)
    found: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for name, size in (("red", 1), ("nir", case.coarse[0]), ("scl", case.coarse[1])):
        shape = -(-case.shape[0] // size), -(-case.shape[1] // size)
        form = tiled_wider(getattr(case, name), shape[1])
        values = numbers(form, shape, rng)
        if name == "scl":
            values = np.where(rng.random(shape) < 0.9, 4, values % 12).astype(form.dtype)
        files[name] = form.write(folder / f"{name}.tif", values, size, **more)
        found[name] = values
    bands = tuple(
        kit.band(name, files[name], scale=1e-3, nodata=None, band=getattr(case, name).bands)
        for name in ("red", "nir")
    )
    outputs = tuple(
        Output(name=name, title="", formula=text, scale=1e-2)
        for name, text in (("as_is", "red"), ("index", "(nir - red) / (nir + red)"))
    )
    area = slanted(drawn(case.area, case.shape)) if case.area else None
    document = kit.document(
        bands, files["scl"], outputs=outputs, dtype=case.dtype, stacked=case.stacked, clip=area
    )
    [part] = document.parts
    masks = tuple(replace(m, dilate=case.dilate, band=case.scl.bands) for m in part.masks)
    return seal(replace(document, parts=(replace(part, masks=masks),))), found


@given(case=cases())
@settings(max_examples=12, deadline=None, phases=PHASES)
def test_any_file_by_either_way(kit: Any, case: Case) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "little").mkdir()
        (folder / "big").mkdir()
        document, sources = planned(kit, case, folder / "little")
        other, _ = planned(kit, case, folder / "big", endianness="big")
        more: dict[str, Any] = {}
        if case.window and not case.area:
            more["only"] = drawn(case.window, case.shape)
        budget = Budget(memory=case.memory, threads=case.threads)
        one = done(document, folder / "tiles", "tiles", budget=budget, **more)
        check_same(one, done(other, folder / "gdal", "gdal", **more))
        check_as_is(case, one, sources["red"])


def check_as_is(case: Case, made: InFolder, red: np.ndarray) -> None:
    """The first output is the finest band itself: no way may be wrong like the other."""
    grid = made.grid
    row, col = round((TOP - grid.transform[5]) / 10), round((grid.transform[2] - LEFT) / 10)
    part = red[row : row + grid.height, col : col + grid.width].astype(np.float32) * np.float32(
        1e-3
    )
    first = made.made[0]
    with rasterio.open(first.file) as dataset:
        got = dataset.read(1)
    with rasterio.open(made.reason) as dataset:
        valid = dataset.read(1) == 0
    if case.dtype == "float32":
        np.testing.assert_array_equal(got[valid], part[valid])
    else:
        wanted = np.clip(part[valid] / 1e-2, -32767, 32767)
        assert np.abs(got[valid] - wanted).max(initial=0) <= 0.51


# --- what a script wants to see around a block, several parts, and one file for two purposes

AROUND = """
import numpy as np

def process(scene):
    padded = np.pad(scene["red"], 3, mode="edge")
    rows, cols = scene.shape
    near = [padded[i : i + rows, j : j + cols] for i in range(7) for j in range(7)]
    return {"texture": np.max(near, axis=0) - np.min(near, axis=0)}
"""
PLAIN = Form("uint16", 0.0, "deflate", 2, (128, 128), 1, False, True, False)
CASE = Case(
    red=PLAIN, nir=PLAIN, scl=replace(PLAIN, dtype="uint8", tile=(64, 96)), coarse=(2, 2),
    shape=(530, 1300), seed=8, dilate=45.0, area=None, window=None, dtype="float32",
    stacked=False, memory=1, threads=2,
)  # fmt: skip


@pytest.mark.parametrize("area", [None, (0.1, 0.7, 0.3, 0.9)])
def test_a_script_that_looks_around(kit: Any, tmp_path: Path, area: Any) -> None:
    sha256 = hashlib.sha256(AROUND.encode()).hexdigest()
    file = tmp_path / f"{sha256}.py"
    file.write_text(AROUND)
    script = Script(name="around.py", sha256=sha256, bands=("red",), overlap=3, seconds=30)
    found = []
    for way, more in (("tiles", {}), ("gdal", {"endianness": "big"})):
        (tmp_path / way).mkdir()
        document, _ = planned(kit, replace(CASE, area=area), tmp_path / way, **more)
        outputs = (replace(kit.NDVI, name="texture", formula=None),)
        document = seal(replace(document, outputs=outputs, script=script))
        found.append(done(document, tmp_path / way / "out", way, script=file))
    check_same(*found)


def test_a_second_part_fills_the_gaps_of_the_first(kit: Any, tmp_path: Path) -> None:
    """What a later part is read for is not known ahead: its tiles come as they are asked for."""
    found = []
    for way, more in (("tiles", {}), ("gdal", {"endianness": "big"})):
        for name in ("a", "b"):
            (tmp_path / way / name).mkdir(parents=True)
        first, _ = planned(kit, CASE, tmp_path / way / "a", **more)
        second, _ = planned(kit, replace(CASE, seed=9), tmp_path / way / "b", **more)
        parts = first.parts[0], replace(second.parts[0], item="scene-2")
        document = seal(replace(first, parts=parts))
        budgets = (NARROW, Budget(threads=3)) if way == "tiles" else (Budget(),)
        for n, budget in enumerate(budgets):
            found.append(done(document, tmp_path / way / f"out{n}", way, budget=budget))
    for other in found[1:]:
        check_same(found[0], other)


def test_one_source_by_its_tiles_and_another_through_gdal(kit: Any, tmp_path: Path) -> None:
    """Each raster has a way of its own."""
    for name in ("little", "big"):
        (tmp_path / name).mkdir()
    little, _ = planned(kit, CASE, tmp_path / "little")
    big, _ = planned(kit, CASE, tmp_path / "big", endianness="big")
    [part], [other] = little.parts, big.parts
    mixed = replace(part, bands=(part.bands[0], other.bands[1]))
    rasters = process(
        seal(replace(little, parts=(mixed,))), Unsigned(), tmp_path / "mixed", budget=NARROW
    )
    assert [way.name for _, way in rasters.read] == ["tiles", "gdal", "tiles"]
    check_same(rasters, done(little, tmp_path / "tiles", "tiles"))


def test_memory_and_threads_change_no_byte(kit: Any, tmp_path: Path) -> None:
    document, _ = planned(kit, replace(CASE, stacked=True), tmp_path)
    one = done(document, tmp_path / "one", "tiles", budget=Budget(memory=2_000_000_000))
    for memory, threads in ((1, 1), (1, 3), (145_000_000, 2), (500_000_000, 3)):
        budget = Budget(memory=memory, threads=threads)
        check_same(one, done(document, tmp_path / f"{memory}-{threads}", "tiles", budget=budget))
