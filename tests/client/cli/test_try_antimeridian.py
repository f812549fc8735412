"""`scenefleet try --bbox` where longitudes go from 180 to -180."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.warp import transform

Cli = Callable[..., CompletedProcess[str]]


def test_a_box_across_the_antimeridian(cli: Cli, tmp_path: Path) -> None:
    """A scene of which either half lies at the other end of the longitudes."""
    crs, side = CRS.from_epsg(32601), 600
    (x,), (y,) = transform("EPSG:4326", crs, [180.0], [52.0])
    for name, value in (("red", 1000), ("nir", 3000)):
        with rasterio.open(
            tmp_path / f"{name}.tif", "w", driver="GTiff", width=side, height=side, count=1,
            dtype="uint16", crs=crs, transform=(10, 0, x - 3000, 0, -10, y + 3000),
        ) as raster:  # fmt: skip
            raster.write(np.full((side, side), value, "uint16"), 1)
    halves = [[[[w, 51.97], [e, 51.97], [e, 52.03], [w, 52.03], [w, 51.97]]]
              for w, e in ((179.95, 180), (-180, -179.95))]  # fmt: skip
    assets = {
        name: {"href": f"{name}.tif", "type": "image/tiff", "eo:bands": [{"common_name": name}]}
        for name in ("red", "nir")
    }
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": "a", "collection": "mine", "links": [],
        "bbox": [179.95, 51.97, -179.95, 52.03], "assets": assets,
        "geometry": {"type": "MultiPolygon", "coordinates": halves},
        "properties": {"datetime": "2022-06-01T10:30:00Z"},
    }  # fmt: skip
    (tmp_path / "items.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": [item]})
    )
    bands = "{bands: {red: {asset: red, scale: 0.0001}, nir: {asset: nir, scale: 0.0001}}}"
    (tmp_path / "recipe.yaml").write_text(
        "version: 1\nname: anti\nsearch: {catalog: items.json, collections: [mine]}\n"
        f"process: {{mask: none}}\ncollections: {{mine: {bands}}}\n"
    )
    shapes = {}
    for box in ("179.99,51.99,-179.99,52.01", "179.98,51.99,179.99,52.01"):
        done = cli("try", "--json", "--bbox", box)
        assert done.returncode == 0, done.stderr
        shapes[box] = json.loads(done.stdout)["shape"]
    (tall, wide), (_, narrow) = shapes.values()
    # 0.02 degrees at 52 north are 1372 m, and UTM's north is turned by 2.4 degrees there
    assert wide == pytest.approx(137 + 10, abs=3)
    assert narrow == pytest.approx(69 + 10, abs=3)
    assert tall == pytest.approx(223 + 6, abs=3)
