"""`scenefleet indices` lists what recipes may name, and shows one so that it can be written."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from scenefleet.recipe import known, parse
from scenefleet.recipe.bands import OFFERS, offered_by

Cli = Callable[..., subprocess.CompletedProcess[str]]


def test_the_list_has_every_index_with_its_bands(cli: Cli) -> None:
    done = cli("indices")
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["name", "domain", "bands", "title"]
    assert sorted(line.split()[0] for line in lines) == sorted(known())
    total, marked = done.stderr.splitlines()
    assert total == f"{len(known())} indices"
    without = {name for name, index in known().items() if not offered_by(index.bands)}
    assert marked.startswith(f"* marks {len(without)} with bands that no collection has")
    rows = {line.split()[0]: line.split() for line in lines}
    assert without == {name for name, row in rows.items() if "*" in row}
    assert "DpRVIVV" in without
    assert "*" not in cli("indices", "--collection", "landsat-c2-l2").stderr
    assert any(line.split(maxsplit=4)[:4] == ["NDWI", "water", "green", "nir"] for line in lines), (
        done.stdout
    )


@pytest.mark.parametrize("collection", OFFERS)
def test_a_collection_keeps_what_its_bands_allow(cli: Cli, collection: str) -> None:
    listed = json.loads(cli("indices", "--collection", collection, "--json").stdout)
    names = {index["name"] for index in listed}
    assert names == {n for n, i in known().items() if set(i.bands) <= set(OFFERS[collection])}
    assert ("NDREI" in names) == ("rededge1" in OFFERS[collection])
    assert all(collection in index["collections"] for index in listed)


def test_a_domain_keeps_its_own(cli: Cli) -> None:
    listed = json.loads(cli("indices", "--domain", "snow", "--json").stdout)
    assert {index["domain"] for index in listed} == {"snow"}
    assert "NDSI" in {index["name"] for index in listed}


def test_one_index_is_shown_with_all_that_a_recipe_needs(cli: Cli) -> None:
    text = cli("indices", "savi").stdout
    for words in (
        "SAVI\n", "Soil-Adjusted", "(1 + L) * (nir - red) / (nir + red + L)", "nir, red",
        "L = 1  Canopy", "the tables' default, while Huete (1988)", "takes 0.5",
        "constants: {SAVI: {L: 0.5}}  # in place of the default", "landsat-c2-l2", "https://doi.org/",
    ):  # fmt: skip
        assert words in text
    told = json.loads(cli("indices", "savi", "--json").stdout)
    assert told["constants"] == {"L": 1.0}
    assert told["papers"]["L"]["value"] == 0.5
    assert told["refused"] is None


@pytest.mark.parametrize("name", ["SAVI", "NDVI", "kNDVI", "NIRvP"])
def test_what_is_shown_for_a_recipe_is_one(cli: Cli, name: str) -> None:
    lines = cli("indices", name).stdout.partition("in a recipe  ")[2].splitlines()
    shown = "\n".join([lines[0], *(line[15:] for line in lines[1:])]).replace("...", "300")
    assert yaml.safe_load(shown)["process"]["indices"] == [name]
    recipe = parse(f"version: 1\nname: a\nsearch: {{}}\n{shown}\n", Path("recipe.yaml"))
    assert recipe.process.indices[0].name == name


def test_an_index_that_no_plan_takes_says_so(cli: Cli) -> None:
    text = cli("indices", "DBI").stdout
    assert "refused" in text
    assert "in a recipe" not in text
    assert "lwir11 / 10000" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nvdi"], ["'nvdi' is no known index", "'NDVI'"]),
        (["bai"], ["BAI or BaI"]),
        (["--domain", "wter"], ["--domain 'wter'", "'water'", "vegetation"]),
        (["--collection", "sentinel-2-l2"], ["'sentinel-2-l2a'", "hls2-l30"]),
        (["NDVI", "--domain", "water"], ["leave NAME out"]),
    ],
)
def test_wrong_words_are_usage_errors(cli: Cli, words: list[str], told: list[str]) -> None:
    done = cli("indices", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    for part in told:
        assert part in done.stderr
