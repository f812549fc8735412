"""The report's map: footprints by state in Web Mercator, an SVG without tiles or script."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scenefleet.results.footprint import Ring, bounds, place, rings
from scenefleet.results.graticule import draw_labels, draw_lines
from scenefleet.results.mercator import Sheet, fit
from scenefleet.results.piles import Box, pile_up
from scenefleet.results.summary import MARKS, STATES
from scenefleet.results.text import count, day, escape, number, percent
from scenefleet.run.model import TaskOutcome, TaskState

WIDTH = 960.0
SHORTEST, TALLEST = 420.0, 720.0
MOST_SHAPES = 1500
"""More shapes than this make a pointer lag: one state's scenes on one ground are then one shape."""
RING_ROOM = 60.0
"""Drawing units: on narrower ground a ring of counts is drawn smaller, so none hides another."""
SMALLEST_RING = 0.3
NEAR = 0.15
"""Drawing units: vertices nearer than this to the last one are left out (3 pixels at full zoom)."""
SOLID = 0.5
"""Opacity of a pile of footprints, however many they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is drawn as one path: a scene's footprint, or that of several on the same ground."""

    state: TaskState
    path: str
    box: Box
    scene: int
    """Number of the first of its scenes."""
    scenes: int = 1
    depth: int = 1
    """How many scenes lie on the same ground."""


def draw_map(outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    """The map as SVG, with a caption.

    Args:
        outcomes: A scene's number is its place in here.
        listed: Numbers of the scenes that have a row in the table, to which the map links.
    """
    shapes_of = {n: found for n, o in enumerate(outcomes) if (found := rings(o.geometry))}
    box = bounds(ring for found in shapes_of.values() for ring in found)
    if box is None:
        return '<p class="note">No scene has a footprint, so there is no map.</p>'
    west, south, east, north = box
    around = (west, south, east + (360.0 if east < west else 0.0), north)
    sheet = fit(around, WIDTH, SHORTEST, TALLEST)
    shapes = [_shape(sheet, n, outcomes[n].state, found) for n, found in shapes_of.items()]
    piles = [[shapes[n] for n in pile] for pile in pile_up([shape.box for shape in shapes])]
    drawn = [shape for pile in piles for shape in _layers(pile, merge=len(shapes) > MOST_SHAPES)]
    kept = sorted(drawn, key=_level)[-MOST_SHAPES:]
    figure = _figure(sheet, kept, _rings(piles), outcomes, listed)
    return figure + _caption(len(outcomes), len(shapes), kept)


def _shape(sheet: Sheet, number: int, state: TaskState, found: list[Ring]) -> Shape:
    placed = [[(sheet.x(x), sheet.y(y)) for x, y in place(ring, sheet.west)] for ring in found]
    xs, ys = zip(*(point for points in placed for point in points), strict=True)
    box = (min(xs), min(ys), max(xs), max(ys))
    return Shape(state=state, path="".join(map(_path, placed)), box=box, scene=number)


def _path(points: list[tuple[float, float]]) -> str:
    kept = [points[0]]
    for point in points[1:-1]:
        if math.dist(point, kept[-1]) > NEAR:
            kept.append(point)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in kept) + "Z"


def _layers(pile: Sequence[Shape], *, merge: bool) -> list[Shape]:
    """The shapes of a pile, which know its depth; one a state where they are merged."""
    if not merge:
        return [replace(shape, depth=len(pile)) for shape in pile]
    counts = Counter(shape.state for shape in pile)
    first = {shape.state: shape for shape in reversed(pile)}
    return [replace(first[s], scenes=n, depth=len(counts)) for s, n in counts.items()]


def _level(shape: Shape) -> tuple[int, float, int]:
    """From below to the top: failures above the rest, small shapes above large ones."""
    west, north, east, south = shape.box
    return (STATES.index(shape.state), -(east - west) * (south - north), shape.scene)


def _figure(
    sheet: Sheet,
    shapes: Sequence[Shape],
    rings_of_counts: str,
    outcomes: Sequence[TaskOutcome],
    listed: frozenset[int],
) -> str:
    paths = "\n".join(
        _link(shape, outcomes[shape.scene], shape.scene in listed) for shape in shapes
    )
    return f"""<div class="mapbox"><svg id="map" class="map" role="group" \
aria-labelledby="map-title map-desc" viewBox="0 0 {sheet.width:.0f} {sheet.height:.1f}" \
data-west="{sheet.west!r}" data-top="{sheet.top!r}" data-scale="{sheet.scale!r}">
<title id="map-title">Map of the scenes' footprints</title>
<desc id="map-desc">{escape(_describe(outcomes))}</desc>
<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" \
patternTransform="rotate(45)"><rect width="7" height="7" class="hatch-ground"/>\
<path d="M0 0V7" class="hatch-line"/></pattern></defs>
<rect class="sea" width="100%" height="100%"/>
<g id="lines" class="lines">{draw_lines(sheet)}</g>
<g id="shapes">
{paths}
</g>
<g id="rings" aria-hidden="true">{rings_of_counts}</g>
<g id="labels" class="labels" aria-hidden="true">{draw_labels(sheet)}</g>
</svg></div>"""


def _link(shape: Shape, outcome: TaskOutcome, listed: bool) -> str:
    target = f' href="#s{shape.scene}"' if listed else ""
    target += f' data-n="{shape.scenes}"' if shape.scenes > 1 else ""
    more = f"\nand {count(shape.scenes - 1, 'scene')} more here" if shape.scenes > 1 else ""
    # thinner layers in a deep pile: together they reach the same opacity
    opacity = 1 - (1 - SOLID) ** (1 / shape.depth)
    return (
        f'<a class="shape {shape.state}" data-s="{shape.scene}"{target}>'
        f'<path fill-opacity="{opacity:.3f}" d="{shape.path}">'
        f"<title>{escape(_label(outcome) + more)}</title></path></a>"
    )


def _label(outcome: TaskOutcome) -> str:
    """What hovering tells: scene, date, state."""
    valid = f", {percent(outcome.valid_percent)} valid" if outcome.valid_percent is not None else ""
    return f"{outcome.item}\n{day(outcome.datetime)} {MARKS[outcome.state]} {outcome.state}{valid}"


def _describe(outcomes: Sequence[TaskOutcome]) -> str:
    told = _told(Counter(outcome.state for outcome in outcomes))
    return f"{count(len(outcomes), 'scene')}: {told}. Each footprint links to its row in the table."


def _told(counts: Counter[TaskState]) -> str:
    return ", ".join(f"{number(counts[state])} {state}" for state in STATES if counts[state])


def _rings(piles: Sequence[Sequence[Shape]]) -> str:
    """A ring of states with the number of scenes, where several lie on the same ground."""
    return "".join(_ring(pile) for pile in piles if len(pile) > 1)


def _ring(pile: Sequence[Shape]) -> str:
    west, north, east, south = pile[0].box
    size = min(1.0, (east - west) / RING_ROOM, (south - north) / RING_ROOM)
    if size < SMALLEST_RING:
        return ""
    place_and_size = (
        f"translate({(west + east) / 2:.1f} {(north + south) / 2:.1f}) scale({size:.2f})"
    )
    counts = Counter(shape.state for shape in pile)
    start, arcs = 0.0, ""
    for state in STATES:
        length = 100 * counts[state] / len(pile)
        if length:
            arcs += (
                f'<circle class="arc {state}" r="20" pathLength="100" '
                f'stroke-dasharray="{length:.2f} 100" stroke-dashoffset="{-start:.2f}"/>'
            )
        start += length
    failed = f'<text class="mark-failed" y="11">{MARKS["failed"]}{counts["failed"]}</text>'
    return (
        f'<g class="ring" transform="{place_and_size}">'
        f'<g class="face"><circle class="disc" r="24"/><g transform="rotate(-90)">{arcs}</g>'
        f'<text y="{-1 if counts["failed"] else 5}">{len(pile)}</text>'
        f"{failed if counts['failed'] else ''}</g></g>"
    )


def _caption(scenes: int, footprints: int, kept: Sequence[Shape]) -> str:
    notes = ["Web Mercator; the scale bar holds at the middle of the map."]
    if any(shape.depth > 1 for shape in kept):
        notes.append("A ring counts the scenes that lie on the same ground, by state.")
    shown = sum(shape.scenes for shape in kept)
    if footprints < scenes:
        notes.append(
            f"{count(scenes - footprints, 'scene')} without a usable footprint: not drawn."
        )
    if len(kept) < shown:
        notes.append(f"{count(shown, 'scene')} drawn as {count(len(kept), 'shape')}.")
    if shown < footprints:
        notes.append(f"{count(footprints - shown, 'scene')} left out; failed ones go first.")
    return f'<p class="note" id="map-note">{" ".join(notes)}</p>'
