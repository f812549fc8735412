"""`scenefleet demo`."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import click

from scenefleet.cli.show import say

_RECIPE = """\
# Written by `scenefleet demo`. The catalogue is served while the demo runs only: for a run without
# it write `catalog: archive/items.json`.
version: 1
name: demo
search:
  catalog: {url}
  collections: [sentinel-2-l2a]
  dates: 2021/2022
  cloud_below: 80
process:
  indices: [ndvi]
  mask: [clouds, shadows]
output:
  store: ./results
"""


@click.command(epilog="Example:  scenefleet demo --folder try-it")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("scenefleet-demo"),
    show_default=True,
    help="Where scenes and results go; made if it is not there.",
)
@click.option("--seed", default=7, show_default=True, help="Another seed draws another landscape.")
def command(folder: Path, *, seed: int) -> None:
    """Run the whole job on made-up scenes, with no account and no network.

    Makes a year of small Sentinel-2-like scenes, serves them as a STAC API on this machine, and
    then does what any run does: search, plan, upload, pool, job, a task a scene, NDVI GeoTIFFs, a
    STAC collection and a report.
    """
    from scenefleet.cli.options import read_settings
    from scenefleet.cli.running import run_recipe
    from scenefleet.demo.archive import make_archive
    from scenefleet.demo.server import serve_archive
    from scenefleet.recipe import read_recipe

    say(f"making scenes in {folder}/archive ...")
    items = make_archive(folder / "archive", seed=seed)
    recipe = folder / "recipe.yaml"
    with serve_archive(folder / "archive") as url:
        say(f"serving {len(items)} as a STAC API at {url}; the recipe takes those below 80 % cloud")
        recipe.write_text(_RECIPE.format(url=url), encoding="utf-8")
        code = run_recipe(
            read_recipe(recipe), read_settings(None), yes=True, detach=False, as_json=False
        )
    if code == 0:
        say(f"look     {folder}/results/products/demo holds a folder a scene, GeoTIFFs for QGIS")
        me = "scenefleet" if shutil.which("scenefleet") else shlex.quote(sys.argv[0])
        say(f"next     {me} init    writes a recipe for real scenes, of Planetary Computer")
    sys.exit(code)
