"""Tells which tasks of a plan are done in a store, and which would be sent by a run of it."""

from __future__ import annotations

from dataclasses import dataclass

from scenefleet.plan import Plan, document_ids
from scenefleet.run.attempts import failed_last, read_attempts
from scenefleet.run.finished import find_finished
from scenefleet.store import Store


@dataclass(frozen=True, slots=True)
class Standing:
    """The tasks of a plan, by id."""

    done: frozenset[str]
    failed: frozenset[str]
    """Failed in an earlier submission of the same run: `retry` sends them, `run` does not."""
    left: frozenset[str]
    """`run` sends these."""


def find_standing(store: Store, plan: Plan) -> Standing:
    """Looks into the store; files are judged by their sizes, where a run hashes them as well."""
    ids = frozenset(document_ids(plan.documents))
    done = frozenset(find_finished(store, plan.documents, deep=False))
    rest = ids - done
    failed = frozenset(failed_last(read_attempts(store, plan.id), rest)) if rest else rest
    return Standing(done, failed, rest - failed)
