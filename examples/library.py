"""Runs ndvi.yaml from Python and prints the median NDVI of each scene.

python examples/library.py [CATALOG [STORE]]: a catalogue in place of the recipe's, such as the
items.json of `scenefleet demo`, and the folder for the results.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio

from scenefleet.catalog import search
from scenefleet.errors import ScenefleetError
from scenefleet.fleet import open_fleet
from scenefleet.plan import plan
from scenefleet.recipe import RecipeFile, read_recipe
from scenefleet.results import write_collection
from scenefleet.run import Ended, create, key, remaining, settle, submit, watch
from scenefleet.settings import read_settings
from scenefleet.store import Store, open_store


def compute(source: RecipeFile, store: Store) -> Ended:
    """Searches, plans, computes what is not there yet, and waits for the end."""
    settings = read_settings(None, os.environ)
    found = search(source.recipe.search, base=Path())
    planned = plan(source.recipe, found.items)
    run = create(store, source, planned, found.items)
    left = remaining(store, run, planned, failed=True)
    if left:
        with open_fleet(source, settings, key=key(store, run.id)) as fleet:
            run, _ = submit(store, fleet, run, left, source=source, settings=settings)
            *_, ended = watch(store, fleet, run, planned)  # events, as they come; the last is Ended
    else:
        ended = settle(store, None, run, planned, {})
    assert isinstance(ended, Ended)
    if any(outcome.state == "done" for outcome in ended.outcomes):
        write_collection(store, run.name)
    return ended


def main() -> None:
    """Reads the recipe, runs it, and looks at the pixels."""
    source = read_recipe(Path(__file__).with_name("ndvi.yaml"))
    words = sys.argv[1:]
    if words:
        query = source.recipe.search.model_copy(update={"catalog": words[0]})
        source = replace(source, recipe=source.recipe.model_copy(update={"search": query}))
    folder = Path(words[1] if len(words) > 1 else "results")
    store = open_store(str(folder), base=Path(), settings=read_settings(None, os.environ))
    for outcome in compute(source, store).outcomes:
        if outcome.state != "done":
            print(outcome.datetime[:10], outcome.state, outcome.message)
            continue
        with rasterio.open(folder / outcome.outputs["ndvi"]) as raster:
            ndvi = raster.read(1, masked=True) * raster.scales[0]
        print(outcome.datetime[:10], f"{np.ma.median(ndvi):.3f}", outcome.item)


if __name__ == "__main__":
    try:
        main()
    except ScenefleetError as error:  # what was given, what is allowed, what to do
        sys.exit(f"error: {error}")
