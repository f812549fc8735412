"""What one full-size Sentinel-2 scene costs the task: CPU, wall time, peak memory, bytes.

Makes two 10980 x 10980 bands and an SCL band whose compression is near that of real ones, runs the
task on them as a node would, and prints what `scenefleet.plan.estimate` takes its constants from.
Bands have overviews, as real ones do: the look for Sentinel-2's offset reads one of them.

Run it by `python benchmarks/full_scene.py [FOLDER]`; the folder keeps the bands (about 460 MB).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.shutil import copy
from rasterio.windows import Window

from scenefleet.catalog import from_json
from scenefleet.plan import plan
from scenefleet.recipe import parse
from scenefleet.run.code import build_code
from scenefleet_task import spec
from scenefleet_task.result import Result, from_line

SIZE, TILE = 10980, 512
BANDS = {"B04": ("red", 1500), "B08": ("nir", 3500)}


def draw(path: Path, size: int, resolution: int, level: int | None) -> None:
    """Writes a band as a COG; `level` None writes SCL classes in blocks."""
    if path.exists():
        return
    rng = np.random.default_rng(level)
    dtype = "uint8" if level is None else "uint16"
    draft = path.with_suffix(".draft.tif")
    transform = rasterio.Affine(resolution, 0, 600_000, 0, -resolution, 5_700_000)
    with rasterio.open(
        draft, "w", driver="GTiff", dtype=dtype, count=1, width=size, height=size,
        crs="EPSG:32631", transform=transform, tiled=True, blockxsize=TILE, blockysize=TILE,
    ) as target:  # fmt: skip
        for row in range(0, size, TILE):
            rows = min(TILE, size - row)
            if level is None:
                blocks = rng.choice([4, 4, 4, 5, 8, 9], size=(rows // 64 + 1, size // 64 + 1))
                part = blocks.repeat(64, 0).repeat(64, 1)[:rows, :size]
            else:
                x, y = np.arange(size)[None, :] / 180, np.arange(row, row + rows)[:, None] / 180
                part = level + 400 * np.sin(x) * np.cos(y) + rng.normal(0, 90, (rows, size))
            target.write(part.astype(dtype), 1, window=Window(0, row, size, rows))
    predictor, overviews = ("2", "AVERAGE") if level else ("NO", "NEAREST")
    copy(
        draft, path, driver="COG", COMPRESS="DEFLATE", PREDICTOR=predictor,
        OVERVIEW_RESAMPLING=overviews,
    )  # fmt: skip
    draft.unlink()


def document(folder: Path) -> spec.TaskDocument:
    """The task of the scene, as a plan makes it."""
    square = [[[4.4, 50.4], [6, 50.4], [6, 51.5], [4.4, 51.5], [4.4, 50.4]]]
    assets: dict[str, Any] = {key: {"href": str(folder / f"{key}.tif")} for key in (*BANDS, "SCL")}
    for key, (name, _) in BANDS.items():
        assets[key]["eo:bands"] = [{"name": key, "common_name": name}]
    item = {
        "type": "Feature",
        "id": "full",
        "collection": "sentinel-2-l2a",
        "bbox": [4.4, 50.4, 6, 51.5],
        "geometry": {"type": "Polygon", "coordinates": square},
        "properties": {"datetime": "2023-06-01T10:50:29Z", "s2:processing_baseline": "05.09"},
        "assets": assets,
    }
    recipe = parse("version: 1\nname: bench\nsearch: {}", folder / "recipe.yaml")
    return plan(recipe, [from_json(item)]).documents[0]


def run(folder: Path, task: spec.TaskDocument) -> Result:
    """One task as a node runs it; its result."""
    code = folder / build_code().name
    code.write_bytes(build_code().data)
    done = subprocess.run(
        [sys.executable, str(code), "run"],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            spec.ENV_TASK: spec.encode(task),
            spec.ENV_STORE: str(folder / "store"),
        },
        stdout=subprocess.PIPE,
        check=True,
    )
    return from_line(done.stdout.splitlines()[-1])


def main() -> None:
    """Draws, runs three times, prints a table and the middle run as JSON."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/full-scene").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for key, (_, level) in BANDS.items():
        draw(folder / f"{key}.tif", SIZE, 10, level)
    draw(folder / "SCL.tif", SIZE // 2, 20, None)
    bytes_in = sum((folder / f"{key}.tif").stat().st_size for key in (*BANDS, "SCL"))
    task = document(folder)
    results = sorted((run(folder, task) for _ in range(3)), key=lambda r: r.cpu_seconds)
    for result in results:
        print(
            f"{result.cpu_seconds:6.1f} CPU s  {result.seconds:6.1f} s  "
            f"{result.peak_memory_mb:5.0f} MB peak"
        )
    middle, pixels = results[1], SIZE * SIZE
    # overviews have a third as many pixels again
    ratio = 2 * 2 * pixels * 4 / 3 / sum((folder / f"{key}.tif").stat().st_size for key in BANDS)
    written = sum(output.size for output in middle.outputs)
    print(f"bands compress {ratio:.2f} times; {bytes_in / 1e6:.0f} MB in, {written / 1e6:.0f} out")
    print(json.dumps({"cpu_seconds_a_pixel": middle.cpu_seconds / pixels, "pixels": pixels}))


if __name__ == "__main__":
    main()
