"""A task's process: no shell, a session of its own, ended with all its children."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shlex
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from batch_emulator.node.host import Host
from batch_emulator.node.paths import open_file
from batch_emulator.node.warden import group_lives, kill_group
from batch_emulator.node.work import Outcome, Work, WorkError
from batch_emulator.state.task import Failure


async def run_process(work: Work, host: Host) -> Outcome:
    """Run a command to its end, or to its limit of time.

    Raises:
        WorkError: if it cannot be started.
    """
    arguments = _split(work.command)
    with streams(work.folder, appends=work.appends) as (out, err):
        process = await _start(arguments, work, out, err)
    host.warden.watch(process.pid)
    limit = None if work.limit is None else work.limit.total_seconds()
    well = False
    try:
        async with host.clock.limit(limit):
            code = await process.wait()
        well = code == 0
    except TimeoutError:
        return Outcome("run", exit_code=137, failure=expired(work))
    finally:
        if well and work.background is not None and group_lives(process.pid):
            work.background.add(process.pid)
        else:
            kill_group(process.pid)
            await reap(process)
            host.warden.forget(process.pid)
    return exit_outcome(128 - code if code < 0 else code)


def end_background(groups: set[int], host: Host) -> None:
    """Kill the processes that commands left at work."""
    for group in groups:
        kill_group(group)
        host.warden.forget(group)
    groups.clear()


def exit_outcome(code: int) -> Outcome:
    """What an exit code means: anything but 0 is a failure that may be tried again."""
    if code == 0:
        return Outcome("run", exit_code=0)
    message = "The task exited with an exit code representing a failure"
    details = (("Message", message), ("AdditionalErrorCode", "FailureExitCode"))
    failure = Failure("FailureExitCode", message, details)
    return Outcome("run", exit_code=code, failure=failure, retryable=True)


async def reap(process: asyncio.subprocess.Process) -> None:
    """Wait for a killed process even where this is being cancelled."""
    waiting = asyncio.ensure_future(process.wait())
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.shield(waiting)
        return
    await waiting


def _split(command: str) -> list[str]:
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise WorkError(
            Failure("CommandLaunchFailed", f"The command line cannot be read: {error}")
        ) from None
    if not arguments:
        raise WorkError(Failure("CommandLaunchFailed", "The command line is empty"))
    return arguments


@contextmanager
def streams(folder: Path, *, appends: bool) -> Generator[tuple[IO[bytes], IO[bytes]]]:
    """The files that take what a command writes.

    Raises:
        WorkError: if they cannot be opened.
    """
    mode = "ab" if appends else "wb"
    with ExitStack() as stack:
        try:
            out = stack.enter_context(open_file(folder / "stdout.txt", mode))
            err = stack.enter_context(open_file(folder / "stderr.txt", mode))
        except OSError as error:
            raise WorkError(disk_failure(error)) from None
        yield out, err


async def _start(
    arguments: list[str], work: Work, out: IO[bytes], err: IO[bytes]
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=work.directory,
            env=work.environment,
            start_new_session=True,
        )
    except FileNotFoundError:
        text = "The specified command program is not found"
        details = (("Executable", arguments[0]),)
        raise WorkError(Failure("CommandProgramNotFound", text, details)) from None
    except (OSError, ValueError) as error:
        text = f"The command could not be started: {error}"
        raise WorkError(Failure("CommandLaunchFailed", text)) from None


def expired(work: Work) -> Failure:
    """Why work was ended that took longer than it may."""
    text = f"The task was ended: it ran longer than its maxWallClockTime of {work.limit}"
    return Failure("TaskEnded", text, (("Message", "Max wall clock time expired"),))


def disk_failure(error: OSError, name: str = "") -> Failure:
    """What a node says when its disk will not take a file."""
    details = (("FilePath", name),) if name else ()
    if error.errno == errno.ENOSPC:
        return Failure("DiskFull", "There is not enough disk space on the node", details)
    text = f"A file could not be written on the node: {error.strerror}"
    return Failure("ResourceFileWriteFailed", text, details, category="servererror")
