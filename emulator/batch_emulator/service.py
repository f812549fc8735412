"""The one owner of everything: options, clock, state and the bell that wakes the scheduler.

One event loop runs it all, so nothing needs a lock: between two `await`s nobody else acts.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from batch_emulator.clock import Clock
from batch_emulator.faults.book import Faults
from batch_emulator.node.host import Host
from batch_emulator.node.paths import is_real
from batch_emulator.node.tree import remove
from batch_emulator.options import Options
from batch_emulator.state.account import Account
from batch_emulator.state.ledger import Forgetful, Ledger
from batch_emulator.state.node import Node
from batch_emulator.wire.exchange import Recent


@dataclass(slots=True)
class Service:
    """An emulated Batch account at work."""

    host: Host
    ledger: Ledger = field(default_factory=Forgetful)
    """Sees that changes outlast the emulator, if they are to."""
    endpoint: str = ""
    """`http://host:port`, once listening."""
    identity: str = field(default="", repr=False)
    """The secret header of the managed identity; nothing where tokens are not taken."""
    account: Account = field(default_factory=Account)
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    woken: set[str] = field(default_factory=set[str])
    """Pools, by id in lower case, where something may be able to run."""
    faults: Faults = field(default_factory=Faults)
    """What is ordered to go wrong with requests."""
    recent: Recent = field(default_factory=Recent)
    """The last requests."""
    background: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def options(self) -> Options:
        """What the emulator was started with."""
        return self.host.options

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self.host.clock

    def now(self) -> datetime:
        """The clock's time, in UTC."""
        return self.clock.now()

    def wake(self, pool_id: str) -> None:
        """Have the scheduler look at a pool."""
        self.woken.add(pool_id.lower())
        self.bell.set()

    def find_node(self, pool_id: str, node_id: str) -> Node | None:
        """A node, if it is still there."""
        pool = self.account.pools.get(pool_id.lower())
        return pool.nodes.get(node_id) if pool else None

    @property
    def active_jobs(self) -> int:
        """The quota of active jobs and job schedules."""
        quotas = self.account.quotas
        own = quotas.active_jobs if quotas else None
        return self.options.active_jobs if own is None else own

    def pool_folder(self, pool_id: str) -> Path:
        """Where a pool's nodes have their folders."""
        return self.options.state / "pools" / pool_id

    @property
    def trash(self) -> Path:
        """Where folders are until they are deleted."""
        return self.options.state / "trash"

    def remove_folders(self, folders: set[Path]) -> None:
        """Have folders gone: their names at once, which others may take; the rest goes on beside.

        A task may have left many files, or links in their place.
        """
        for folder in filter(is_real, folders):
            self.spawn(asyncio.to_thread(remove, self._put_away(folder)))

    def _put_away(self, folder: Path) -> Path:
        """Move a folder out of the way; returns where it is then."""
        away = self.trash / secrets.token_hex(8)
        try:
            self.trash.mkdir(exist_ok=True)
            folder.rename(away)
        except OSError:
            return folder  # a disk of its own is mounted there, or none of it is left
        return away

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside, and hold on to it until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.background.discard(task)
        if not task.cancelled() and (error := task.exception()):
            task.get_loop().call_exception_handler(
                {"message": "background work of the emulator failed", "exception": error}
            )
