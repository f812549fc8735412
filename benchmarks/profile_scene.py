"""Where the CPU of a scene goes, as a table and as a picture (`docs/profile.svg`).

Runs the task's pixels in this process under cProfile with the CPU's clock, one thread, local
files. What numpy, codecs and the system do counts for the module of the task that asked for it.

Run it by `python benchmarks/profile_scene.py [--folder build/bench] [--svg docs/profile.svg]`.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import scene
from documents import OUTPUTS, document

ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "GDAL_NUM_THREADS": "1"}
"""As a task has it; read when numpy and GDAL are loaded."""
Key = tuple[str, int, str]
PARTS = {
    "start": "start of Python, numpy and rasterio",
    "decode": "decoding tiles (libdeflate, predictor)",
    "read": "reading bytes, headers and the look at the pixels",
    "compute": "arithmetic (float32) and packing (int16)",
    "mask": "masks and reasons",
    "overview": "overviews: halving",
    "statistics": "statistics",
    "encode": "encoding tiles (zstd, predictor), overviews included",
    "write": "writing, SHA-256 and reading back",
    "rest": "the rest",
}
COLOURS = ("#9aa5b1", "#2f6690", "#81a4cd", "#e0a458", "#c1666b", "#6a994e", "#a7c957", "#4a4e69",
           "#b08968", "#d6d6d6")  # fmt: skip
MODULES = {
    "read": "read", "fetch": "read", "layout": "read", "by_tiles": "read", "sources": "read",
    "offset": "read", "ahead": "decode",
    "evaluate": "compute", "maker": "compute", "compute": "compute", "scene": "compute",
    "mask": "mask", "layer": "mask", "grid": "mask",
    "overview": "overview", "statistics": "statistics",
    "cog": "encode", "spool": "write", "put_folder": "write", "put": "write", "tiff": "write",
}  # fmt: skip
"""By module of the task."""
FUNCTIONS = {"decode": "decode", "_decompress": "decode", "encode": "encode"}
"""Of `codec`."""


def part_of(key: Key) -> str | None:
    """What a function of the task belongs to; None where it is none of the task's."""
    path = Path(key[0])
    if path.parent.name != "scenefleet_task":
        return None
    if path.stem == "codec":
        return FUNCTIONS.get(key[2], "encode")
    return MODULES.get(path.stem, "rest")


def shares(stats: dict[Key, tuple[Any, ...]]) -> dict[str, float]:
    """CPU seconds by part: a function's own time is its caller's, up to one of the task's."""

    @cache
    def owners(key: Key, depth: int) -> dict[str, float]:
        part = part_of(key)
        if part or depth > 12:
            return {part or "rest": 1.0}
        callers = stats[key][4]
        total = sum(told[3] for told in callers.values())
        found: dict[str, float] = {}
        for caller, told in callers.items():
            share = told[3] / total if total else 1 / len(callers)
            for name, weight in owners(caller, depth + 1).items():
                found[name] = found.get(name, 0) + share * weight
        return found or {"rest": 1.0}

    spent = dict.fromkeys(PARTS, 0.0)
    for key, told in stats.items():
        for name, weight in owners(key, 0).items():
            spent[name] += told[2] * weight
    return spent


def profiled(folder: Path, size: int) -> dict[str, float]:
    """Profiles one scene of the given side in pixels; gives CPU seconds by part."""
    started = subprocess.run(
        [sys.executable, "-c", "import time, numpy, rasterio; print(time.process_time())"],
        stdout=subprocess.PIPE,
        check=True,
    )
    from scenefleet_task.access import Unsigned
    from scenefleet_task.names import names_of
    from scenefleet_task.put_folder import FolderTarget
    from scenefleet_task.read import opened
    from scenefleet_task.scene import process

    task = document(str(folder / "scene"), size, OUTPUTS["one"])
    profile = cProfile.Profile(time.process_time)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        target = FolderTarget(Path(place))
        profile.enable()
        with opened(names_of(task), Unsigned()) as rasters:
            process(task, rasters, Path(place), lambda name: target.begin(name, Path(place)))
        profile.disable()
    spent = shares(pstats.Stats(profile).stats)  # type: ignore[attr-defined] - typeshed lacks it
    return {**spent, "start": float(started.stdout)}


def drawn(spent: dict[str, float]) -> str:
    """An SVG: a bar a part, longest at its own place, labelled with its share."""
    total, width, left, step = sum(spent.values()), 820, 390, 30
    scale = (width - left - 70) / max(spent.values())
    rows: list[str] = []
    for n, (name, colour) in enumerate(zip(PARTS, COLOURS, strict=True)):
        y, length = 46 + n * step, spent[name] * scale
        rows.append(
            f'<text x="{left - 10}" y="{y + 15}" text-anchor="end">{PARTS[name]}</text>'
            f'<rect x="{left}" y="{y}" width="{length:.1f}" height="20" fill="{colour}"/>'
            f'<text x="{left + length + 6:.1f}" y="{y + 15}">{spent[name] / total:.0%}</text>'
        )
    height = 46 + len(PARTS) * step + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#1f2933">\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
        '<text x="16" y="26" font-size="15" font-weight="600">'
        "Where the CPU of one full Sentinel-2 scene goes (NDVI, SCL mask, int16, zstd)</text>\n"
        + "\n".join(rows)
        + "\n</svg>\n"
    )


def main() -> None:
    """Prints the table; writes the picture where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--size", type=int, default=scene.SIZE, help="pixels along a side, even")
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    if not os.environ.keys() >= ENVIRONMENT.keys():
        os.execve(  # noqa: S606 - ourselves
            sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT}
        )
    folder = arguments.folder.absolute()
    scene.make(folder / "scene", arguments.size)
    spent = profiled(folder, arguments.size)
    total = sum(spent.values())
    for name, said in PARTS.items():
        print(f"{spent[name]:6.2f} CPU s  {spent[name] / total:4.0%}  {said}")
    print(f"{total:6.2f} CPU s in all")
    if arguments.svg:
        arguments.svg.write_text(drawn(spent))


if __name__ == "__main__":
    main()
