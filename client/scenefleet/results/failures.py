"""The report's section on failures: by exit, with messages and what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from scenefleet.results.advice import ADVICE, UNKNOWN, retry_note
from scenefleet.results.text import count, escape, number
from scenefleet.run.model import TaskOutcome

MOST_MESSAGES = 8
"""Of one exit; the table has every failed scene anyway."""


def draw_failures(run: str, outcomes: Sequence[TaskOutcome], listed: frozenset[int]) -> str:
    """The section, or an empty text where nothing failed.

    Args:
        run: The run's id, for the commands.
        outcomes: A scene's number is its place in here.
        listed: Numbers of the scenes that have a row to link to.
    """
    groups: dict[str, list[int]] = {}
    for n, outcome in enumerate(outcomes):
        if outcome.state == "failed":
            groups.setdefault(outcome.exit or "", []).append(n)
    if not groups:
        return ""
    total = sum(map(len, groups.values()))
    ordered = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    parts = "\n".join(_group(run, name, found, outcomes, listed) for name, found in ordered)
    return f"""<section id="failures" aria-labelledby="failures-head">
<h2 id="failures-head">{count(total, "scene")} failed</h2>
<p>{_offer(run, groups)}</p>
<p class="note">Commands are for the folder of the recipe; elsewhere add
<code>--store</code> and the store's address.</p>
{parts}
</section>"""


def _offer(run: str, exits: Iterable[str]) -> str:
    """What stands, and the command that does the rest, where it can do any of it."""
    note = retry_note(exits)
    if note is None:
        return "What is finished stands. A retry would fail again: below stands what helps instead."
    return f"What is finished stands. {_command('retry', run)} ({escape(note)})"


def _group(
    run: str, name: str, found: list[int], outcomes: Sequence[TaskOutcome], listed: frozenset[int]
) -> str:
    shown = "\n".join(_failure(run, n, outcomes[n], n in listed) for n in found[:MOST_MESSAGES])
    left = len(found) - MOST_MESSAGES
    more = f'<p class="note">and {number(left)} more: filter the table by "failed".</p>'
    title = name.replace("_", " ") or "no result"
    return f"""<details class="failure" open><summary><span class="badge failed">\
\N{MULTIPLICATION X} {escape(title)}</span> {count(len(found), "scene")}</summary>
<p class="advice">{escape(ADVICE.get(name, UNKNOWN))}</p>
<ul>
{shown}
</ul>{more if left > 0 else ""}</details>"""


def _failure(run: str, n: int, outcome: TaskOutcome, listed: bool) -> str:
    scene = f'<span class="id">{escape(outcome.item)}</span>'
    linked = f'<a href="#s{n}">{scene}</a>' if listed else scene
    message = escape(outcome.message or "No message.")
    logs = _command("logs", run, outcome.task)
    return f'<li>{linked}<span class="message">{message}</span>{logs}</li>'


def _command(verb: str, *words: str) -> str:
    line = " ".join(["scenefleet", verb, *map(shlex.quote, words)])
    return f"<code>{escape(line)}</code>"
