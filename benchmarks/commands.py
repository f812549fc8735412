"""The commands that the benchmark of a scene measures: ours, the limit, and the peers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from measure import Around, Command, Json, Surrounding
from services import HERE

_LOADING = """
import sys
sys.path.insert(0, sys.argv[1])
import scenefleet_task.__main__, scenefleet_task.supervise, scenefleet_task.work
import scenefleet_task.heads, scenefleet_task.read, scenefleet_task.scene, scenefleet_task.item
import scenefleet_task.put_folder, scenefleet_task.thumbnail
"""
SLOW = 3
"""Rounds at most, of slow commands that no target is about."""
_COG = (
    "-co COMPRESS=DEFLATE -co LEVEL=1 -co PREDICTOR=2 -co OVERVIEW_RESAMPLING=AVERAGE "
    "-co NUM_THREADS=ALL_CPUS"
)
_GDAL_CALC = """
gdal_calc.py --quiet -A "$1/B04.tif" -B "$1/B08.tif" --type Float32 --outfile "$2/draft.tif" \
  --calc "(B.astype(float32) - A) / (B.astype(float32) + A)"
gdal_translate -q -of COG -co COMPRESS=DEFLATE "$2/draft.tif" "$2/ndvi.tif"
rm "$2/draft.tif"
"""
_GDAL_CALC_SAME = f"""
gdal_translate -q -of VRT -r nearest -outsize "$3" "$3" "$1/SCL.tif" "$2/scl.vrt"
gdal_calc.py --quiet -A "$1/B04.tif" -B "$1/B08.tif" -C "$2/scl.vrt" --type Int16 \
  --NoDataValue -32768 --outfile "$2/draft.tif" --calc "where(isin(C, [3, 8, 9, 10]), -32768,
  rint((B.astype(float32) - A) / (B.astype(float32) + A - 2000) * 10000))"
gdal_translate -q -of COG {_COG} "$2/draft.tif" "$2/ndvi.tif"
rm "$2/draft.tif"
"""
_RIO_CALC = """
rio calc "(/ (- (read 2 1 'float32') (read 1 1 'float32'))
  (+ (read 2 1 'float32') (read 1 1 'float32')))" -t float32 --not-masked --co compress=deflate \
  "$1/B04.tif" "$1/B08.tif" "$2/ndvi.tif"
"""
_RIO_CALC_SAME = """
rio calc "(round (* 10000 (/ (- (read 2 1 'float32') (read 1 1 'float32'))
  (- (+ (read 2 1 'float32') (read 1 1 'float32')) 2000))))" -t int16 --not-masked \
  --co compress=deflate --co zlevel=1 --co predictor=2 "$1/B04.tif" "$1/B08.tif" "$2/draft.tif"
rio cogeo create -q --nodata -32768 --overview-resampling average --co PREDICTOR=2 --co ZLEVEL=1 \
  "$2/draft.tif" "$2/ndvi.tif"
rm "$2/draft.tif"
"""


GDAL_PROGRAMS = ("gdal_calc.py", "gdal_translate")
"""Programs of the distribution's GDAL: one peer uses both, and is measured where both exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where everything is."""

    folder: Path
    """Of the benchmark; absolute."""
    python: str
    """Of the environment that runs the task."""
    peers: str | None
    """The Python of the peers' environment; None where it is not there."""
    prepared: Json
    """What `documents.py` wrote."""

    @property
    def scene(self) -> Path:
        """The scene's files."""
        return self.folder / "scene"

    @property
    def logs(self) -> Path:
        """What commands write to standard error."""
        return self.folder / "logs"

    def output(self, name: str) -> Path:
        """A command's own folder."""
        return self.folder / "out" / name


def task(
    place: Place,
    name: str,
    document: str,
    *,
    threads: int = 1,
    memory: int | None = None,
    around: Around = lambda: contextlib.nullcontext(Surrounding()),
    note: str = "",
) -> Command:
    """The task as a node runs it; writes to a folder unless its surroundings name a store."""
    output = place.output("task")
    environment: dict[str, str] = {
        "SCENEFLEET_TASK": place.prepared["tasks"][document],
        "SCENEFLEET_STORE": str(output / "store"),
        "SCENEFLEET_THREADS": str(threads),
    }
    if memory:
        environment["SCENEFLEET_MEMORY"] = str(memory)
    return Command(
        name=name,
        argv=[place.python, place.prepared["code"], "run"],
        environment=environment,
        output=output,
        around=around,
        note=note,
    )


def loading(place: Place, name: str) -> Command:
    """Python, the supervisor's modules and all that the task loads; nothing is done."""
    return Command(
        name=name,
        argv=[place.python, "-c", _LOADING, place.prepared["code"]],
        note="Python and all that the task imports, no more",
    )


def limit(place: Place, codec: str) -> Command:
    """The codecs alone."""
    argv = [
        place.python,
        str(HERE / "limit.py"),
        codec,
        str(place.scene),
        str(place.folder / "tiles"),
    ]
    return Command(
        name=f"limit: codecs alone, {codec}",
        argv=argv,
        note="CPU of the codecs only, measured inside the process; its memory is all tiles at once",
    )


def download(place: Place, name: str, address: str, job: Path, around: Around) -> Command:
    """A bare concurrent download."""
    argv = [place.python, str(HERE / "download.py"), address, str(job)]
    return Command(
        name=name, argv=argv, around=around,
        note="wall from its first request to the last byte, without the interpreter's start",
    )  # fmt: skip


def peers(place: Place, *, same: bool) -> list[Command]:
    """The peers, as documented or with the same output as the task's index.

    Of the latter those that no target is about run `SLOW` times at most: each takes 20 seconds.
    """
    by_python = {
        "usual script": "script",
        "rio-tiler + rio-cogeo": "rio-tiler",
        "odc-stac + odc-geo": "odc",
    }
    if same:
        by_python = {
            "rasterio by windows, COG driver": "windows-same",
            "rasterio by windows, COG driver, zstd": "windows-zstd-same",
            **{name: f"{way}-same" for name, way in by_python.items()},
        }
    suffix = ", same output" if same else ""
    made: list[Command] = []
    if place.peers:
        script = str(HERE / "peers.py")
        for name, way in by_python.items():
            output = place.output(way)
            argv = [place.peers, script, way, str(place.scene), str(output / "ndvi.tif")]
            most = SLOW if same and not way.startswith("windows") else 100
            made.append(Command(name=name + suffix, argv=argv, output=output, most=most))
        text, note = (_RIO_CALC_SAME, "no SCL mask: its inputs must be of one size") if same else (
            _RIO_CALC, "",
        )  # fmt: skip
        folder = Path(place.peers).parent
        made.append(_shell(place, "rio calc" + suffix, text, note, same=same, path=f"{folder}:"))
    if all(map(shutil.which, GDAL_PROGRAMS)):
        text, note = _GDAL_CALC_SAME if same else _GDAL_CALC, "GDAL of the distribution"
        made.append(_shell(place, "gdal_calc.py + COG" + suffix, text, note, same=same))
    return made


def _shell(place: Place, name: str, text: str, note: str, *, same: bool, path: str = "") -> Command:
    output = place.output("shell")
    size = str(place.prepared["size"])
    return Command(
        name=name,
        argv=["sh", "-euc", text, "sh", str(place.scene), str(output), size],
        environment=_with_path(path),
        output=output,
        note=note,
        most=SLOW if same else 100,
    )


def _with_path(path: str) -> Mapping[str, str]:
    return {"PATH": path + os.environ["PATH"]} if path else {}


def missing(place: Place) -> list[str]:
    """Peers that cannot run here, and why."""
    said = [] if place.peers else ["peers' environment: not there; run `make .venv-peers/.peers`"]
    packages = "on Debian, apt-get install gdal-bin python3-gdal"
    absent = [program for program in GDAL_PROGRAMS if not shutil.which(program)]
    return [*said, *(f"{program}: not there; {packages}" for program in absent)]


def read_prepared(folder: Path) -> Json:
    """What `documents.py` wrote."""
    return json.loads((folder / "prepared.json").read_text())
