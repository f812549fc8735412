"""Calls in several threads, results in order, few of them waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_order(call: Callable[[int], T], count: int, threads: int) -> Generator[T]:
    """`call(0)`, `call(1)` ... of `count`; as many are under way as there are threads.

    With one thread, the caller's is the one.
    """
    if threads == 1:
        yield from map(call, range(count))
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="compute") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for number in range(count):
                if len(waiting) > threads:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(call, number))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
