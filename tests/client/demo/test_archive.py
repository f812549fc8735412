"""The made-up scenes are consistent with themselves: pixels, classes, offsets and items."""

import hashlib
import json

import numpy as np
import pystac
import pytest
import rasterio
from rasterio.warp import transform_geom
from rio_cogeo import cog_validate
from shapely.geometry import box, shape

from scenefleet.catalog import decide, from_json
from scenefleet.demo import acquisitions as acq
from scenefleet.demo.archive import files, make_archive

SIZE = 300


@pytest.fixture(scope="module")
def items(archive):
    return json.loads((archive / "items.json").read_text())["features"]


@pytest.fixture(scope="module")
def read(archive):
    def band(item, key):
        with rasterio.open(archive / item["assets"][key]["href"]) as raster:
            return raster.read(1)

    return band


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files(folder)
    }


def test_one_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    few = acq.ACQUISITIONS[1:4]
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_archive(tmp_path / name, seed=seed, size=128, acquisitions=few)
    first, same, other = (digests(tmp_path / name) for name in "abc")
    assert first == same
    assert len(first) == 4 * 5 + 2
    shared = [name for name in first if name.endswith(".tif")]
    assert all(first[name] != other[name] for name in shared)


def test_an_archive_that_is_whole_is_left_alone_and_a_broken_one_mended(tmp_path):
    few = acq.ACQUISITIONS[1:2]
    made = make_archive(tmp_path, size=128, acquisitions=few)
    before = digests(tmp_path)
    tiff = tmp_path / made[0]["assets"]["B04"]["href"]
    stamp = tiff.stat().st_mtime_ns
    assert make_archive(tmp_path, size=128, acquisitions=few) == made
    assert tiff.stat().st_mtime_ns == stamp
    tiff.unlink()
    make_archive(tmp_path, size=128, acquisitions=few)
    assert digests(tmp_path) == before


def test_progress_tells_of_the_land_and_of_each_overpass(tmp_path):
    told = []
    few = acq.ACQUISITIONS[:3]
    make_archive(
        tmp_path, size=128, acquisitions=few, progress=lambda done, of: told.append((done, of))
    )
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_ctrl_c_does_not_wait_for_scenes_that_nobody_wants(tmp_path):
    def interrupt(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_archive(tmp_path, size=SIZE, progress=interrupt)
    drawn = {path.parent.name for path in tmp_path.rglob("*.tif")}
    assert len(drawn) <= 4, "of twelve; two overpasses of two tiles were under way"
    assert not (tmp_path / "items.json").exists()
    assert make_archive(tmp_path, size=SIZE), "what is left is no hindrance"


def test_an_odd_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="131 is odd"):
        make_archive(tmp_path, size=131)


def test_the_series(items):
    baselines = {item["properties"]["s2:processing_baseline"] for item in items}
    assert {name < "04.00" for name in baselines} == {True, False}
    assert len({item["properties"]["datetime"] for item in items}) == 8
    assert {item["properties"]["s2:mgrs_tile"] for item in items} == {"31UFT", "31UGT"}
    old = [i for i in items if i["properties"]["datetime"] < "2022"]
    assert "05.00" in {i["properties"]["s2:processing_baseline"] for i in old}


def test_items_are_valid_stac(archive, items):
    for item in items:
        # the schemas of extensions are on the network; the core's come with pystac
        pystac.Item.from_dict({**item, "stac_extensions": []}).validate()
    pystac.Collection.from_dict(json.loads((archive / "collection.json").read_text())).validate()


def test_every_file_is_a_cog_on_the_grid_that_its_item_tells(archive, items):
    for item in items:
        for key, asset in item["assets"].items():
            path = archive / asset["href"]
            valid, errors, _ = cog_validate(path, quiet=True)
            assert valid, errors
            with rasterio.open(path) as raster:
                assert raster.crs == item["properties"]["proj:code"]
                assert list(raster.shape) == asset["proj:shape"]
                assert list(raster.transform)[:6] == asset["proj:transform"]
                assert raster.nodata == 0
                assert raster.dtypes == (("uint8",) if key == "SCL" else ("uint16",))
                west, _, _, north = raster.bounds
                assert west % 10 == north % 10 == 0


def test_cloud_cover_and_no_data_are_counted_from_the_classes(items, read):
    for item in items:
        scl, told = read(item, "SCL"), item["properties"]
        valid = np.count_nonzero(scl)
        cloud = np.isin(scl, (8, 9, 10)).sum() / valid * 100
        assert told["eo:cloud_cover"] == pytest.approx(cloud, abs=1e-5)
        empty = (scl == 0).mean() * 100
        assert told["s2:nodata_pixel_percentage"] == pytest.approx(empty, abs=1e-5)
    covers = [item["properties"]["eo:cloud_cover"] for item in items]
    assert min(covers) < 5
    assert max(covers) > 75


def test_no_data_lies_where_the_footprint_ends(archive, items, read):
    wedges = 0
    for item in items:
        empty = {key: read(item, key) == 0 for key in ("B02", "B03", "B04", "B08")}
        assert all((mask == empty["B02"]).all() for mask in empty.values())
        scl = read(item, "SCL") == 0
        coarse = empty["B04"].reshape(SIZE // 2, 2, SIZE // 2, 2)
        assert (scl >= coarse.all(axis=(1, 3))).all()
        assert (scl <= coarse.any(axis=(1, 3))).all()
        wedges += bool(scl.any())
        with rasterio.open(archive / item["assets"]["B04"]["href"]) as raster:
            whole = box(*raster.bounds).area
            footprint = shape(transform_geom("EPSG:4326", raster.crs, item["geometry"]))
        assert footprint.area / whole == pytest.approx(1 - empty["B04"].mean(), abs=0.003)
        assert shape(item["geometry"]).exterior.is_ccw
    assert wedges == 3


def reflectance(item, key, read):
    rule = decide(from_json(item), key)
    return read(item, key) * rule.scale + rule.offset


def test_the_same_place_goes_on_across_the_baseline(items, read):
    """Conifers and water have no season: their reflectance is the same before and after 04.00, and
    is not when the offset is ignored."""
    first = [item for item in items if item["properties"]["s2:mgrs_tile"] == "31UFT"]
    clear = np.ones((SIZE, SIZE), bool)
    chosen = [item for item in first if item["properties"]["eo:cloud_cover"] < 20]
    assert len({i["properties"]["s2:processing_baseline"] >= "04.00" for i in chosen}) == 2
    for item in chosen:
        clear &= np.isin(read(item, "SCL"), (4, 5)).repeat(2, 0).repeat(2, 1)
    summer = reflectance(chosen[0], "B08", read)
    stable = clear & (summer > 0.15) & (summer < 0.23)
    stable &= reflectance(chosen[0], "B04", read) < 0.03
    assert stable.sum() > 500
    right, wrong = [], []
    for item in chosen:
        red, near = (reflectance(item, key, read)[stable] for key in ("B04", "B08"))
        right.append(np.median((near - red) / (near + red)))
        red, near = (read(item, key)[stable].astype(float) for key in ("B04", "B08"))
        wrong.append(np.median((near - red) / (near + red)))
    assert max(right) - min(right) < 0.03
    assert min(right) > 0.75
    assert max(wrong) - min(wrong) > 0.3


def test_the_classes_say_what_the_pixels_show(items, read):
    for item in items:
        scl = read(item, "SCL").repeat(2, 0).repeat(2, 1)
        blue, red, near = (reflectance(item, key, read) for key in ("B02", "B04", "B08"))
        ndvi = (near - red) / np.maximum(near + red, 0.01)
        seen = {value for value in range(12) if (scl == value).sum() > 100}
        assert seen >= {4, 9}
        assert np.median(blue[scl == 9]) > 0.4
        assert np.median(ndvi[scl == 4]) > 0.45
        assert 5 not in seen or np.median(ndvi[scl == 5]) < 0.4
        assert 6 not in seen or np.median(ndvi[scl == 6]) < 0.1
        lit = np.median(near[np.isin(scl, (4, 5))])
        assert 3 not in seen or np.median(near[scl == 3]) < lit


def test_the_two_tiles_show_the_same_ground_where_they_overlap(items, read):
    pairs = [item for item in items if item["properties"]["datetime"].startswith("2021-05-31")]
    west, east = (reflectance(item, "B08", read) for item in pairs)
    shared = acq.overlap(SIZE)
    difference = west[:, -shared:] - east[:, :shared]
    assert np.abs(difference).mean() < 0.05
    assert np.abs(difference).mean() > 0  # the sensor's noise is each tile's own
    assert np.corrcoef(west[:, -shared:].ravel(), east[:, :shared].ravel())[0, 1] > 0.95
