"""The emulator's end of the socket to the node agent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

from batch_emulator.node import agent
from batch_emulator.node.agent import MOST, Message, Messages, kill_group
from batch_emulator.node.engine import engine_environment

Step = Literal["folder", "output", "start"]
"""What failed: making the folder, opening the output's files, or starting the program."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended."""

    code: int
    """Its exit code, negative for a signal."""
    group: int
    """Its process group."""
    left: bool
    """Whether others of the group are still at work, which was allowed."""


class StartError(OSError):
    """A process could not be started."""

    def __init__(self, step: Step, number: int) -> None:
        super().__init__(number, os.strerror(number))
        self.step = step


class AgentLostError(RuntimeError):
    """The agent has ended, and what it had started with it."""


@dataclass(slots=True, eq=False)
class _Run:
    """A process that was ordered."""

    over: asyncio.Future[Ended]
    """Cancelled with who waits for it, who then waits for another."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has begun, or could not."""
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """A process to run."""

    argv: list[str]
    cwd: str
    """Made where it is not there; text, as the two below: paths' objects cost time."""
    environment: Mapping[str, str] = field(repr=False)
    out: str
    err: str
    append: bool = False
    keep: bool = False
    """Whether others of its group may go on when it has ended well."""


class AgentLink:
    """Starts the agent, orders processes of it, and starts it anew should it be killed.

    Args:
        scratch: a folder to delete at the end, after the processes.
        held: a descriptor to keep open until then, of a lock.
    """

    def __init__(self, scratch: Path | None, held: int | None = None) -> None:
        self._scratch = scratch
        self._held = held
        self._numbers = count(1)
        self._runs: dict[int, _Run] = {}
        self._listening = False
        self._begin()

    async def run(self, order: Order) -> Ended:
        """Run a process to its end; where this is cancelled, it is killed first.

        Raises:
            StartError: if it cannot be started.
            AgentLostError: if the agent was killed meanwhile.
        """
        self._listen()
        number = next(self._numbers)
        run = self._runs[number] = _Run(asyncio.get_running_loop().create_future())
        self._say(
            {
                "run": number,
                "argv": order.argv,
                "cwd": order.cwd,
                "env": dict(order.environment),
                "out": order.out,
                "err": order.err,
                "append": order.append,
                "keep": order.keep,
            }
        )
        try:
            return await run.over
        except asyncio.CancelledError:
            if number in self._runs:  # else its end was told just before this got its turn
                run.over = asyncio.get_running_loop().create_future()
                self._say({"kill": number})
                await self._outlast(run)
            raise

    async def answered(self) -> None:
        """Wait until what was ordered so far has begun: its output's files are there then."""
        for run in list(self._runs.values()):
            await run.answered.wait()

    def kill_left(self, group: int) -> None:
        """Kill a group that was left at work."""
        kill_group(group)
        self._say({"forget": group})

    def adopt(self, group: int) -> None:
        """A group that another than the agent has started is to be killed at the end."""
        self._say({"adopt": group})

    def forget(self, group: int) -> None:
        """A group that was adopted has ended."""
        self._say({"forget": group})

    def watch_command(self, arguments: list[str]) -> None:
        """A container has been ordered, which this command line takes away."""
        self._say({"watch": arguments})

    def forget_command(self, arguments: list[str]) -> None:
        """A container has been taken away."""
        self._say({"unwatch": arguments})

    def close(self) -> None:
        """Let the agent kill what is left, and end."""
        self._flush()
        self._line.close()
        self._process.wait()

    def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        held = "" if self._held is None else str(self._held)
        last = [] if self._scratch is None else [str(self._scratch)]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", agent.__file__, held, *last],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            env=engine_environment(),
            start_new_session=True,
            pass_fds=() if self._held is None else (self._held,),
        )
        theirs.close()
        ours.setblocking(False)
        self._line = ours
        self._messages = Messages()
        self._unsaid = b""
        self._waits = False

    def _listen(self) -> None:
        if not self._listening:
            self._listening = True
            asyncio.get_running_loop().add_reader(self._line, self._hear)

    def _hear(self) -> None:
        try:
            data = self._line.recv(MOST)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        for told in self._messages.unpack(data):
            self._note(told)
        if not data:
            self._lose()

    def _note(self, told: Message) -> None:
        if "began" in told:
            run = self._runs[told["began"]]
            run.pid = told["pid"]
            run.answered.set()
        elif "failed" in told:
            run = self._runs.pop(told["failed"])
            run.answered.set()
            if not run.over.done():
                run.over.set_exception(StartError(told["at"], told["errno"]))
        else:
            run = self._runs.pop(told["ended"])
            if not run.over.done():
                run.over.set_result(Ended(told["code"], run.pid, told["left"]))

    def _lose(self) -> None:
        """Do what the agent cannot any more, and start another."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._line)
        loop.remove_writer(self._line)
        self._line.close()
        self._process.wait()
        runs, self._runs = self._runs, {}
        for run in runs.values():
            if run.pid:
                kill_group(run.pid)
            run.answered.set()
            if not run.over.done():
                run.over.set_exception(AgentLostError("The emulator's node agent was killed"))
        self._listening = False
        self._begin()

    def _say(self, order: Message) -> None:
        self._unsaid += Messages.pack(order)
        if not self._waits:
            self._flush()

    def _flush(self) -> None:
        """Send what is unsaid, as far as the socket takes it."""
        self._waits = False
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while self._unsaid:
                self._unsaid = self._unsaid[self._line.send(self._unsaid) :]
        if self._unsaid and self._listening:
            self._waits = True
            asyncio.get_running_loop().add_writer(self._line, self._go_on)

    def _go_on(self) -> None:
        asyncio.get_running_loop().remove_writer(self._line)
        self._flush()

    @staticmethod
    async def _outlast(run: _Run) -> None:
        """Wait for the end, however it comes, and even where this is cancelled again."""
        while not run.over.done():
            with contextlib.suppress(asyncio.CancelledError, OSError, AgentLostError):
                await asyncio.shield(run.over)
        run.over.exception()
