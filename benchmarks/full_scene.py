"""What one full-size Sentinel-2 scene costs the task: the constants of `scenefleet.plan.estimate`.

Three tasks in turn on the scene of `scene.py`: one index, four indices over the same bands, and one
index of a scene so small that only start and end count. Their CPU gives what a task, a band's pixel
and an index's pixel cost; the files' sizes give the bytes.

Run it by `python benchmarks/full_scene.py [--folder build/bench] [--rounds 3]`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import commands
import services
from commands import Place
from measure import measure
from table import parser, write

SMALL = 512
"""Pixels along a side of the scene that is hardly there: one tile."""


def place(folder: Path, size: int) -> Place:
    """A scene of a size and the tasks on it."""
    python = sys.executable
    for script, arguments in (
        ("scene.py", [folder / "scene", "--size", size]),
        ("documents.py", [folder / "scene", "http://127.0.0.1:9", folder / "prepared.json"]),
    ):
        command = [python, str(services.HERE / script), *map(str, arguments)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return Place(folder=folder, python=python, peers=None, prepared=commands.read_prepared(folder))


def constants(folder: Path, size: int, rounds: int) -> dict[str, float]:
    """By the names they have in `scenefleet.plan.estimate`."""
    full, small = place(folder, size), place(folder / "small", SMALL)
    wanted = [
        commands.task(full, "four indices", "four"),
        commands.task(small, "hardly a scene", "one"),
        commands.task(full, "one index", "one"),
    ]
    found = measure(wanted, rounds, full.logs)
    four, start, one = (statistics.median(r.cpu for r in runs) for runs in found.values())
    pixels = size * size
    told = json.loads((full.scene / "scene.json").read_text())
    (index,) = full.output("task").rglob("NDVI.tif")
    further = (four - one) / 3
    return {
        "_BAND_BYTES": 2 / statistics.mean(told["compression_ratio"].values()),
        "_MASK_BYTES": told["bytes"]["SCL"] / pixels,
        "_OUT_BYTES": index.stat().st_size / pixels,
        "_CPU_INDEX": further / pixels,
        "_CPU_BAND": (one - start - further) / 2 / pixels,
        "_CPU_TASK": start,
        "one_scene": one,
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--folder", type=Path, default=Path("build/bench"), help="kept between runs")
    made.add_argument("--size", type=int, default=10980, help="pixels along the scene's side")
    arguments = made.parse_args()
    found = constants(arguments.folder.absolute(), arguments.size, arguments.rounds)
    for name, value in found.items():
        print(f"{name:12} {value:.3g}")
    write(arguments.json, found)


if __name__ == "__main__":
    main()
