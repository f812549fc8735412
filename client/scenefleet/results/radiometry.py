"""The report's section on radiometry: what the numbers were taken to mean, and on what evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scenefleet.results.caveats import scene_link
from scenefleet.results.text import NONE, count, escape, number, percent
from scenefleet.run.model import BandRead, OffsetFound, PartRead, TaskOutcome

COLUMNS = (
    ("Rule", ""), ("Scenes", ' class="n"'), ("Bands", ""), ("Scale", ' class="n"'),
    ("Offset", ' class="n"'), ("Metadata says", ""), ("Pixels say", ""), ("Settled by", ""),
)  # fmt: skip
"""Heading, and what its cell is written with."""

MOST_WAYS = 30
"""Rows of the table; catalogues with a scale of its own in every item would make a row each."""
MOST_SCENES = 12
"""Scenes that a list names."""

SAID: Mapping[str, str] = {
    "carried": "offset in the numbers",
    "removed": "no offset in the numbers",
    "disputed": "contradicts itself",
    "unclear": "cannot tell",
}
"""What metadata or pixels say, in words."""
SETTLED: Mapping[str, str] = {
    "metadata": "metadata",
    "pixels": "pixels",
    "both": "both agree",
}
SHARES: Mapping[str, str] = {
    "below": "darker than the offset allows",
    "green": "lush plants",
    "blind": "too dark to tell anything",
    "water": "water",
}
"""What the shares of an `OffsetFound` count; outputs of version 3 and earlier have `water`."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Way:
    """One way in which numbers were read."""

    rule: str
    bands: tuple[str, ...]
    scale: float
    offset: float
    metadata: str = ""
    pixels: str = ""
    settled_by: str = ""


def ways(outcomes: Sequence[TaskOutcome]) -> dict[Way, int]:
    """In how many scenes numbers were read in each way, the commonest first."""
    found: dict[Way, set[int]] = {}
    for n, outcome in enumerate(outcomes):
        for part in outcome.radiometry:
            for way in _ways(part):
                found.setdefault(way, set()).add(n)
    ordered = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return {way: len(scenes) for way, scenes in ordered}


def draw_radiometry(outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    """The section, or an empty text where no finished scene tells of it.

    Args:
        outcomes: A scene's number is its place in here.
        listed: Numbers of the scenes that have a row to link to.
    """
    found = ways(outcomes)
    if not found:
        return ""
    rows = "\n".join(_row(way, scenes) for way, scenes in list(found.items())[:MOST_WAYS])
    left = len(found) - MOST_WAYS
    more = f'<p class="note">and {count(left, "way")} more, in few scenes each</p>'
    head = "".join(f'<th scope="col"{kind}>{name}</th>' for name, kind in COLUMNS)
    return f"""<section id="radiometry" aria-labelledby="radiometry-head">
<h2 id="radiometry-head">Radiometry</h2>
<p class="note">A band's value is its number &times; scale + offset: reflectance, or kelvin.</p>
<div class="scroll" role="region" aria-labelledby="radiometry-head" tabindex="0">
<table class="plain"><thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody></table></div>{more if left > 0 else ""}
{_disputed(outcomes, listed)}{_united(outcomes, listed)}</section>"""


def _ways(part: PartRead) -> list[Way]:
    """The bands of a part, gathered by how they were read."""
    alike: dict[tuple[str, float, float], list[str]] = {}
    for name, band in part.bands.items():
        alike.setdefault((band.rule, band.scale, band.offset), []).append(name)
    told = {}
    if check := part.check:
        told = {
            "metadata": check.metadata,
            "pixels": check.pixels,
            "settled_by": check.settled_by,
        }
    return [
        Way(rule=rule, bands=tuple(sorted(names)), scale=scale, offset=offset, **told)
        for (rule, scale, offset), names in alike.items()
    ]


def _row(way: Way, scenes: int) -> str:
    said = (
        (SAID.get(way.metadata, way.metadata), SAID.get(way.pixels, way.pixels))
        if way.settled_by
        else (NONE, "not looked at")
    )
    cells = [
        f'<th scope="row"><code>{escape(way.rule)}</code></th>',
        f'<td class="n">{number(scenes)}</td>',
        f"<td>{escape(', '.join(way.bands))}</td>",
        f'<td class="n">{way.scale:g}</td>',
        f'<td class="n">{way.offset:g}</td>',
        *(f"<td>{escape(text)}</td>" for text in said),
        f"<td>{escape(SETTLED.get(way.settled_by, way.settled_by) or 'rule alone')}</td>",
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _disputed(outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    """Scenes whose metadata contradicts itself, and what settled it."""
    found = [
        (n, part, part.check)
        for n, outcome in enumerate(outcomes)
        for part in outcome.radiometry
        if part.check and part.check.metadata == "disputed"
    ]
    lines = [_dispute(scene_link(n, outcomes[n], listed), part, check) for n, part, check in found]
    amount = len({n for n, _, _ in found})
    return _list(f"{count(amount, 'scene')} with disputed metadata", lines)


def _dispute(scene: str, part: PartRead, check: OffsetFound) -> str:
    evidence = "; ".join(check.evidence) or "nothing usable"
    shares = ", ".join(
        f"{percent(100 * check.shares[name])} {words}"
        for name, words in SHARES.items()
        if name in check.shares
    )
    read = ", ".join(sorted({_formula(band) for band in part.bands.values()}))
    pixels = SAID.get(check.pixels, check.pixels) + (f" ({shares})" if shares else "")
    return (
        f'{scene}<span class="message">Metadata: {escape(evidence)}.\n'
        f"Pixels: {escape(pixels)}.\n"
        f"Settled by {escape(check.settled_by)}: read as {escape(read)}.</span>"
    )


def _formula(band: BandRead) -> str:
    if not band.offset:
        return f"number \N{MULTIPLICATION SIGN} {band.scale:g}"
    sign = "+" if band.offset > 0 else "\N{MINUS SIGN}"
    return f"number \N{MULTIPLICATION SIGN} {band.scale:g} {sign} {abs(band.offset):g}"


def _united(outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    """Scenes put together from several items, which two stations received."""
    lines = [
        f"{scene_link(n, outcome, listed)} and {_names(outcome.radiometry[1:])}"
        for n, outcome in enumerate(outcomes)
        if len(outcome.radiometry) > 1
    ]
    title = f"{count(len(lines), 'scene')} received by two stations, united"
    return _list(title, lines)


def _names(parts: Sequence[PartRead]) -> str:
    return ", ".join(f'<span class="id">{escape(part.item)}</span>' for part in parts)


def _list(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    shown = "\n".join(f"<li>{line}</li>" for line in lines[:MOST_SCENES])
    left = len(lines) - MOST_SCENES
    more = (
        f'<p class="note">and {number(left)} more: <code>scenefleet status --json</code></p>'
        if left > 0
        else ""
    )
    return f"""<details class="caveat" open><summary>{escape(title)}</summary>
<ul>
{shown}
</ul>{more}</details>
"""
