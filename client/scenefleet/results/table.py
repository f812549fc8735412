"""The report's table: a row a scene, with links relative to `runs/<run>/report.html`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from scenefleet.results.caveats import EMPTY_MARK, describe_empty
from scenefleet.results.charts import shares, stack
from scenefleet.results.summary import MARKS
from scenefleet.results.text import NONE, count, day, escape, number, percent, when
from scenefleet.run.model import TaskOutcome

MOST_ROWS = 2000
"""A table of 2,000 rows still sorts and filters at once on a phone; failures may exceed it."""
LONGEST_MESSAGE = 300
"""Characters of a message in a row; the section on failures has them whole."""
BAR_WIDTH = 120

COLUMNS = (
    ("Scene", "text"), ("Acquired", "text"), ("State", "text"), ("Cloud", "number"),
    ("Valid", "number"), ("Pixels in the area", "number"), ("Time", "number"),
    ("Attempts", "number"), ("Files", ""),
)  # fmt: skip
"""Heading, and how the column sorts; an empty text does not sort."""


def choose_rows(outcomes: Sequence[TaskOutcome], most: int = MOST_ROWS) -> list[int]:
    """Numbers of the scenes that get a row, by date: every failed one, then the earliest others.

    Of the others those come first that are done without a valid pixel.
    """
    by_date = sorted(
        range(len(outcomes)), key=lambda n: (outcomes[n].datetime, outcomes[n].item, n)
    )
    failed = {n for n in by_date if outcomes[n].state == "failed"}
    others = sorted((n for n in by_date if n not in failed), key=lambda n: not outcomes[n].is_empty)
    kept = failed | set(others[: max(0, most - len(failed))])
    return [n for n in by_date if n in kept]


def draw_table(run: str, outcomes: Sequence[TaskOutcome], rows: Sequence[int]) -> str:
    """The table with its caption.

    Args:
        run: The run's id, for the command that lists all scenes.
        outcomes: A scene's number is its place in here.
        rows: Numbers of the scenes to show, in the order of the rows.
    """
    heads = "".join(f'<th scope="col" data-sort="{sort}">{name}</th>' for name, sort in COLUMNS)
    body = "\n".join(_row(n, outcomes[n]) for n in rows)
    return f"""{_cut(run, outcomes, len(rows))}
<div class="scroll" role="region" aria-labelledby="table-caption" tabindex="0">
<table id="table"><caption id="table-caption">{count(len(rows), "scene")} by date</caption>
<thead><tr>{heads}</tr></thead>
<tbody>
{body}
</tbody></table></div>"""


def link(path: str, text: str) -> str:
    """A link from the report to a file of the store."""
    return f'<a href="../../{escape(quote(path, errors="replace"))}">{escape(text)}</a>'


def _cut(run: str, outcomes: Sequence[TaskOutcome], shown: int) -> str:
    if shown == len(outcomes):
        return ""
    failed = sum(outcome.state == "failed" for outcome in outcomes)
    empty = ", those without a valid pixel" if any(o.is_empty for o in outcomes) else ""
    return (
        f'<p class="note" id="cut">The table shows {number(shown)} of {number(len(outcomes))} '
        f"scenes: all {number(failed)} that failed{empty}, and the earliest of the others. "
        f"All of them: <code>scenefleet status {escape(run)} --json</code></p>"
    )


def _row(n: int, outcome: TaskOutcome) -> str:
    cells = [
        f'<th scope="row">{_scene(outcome)}</th>',
        f'<td data-v="{escape(outcome.datetime)}"><time datetime="{escape(outcome.datetime)}" '
        f'title="{escape(when(outcome.datetime))}">{escape(day(outcome.datetime))}</time></td>',
        f"<td>{badge(outcome.state)}</td>",
        _number(outcome.cloud_cover, percent(outcome.cloud_cover)),
        _number(outcome.valid_percent, percent(outcome.valid_percent)),
        f'<td data-v="{_valid_pixels(outcome)}">{_bar(outcome)}</td>',
        _number(outcome.seconds, NONE if outcome.seconds is None else f"{outcome.seconds:.1f} s"),
        _number(outcome.attempts, str(outcome.attempts)),
        f'<td class="files">{_files(outcome)}</td>',
    ]
    marked = ' class="empty"' if outcome.is_empty else ""
    return f'<tr id="s{n}" data-state="{outcome.state}"{marked}>{"".join(cells)}</tr>'


def badge(state: str) -> str:
    """A state as a sign and its name."""
    marks: dict[str, str] = {**MARKS}
    return f'<span class="badge {escape(state)}">{marks.get(state, "")} {escape(state)}</span>'


def _scene(outcome: TaskOutcome) -> str:
    text = f'<span class="id">{escape(outcome.item)}</span>'
    if outcome.is_empty:
        return f'{text}<span class="why">{EMPTY_MARK} {escape(describe_empty(outcome))}</span>'
    if outcome.state != "failed" or not outcome.message:
        return text
    message = outcome.message
    if len(message) > LONGEST_MESSAGE:
        message = message[:LONGEST_MESSAGE] + "\N{HORIZONTAL ELLIPSIS}"
    return f'{text}<span class="why">{escape(message)}</span>'


def _number(value: float | None, text: str) -> str:
    return f'<td class="n" data-v="{"" if value is None else value}">{escape(text)}</td>'


def _valid_pixels(outcome: TaskOutcome) -> str:
    parts = {reason: length for reason, _, length in stack(outcome.reasons, 1.0)}
    return f"{parts.get('valid', 0.0):.4f}" if parts else ""


def _bar(outcome: TaskOutcome) -> str:
    parts = stack(outcome.reasons, BAR_WIDTH)
    if not parts:
        return NONE
    told = escape(shares(outcome.reasons))
    rects = "".join(
        f'<rect class="r-{reason}" x="{start:.1f}" width="{length:.1f}" height="12"/>'
        for reason, start, length in parts
    )
    return (
        f'<svg class="stack" role="img" viewBox="0 0 {BAR_WIDTH} 12" preserveAspectRatio="none">'
        f"<title>{told}</title>{rects}</svg>"
    )


def _files(outcome: TaskOutcome) -> str:
    links = [link(path, key) for key, path in outcome.outputs.items()]
    if outcome.item_path:
        links.append(link(outcome.item_path, "item"))
    return " ".join(links) or NONE
