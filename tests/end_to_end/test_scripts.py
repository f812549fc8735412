"""A script of the user's own, from the recipe through the emulator to rasters; try and retry."""

from __future__ import annotations

import hashlib
import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.lib.stride_tricks import sliding_window_view

SEARCH = "{{catalog: '{}', collections: [sentinel-2-l2a], limit: {}}}"
PROCESS = "process: {script: mine.py}\ncompute: {retries: 0}"
EXAMPLE = (Path(__file__).resolve().parents[2] / "examples/texture.py").read_text()
HEAD = 'BANDS = ("nir",)\nOUTPUTS = ("a",)\nSECONDS = 1\ndef process(scene):\n'


def write(desk: Any, archive: Path, text: str, *, limit: int = 1, more: str = PROCESS) -> None:
    (desk.folder / "mine.py").write_text(text)
    desk.write("scripted", SEARCH.format(archive / "items.json", limit), more)


def pixels(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def texture(nir: np.ndarray, valid: np.ndarray) -> np.ndarray:
    padded = np.pad(np.where(valid, nir, np.nan), 1, constant_values=np.nan)
    near = sliding_window_view(padded, (3, 3)).reshape(*nir.shape, 9)
    found = np.full(nir.shape, np.nan)
    found[valid] = np.nanmax(near[valid], axis=-1) - np.nanmin(near[valid], axis=-1)
    return found


def test_a_script_from_recipe_to_rasters(archive: Path, desk: Any) -> None:
    write(desk, archive, EXAMPLE, limit=2)
    run = desk.json("run")
    assert run["state"] == "done"
    items = desk.items("scripted")
    assert len(items) == 2
    for name, item in items.items():
        reasons = pixels(desk.products / "scripted" / name / "reason.tif")
        stored = pixels(desk.products / "scripted" / name / "texture.tif")
        band = pixels(archive / "data" / name / "B08.tif") * 1e-4  # before the offset of 2022
        seen = (reasons == 0) | (reasons == 8)  # no reason but that the script gave NaN
        wanted = texture(band, seen)
        valid = reasons == 0
        assert 0.3 < valid.mean() < 1
        np.testing.assert_allclose(stored[valid] * 1e-4, wanted[valid], atol=0.51e-4)
        assert (stored[~valid] == -32768).all()
        assert {"texture", "reason"} <= set(item["assets"])

    # what was tried is what was computed
    tried = desk.json("try", "--item", name, "--window", "20,30,40,50")
    assert tried["task"] in {scene["task"] for scene in run["scenes"]}
    window = pixels(desk.folder / tried["outputs"][0]["file"])
    np.testing.assert_array_equal(window, stored[20:60, 30:80])

    # its text is with the run, by its hash: the file itself is no longer needed
    sha256 = hashlib.sha256(EXAMPLE.encode()).hexdigest()
    assert (desk.folder / f"results/code/{sha256}.py").read_text() == EXAMPLE
    again = desk.json("run")
    assert (again["id"], again["jobs"]) == (run["id"], run["jobs"])
    assert "nothing to submit" in desk.said

    # another script is another run, even by a comment; the same text by another name is not
    write(desk, archive, EXAMPLE + "# changed\n", limit=2)
    assert desk.json("plan")["run"] != run["id"]
    (desk.folder / "same.py").write_text(EXAMPLE)
    write(desk, archive, "", limit=2, more="process: {script: same.py}")
    assert desk.json("plan")["run"] == run["id"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    x = 1\n    return {'a': x / 0}\n", "line 6: ZeroDivisionError: division by zero"),
        ("    return {'a': scene['nir'][1:]}\n", "output 'a' has shape (299, 300)"),
        ("    while True:\n        pass\n", "took longer than 1 s"),
    ],
    ids=["raises", "shape", "endless"],
)
@pytest.mark.long
def test_a_script_that_is_wrong(archive: Path, desk: Any, body: str, said: str) -> None:
    write(desk, archive, HEAD + body)
    run = desk.json("run", code=3)
    (scene,) = run["scenes"]
    assert (scene["state"], scene["exit"]) == ("failed", "script")
    assert said in scene["message"]
    assert said in desk.run("status").stdout
    assert said in desk.run("logs").stdout
    assert not desk.items("scripted")
    done = desk.run("try", code=1)
    assert said in done.stderr
    assert "read by its tiles" not in done.stderr
    if "line 6" in said:
        call = "mine.py, line 6 in process: return {'a': x / 0}"
        told = (done.stderr, scene["message"], desk.run("logs").stdout, desk.run("status").stdout)
        assert all(call in text for text in told)
        report = (desk.folder / f"results/runs/{run['id']}/report.html").read_text()
        assert html.escape(call) in report


@pytest.mark.long
def test_retry_finds_the_script_in_the_store_alone(archive: Path, desk: Any) -> None:
    broken = archive / "items.json"
    document = json.loads(broken.read_text())
    document["features"] = [item] = document["features"][:1]
    for asset in item["assets"].values():
        asset["href"] = str(archive / asset["href"])
    nir = Path(item["assets"]["B08"]["href"])
    item["assets"]["B08"]["href"] = str(desk.folder / "B08.tif")
    (desk.folder / "items.json").write_text(json.dumps(document))
    (desk.folder / "mine.py").write_text(EXAMPLE)
    desk.write("scripted", "{catalog: items.json, collections: [sentinel-2-l2a]}", PROCESS)
    run = desk.json("run", code=3)
    assert run["scenes"][0]["exit"] == "source_missing"
    # on another machine: neither recipe nor script are there, and the source is
    for name in ("mine.py", "recipe.yaml", "items.json"):
        (desk.folder / name).unlink()
    (desk.folder / "B08.tif").symlink_to(nir)
    assert desk.json("retry", "--store", "results")["state"] == "done"
    assert set(desk.items("scripted")) == {item["id"]}


def test_a_script_on_azure_comes_from_the_container(archive: Path, on_azure: Any) -> None:
    more = "compute: {backend: azure, retries: 0}\noutput: {store: 'az://devstoreaccount1/scripts'}"
    write(on_azure, archive, EXAMPLE, more=f"process: {{script: mine.py}}\n{more}")
    run = on_azure.json("run", "--yes")
    assert run["state"] == "done"
    assert set(run["scenes"][0]["outputs"]) == {"reason", "texture", "thumbnail"}
    on_azure.run("fetch", "--to", "got")
    (raster,) = on_azure.folder.glob("got/**/texture.tif")
    assert (pixels(raster) != -32768).mean() > 0.3
