"""docs/tools.md as it is written: other tools give our values, with nodata kept."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs/tools.md").read_text("utf-8")
TOLERANCE = 1e-6

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def block(title: str, language: str) -> str:
    """The only block of a language in a section of the page."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return text


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `scenefleet demo` makes."""
    folder = tmp_path_factory.mktemp("tools")
    command = [str(Path(sys.executable).with_name("scenefleet")), "demo"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=800)
    return folder / "scenefleet-demo"


@pytest.fixture
def run(demo: Path, need: Callable[[str], Path], tmp_path: Path) -> Callable[[str], np.ndarray]:
    """Runs Python of the page in the other tools' environment; gives what it calls `ndvi`."""
    python = need("peers")

    def values(code: str) -> np.ndarray:
        target = tmp_path / "ndvi.npy"
        keep = f"\nimport numpy\nnumpy.save({str(target)!r}, numpy.ma.filled(ndvi, numpy.nan))\n"
        script = tmp_path / "script.py"
        script.write_text(code + keep)
        subprocess.run([str(python), str(script)], cwd=demo, check=True, timeout=400)
        return np.load(target)

    return values


def stored(demo: Path, part: str) -> dict[str, np.ndarray]:
    """Our values of the items whose ids hold a text, by id, NaN where there is none."""
    found: dict[str, np.ndarray] = {}
    for path in sorted((demo / "results/products/demo").glob(f"*{part}*/ndvi.tif")):
        with rasterio.open(path) as raster:
            assert (raster.scales, raster.nodata) == ((0.0001,), -32768)
            values = raster.read(1, masked=True) * raster.scales[0]
            found[path.parent.name] = values.filled(np.nan)
    assert found
    return found


def same(given: np.ndarray, ours: np.ndarray) -> None:
    assert (np.isnan(given) == np.isnan(ours)).all()
    assert 0.2 < np.isfinite(ours).mean() < 1  # of both something is there to compare
    assert np.nanmax(np.abs(given - ours)) < TOLERANCE


def test_rasterio(run: Callable[[str], np.ndarray], demo: Path) -> None:
    (ours,) = (v for k, v in stored(demo, "20220325").items() if "T31UFT" in k)
    same(run(block("rasterio", "python")), ours)


@pytest.mark.parametrize("tool", ["stackstac", "odc-stac"])
def test_a_cube_holds_every_scene(run: Callable[[str], np.ndarray], demo: Path, tool: str) -> None:
    cube = run(block(tool, "python"))
    ours = stored(demo, "")
    assert len(cube) == len(ours)
    for values in ours.values():
        counts = [np.isfinite(layer).sum() for layer in cube]
        total = np.nansum(values)
        match = [
            layer
            for layer, count in zip(cube, counts, strict=True)
            if count == np.isfinite(values).sum() and abs(np.nansum(layer) - total) < 1
        ]
        assert match, f"no layer of {tool} is this scene"
        layer = match[0]
        rows, columns = np.nonzero(np.isfinite(layer))
        inside = layer[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        rows, columns = np.nonzero(np.isfinite(values))
        same(inside, values[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])


def test_rio_merge(demo: Path, need: Callable[[str], Path]) -> None:
    path = os.pathsep.join((str(need("peers").parent), os.environ["PATH"]))
    for command in block("rio merge", "sh").splitlines():
        subprocess.run(
            ["/bin/sh", "-c", command], cwd=demo, check=True, env={**os.environ, "PATH": path},
            timeout=400,
        )  # fmt: skip
    ours = stored(demo, "20220429")
    assert len(ours) == 2
    items = [json.loads((demo / f"results/products/demo/{k}/{k}.json").read_text()) for k in ours]
    with rasterio.open(demo / "ndvi.tif") as raster:
        assert (raster.nodata, raster.dtypes) == (-32768, ("float32",))
        given = raster.read(1, masked=True).filled(np.nan)
        west, north = raster.transform.c, raster.transform.f
    whole = np.full(given.shape, np.nan)
    for item, values in zip(items, ours.values(), strict=True):
        _, _, left, _, _, top = item["properties"]["proj:transform"][:6]
        row, column = round((north - top) / 10), round((left - west) / 10)
        window = whole[row : row + values.shape[0], column : column + values.shape[1]]
        np.copyto(window, values, where=np.isnan(window))
    same(given, whole)
