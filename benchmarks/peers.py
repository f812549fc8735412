"""NDVI of one scene by what users commonly take, each as its documentation does it.

Run by the Python of the peers' environment: `python benchmarks/peers.py WAY SCENE TARGET`, where
SCENE is the folder of `scene.py` with `item.json` in it, and TARGET the GeoTIFF to write.

As documented, float32 of the numbers as they are (no offset, no mask):

- `script`: rasterio and numpy as in countless tutorials: whole bands, deflate, no overviews.
- `rio-tiler`: an `expression` of `STACReader` at full size, and rio-cogeo's "Create COG from numpy
  array" (https://cogeotiff.github.io/rio-cogeo/API).
- `odc`: `odc.stac.load`, xarray's arithmetic, odc-geo's `write_cog`.

With `-same` at the end: what the task's `ndvi.tif` holds. Numbers less 1000, clouds and shadows of
SCL (3, 8, 9, 10) masked, int16 x 10000 with nodata -32768, predictor 2, overviews by average;
deflate at level 1, as the task writes it (level 6, the default, costs all of them more).

- `windows-same`, `windows-zstd-same`: rasterio by windows, the COG driver: the best that a user of
  rasterio does by himself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.windows import Window

if TYPE_CHECKING:
    import xarray
    from rio_tiler.models import ImageData

Array = np.ndarray[Any, np.dtype[Any]]
NODATA = -32768
OFFSET = 1000
MASKED = (3, 8, 9, 10)
COG = {
    "deflate": {"COMPRESS": "DEFLATE", "LEVEL": "1"},
    "zstd": {"COMPRESS": "ZSTD", "LEVEL": "1"},
}


def packed(red: Array, nir: Array, scl: Array) -> Array:
    """int16 NDVI of numbers; SCL of the same shape."""
    red, nir = red.astype("float32") - OFFSET, nir.astype("float32") - OFFSET
    with np.errstate(divide="ignore", invalid="ignore"):
        ndvi = np.rint((nir - red) / (nir + red) * 10_000)
    ndvi[np.isin(scl, MASKED) | ~np.isfinite(ndvi)] = NODATA
    return np.clip(ndvi, NODATA, 32767).astype("int16")


def twice(classes: Array) -> Array:
    """20 m to 10 m."""
    return classes.repeat(2, 0).repeat(2, 1)


def read(folder: Path, name: str) -> tuple[Array, dict[str, Any]]:
    with rasterio.open(folder / f"{name}.tif") as source:
        return source.read(1), source.profile


def script(folder: Path, target: Path) -> None:
    red, profile = read(folder, "B04")
    nir, _ = read(folder, "B08")
    red, nir = red.astype("float32"), nir.astype("float32")
    ndvi = (nir - red) / (nir + red)
    profile.update(driver="GTiff", dtype="float32", compress="deflate")
    with rasterio.open(target, "w", **profile) as output:
        output.write(ndvi, 1)


def script_same(folder: Path, target: Path) -> None:
    red, profile = read(folder, "B04")
    nir, _ = read(folder, "B08")
    scl, _ = read(folder, "SCL")
    ndvi = packed(red, nir, twice(scl))
    write_cog(ndvi, profile, target, COG["deflate"])


def write_cog(
    values: Array, profile: dict[str, Any], target: Path, options: dict[str, str]
) -> None:
    kept = {key: profile[key] for key in ("width", "height", "crs", "transform")}
    with rasterio.open(
        target, "w", driver="COG", dtype="int16", count=1, nodata=NODATA, PREDICTOR="2",
        OVERVIEW_RESAMPLING="AVERAGE", NUM_THREADS="ALL_CPUS", **kept, **options,
    ) as output:  # fmt: skip
        output.write(values, 1)


def windows(folder: Path, target: Path, codec: str) -> None:
    """By rows of tiles into a draft, which the COG driver copies."""
    draft = target.with_suffix(".draft.tif")
    with (
        rasterio.open(folder / "B04.tif") as red,
        rasterio.open(folder / "B08.tif") as nir,
        rasterio.open(folder / "SCL.tif") as scl,rasterio.open(
        draft, "w", driver="GTiff", dtype="int16", count=1, nodata=NODATA, width=red.width,
        height=red.height, crs=red.crs, transform=red.transform, tiled=True, blockxsize=512,
        blockysize=512,
    ) as output
    ):  # fmt: skip
        for row in range(0, red.height, 512):
            rows = min(512, red.height - row)
            part = Window(0, row, red.width, rows)
            classes = scl.read(1, window=Window(0, row // 2, scl.width, -(-rows // 2)))
            output.write(
                packed(red.read(1, window=part), nir.read(1, window=part), twice(classes)),
                1, window=part,
            )  # fmt: skip
    rasterio.shutil.copy(
        draft, target, driver="COG", PREDICTOR="2", OVERVIEW_RESAMPLING="AVERAGE",
        NUM_THREADS="ALL_CPUS", **COG[codec],
    )  # fmt: skip
    draft.unlink()


def rio_tiler(folder: Path, target: Path) -> None:
    import pystac
    from rio_tiler.io import STACReader

    item = pystac.Item.from_dict(json.loads((folder / "item.json").read_text()))
    with STACReader(None, item=item) as reader:
        image = reader.preview(
            assets=["B04", "B08"], asset_as_band=True, max_size=None, expression="(b2-b1)/(b2+b1)"
        )
    translate(image.array.data.astype("float32"), image, target, None)


def rio_tiler_same(folder: Path, target: Path) -> None:
    import pystac
    from rio_tiler.io import STACReader

    item = pystac.Item.from_dict(json.loads((folder / "item.json").read_text()))
    height, width = item.assets["B04"].extra_fields["proj:shape"]
    with STACReader(None, item=item) as reader:
        image = reader.preview(
            assets=["B04", "B08", "SCL"], asset_as_band=True, height=height, width=width
        )
    translate(packed(*image.array.data)[None], image, target, NODATA)


def translate(values: Array, image: ImageData, target: Path, nodata: int | None) -> None:
    """rio-cogeo's way from an array to a COG."""
    from rasterio.io import MemoryFile
    from rio_cogeo.cogeo import cog_translate
    from rio_cogeo.profiles import cog_profiles

    count, height, width = values.shape
    profile = {
        "driver": "GTiff", "dtype": values.dtype.name, "count": count, "height": height,
        "width": width, "crs": image.crs, "transform": image.transform, "nodata": nodata,
    }  # fmt: skip
    options = cog_profiles.get("deflate")
    more: dict[str, Any] = {}
    if nodata is not None:
        options.update({"PREDICTOR": 2, "ZLEVEL": 1})
        more = {"overview_resampling": "average", "nodata": nodata}
    with MemoryFile() as memory, memory.open(**profile) as draft:
        draft.write(values)
        cog_translate(
            draft, target, options, in_memory=True, quiet=True,
            config={"GDAL_NUM_THREADS": "ALL_CPUS"}, **more,
        )  # fmt: skip


def loaded(folder: Path, bands: list[str]) -> xarray.Dataset:
    import odc.geo.xr
    import odc.stac
    import pystac

    item = pystac.Item.from_dict(json.loads((folder / "item.json").read_text()))
    return odc.stac.load(
        [item],
        bands=bands,
        stac_cfg={"*": {"assets": {"*": {"data_type": "uint16", "nodata": 0}}}},
    ).isel(time=0)


def odc(folder: Path, target: Path) -> None:
    data = loaded(folder, ["B04", "B08"])
    red, nir = data.B04.astype("float32"), data.B08.astype("float32")
    ((nir - red) / (nir + red)).odc.write_cog(target)


def odc_same(folder: Path, target: Path) -> None:
    data = loaded(folder, ["B04", "B08", "SCL"])
    values = packed(data.B04.to_numpy(), data.B08.to_numpy(), data.SCL.to_numpy())
    data.B04.copy(data=values).astype("int16").odc.write_cog(
        target, nodata=NODATA, overview_resampling="average", compress="deflate", zlevel=1,
        predictor=2,
    )  # fmt: skip


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "script": script,
    "rio-tiler": rio_tiler,
    "odc": odc,
    "script-same": script_same,
    "rio-tiler-same": rio_tiler_same,
    "odc-same": odc_same,
    "windows-same": lambda folder, target: windows(folder, target, "deflate"),
    "windows-zstd-same": lambda folder, target: windows(folder, target, "zstd"),
}


def main() -> None:
    way, folder, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    WAYS[way](folder, target)


if __name__ == "__main__":
    main()
