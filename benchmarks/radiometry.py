"""What common tools make of one ground scene, by the form of its numbers and what its item says.

The ground is real (`tests/ground_scene.py`); the right median NDVI of its clear land is 0.5317.
Each tool is used as its own documentation says (`radiometry_peers.py`, in an environment of its
own), and all read the same files by the same items. Prints a Markdown table, in which what is wrong
is bold, and the same as JSON.

Run it by `make bench-radiometry`; it wants the real imagery in ../shared (or SCENEFLEET_SHARED).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from scenefleet.catalog import search
from scenefleet.plan import plan
from scenefleet.recipe import parse
from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

import ground_scene  # noqa: E402 - the tests' scenery, which is no package
import to_folder  # noqa: E402 - likewise

Json = dict[str, Any]
Medians = dict[str, float | str]
"""By case: a median NDVI, or a word where there is none."""
RIGHT = 0.5317


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One item of the ground scene."""

    says: str
    provider: str
    form: ground_scene.Form
    signs: Json
    year: int = 2024


LATE, EARLY = (
    {"baseline": "05.11", "product": "0511"},
    {"baseline": "02.14", "product": "0214"},
)
CASES = {
    "pc-early": Case(
        says="Planetary Computer, baseline 02.14", provider="planetary-computer",
        form="removed", signs=EARLY, year=2019,
    ),
    "pc-late": Case(
        says="Planetary Computer, baseline 05.11", provider="planetary-computer",
        form="carried", signs=LATE,
    ),
    "pc-reprocessed": Case(
        says="Planetary Computer, of 2019, reprocessed by 05.00", provider="planetary-computer",
        form="carried", signs={"baseline": "05.00", "product": "0500"}, year=2019,
    ),
    "es-applied": Case(
        says="Earth Search, offset -0.1 and `boa_offset_applied: true`", provider="earth-search",
        form="removed", signs={**LATE, "offset": -0.1, "flag": True},
    ),
    "c1": Case(
        says="Earth Search Collection 1, offset -0.1", provider="earth-search-c1",
        form="carried", signs={**LATE, "offset": -0.1},
    ),
    "cdse": Case(
        says="Copernicus Data Space, STAC 1.1, offset -0.1", provider="copernicus",
        form="carried", signs={**LATE, "offset": -0.1},
    ),
    "stactools": Case(
        says="stactools, offset -0.7", provider="stactools",
        form="carried", signs={**LATE, "offset": -0.7},
    ),
    "bare": Case(says="no metadata at all", provider="bare", form="carried", signs={}),
    "lie-baseline": Case(
        says="a lie: baseline 02.14", provider="planetary-computer",
        form="carried", signs=EARLY,
    ),
    "lie-offset": Case(
        says="a lie: offset -0.1, no flag", provider="earth-search",
        form="removed", signs={**LATE, "offset": -0.1},
    ),
}  # fmt: skip


def items(files: Path) -> dict[str, Json]:
    """By case."""
    made: dict[str, Json] = {}
    for name, case in CASES.items():
        item = ground_scene.make_item(name, case.provider, files / case.form, **case.signs)
        item["properties"]["datetime"] = f"{case.year}-08-01T11:21:19Z"
        made[name] = item
    return made


def scenefleet(made: dict[str, Json], folder: Path, land: np.ndarray) -> Medians:
    """Each item searched, planned and computed, with all defaults."""
    collection = {"type": "FeatureCollection", "features": list(made.values())}
    (folder / "items.json").write_text(json.dumps(collection))
    recipe = parse(
        "version: 1\nname: ndvi\nsearch: {catalog: items.json, "
        "collections: [sentinel-2-l2a, sentinel-2-c1-l2a]}",
        folder / "recipe.yaml",
    )
    names = {item["id"]: name for name, item in made.items()}
    found: Medians = dict.fromkeys(made, "left out")
    for document in plan(recipe, search(recipe.search, base=folder).items).documents:
        output = folder / document.id
        output.mkdir()
        name = names[document.source.id]
        try:
            to_folder.process(document, Unsigned(), output)
        except TaskError as error:
            print(f"{name}: {error.message}", file=sys.stderr)
            found[name] = "refused"
            continue
        with rasterio.open(output / "ndvi.tif") as source:
            found[name] = round(float(np.median(source.read(1)[land])) * 1e-4, 4)
    return found


def peers(python: str, made: dict[str, Json], folder: Path) -> dict[str, Medians]:
    """By tool, in the peers' own environment."""
    cases = folder / "cases.json"
    told = {name: {"provider": CASES[name].provider, "item": item} for name, item in made.items()}
    cases.write_text(json.dumps(told))
    script = Path(__file__).with_name("radiometry_peers.py")
    done = subprocess.run([python, str(script), str(cases)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def table(found: dict[str, Medians]) -> str:
    """Markdown: a row a case, a column for the tools that give the same everywhere."""
    columns: dict[tuple[str, ...], list[str]] = {}
    for tool, medians in found.items():
        cells = tuple(_cell(medians[name]) for name in CASES)
        columns.setdefault(cells, []).append(tool)
    rows = [["numbers", "the item", *("; ".join(tools) for tools in columns.values())]]
    rows.append(["---"] * len(rows[0]))
    for number, case in enumerate(CASES.values()):
        holds = "+1000" if case.form == "carried" else "plain"
        rows.append([holds, case.says, *(cells[number] for cells in columns)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if np.isnan(value):
        return "**none**"
    return f"{value:.4f}" if abs(value - RIGHT) < 0.0002 else f"**{value:.4f}**"


def main() -> None:
    """Writes the scenes, runs every tool, prints the table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="the Python of the peers' environment")
    arguments = parser.parse_args()
    shared = Path(os.environ.get("SCENEFLEET_SHARED", REPOSITORY.parent / "shared"))
    if not shared.is_dir():
        sys.exit(f"No real imagery at {shared}; name its folder in SCENEFLEET_SHARED.")
    ground = ground_scene.exeter(shared / "data")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = items(ground.write(folder / "files"))
        found = peers(arguments.peers, made, folder) if arguments.peers else {}
        found["scenefleet"] = scenefleet(made, folder, ground.clear_land)
    print(table(found))
    print()
    print(json.dumps({"right": RIGHT, "median_ndvi": found}))


if __name__ == "__main__":
    main()
