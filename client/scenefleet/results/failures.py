"""The report's section on failures: by exit, with messages and what to do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from scenefleet.results.text import count, escape, number
from scenefleet.run.model import TaskOutcome

MOST_MESSAGES = 8
"""Of one exit; the table has every failed scene anyway."""

ADVICE: Mapping[str, str] = {
    "internal": "This is a fault of scenefleet: read the log, and report it if retrying fails too.",
    "document": "The task document was not accepted: plan again with this version of scenefleet.",
    "source_missing": "The catalogue names a file that is not there. Retry once it is mended, or "
    "narrow the search to leave the scene out.",
    "source_denied": "The archive refused. Check whether the collection needs a token or an "
    "account, or retry later if it was throttled.",
    "source_unreadable": "The file is there but damaged. Retry once the archive has mended it; "
    "nothing was written for this scene.",
    "source_unreachable": "The archive did not answer after all attempts. Retry later.",
    "input_mismatch": "The scene's bands do not lie on one grid. Its metadata or files are wrong "
    "at the source: leave the scene out.",
    "no_overlap": "The area does not touch the scene's pixels, although the catalogue says so. "
    "Nothing is lost; leave the scene out, or widen the area.",
    "radiometry": "What the numbers mean is not certain: metadata and pixels do not tell together "
    "whether an offset is in them. Correct the item's metadata at its source, leave the scene out, "
    "or believe the metadata by `radiometry: trust` in the recipe.",
    "script": "The processing script raised, ran too long, or gave something else than it states: "
    "the message says which. Mend the script, try it by `scenefleet try`, and run the recipe "
    "again; a retry would send the old one.",
    "store_full": "The store has no room. Free some, then retry.",
    "store_denied": "The store refused to be written. Mend its permissions, then retry.",
    "store_unreachable": "The store did not answer. Check its address and network, then retry.",
    "killed": "The computing process was killed, most often for want of memory. Retry on nodes "
    "with more memory or fewer tasks a node.",
    "stopped": "The task was ended from outside: a cancel, a lost node or its time limit. Nothing "
    "is wrong with the scene; retry.",
}
"""What to do, by name of a `scenefleet_task.spec.Exit` in lower case."""

UNKNOWN = "The task ended without a result: its node was lost, or it ran out of time. Retry."


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
<p>What is finished stands. To do the failed scenes again, and nothing else:
{_command("retry", run)}</p>
<p class="note">Commands are for the folder of the recipe; elsewhere add
<code>--store</code> and the store's address.</p>
{parts}
</section>"""


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
