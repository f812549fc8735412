"""The report's contact sheet: thumbnails as `data:` addresses, within bounds of number and size."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from scenefleet.results.text import count, day, escape, number, percent
from scenefleet.run.model import TaskOutcome

MOST_THUMBNAILS = 96
MOST_BYTES = 4_000_000
"""All thumbnails of a report together, so that it still goes by mail."""
LARGEST = 400_000
"""Bytes of one thumbnail: a larger one would crowd out the others."""

KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"RIFF", "image/webp"),
)
"""How a file begins, and what a browser calls it."""


def choose_thumbnails(outcomes: Sequence[TaskOutcome], most: int = MOST_THUMBNAILS) -> list[int]:
    """Numbers of scenes with a thumbnail: all, or so many spread evenly over time."""
    have = [n for n, outcome in enumerate(outcomes) if outcome.outputs.get("thumbnail")]
    have.sort(key=lambda n: (outcomes[n].datetime, outcomes[n].item, n))
    if len(have) <= most:
        return have
    return [have[n * len(have) // most] for n in range(most)]


def draw_thumbnails(
    outcomes: Sequence[TaskOutcome], thumbnails: Mapping[str, bytes], listed: frozenset[int]
) -> str:
    """The contact sheet, or an empty text where there are no thumbnails.

    Args:
        outcomes: A scene's number is its place in here.
        thumbnails: PNG, JPEG or WebP by task id.
        listed: Numbers of the scenes that have a row to link to.
    """
    figures: list[str] = []
    left = MOST_BYTES
    for n in choose_thumbnails(outcomes):
        data = thumbnails.get(outcomes[n].task, b"")
        kind = next((kind for start, kind in KINDS if data.startswith(start)), None)
        if kind and len(data) <= min(left, LARGEST):
            figures.append(_figure(n, outcomes[n], kind, data, n in listed))
            left -= len(data)
    if not figures:
        return ""
    return f"""<section aria-labelledby="sheet-head"><h2 id="sheet-head">Thumbnails</h2>
{_cut(len(figures), sum("thumbnail" in outcome.outputs for outcome in outcomes))}
<div id="sheet" class="sheet">
{"".join(figures)}
</div></section>"""


def _cut(shown: int, there: int) -> str:
    if shown >= there:
        return ""
    return (
        f'<p class="note">{count(shown, "thumbnail")} of {number(there)}, spread over the dates, '
        "so that this file stays small. All of them lie beside the scenes.</p>"
    )


def _figure(n: int, outcome: TaskOutcome, kind: str, data: bytes, listed: bool) -> str:
    address = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    image = f'<img alt="{escape(outcome.item)}" decoding="async" src="{address}">'
    linked = f'<a href="#s{n}">{image}</a>' if listed else image
    valid = f"<span>{percent(outcome.valid_percent)} valid</span>"
    return (
        f'<figure data-s="{n}">{linked}<figcaption><time>{escape(day(outcome.datetime))}</time> '
        f"{valid if outcome.valid_percent is not None else ''}</figcaption></figure>\n"
    )
