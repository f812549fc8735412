"""One window of one task, tried on this machine: the task's own code in a process of its own.

It is started as a node starts it, from the same zipapp and with the document in the environment,
so that what works here works there; only the store and the emulator are left out. Of the client's
environment it gets no secret but what sources are signed with, and that stays with its supervisor.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from scenefleet.errors import ScenefleetError
from scenefleet.fleet.secrecy import conceal, signing, surroundings, tuning
from scenefleet.recipe import Resources
from scenefleet.recipe.script import ScriptPart
from scenefleet.run.code import build_code
from scenefleet_task import spec

Window = tuple[int, int, int, int]
"""Row, column, height, width in pixels of the outputs."""


class TrialError(ScenefleetError):
    """A window that could not be computed; of a script it names the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOutput:
    """One output of the window. Values are physical (an index, reflectance or kelvin)."""

    name: str
    file: Path
    """The GeoTIFF; outputs that are stacked share one."""
    picture: Path
    """The PNG."""
    minimum: float | None
    """None where no pixel is valid; so are the next two."""
    mean: float | None
    maximum: float | None
    valid_percent: float
    """Of the pixels that are inside the area and have data, as in `status` and the item."""
    saturated: int
    """Valid values beyond what int16 can hold."""
    cut_percent: float
    """The same, per cent of the valid values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRead:
    """How one source's pixels were read."""

    asset: str
    """The asset's key in its item."""
    item: str
    """The item's id: a scene that stations share has several."""
    way: Literal["tiles", "gdal"]
    """By its tiles, which is fast, or through GDAL."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came out of a window."""

    task: str
    """The task's id, which is the same in a run of the recipe."""
    item: str
    seconds: float
    """From opening the sources to the last picture, without Python's own start."""
    shape: tuple[int, int]
    """Rows and columns."""
    reasons: dict[str, float]
    """Per cent of the pixels by name of a `spec.Reason` in lower case, `valid` among them."""
    reason: Path
    """The raster of reasons."""
    outputs: tuple[TrialOutput, ...]
    read: tuple[SourceRead, ...]
    """A source each; none where the task does not tell."""
    replaced: tuple[Path, ...] = ()
    """Files of an earlier trial, maybe of another recipe, in whose place new ones are."""


def try_window(
    document: spec.TaskDocument,
    folder: Path,
    *,
    script: ScriptPart | None = None,
    window: Window | None = None,
    area: Mapping[str, Any] | None = None,
    whole: bool = False,
    limit: float = 3600,
    resources: Resources | None = None,
    explain: bool = False,
) -> Trial:
    """Computes a window of a task; what a script prints goes to standard error as it comes.

    Ctrl-C, the limit and any other end of the block end the process and what it started.

    Args:
        document: the task.
        folder: where rasters and pictures go, replacing those of the same names; made if need be.
        script: the recipe's script, where the document names one.
        window: None takes one of 512 by 512 pixels: in the area, or else in the middle.
        area: GeoJSON in degrees.
        whole: whether the window is to hold all of the area.
        limit: seconds that it may take in all.
        resources: what the task may take; None takes a recipe's defaults.
        explain: whether the task's whole log goes to standard error, with the way in which each
            source's pixels are read.

    Raises:
        TrialError: says why the window could not be computed.
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # beside its target, so that files are moved and not copied; nothing half done is seen there
    with tempfile.TemporaryDirectory(prefix=".try-", dir=folder) as scratch:
        place = Path(scratch).resolve()
        found = _compute(
            document, place, script,
            [*_choice(place, window, area, whole=whole), *(["--explain"] if explain else [])],
            limit, resources or Resources(),
        )  # fmt: skip
        return _kept(found, document, place / "out", folder)


def _compute(
    document: spec.TaskDocument,
    place: Path,
    script: ScriptPart | None,
    choice: list[str],
    limit: float,
    resources: Resources,
) -> dict[str, Any]:
    code = build_code()
    (place / code.name).write_bytes(code.data)
    # by this interpreter, whatever the PATH: it is the one that has numpy and rasterio
    command = [sys.executable, str(place / code.name), "try", "--folder", str(place / "out")]
    command += choice
    conceal()  # a script is a process of the same user
    environment = {
        **surroundings(os.environ), **tuning(os.environ), **signing(os.environ),
        spec.ENV_TASK: spec.encode(document), **resources.environment,
    }  # fmt: skip
    if script is not None and document.script is not None:
        file = place / document.script.file_name
        file.write_bytes(script.text.encode())
        environment[spec.ENV_SCRIPT] = str(file)
    code_of_end, said = _run(command, environment, place, limit)
    return _answer(code_of_end, said)


def _choice(
    place: Path, window: Window | None, area: Mapping[str, Any] | None, *, whole: bool
) -> list[str]:
    """Which window is wanted, as the task's arguments; an area goes as a file."""
    if window is not None:
        return ["--window", ",".join(map(str, window))]
    if area is None:
        return []
    file = place / "area.json"
    file.write_text(json.dumps(area))
    return ["--near", str(file), *(["--whole"] if whole else [])]


def _run(
    command: list[str], environment: dict[str, str], place: Path, limit: float
) -> tuple[int, bytes]:
    """Exit code and standard output of a process that is gone afterwards, with its children."""
    # a file: of a pipe the end is seen only when the last of a script's children has closed it
    with (place / "stdout").open("w+b") as said:
        process = subprocess.Popen(
            command,
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            # a group of its own, which can be ended as a whole; Ctrl-C then reaches us alone
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            raise TrialError(
                f"the window took longer than {limit:g} s (`compute.task_minutes`) and was ended; "
                "try a smaller --window"
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        return code, said.read()


def _answer(code: int, said: bytes) -> dict[str, Any]:
    """What the task said last: one line of JSON.

    Raises:
        TrialError: if that is why it failed, or it said nothing.
    """
    try:
        answer = cast("dict[str, Any]", json.loads(said.splitlines()[-1]))
    except (IndexError, ValueError):
        raise TrialError(_silence(code)) from None
    if code == 0:
        return answer
    message = str(answer.get("message"))
    raise TrialError(message)


def _silence(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        more = ", most often for want of memory" if -code == signal.SIGKILL else ""
        return f"the computing process was ended by {name}{more}; try a smaller --window"
    return (
        f"the computing process ended with code {code} and without a result; "
        "`scenefleet try --explain` shows its log"
    )


def _kept(found: dict[str, Any], document: spec.TaskDocument, made: Path, folder: Path) -> Trial:
    """The outcome, its files moved to the folder they are for."""
    targets = {file: folder / file.name for file in sorted(made.iterdir())}
    replaced = tuple(target for target in targets.values() if target.exists())
    for file, target in targets.items():
        file.replace(target)
    pixels = sum(found["reasons"].values())
    whole = document.dtype == "int16"
    return Trial(
        task=found["task"],
        item=found["item"],
        seconds=found["seconds"],
        shape=(found["shape"][0], found["shape"][1]),
        reasons={name: round(100 * count / pixels, 4) for name, count in found["reasons"].items()},
        reason=folder / Path(found["reason"]).name,
        outputs=tuple(
            _output(one, folder, found["valid_percent"], whole=whole) for one in found["outputs"]
        ),
        read=sources_read(found),
        replaced=replaced,
    )


def sources_read(found: Mapping[str, Any]) -> tuple[SourceRead, ...]:
    """How the task read each source, by what it said last; empty where it did not tell."""
    return tuple(
        SourceRead(asset=one["asset"], item=one["item"], way=one["way"], why=one["why"])
        for one in found.get("read", ())
    )


def _output(
    found: dict[str, Any], folder: Path, valid_percent: float, *, whole: bool
) -> TrialOutput:
    scale = float(found["scale"]) if whole else 1.0

    def value(name: str) -> float | None:
        return None if name not in found else round(float(found[name]) * scale, 6)

    return TrialOutput(
        name=found["name"],
        file=folder / Path(found["file"]).name,
        picture=folder / Path(found["picture"]).name,
        minimum=value("minimum"),
        mean=value("mean"),
        maximum=value("maximum"),
        valid_percent=valid_percent,
        saturated=found["saturated"],
        cut_percent=round(100 * found["saturated"] / found["count"], 4) if found["count"] else 0.0,
    )
