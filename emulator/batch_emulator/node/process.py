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
from batch_emulator.node.warden import kill_group
from batch_emulator.node.work import Outcome, Work, WorkError
from batch_emulator.state.task import Failure


async def run_process(work: Work, host: Host) -> Outcome:
    """Run a command to its end, or to its limit of time.

    Raises:
        WorkError: if it cannot be started.
    """
    arguments = _split(work.command)
    with _streams(work.folder) as (out, err):
        process = await _start(arguments, work, out, err)
    host.warden.watch(process.pid)
    limit = None if work.limit is None else work.limit.total_seconds()
    try:
        async with host.clock.limit(limit):
            code = await process.wait()
    except TimeoutError:
        return Outcome("run", exit_code=137, failure=_expired(work))
    finally:
        kill_group(process.pid)
        await _reap(process)
        host.warden.forget(process.pid)
    return exit_outcome(128 - code if code < 0 else code)


def exit_outcome(code: int) -> Outcome:
    """What an exit code means: anything but 0 is a failure that may be tried again."""
    if code == 0:
        return Outcome("run", exit_code=0)
    message = "The task exited with an exit code representing a failure"
    details = (("Message", message), ("AdditionalErrorCode", "FailureExitCode"))
    failure = Failure("FailureExitCode", message, details)
    return Outcome("run", exit_code=code, failure=failure, retryable=True)


async def _reap(process: asyncio.subprocess.Process) -> None:
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
def _streams(folder: Path) -> Generator[tuple[IO[bytes], IO[bytes]]]:
    with ExitStack() as stack:
        try:
            out = stack.enter_context((folder / "stdout.txt").open("wb"))
            err = stack.enter_context((folder / "stderr.txt").open("wb"))
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


def _expired(work: Work) -> Failure:
    text = f"The task was ended: it ran longer than its maxWallClockTime of {work.limit}"
    return Failure("TaskEnded", text, (("Message", "Max wall clock time expired"),))


def disk_failure(error: OSError, name: str = "") -> Failure:
    """What a node says when its disk will not take a file."""
    details = (("FilePath", name),) if name else ()
    if error.errno == errno.ENOSPC:
        return Failure("DiskFull", "There is not enough disk space on the node", details)
    text = f"A file could not be written on the node: {error.strerror}"
    return Failure("ResourceFileWriteFailed", text, details, category="servererror")
