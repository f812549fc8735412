"""The orders that stand, how often each has struck, and which a request meets.

Nothing here is left to chance: each order has random numbers of its own, begun from its seed, and
draws one for each request that it is for. So the same orders and the same requests give the same
faults.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from batch_emulator.faults.order import Order
from batch_emulator.wire.errors import BatchError, invalid_property

_MOST = 1000
"""Orders at once, spent ones included: each request is compared with all that stand."""


@dataclass(slots=True)
class Standing:
    """An order with what has come of it."""

    id: str
    order: Order
    met: int = 0
    """Requests, or tasks, that it was for."""
    struck: int = 0
    chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin its random numbers."""
        self.chance = random.Random(self.order.seed)  # noqa: S311 - has to be the same each time

    @property
    def spent(self) -> bool:
        """Whether it has happened as often as it was to."""
        return self.order.times is not None and self.struck >= self.order.times

    def strikes(self) -> bool:
        """Take note of a request that it is for, and tell whether it happens to it."""
        self.met += 1
        if self.met <= self.order.skip or self.spent:
            return False
        struck = self.chance.random() < self.order.probability
        self.struck += struck
        return struck

    def document(self) -> dict[str, Any]:
        """The admin interface's JSON."""
        return {"id": self.id, **self.order.document(), "met": self.met, "struck": self.struck}


class Faults:
    """The orders of one emulator, in the order they came in."""

    def __init__(self) -> None:
        self._orders: dict[str, Standing] = {}
        self._live: list[Standing] = []
        self._numbers = itertools.count(1)

    def add(self, order: Order) -> Standing:
        """Have something go wrong from now on.

        Raises:
            BatchError: if there are too many orders.
        """
        if len(self._orders) >= _MOST:
            reason = f"There are {_MOST} faults, which is the most there can be: clear them first."
            raise invalid_property("kind", order.kind, reason)
        standing = Standing(str(next(self._numbers)), order)
        self._orders[standing.id] = standing
        self._live.append(standing)
        return standing

    def all(self) -> list[Standing]:
        """All orders that were not cleared, spent ones too."""
        return list(self._orders.values())

    def clear(self, number: str | None = None) -> None:
        """Take back one order, or all.

        Raises:
            BatchError: `InvalidUri`, if there is none of this number.
        """
        if number is None:
            self._orders.clear()
        elif self._orders.pop(number, None) is None:
            raise BatchError("InvalidUri", Reason=f"There is no fault {number!r}.")
        self._live = [standing for standing in self._orders.values() if not standing.spent]

    def meet(self, method: str, path: str) -> list[Order]:
        """What happens to a request: any number of delays, and then at most one failure."""
        struck: list[Order] = []
        for standing in self._live:
            order = standing.order
            if order.kind != "task" and order.matches(method, path) and standing.strikes():
                struck.append(order)
                if order.kind != "delay":
                    break
        self._forget_spent(struck)
        return struck

    def meet_task(self, path: str, task_id: str) -> Order | None:
        """What happens to one of the tasks in a request to add several."""
        for standing in self._live:
            order = standing.order
            fits = order.kind == "task" and order.matches("POST", path)
            if fits and fnmatchcase(task_id, order.task) and standing.strikes():
                self._forget_spent([order])
                return order
        return None

    def _forget_spent(self, struck: list[Order]) -> None:
        if struck:
            self._live = [standing for standing in self._live if not standing.spent]
