"""The report's charts, as SVG made here: what pixels were by date, and how long scenes took."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from scenefleet.results.summary import REASONS, add_reasons, valid_share
from scenefleet.results.text import count, day, duration, escape, number, percent
from scenefleet.run.model import TaskOutcome

WIDTH, HEIGHT = 480.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 60.0, 8.0, 22.0, 34.0
ACROSS, DOWN = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_BARS = 60
"""More bars than this would be thinner than 7 units: dates are then taken by month, or by year."""
BINS = 18


def stack(pixels: Mapping[str, int], width: float) -> list[tuple[str, float, float]]:
    """Reason, start and length of each part of a stacked bar; empty where no pixel is inside."""
    total = sum(pixels.get(reason, 0) for reason in REASONS)
    parts: list[tuple[str, float, float]] = []
    start = 0.0
    for reason in REASONS:
        length = width * pixels.get(reason, 0) / total if total else 0.0
        if length > 0:
            parts.append((reason, start, length))
        start += length
    return parts


def shares(pixels: Mapping[str, int]) -> str:
    """`valid 71.2 %, cloud 20.1 %`: the parts of a stacked bar in words."""
    told = [f"{reason.replace('_', ' ')} {percent(part)}" for reason, _, part in stack(pixels, 100)]
    return ", ".join(told)


def draw_dates(outcomes: Sequence[TaskOutcome]) -> str:
    """Stacked bars of pixels by reason, one a date (or month, or year); crosses count failures."""
    groups = _by_date(outcomes)
    if not any(o.reasons for o in outcomes):
        return '<p class="note">No scene is finished yet.</p>'
    slot = ACROSS / len(groups)
    wide = min(slot * 0.82, 46.0)
    bars = [
        _date_bar(name, group, LEFT + slot * (n + 0.5) - wide / 2, wide)
        for n, (name, group) in enumerate(groups)
    ]
    every = math.ceil(len(groups) / 4)
    names = [
        _text(min(LEFT + slot * (n + 0.5), WIDTH - 52), HEIGHT - 12, name, "middle")
        for n, (name, _) in enumerate(groups)
        if n % every == (every - 1) // 2
    ]
    grid = [_level(f"{part} %", part / 100) for part in (0, 50, 100)]
    body = "".join([*grid, *bars, *names])
    return _chart(
        "dates", "Pixels by acquisition date", "Per cent of the pixels in the area.", body
    )


def _by_date(outcomes: Sequence[TaskOutcome]) -> list[tuple[str, list[TaskOutcome]]]:
    ordered = sorted(outcomes, key=lambda outcome: outcome.datetime)
    groups: list[tuple[str, list[TaskOutcome]]] = []
    for length in (10, 7, 4):
        found = groupby(ordered, key=lambda outcome, n=length: day(outcome.datetime)[:n])
        groups = [(name, list(group)) for name, group in found]
        if len(groups) <= MOST_BARS:
            break
    return groups


def _date_bar(name: str, group: Sequence[TaskOutcome], x: float, wide: float) -> str:
    pixels = add_reasons(group)
    failed = sum(outcome.state == "failed" for outcome in group)
    parts = "".join(
        f'<rect class="r-{reason}" x="{x:.1f}" y="{TOP + DOWN - start - length:.2f}" '
        f'width="{wide:.1f}" height="{length:.2f}"/>'
        for reason, start, length in stack(pixels, DOWN)
    )
    told = f"{name}: {count(len(group), 'scene')}"
    told += f", {percent(valid_share(pixels))} valid\n{shares(pixels)}" if pixels else ""
    told += f"\n{number(failed)} failed" if failed else ""
    cross = _text(x + wide / 2, TOP - 7, f"\N{MULTIPLICATION X}{failed}", "middle", "mark-failed")
    return f"<g><title>{escape(told)}</title>{parts}{cross if failed else ''}</g>"


def draw_durations(outcomes: Sequence[TaskOutcome]) -> str:
    """A histogram of the last attempts' wall time, done and failed stacked, with the median."""
    timed = [o for o in outcomes if o.seconds is not None and o.state in ("done", "failed")]
    longest = max((o.seconds or 0.0 for o in timed), default=0.0)
    if longest <= 0:
        return '<p class="note">No scene has ended yet.</p>'
    wide = _round_up(longest / BINS)
    bins = math.floor(longest / wide) + 1
    counts = Counter((o.state, math.floor((o.seconds or 0.0) / wide)) for o in timed)
    tallest = max(counts["done", n] + counts["failed", n] for n in range(bins))
    top = _round_up(tallest) if tallest > 5 else float(tallest)
    slot = ACROSS / bins
    bars = [_duration_bar(counts, n, slot, wide, top) for n in range(bins)]
    every = math.ceil((bins + 1) / 5)
    names = [
        _text(LEFT + slot * n, HEIGHT - 12, duration(wide * n) if n else "0", "middle")
        for n in range(0, bins, every)
    ]
    grid = [_level(number(part), part / top) for part in (0, top)]
    middle = statistics.median(o.seconds or 0.0 for o in timed)
    body = "".join([*grid, *bars, *names, _median(LEFT + slot * middle / wide, middle)])
    title = "Scenes by duration of their last attempt"
    return _chart("durations", title, f"Median {duration(middle)}.", body)


def _duration_bar(
    counts: Mapping[tuple[str, int], int], n: int, slot: float, wide: float, top: float
) -> str:
    done, failed = counts["done", n], counts["failed", n]
    if not done + failed:
        return ""
    told = f"{duration(n * wide)} to {duration((n + 1) * wide)}: {done} done, {failed} failed"
    x, floor, rects = LEFT + slot * n + 1, TOP + DOWN, ""
    for state, amount in (("done", done), ("failed", failed)):
        high = DOWN * amount / top
        floor -= high
        rects += (
            f'<rect class="bar {state}" x="{x:.1f}" y="{floor:.1f}" '
            f'width="{max(slot - 2, 1):.1f}" height="{high:.1f}"/>'
        )
    return f"<g><title>{escape(told)}</title>{rects}</g>"


def _median(x: float, seconds: float) -> str:
    side = "start" if x < WIDTH / 2 else "end"
    label = _text(x, TOP - 8, f"median {duration(seconds)}", side, "strong")
    return f'<path class="median" d="M{x:.1f} {TOP - 4:.1f}V{TOP + DOWN:.1f}"/>{label}'


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten at or above a positive value."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= value - 1e-12)


def _level(label: str, share: float) -> str:
    y = TOP + DOWN * (1 - share)
    line = f'<path class="level" d="M{LEFT:.0f} {y:.1f}H{WIDTH - RIGHT:.0f}"/>'
    return line + _text(LEFT - 6, y + 4, label, "end")


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{escape(text)}</text>'


def _chart(name: str, title: str, description: str, body: str) -> str:
    return f"""<svg id="{name}" class="chart" role="img" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" \
aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{escape(title)}</title>
<desc id="{name}-desc">{escape(description)}</desc>{body}</svg>"""
