"""What each client's script shares: steps, each told in a line of JSON on standard output.

Imported by scripts that run in environments of their own: standard library only.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds that something may take to come about: generous, for a busy machine."""
_names = itertools.count(1)


@contextlib.contextmanager
def step(group: str, name: str) -> Iterator[None]:
    """One thing that is driven; its failure is told, and the next one begins."""
    start = time.monotonic()
    detail = ""
    try:
        yield
    except Exception:  # noqa: BLE001 - whatever a client raises is this step's failure, and told
        detail = traceback.format_exc()
    report = {"group": group, "name": name, "passed": not detail, "detail": detail}
    report["seconds"] = round(time.monotonic() - start, 2)
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def until(look: Callable[[], T], enough: Callable[[T], Any] = bool) -> T:
    """What `look` sees once it is enough."""
    end = time.monotonic() + PATIENCE
    while not enough(seen := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE} s; last seen: {seen}")
        time.sleep(0.1)
    return seen


def same(seen: object, wanted: object) -> None:
    """Two values have to be equal."""
    if seen != wanted:
        raise AssertionError(f"wanted {wanted!r}, but it is {seen!r}")


def holds(fact: object, seen: object = "") -> None:
    """Something has to be true."""
    if not fact:
        raise AssertionError(f"it does not hold; seen: {seen!r}")


def unique(kind: str) -> str:
    """A name that no other step uses."""
    return f"{kind}-{next(_names)}"
