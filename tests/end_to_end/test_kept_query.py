"""A query that names the file: kept, sent with each request, and part of a task's id."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import rasterio

SIZE = 64
VALUES = {("a", "red"): 2000, ("a", "nir"): 6000, ("b", "red"): 3000, ("b", "nir"): 3000}
NDVI = {"a": 0.5, "b": 0.0}


def raster(path: Path, value: int) -> bytes:
    transform = rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)
    shape = {"height": SIZE, "width": SIZE, "count": 1, "dtype": "uint16"}
    with rasterio.open(
        path, "w", driver="GTiff", crs="EPSG:32631", transform=transform, **shape
    ) as file:
        file.write(np.full((1, SIZE, SIZE), value, "uint16"))
    return path.read_bytes()


@pytest.fixture
def images(tmp_path: Path) -> Iterator[str]:
    """The address of one image, which without its whole query is another scene's band."""
    files = {key: raster(tmp_path / f"{'-'.join(key)}.tif", value) for key, value in VALUES.items()}

    class Images(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            given = parse_qs(urlsplit(self.path).query)
            data = files[given.get("file", ["b"])[0], given.get("band", ["red"])[0]]
            span = str(self.headers.get("Range", "")).removeprefix("bytes=")
            start, _, end = span.partition("-")
            part = data[int(start) : int(end) + 1] if span else data
            self.send_response(206 if span else 200)
            if span:
                last = int(start) + len(part) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(data)}")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Images) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/image.tif"
        server.shutdown()


def scene(name: str, day: int, images: str) -> dict[str, Any]:
    ring = [[3, 45.14], [3.01, 45.14], [3.01, 45.15], [3, 45.15], [3, 45.14]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"scene-{name}",
        "collection": "mine",
        "bbox": [3, 45.14, 3.01, 45.15],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": f"2023-06-{day:02}T10:00:00Z"},
        "links": [],
        "assets": {
            band: {"href": f"{images}?file={name}&band={band}", "type": "image/tiff"}
            for band in ("red", "nir")
        },
    }


@pytest.mark.long
def test_scenes_that_differ_in_their_query_only_are_two_tasks(desk: Any, images: str) -> None:
    scenes = [scene("a", 1, images), scene("b", 2, images)]
    (desk.folder / "items.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": scenes})
    )
    bands = ", ".join(f"{b}: {{asset: {b}, scale: 0.0001, offset: 0}}" for b in ("red", "nir"))
    more = (
        "process: {indices: [ndvi], mask: none}\noutput: {dtype: float32}\n"
        f"collections: {{mine: {{bands: {{{bands}}}}}}}"
    )
    desk.write("kept", "{catalog: items.json, collections: [mine], keep_query: [file]}", more)
    refused = desk.run("plan", code=1)
    assert "with a query of the keys file, band, and a query may hold a secret" in refused.stderr
    assert "keep_query: [file, band]" in refused.stderr
    desk.write("kept", "{catalog: items.json, collections: [mine], keep_query: [file, band]}", more)
    assert len({task["id"] for task in desk.json("plan")["tasks"]}) == 2
    assert desk.json("run")["counts"]["done"] == 2
    for name, expected in NDVI.items():
        with rasterio.open(desk.products / f"kept/scene-{name}/ndvi.tif") as file:
            assert np.allclose(file.read(1), expected, atol=1e-6)
