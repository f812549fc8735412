"""Connections: bounded in number, and none waits for its client without end.

Uvicorn limits the time between two requests and no other: a client may take as long as it likes to
send the first byte, the rest of a request, or to read what it asked for. Here a connection that
waits for its client is watched. It goes when it has waited too long, or, of all that wait, the
longest, when there are too many: so newcomers are served however many others sit and do nothing.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from batch_emulator.faults.effects import droppable
from batch_emulator.wire.head import LIMIT as HEAD_LIMIT
from batch_emulator.wire.other_scheme import (
    http2_to_http,
    is_http2,
    is_tls,
    tls_to_http,
)

_LOOKS = 4
"""Looks for those that are late, in the time that a client has."""


class Connections:
    """All that are open, and which of them wait for their clients.

    Args:
        most: how many may be open at once.
        patience: real seconds that one waits: clients live in real time, whatever the clock does.
    """

    def __init__(self, most: int, patience: float) -> None:
        self._most = most
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, float] = {}
        """Since when, the longest first."""
        self._alarm: asyncio.TimerHandle | None = None

    def add(self, connection: Connection) -> None:
        """A connection has been opened; room is made for it."""
        self._open.add(connection)
        self.wait(connection)
        if len(self._open) > self._most:
            self._drop(next(iter(self._waiting)))

    def wait(self, connection: Connection) -> None:
        """A connection waits for its client from now on."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = self._loop.time()
        if self._alarm is None:
            self._alarm = self._loop.call_later(self._patience / _LOOKS, self._drop_late)

    def work(self, connection: Connection) -> None:
        """It is the server's turn."""
        self._waiting.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """A connection has been closed."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def _drop(self, connection: Connection) -> None:
        self.remove(connection)
        connection.abort()

    def _drop_late(self) -> None:
        self._alarm = None
        limit = self._loop.time() - self._patience
        while self._waiting and next(iter(self._waiting.values())) <= limit:
            self._drop(next(iter(self._waiting)))
        if self._waiting:
            self._alarm = self._loop.call_later(self._patience / _LOOKS, self._drop_late)


class Turn(Enum):
    """Whose turn it is on a connection; all but the second are the client's."""

    IDLE = auto()
    """The client may ask something."""
    ANSWER = auto()
    """The server does what was asked."""
    REQUEST = auto()
    """The client sends the rest of what it began."""
    READ = auto()
    """The client reads what it asked for, before there is more."""


class Connection(H11Protocol):
    """Uvicorn's connection, which tells whose turn it is.

    Args:
        config: uvicorn's.
        state: uvicorn's.
        connections: where it is one of many.
    """

    def __init__(
        self, config: uvicorn.Config, state: ServerState, connections: Connections
    ) -> None:
        super().__init__(config, state, {})
        self._others = connections
        self._turn = Turn.IDLE
        self._begun = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as uvicorn has it
        """Take its place among the others."""
        super().connection_made(transport)
        self.app = droppable(self.app, transport.close)
        self._others.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave it."""
        self._others.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, in pieces that a head must not exceed: h11 holds incomplete ones to that."""
        if not self._begun and (is_tls(data) or is_http2(data)):
            self.transport.write(tls_to_http() if is_tls(data) else http2_to_http())
            self.transport.close()
            return
        self._begun = True
        for start in range(0, len(data), HEAD_LIMIT):
            if not self.transport.is_closing():
                super().data_received(data[start : start + HEAD_LIMIT])
        self._tell()

    def on_response_complete(self) -> None:
        """Be ready for the next request, which may be there already."""
        super().on_response_complete()
        self._tell()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._tell()

    def resume_writing(self) -> None:
        """Go on with the answer."""
        super().resume_writing()
        self._tell()

    def abort(self) -> None:
        """Close it at once: who does not read would not let it be closed otherwise."""
        self.transport.abort()

    def _tell(self) -> None:
        """Tell of a change only: one more byte does not give a client more time."""
        turn = self._whose_turn()
        if turn is self._turn or self.transport.is_closing():
            return
        self._turn = turn
        if turn is Turn.ANSWER:
            self._others.work(self)
        else:
            self._others.wait(self)

    def _whose_turn(self) -> Turn:
        sends = self.conn.their_state is h11.SEND_BODY
        # Uvicorn has none before the first request, and does not say so in its types.
        if not self.cycle or self.cycle.response_complete:
            return Turn.REQUEST if sends or self.conn.trailing_data[0] else Turn.IDLE
        if self.flow.write_paused:
            return Turn.READ
        return Turn.REQUEST if sends else Turn.ANSWER
