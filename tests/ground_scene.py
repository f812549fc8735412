"""One real ground scene in both of Sentinel-2's forms, and items of it as providers write them.

The ground is Exeter on 1 August 2024 (the shared data's `exeter-2024`), measured by Sentinel-2. Its
numbers carry 1000; the other form is the same numbers less 1000, no-data kept. No number lies
between 1 and 1000, so that both forms hold the very same ground. The pixels are laid on the grid of
UTM zone 30, some metres off, because common tools want an EPSG code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.warp import transform_bounds

Form = Literal["carried", "removed"]
Json = dict[str, Any]

SHIFT = 1000
CRS = "EPSG:32630"
PLACE = Affine(20, 0, 460_460, 0, -20, 5_622_060)
NODATA = -32768
INVALID = (0, 1, 3, 8, 9, 10)
"""Classes of SCL that a recipe masks by default, and those that are no data."""
LAND = (4, 5)

_TIFF = "image/tiff; application=geotiff; profile=cloud-optimized"
_URI = "S2A_MSIL2A_20240801T112121_N{}_R037_T30UVB_20240801T172020"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Bands as arrays of shape (height, width), int64, without the offset; 0 is no data."""

    red: NDArray[Any]
    nir: NDArray[Any]
    scl: NDArray[Any]

    @property
    def clear_land(self) -> NDArray[np.bool_]:
        """True for vegetation and bare ground."""
        return np.isin(self.scl, LAND)

    def ndvi(self, error: int = 0) -> NDArray[np.int16]:
        """What a product holds, by plain numpy in single precision; NODATA where masked.

        Args:
            error: by how much the numbers are misread: 1000 where a carried offset is left in,
                -1000 where one that is not there is taken off.
        """
        red, nir = ((band + error).astype("f4") * np.float32(1e-4) for band in (self.red, self.nir))
        valid = ~np.isin(self.scl, INVALID) & (self.red > 0) & (self.nir > 0) & (red + nir != 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.clip(np.rint((nir - red) / (nir + red) * np.float32(1e4)), -32767, 32767)
        return np.where(valid, scaled, NODATA).astype(np.int16)

    def write(self, folder: Path) -> Path:
        """COGs in both forms: `folder/carried/B04.tif` and so on; gives `folder`."""
        forms: dict[Form, int] = {"carried": SHIFT, "removed": 0}
        for form, shift in forms.items():
            for name, band in (("B04", self.red), ("B08", self.nir)):
                numbers = np.where(band > 0, band + shift, 0)
                write_cog(folder / form / f"{name}.tif", numbers.astype("uint16"))
            write_cog(folder / form / "SCL.tif", self.scl.astype("uint8"))
        return folder


def exeter(data: Path, time: str = "20240801T112119") -> Ground:
    """The ground out of the shared data's folder, at this or another time."""
    numbers = {}
    for name in ("B04", "B08", "SCL"):
        with rasterio.open(data / f"exeter-2024/S2_L2A_exeter_{time}" / f"{name}.tif") as source:
            numbers[name] = source.read(1).astype(np.int64)
    red, nir = (np.where(numbers[n] > 0, numbers[n] - SHIFT, 0) for n in ("B04", "B08"))
    assert min(red[numbers["B04"] > 0].min(), nir[numbers["B08"] > 0].min()) > 0
    return Ground(red=red, nir=nir, scl=numbers["SCL"])


def write_cog(
    path: Path, values: NDArray[Any], *, crs: str = CRS, place: Affine = PLACE, nodata: float = 0
) -> None:
    """One band, values of shape (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = values.shape
    with rasterio.open(
        path, "w", driver="COG", dtype=values.dtype, count=1, width=width, height=height,
        crs=crs, transform=place, nodata=nodata, compress="deflate",
    ) as target:  # fmt: skip
        target.write(values, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a provider writes its items."""

    collection: str
    red: str
    nir: str
    scl: str
    stac: str = "1.0.0"
    says_bands: bool = True
    """Whether assets have `raster:bands`, or STAC 1.1's fields."""
    common_names: bool = True
    platform: str = "sentinel-2a"
    baseline: str = "s2:processing_baseline"
    """The property that holds the baseline."""
    product_in_id: bool = False
    """Whether the product's name is the item's id, rather than `s2:product_uri`."""


STYLES = {
    "planetary-computer": Style(
        collection="sentinel-2-l2a",
        red="B04",
        nir="B08",
        scl="SCL",
        says_bands=False,
        platform="Sentinel-2A",
    ),
    "earth-search": Style(collection="sentinel-2-l2a", red="red", nir="nir", scl="scl"),
    "earth-search-c1": Style(collection="sentinel-2-c1-l2a", red="red", nir="nir", scl="scl"),
    "copernicus": Style(
        collection="sentinel-2-l2a",
        red="B04_10m",
        nir="B08_10m",
        scl="SCL_20m",
        stac="1.1.0",
        baseline="processing:version",
        product_in_id=True,
    ),
    "stactools": Style(collection="sentinel-2-l2a", red="B04", nir="B08", scl="SCL"),
    "bare": Style(
        collection="sentinel-2-l2a",
        red="B04",
        nir="B08",
        scl="SCL",
        says_bands=False,
        common_names=False,
    ),
}
"""By provider; as the recorded answers of Planetary Computer and Earth Search are, and as the
documentation of the others says."""


def make_item(
    name: str,
    provider: str,
    files: Path,
    *,
    baseline: str | None = None,
    product: str | None = None,
    offset: float | None = None,
    flag: bool | None = None,
) -> Json:
    """A STAC item.

    Args:
        name: its id; where the provider has the product's name there, the end of it.
        provider: of `STYLES`.
        files: the folder of the form that it stands for.
        baseline: as the provider's property says it, such as `05.11`.
        product: the baseline in the product's name, such as `0511`; None for no name.
        offset: of the reflectance bands.
        flag: `earthsearch:boa_offset_applied`.
    """
    style = STYLES[provider]
    told: Json = {
        style.baseline: baseline,
        "earthsearch:boa_offset_applied": flag,
        "s2:product_uri": _URI.format(product) + ".SAFE" if product else None,
    }
    if style.product_in_id and product:
        del told["s2:product_uri"]
        name = f"{_URI.format(product)}_{name}"
    with rasterio.open(files / "B04.tif") as source:
        place = {
            "proj:epsg": source.crs.to_epsg(),
            "proj:code": str(source.crs),
            "proj:shape": list(source.shape),
            "proj:transform": list(source.transform)[:6],
        }
        box = list(transform_bounds(source.crs, "EPSG:4326", *source.bounds))
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": style.stac,
        "stac_extensions": [
            "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
            "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
            "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
        ],
        "id": name,
        "collection": style.collection,
        "bbox": box,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "datetime": "2024-08-01T11:21:19Z",
            "platform": style.platform,
            "constellation": "sentinel-2",
            **place,
            **{key: value for key, value in told.items() if value is not None},
        },
        "assets": {
            style.red: _asset(files / "B04.tif", style, "red", offset),
            style.nir: _asset(files / "B08.tif", style, "nir", offset),
            style.scl: {"href": str(files / "SCL.tif"), "type": _TIFF, "roles": ["data"]},
        },
        "links": [],
    }


def _asset(path: Path, style: Style, name: str, offset: float | None) -> Json:
    asset: Json = {"href": str(path), "type": _TIFF, "roles": ["data"]}
    shift = {} if offset is None else {"offset": offset}
    if style.stac == "1.1.0":
        given = {f"raster:{key}": value for key, value in {"scale": 1e-4, **shift}.items()}
        return {**asset, **given, "nodata": 0, "bands": [{"name": name, "eo:common_name": name}]}
    if style.common_names:
        asset["eo:bands"] = [{"name": name, "common_name": name}]
    if style.says_bands:
        asset["raster:bands"] = [{"data_type": "uint16", "nodata": 0, "scale": 1e-4, **shift}]
    return asset
