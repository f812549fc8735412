"""`scenefleet try`."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from scenefleet.cli.completion import scenes
from scenefleet.cli.narrow import put_fitting
from scenefleet.cli.options import (
    json_option,
    radiometry_option,
    read_settings,
    recipe_argument,
    settings_option,
)
from scenefleet.cli.show import WAYS, put_json, say

if TYPE_CHECKING:
    from scenefleet.run.trial import Trial, TrialOutput, Window
    from scenefleet_task.spec import TaskDocument


@click.command("try", epilog="Example:  scenefleet try recipe.yaml --window 0,0,256,256")
@recipe_argument
@settings_option
@click.option(
    "--item",
    metavar="ID",
    shell_complete=scenes,
    help="The scene [default: the first that is selected].",
)
@click.option(
    "--window",
    metavar="ROW,COL,HEIGHT,WIDTH",
    help="In pixels of the outputs [default: 512 by 512 where the area is].",
)
@click.option("--bbox", metavar="W,S,E,N", help="In place of --window: a box in degrees.")
@click.option(
    "--area",
    type=click.Path(path_type=Path, dir_okay=False),
    help="In place of --window: what a GeoJSON file covers.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("try"),
    show_default=True,
    help="Where rasters and pictures go, from the current folder; those of the same names are "
    "replaced.",
)
@click.option("--explain", is_flag=True, help="List how each source's pixels were read, and why.")
@radiometry_option
@json_option
def command(
    recipe: Path,
    settings_path: Path | None,
    item: str | None,
    window: str | None,
    bbox: str | None,
    area: Path | None,
    out: Path,
    *,
    explain: bool,
    radiometry: str | None,
    as_json: bool,
) -> None:
    """Compute one window of one scene here, and draw it: what a recipe or script comes to.

    It goes the way of a task of `run`, in seconds, and writes to the folder of --out alone.
    """
    from scenefleet.cli.selection import plan_one, with_radiometry
    from scenefleet.cli.waiting import waiting
    from scenefleet.recipe import read_recipe
    from scenefleet.run.trial import try_window

    pixels, there = _wanted(window, bbox, area)
    source = with_radiometry(read_recipe(recipe), radiometry)
    document = plan_one(source, item, read_settings(settings_path))
    say(f"scene {document.source.id}" + ("" if item else ", the first; --item ID takes another"))
    with (
        waiting("the window", "its sources, signed, read and computed", alone=False, first=10),
        _hinting(there, document),
    ):
        trial = try_window(
            document,
            out,
            script=source.recipe.process.script,
            window=pixels,
            area=there or cast("dict[str, Any] | None", source.recipe.search.area),
            whole=there is not None,
            limit=60.0 * source.recipe.compute.task_minutes,
            resources=source.recipe.resources,
            explain=explain,
        )
    if as_json:
        put_json(_plain(dataclasses.asdict(trial)))
    else:
        _show(trial)
        if explain:
            _explain(trial)


@contextmanager
def _hinting(area: dict[str, Any] | None, document: TaskDocument) -> Generator[None]:
    """Adds a hint to the error of an area whose longitude and latitude were exchanged."""
    from scenefleet.catalog.swapped import scene_hint
    from scenefleet.run.trial import TrialError

    try:
        yield
    except TrialError as error:
        hint = scene_hint(area, document.source.geometry) if area else None
        if hint is None:
            raise
        raise TrialError(f"{error} {hint}") from None


def _wanted(
    window: str | None, bbox: str | None, file: Path | None
) -> tuple[Window | None, dict[str, Any] | None]:
    """The window, or the area that it is to hold, of which one may be named."""
    from scenefleet.errors import UsageError
    from scenefleet.recipe.area import box, box_notes, read

    if sum(one is not None for one in (window, bbox, file)) > 1:
        raise UsageError("--window, --bbox, --area: name one of them")
    if window is not None:
        return _window(window), None
    try:
        if bbox is not None:
            bounds = _numbers(bbox)
            area = box(bounds)
            for note in box_notes(bounds):
                say(f"note: --bbox: {note}")
            return None, area
        return None, None if file is None else read(file).geometry
    except ValueError as error:
        told = f"--bbox {bbox}" if bbox is not None else f"--area {file}"
        raise UsageError(f"{told}: {error}") from None


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            "write four numbers, W,S,E,N in degrees, such as 4.9,52.0,5.0,52.1"
        ) from None


def _window(text: str) -> Window:
    from scenefleet.errors import UsageError

    try:
        row, col, height, width = (int(part) for part in text.split(","))
    except ValueError:
        row = col = height = width = -1
    if min(row, col) < 0 or min(height, width) < 1:
        raise UsageError(
            f"--window {text}: write ROW,COL,HEIGHT,WIDTH in pixels of the outputs, such as "
            "0,0,512,512"
        )
    return row, col, height, width


def _show(trial: Trial) -> None:
    from scenefleet.results.caveats import CUT_REMEDY, MUCH_CUT

    put_fitting(
        ("output", "min", "mean", "max", "valid %", "saturated", "picture", "raster"),
        [_row(output) for output in trial.outputs],
        spare=(7, 5, 1, 3),
        name=6,
    )
    rows, cols = trial.shape
    shares = ", ".join(
        f"{share:.1f} % {name.replace('_', ' ')}" for name, share in trial.reasons.items()
    )
    say(
        f"{rows} x {cols} pixels in {trial.seconds:.1f} s, of all of them: {shares} "
        f"({trial.reason})"
    )
    for output in trial.outputs:
        if output.cut_percent > MUCH_CUT:
            say(
                f"note: {output.name}: {output.cut_percent:.1f} % of the valid values do not fit "
                f"int16 and were cut at its limit; {CUT_REMEDY}"
            )
    if trial.replaced:
        say(f"note: replaced, of an earlier try: {', '.join(map(str, trial.replaced))}")


def _explain(trial: Trial) -> None:
    if not trial.read:
        say("how its sources were read, the task did not say")
        return
    click.echo()
    rows = [(one.asset, WAYS[one.way], one.why, one.item) for one in trial.read]
    put_fitting(("asset", "read", "why", "item"), rows, spare=(2,))


def _row(output: TrialOutput) -> tuple[object, ...]:
    values = (output.minimum, output.mean, output.maximum)
    return (
        output.name,
        *("" if value is None else f"{value:.4f}" for value in values),
        f"{output.valid_percent:.1f}",
        output.saturated,
        output.picture,
        output.file,
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a dataclass, as JSON has it
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return str(value) if isinstance(value, Path) else value
