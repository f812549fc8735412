"""The recipe that `scenefleet init` writes: short, commented, and one that runs."""

from __future__ import annotations

from typing import Literal


def starter(backend: Literal["local", "azure"]) -> str:
    """A commented recipe for this machine, or for Azure Batch."""
    return _HEAD + (_AZURE if backend == "azure" else _LOCAL)


_HEAD = """\
# A scenefleet recipe. Try it:   scenefleet search recipe.yaml
#                                scenefleet plan recipe.yaml
#                                scenefleet run recipe.yaml
version: 1
name: ndvi-zeeland                  # names the results and the runs

search:
  catalog: planetary-computer       # or earth-search, the URL of a STAC API, a file of items
  collections: [sentinel-2-l2a]
  bbox: [3.55, 51.45, 3.75, 51.55]  # west, south, east, north; or area: fields.geojson
  dates: 2023-06-01/2023-06-15      # a day, a month (2023-06), a year, or from/to
  cloud_below: 20                   # per cent of the whole scene
  # filter: {op: "=", args: [{property: "s2:mgrs_tile"}, "31UES"]}   # more CQL2, if you need it
  # limit: 10

process:
  each: scene
  indices: [ndvi]                   # `scenefleet indices` lists all; or own formulas over bands:
  #   - ndvi
  #   - my_index: (nir - red) / (nir + red + 0.5)
  # bands: [red, nir]               # reflectances as files of their own
  mask: [clouds, shadows]           # clouds shadows snow water, numbers of classes, or none
  clip: true                        # only the area above; false computes whole scenes

"""
_LOCAL = """\
output:
  store: ./results                  # a folder, or az://account/container/prefix
  # compression: deflate            # read by all programs; zstd, the default, costs less

compute:
  backend: local                    # this machine, by the Batch emulator; or azure
  # slots: 2                        # scenes at once; default: as cores and memory allow
  retries: 1                        # further attempts at a failure that may pass

# resources: {memory: 500MB, threads: 1}   # what one scene may take; pixels do not depend on it
"""
_AZURE = """\
output:
  store: az://youraccount/scenefleet/zeeland
  # compression: deflate            # read by all programs; zstd, the default, costs less

compute:
  backend: azure                    # who you are there: [azure] in the settings file
  pool: spot                        # or dedicated, a file such as my.pool.json, {id: my-pool}
  max_nodes: 20
  retries: 1                        # further attempts at a failure that may pass
  task_minutes: 60                  # a scene that takes longer is ended

# resources: {memory: 500MB, threads: 1}   # what one scene may take; a node's tasks at once follow

budget:
  node_price: 0.05                  # what one node of the pool costs an hour, in your currency
  max_cost: 5                       # a run whose estimate is higher is refused
"""
