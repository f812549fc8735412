"""The estimate is arithmetic over what the items say, and over what runs at once."""

from pathlib import Path
from types import MappingProxyType

import pytest

from scenefleet.catalog import Scene, from_json
from scenefleet.plan import Estimate, estimate, plan
from scenefleet.recipe import parse

RECIPE = """
version: 1
name: a
search: {}
process: {mask: none, radiometry: trust}
compute: {backend: azure, max_nodes: 5}
"""
BOX = [5.0, 51.0, 6.0, 52.0]
ITEM = MappingProxyType(
    {
        "type": "Feature",
        "stac_version": "1.0.0",
        "collection": "sentinel-2-l2a",
        "bbox": BOX,
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[5, 51], [6, 51], [6, 52], [5, 52], [5, 51]]],
        },
        "links": [],
        "properties": {
            "datetime": "2023-06-01T10:00:00Z",
            "platform": "sentinel-2a",
            "s2:processing_baseline": "05.09",
        },
        "assets": {
            key: {"href": f"https://example.org/{key}.tif", "eo:bands": [{"common_name": name}]}
            for key, name in (("B04", "red"), ("B08", "nir"))
        },
    }
)


def scenes(count: int) -> list[Scene]:
    return [from_json({**ITEM, "id": f"s{n}"}) for n in range(count)]


def guess(count: int, more: str = "", *, slots: int, cores: int) -> Estimate:
    recipe = parse(RECIPE + more, Path("recipe.yaml"))
    found = scenes(count)
    return estimate(plan(recipe, found), found, recipe, slots=slots, cores=cores)


@pytest.mark.parametrize(
    ("count", "slots", "cores", "threads", "nodes", "busy"),
    [
        (8, 4, 4, 1, 2, 8),  # cores at work
        (8, 2, 4, 1, 4, 8),  # memory for two on a node: twice the nodes
        (9, 4, 4, 1, 3, 9),
        (100, 4, 4, 1, 5, 20),
        (100, 2, 4, 1, 5, 10),  # half of the cores are idle
        (100, 2, 4, 2, 5, 20),  # but for threads
        (100, 8, 4, 1, 5, 20),  # more tasks than cores are no faster
        (1, 4, 4, 1, 1, 1),
        (1, 1, 4, 4, 1, 4),
    ],
)
def test_time_and_nodes_follow_from_what_runs_at_once(
    count: int, slots: int, cores: int, threads: int, nodes: int, busy: int
) -> None:
    found = guess(count, f"resources: {{threads: {threads}}}", slots=slots, cores=cores)
    assert (found.tasks, found.nodes, found.slots) == (count, nodes, slots)
    assert found.hours == pytest.approx(found.core_hours / busy)
    assert found.node_hours == pytest.approx(nodes * (found.hours + 0.1))
    assert found.core_hours == pytest.approx(count * guess(1, slots=1, cores=1).core_hours)


@pytest.mark.parametrize(("most", "nodes"), [(None, 5), (2, 2), (50, 25)])
def test_a_pools_own_bound_of_nodes_counts_before_the_recipes(most: int | None, nodes: int) -> None:
    recipe = parse(RECIPE, Path("recipe.yaml"))
    found = scenes(100)
    made = plan(recipe, found)
    guess = estimate(made, found, recipe, slots=4, cores=4, most_nodes=most)
    assert guess.nodes == nodes
