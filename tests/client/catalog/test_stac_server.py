"""Against a STAC API server that others wrote: paging and filters as they really are."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenefleet.catalog import Patience, search
from scenefleet.catalog.api import Api
from scenefleet.catalog.web import Reader
from scenefleet.errors import CatalogError

SCRIPT = Path(__file__).with_name("stac_server.py")


@pytest.fixture(scope="module")
def items(need):
    folder = need("shared") / "data/stac"
    names = ("pc_search_s2l2a_b0212_33", "pc_s2l2a_one_tile_two_months_13", "pc_s2l2a_two_items")
    loaded = (json.loads((folder / f"{name}.json").read_text()) for name in names)
    return [item for answer in loaded for item in answer["features"]]


@pytest.fixture(scope="module")
def address(need, items, tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("stac-server")
    source, parquet = folder / "items.json", folder / "items.parquet"
    source.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    command = [str(need("stac-server")), str(SCRIPT), str(source), str(parquet)]
    log = folder / "log.txt"
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout
        try:
            url = process.stdout.readline().strip()
            assert url, log.read_text()
            _wait(url)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(url: str) -> None:
    """Its socket listens before it answers, so one patient request is enough."""
    Reader(Patience(retries=5, backoff=0.2, timeout=(5, 60))).read_json(url)


def expected(items, keep):
    return {item["id"] for item in items if keep(item["properties"])}


def ids(result):
    return {scene.id for scene in result.items}


def test_everything_by_pages(address, items, query, tmp_path):
    result = search(query(address), base=tmp_path, patience=Patience(page=7))
    assert ids(result) == expected(items, lambda _: True)
    assert len(result.items) == 48


def test_clouds_area_and_dates(address, items, query, tmp_path):
    result = search(query(address, cloud_below=40), base=tmp_path)
    assert ids(result) == expected(items, lambda told: told["eo:cloud_cover"] < 40)
    assert result.notes == ()
    assert result.dropped == ()
    result = search(query(address, dates="2020-06"), base=tmp_path)
    assert ids(result) == expected(items, lambda told: told["datetime"].startswith("2020-06"))
    result = search(query(address, bbox=[27, -8, 27.5, -7.5], cloud_below=0.005), base=tmp_path)
    there = expected(
        items, lambda told: told["s2:mgrs_tile"] == "35MNM" and told["eo:cloud_cover"] < 0.005
    )
    assert ids(result) == there
    assert len(there) > 1


def test_a_further_filter(address, items, query, tmp_path):
    expression = {"op": "=", "args": [{"property": "s2:mgrs_tile"}, "13TDE"]}
    result = search(query(address, filter=expression, cloud_below=50), base=tmp_path)
    assert ids(result) == expected(
        items, lambda told: told["s2:mgrs_tile"] == "13TDE" and told["eo:cloud_cover"] < 50
    )


def test_it_ignores_the_query_extension_which_is_why_all_is_checked_again(address, items, query):
    asked = query(address, cloud_below=40)
    reader = Reader(Patience())
    answer = Api(address, reader).search(asked, "query")
    assert {item["id"] for item in answer.items} == expected(items, lambda _: True)


def test_an_unknown_collection(address, query, tmp_path):
    with pytest.raises(CatalogError, match="did you mean sentinel-2-l2a"):
        search(query(address, collections=["sentinel-2-l1c"]), base=tmp_path)
