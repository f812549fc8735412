"""Notes for the user on what a search dropped, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from scenefleet.catalog.model import Dropped

if TYPE_CHECKING:
    from scenefleet.recipe import Search

_SHOWN = 3
"""Names and reasons that a note repeats; `search --explain` has all."""


def summary(dropped: Iterable[Dropped], query: Search) -> str:
    """In one phrase how many were dropped for which reason, the most frequent first."""
    counts = Counter(entry.reason.partition(": ")[0] for entry in dropped)
    return ", ".join(
        f"{n} that cannot be used" if key == "bad item" else f"{n} dropped by {_by(key, query)}"
        for key, n in counts.most_common()
    )


def unusable_notes(dropped: Iterable[Dropped]) -> list[str]:
    """Notes how many items cannot be used, and why."""
    prefix = "bad item: "
    bad = [entry.reason.removeprefix(prefix) for entry in dropped if _is(entry, "bad item")]
    if not bad:
        return []
    reasons = list(dict.fromkeys(bad))
    more = len(reasons) - _SHOWN
    told = " ".join(reasons[:_SHOWN]) + (f" And {more} more reasons." if more > 0 else "")
    return [f"{_items(len(bad))} cannot be used and {_was(len(bad))} dropped: {told}"]


def duplicate_notes(dropped: Iterable[Dropped]) -> list[str]:
    """Notes how many items are duplicates of others."""
    reasons = [entry.reason for entry in dropped if _is(entry, "duplicate")]
    differing = sum("came twice with different" in reason for reason in reasons)
    notes: list[str] = []
    if reasons:
        notes.append(
            f"Duplicates dropped: {len(reasons)} (`search --explain` names them and the rule)."
        )
    if differing:
        notes.append(f"{differing} items came twice with different metadata; the newer is kept.")
    return notes


def rest_words(
    over: Mapping[str, Sequence[str]], query: Search, *, unusable: int, hidden: Sequence[str]
) -> str:
    """Describes the part of the area that no scene covers; empty if nothing was found there.

    Args:
        over: ids of scenes that were dropped although they lie there, by what dropped them.
        query: the search.
        unusable: how many items were dropped that may lie anywhere.
        hidden: what the server filtered out by itself, so that nothing is known of it here.
    """
    anywhere = f"; {_items(unusable)} that cannot be used may lie there" if unusable else ""
    found = {kind: ids for kind, ids in over.items() if ids}
    parts = [f"{len(ids)} by {_by(kind, query)} ({_some(ids)})" for kind, ids in found.items()]
    if list(found) == ["limit"] and not anywhere:
        return "`limit` left others out"
    if parts:
        return f"scenes that lie in the rest were dropped: {', '.join(parts)}{anywhere}"
    if hidden:
        what = " and ".join(_by(kind, query) for kind in hidden)
        return f"for the rest the server gave nothing that passes {what}{anywhere}"
    return f"nothing else was found for the rest{anywhere}" if anywhere else ""


def _by(kind: str, query: Search) -> str:
    if kind == "cloud" and query.cloud_below is not None:
        return f"cloud_below {query.cloud_below:g}"
    return f"limit {query.limit}" if kind == "limit" else kind


def _some(ids: Sequence[str]) -> str:
    more = len(ids) - _SHOWN
    return ", ".join(ids[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _is(entry: Dropped, kind: str) -> bool:
    return entry.reason.partition(": ")[0] == kind


def _items(number: int) -> str:
    return "1 item" if number == 1 else f"{number} items"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"
