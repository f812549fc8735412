"""`scenefleet demo`."""

from __future__ import annotations

import shlex
import shutil
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scenefleet.cli.show import say
from scenefleet.errors import ScenefleetError

if TYPE_CHECKING:
    from scenefleet.recipe import RecipeFile

_TICK_SECONDS = 5
_RECIPE = """\
# Written by `scenefleet demo`. Edit it, then: scenefleet run recipe.yaml
version: 1
name: demo
search:
  catalog: archive/items.json       # the scenes of the demo, as a file: it needs no server
  collections: [sentinel-2-l2a]
  dates: 2021/2022
  cloud_below: 80                   # per cent of the whole scene
process:
  indices: [ndvi]                   # `scenefleet indices` lists all
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

    Makes a year of small Sentinel-2-like scenes, searches them through a STAC API on this machine,
    and then does what any run does: plan, upload, pool, job, a task a scene, NDVI GeoTIFFs, a
    STAC collection and a report. The recipe it leaves works without that API.
    """
    from scenefleet.cli.options import read_settings
    from scenefleet.cli.running import run_recipe
    from scenefleet.demo.archive import make_archive
    from scenefleet.recipe import read_recipe

    say(f"making scenes in {folder}/archive ...")
    with _ticking():
        items = make_archive(folder / "archive", seed=seed, progress=_say_drawn)
    source = read_recipe(_recipe(folder))
    _search_api(folder, source, len(items))
    code = run_recipe(source, read_settings(None), yes=True, detach=False, as_json=False)
    if code == 0:
        _say_next(folder)
    sys.exit(code)


@contextmanager
def _ticking() -> Generator[None]:
    """Says every few seconds that scenes are drawn still: the land alone may take long."""
    over = threading.Event()

    def tick() -> None:
        start = time.monotonic()
        while not over.wait(_TICK_SECONDS):
            say(f"still drawing, {time.monotonic() - start:.0f} s")

    thread = threading.Thread(target=tick, name="demo-ticks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _say_drawn(done: int, of: int) -> None:
    say(f"drew {done} of {of} overpasses" if done else "drew the land")


def _recipe(folder: Path) -> Path:
    """The recipe in `folder`, written unless there is one: the user may have edited it."""
    path = folder / "recipe.yaml"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_RECIPE)
    except FileExistsError:
        if path.is_file() and path.read_bytes() != _RECIPE.encode():
            say(f"{path} is not as the demo wrote it, and is kept; delete it to have a new one")
    except OSError as error:
        raise ScenefleetError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _search_api(folder: Path, source: RecipeFile, count: int) -> None:
    """Searches the archive as one would a STAC API on the web, and says what came."""
    from scenefleet.catalog import search
    from scenefleet.demo.server import serve_archive

    with serve_archive(folder / "archive") as url:
        say(f"serving {count} scenes as a STAC API at {url} for a search")
        query = source.recipe.search.model_copy(update={"catalog": url})
        found = search(query, base=folder)
    say(f"the search gave {len(found.items)} of them; the run reads the same from a file")


def _say_next(folder: Path) -> None:
    me = (
        "scenefleet"
        if shutil.which("scenefleet")
        else shlex.quote(str(Path(sys.argv[0]).absolute()))
    )
    say(f"look     {folder}/results/products/demo holds a folder a scene, GeoTIFFs for QGIS")
    say("next     the demo's recipe.yaml is yours to edit; these need no server:")
    say(f"           cd {shlex.quote(str(folder))}")
    say(f"           {me} status    a row a scene")
    say(f"           {me} try       one window of one scene, as a picture")
    say(f"           {me} run       submits only what an edit made new")
    say(f"or       {me} init    writes a recipe for real scenes, of Planetary Computer")
