"""What may help after a failure, by exit: the one place that decides whether a retry can. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

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
"""What to do, for the report, by name of a `scenefleet_task.spec.Exit` in lower case."""

UNKNOWN = "The task ended without a result: its node was lost, or it ran out of time. Retry."
"""For a task whose exit is not known, or is the service's own."""

_SEARCH = (
    "leave the scene out: narrow `search` in {file}, then `scenefleet run {file}`   (a new run)"
)
_INSTEAD: Mapping[str, str] = {
    "document": "plan again with this version of scenefleet: `scenefleet run {file}`",
    "input_mismatch": _SEARCH,
    "no_overlap": _SEARCH,
    "radiometry": "correct the items, or `scenefleet run {file} --radiometry trust`   (a new run)",
    "script": "mend the script, look by `scenefleet try {file}`, then `scenefleet run {file}`"
    "   (a new run)",
}
"""What helps where a retry must fail again, since it repeats what was frozen with the run. `{file}`
stands for the recipe."""

_ONCE: Mapping[str, str] = {
    "source_missing": "the missing files are there",
    "store_full": "the store has room",
    "store_denied": "the store may be written",
}
"""What has to come first for a retry to help; others may pass by themselves."""


def retry_note(exits: Iterable[str | None]) -> str | None:
    """Says what a retry does for failed scenes, or returns None where it can help none of them.

    Args:
        exits: of the failed scenes; None for one that is not known.
    """
    known = {exit_ or "" for exit_ in exits}
    vain = sorted(known & _INSTEAD.keys())
    hopeful = known - _INSTEAD.keys()
    if not hopeful:
        return None
    first = " and ".join(sorted(_ONCE[exit_] for exit_ in hopeful & _ONCE.keys()))
    parts = ["redo the failed scenes"]
    if first and hopeful <= _ONCE.keys():
        parts = [f"once {first}: redo the failed scenes"]
    elif first:
        parts.append(f"some only once {first}")
    if vain:
        words = " and ".join(exit_.replace("_", " ") for exit_ in vain)
        parts.append(f"those of {words} fail again")
    return "; ".join(parts)


def remedies(
    failed: AbstractSet[str | None], run: str, address: str, file: str = "FILE"
) -> list[str]:
    """Returns what may help the failed scenes, a line a remedy; `retry` only if it can help one.

    Args:
        failed: exits of the failed scenes; None for one that is not known.
        run: the run's id.
        address: the store's address, quoted for a shell.
        file: the recipe's, quoted for a shell.
    """
    instead = (line for exit_, line in _INSTEAD.items() if exit_ in failed)
    lines = [line.format(file=file) for line in dict.fromkeys(instead)]
    if note := retry_note(failed):
        lines.append(f"scenefleet retry {shlex.quote(run)} --store {address}   ({note})")
    return lines
