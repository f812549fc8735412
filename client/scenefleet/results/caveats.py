"""Outputs that are done but may be useless: no valid pixel, values cut, reflectance below zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from scenefleet.results.summary import add_reasons
from scenefleet.results.text import count, escape, number, percent
from scenefleet.run.model import TaskOutcome

MOST_NAMED = 5
"""Scenes that a terminal names."""
MOST_LISTED = 40
"""Scenes that the report lists."""
MUCH_CUT = 0.1
"""Per cent of an output's valid values: fewer are glints and edges."""

MUCH_BEYOND = 1.0
"""Per cent of the valid pixels: fewer are water and shadow here and there."""

EMPTY_MARK = "\N{EMPTY SET}"
"""The sign of an output without a valid pixel, beside the words."""
CUT_REMEDY = "write `dtype: float32`"
UNTOLD = "no-scale-told"
"""The task's rule for such numbers (`scenefleet_task.radiometry`)."""
UNTOLD_REMEDY = "give each band its `scale` (and `offset`) under `collections` in the recipe"
NEGATIVE_REMEDY = "`negative: mask` makes such pixels invalid, `negative: clip` takes them as 0"


def main_reason(reasons: Mapping[str, int]) -> tuple[str, float] | None:
    """The commonest reason of pixels that are invalid, and its per cent of them.

    `outside` counts where there is no other: what lies beyond the area was never wanted.
    """
    inside = {r: n for r, n in reasons.items() if r not in ("valid", "outside")}
    pixels = inside if any(inside.values()) else reasons
    total = sum(pixels.values())
    if not total:
        return None
    reason = max(pixels, key=lambda name: pixels[name])
    return reason.replace("_", " "), 100.0 * pixels[reason] / total


def describe_empty(outcome: TaskOutcome) -> str:
    """`no valid pixel: cloud 98.2 %`."""
    found = main_reason(outcome.reasons)
    return "no valid pixel" + (f": {found[0]} {found[1]:.1f} %" if found else "")


def empty_headline(outcomes: Sequence[TaskOutcome]) -> str:
    """`2 of 12 scenes have no valid pixel, mostly cloud`; an empty text where all have one."""
    empty = [outcome for outcome in outcomes if outcome.is_empty]
    if not empty:
        return ""
    done = sum(outcome.state == "done" for outcome in outcomes)
    found = main_reason(add_reasons(empty))
    have = "has" if len(empty) == 1 else "have"
    which = f"{number(len(empty))} of {number(done)} scenes" if done > 1 else "The only scene done"
    return f"{which} {have} no valid pixel" + (f", mostly {found[0]}" if found else "")


def much_cut(outcomes: Sequence[TaskOutcome]) -> list[tuple[int, str, float]]:
    """Scene, output and per cent cut, of the outputs that lost more than glints; worst first."""
    found = [
        (n, name, share)
        for n, outcome in enumerate(outcomes)
        for name, share in outcome.cut_percent.items()
        if share > MUCH_CUT
    ]
    return sorted(found, key=lambda one: (-one[2], one[0], one[1]))


def cut_headline(outcomes: Sequence[TaskOutcome]) -> str:
    """Which outputs lost values at the ends of int16, and what to do; empty where none did."""
    found = much_cut(outcomes)
    if not found:
        return ""
    scenes = Counter(name for _, name, _ in found)
    told = ", ".join(f"{name} of {count(n, 'scene')}" for name, n in sorted(scenes.items()))
    return f"More than {MUCH_CUT:g} % of the values do not fit int16 and were cut: {told}"


def much_outside(outcomes: Sequence[TaskOutcome]) -> list[tuple[int, str, float]]:
    """Scene, output and per cent outside the index's own range, where that is much; worst first."""
    found = [
        (n, name, share)
        for n, outcome in enumerate(outcomes)
        for name, share in outcome.outside_percent.items()
        if share > MUCH_BEYOND
    ]
    return sorted(found, key=lambda one: (-one[2], one[0], one[1]))


def much_negative(outcomes: Sequence[TaskOutcome]) -> list[tuple[int, float]]:
    """Scene and per cent of valid pixels with a reflectance at or below zero, where that is much.

    Worst first. A recipe that clips or masks them has decided, and is not told again.
    """
    kept = [
        (n, outcome.negative_percent or 0.0)
        for n, outcome in enumerate(outcomes)
        if outcome.negative == "keep"
    ]
    found = [one for one in kept if one[1] > MUCH_BEYOND]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def outside_headline(outcomes: Sequence[TaskOutcome]) -> str:
    """Which indices have values outside their own range; empty where none has many."""
    found = much_outside(outcomes)
    if not found:
        return ""
    scenes = Counter(name for _, name, _ in found)
    told = ", ".join(f"{name} of {count(n, 'scene')}" for name, n in sorted(scenes.items()))
    return f"More than {MUCH_BEYOND:g} % of the values lie outside the index's own range: {told}"


def negative_headline(outcomes: Sequence[TaskOutcome]) -> str:
    """Counts scenes whose dark ground the offset puts below zero; empty where none has any."""
    found = much_negative(outcomes)
    if not found:
        return ""
    have = "has" if len(found) == 1 else "have"
    return (
        f"{count(len(found), 'scene')} {have} a reflectance at or below zero in more than "
        f"{MUCH_BEYOND:g} % of the valid pixels, where ratios such as NDVI mean nothing"
    )


def untold_scales(outcomes: Sequence[TaskOutcome]) -> list[tuple[int, list[str]]]:
    """Scene and bands, of those with whole numbers whose scale nothing tells."""
    found = [
        (n, sorted({name for part in outcome.radiometry for name, band in part.bands.items()
                    if band.rule == UNTOLD}))
        for n, outcome in enumerate(outcomes)
    ]  # fmt: skip
    return [one for one in found if one[1]]


def untold_headline(outcomes: Sequence[TaskOutcome]) -> str:
    """How many scenes have whole numbers whose scale nothing tells; empty where none has."""
    found = untold_scales(outcomes)
    if not found:
        return ""
    return (
        f"Nothing tells the scale of the whole numbers of {count(len(found), 'scene')}: they were "
        "taken as they are, so that indices with constants of their own, such as EVI and SAVI, are "
        "wrong unless the numbers are reflectance already"
    )


def caveat_lines(outcomes: Sequence[TaskOutcome]) -> list[str]:
    """What a terminal says of them: a line each, and the first scenes by name."""
    lines: list[str] = []
    if headline := empty_headline(outcomes):
        empty = [outcome for outcome in outcomes if outcome.is_empty]
        lines += [headline, *(f"  {o.item}: {describe_empty(o)}" for o in empty[:MOST_NAMED])]
        if len(empty) > MOST_NAMED:
            lines.append(f"  ... and {len(empty) - MOST_NAMED} more; the report marks them all")
    if headline := cut_headline(outcomes):
        lines.append(f"{headline}; to keep them, {CUT_REMEDY} under `output` in the recipe")
    if headline := untold_headline(outcomes):
        lines.append(f"{headline}; {UNTOLD_REMEDY}")
    below = [text for text in (negative_headline(outcomes), outside_headline(outcomes)) if text]
    if below:
        below[-1] += f"; {NEGATIVE_REMEDY} (under `process` in the recipe)"
    return [line.replace("\N{NARROW NO-BREAK SPACE}", " ") for line in (*lines, *below)]


def draw_caveats(outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    """The report's section, or an empty text where there is nothing to say.

    Args:
        outcomes: A scene's number is its place in here.
        listed: Numbers of the scenes that have a row to link to.
    """
    parts = _empty(outcomes, listed) + _cut(outcomes, listed)
    parts += _negative(outcomes, listed) + _outside(outcomes, listed)
    parts += _untold(outcomes, listed)
    if not parts:
        return ""
    return f"""<section id="caveats" aria-labelledby="caveats-head">
<h2 id="caveats-head">Done, but look before use</h2>
{parts}</section>"""


def scene_link(n: int, outcome: TaskOutcome, listed: frozenset[int]) -> str:
    """A scene's id, linked to its row where it has one."""
    scene = f'<span class="id">{escape(outcome.item)}</span>'
    return f'<a href="#s{n}">{scene}</a>' if n in listed else scene


def _empty(outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    numbers = [n for n, outcome in enumerate(outcomes) if outcome.is_empty]
    lines = [
        f"{scene_link(n, outcomes[n], listed)}: {escape(describe_empty(outcomes[n]))}"
        for n in numbers
    ]
    return _folded(f"{EMPTY_MARK} {empty_headline(outcomes)}", "", lines)


def _cut(outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    lines = [
        f"{scene_link(n, outcomes[n], listed)}: {escape(name)}, {escape(percent(share))} cut"
        for n, name, share in much_cut(outcomes)
    ]
    advice = (
        "int16 holds an index from -3.2767 to 3.2767; what lies beyond stands at the end. To keep "
        "it, write <code>dtype: float32</code> under <code>output</code> in the recipe."
    )
    return _folded(cut_headline(outcomes), advice, lines)


def _untold(outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    lines = [
        f"{scene_link(n, outcomes[n], listed)}: {escape(', '.join(bands))}"
        for n, bands in untold_scales(outcomes)
    ]
    return _folded(untold_headline(outcomes), f"To mend it, {escape(UNTOLD_REMEDY)}.", lines)


def _negative(outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    lines = [
        f"{scene_link(n, outcomes[n], listed)}: {escape(percent(share))} of the valid pixels"
        for n, share in much_negative(outcomes)
    ]
    return _folded(negative_headline(outcomes), _NEGATIVE_ADVICE, lines)


def _outside(outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    lines = [
        f"{scene_link(n, outcomes[n], listed)}: {escape(name)}, {escape(percent(share))} outside"
        for n, name, share in much_outside(outcomes)
    ]
    return _folded(outside_headline(outcomes), _NEGATIVE_ADVICE, lines)


_NEGATIVE_ADVICE = (
    "Water and shadow can have a reflectance below zero once the offset is taken off. "
    "<code>negative: mask</code> under <code>process</code> in the recipe makes such pixels "
    "invalid, <code>negative: clip</code> takes them as 0."
)


def _folded(headline: str, advice: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    shown = "\n".join(f"<li>{line}</li>" for line in lines[:MOST_LISTED])
    left = len(lines) - MOST_LISTED
    more = f'<p class="note">and {number(left)} more</p>' if left > 0 else ""
    told = f'<p class="advice">{advice}</p>' if advice else ""
    opened = " open" if len(lines) <= MOST_NAMED else ""
    return f"""<details class="caveat"{opened}><summary>{escape(headline)}</summary>{told}
<ul>
{shown}
</ul>{more}</details>
"""
