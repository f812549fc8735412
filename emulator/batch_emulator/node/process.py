"""A task's process: no shell, a session of its own, ended with all its children."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Mapping

from batch_emulator.node.agent_link import AgentLostError, Ended, Order, StartError
from batch_emulator.node.host import Host
from batch_emulator.node.work import Outcome, Work, WorkError
from batch_emulator.state.task import Failure

_QUOTING = frozenset("'\"\\")
"""Without these a command line is words with spaces between; `shlex` takes much longer."""


async def run_process(work: Work, host: Host) -> Outcome:
    """Run a command to its end, or to its limit of time.

    Raises:
        WorkError: if it cannot be started.
    """
    arguments = _split(work.command)
    try:
        ended = await attend(work, arguments, work.environment, host)
    except TimeoutError:
        return Outcome("run", exit_code=137, failure=expired())
    except StartError as error:
        raise _not_started(arguments[0], error) from None
    if ended.left and work.background is not None:
        work.background.add(ended.group)
    return exit_outcome(128 - ended.code if ended.code < 0 else ended.code)


async def attend(
    work: Work, arguments: list[str], environment: Mapping[str, str], host: Host
) -> Ended:
    """Have a program run in a task's folder to its end; what it writes goes to the task's files.

    Raises:
        TimeoutError: if it took longer than the work may.
        StartError: if it cannot be started.
        WorkError: if the agent was killed.
    """
    order = Order(
        argv=arguments,
        cwd=f"{work.folder}/wd",
        environment=environment,
        out=f"{work.folder}/stdout.txt",
        err=f"{work.folder}/stderr.txt",
        append=work.appends,
        keep=work.background is not None,
    )
    try:
        if work.left is None:
            return await host.agent.run(order)
        async with host.clock.limit(work.left):
            return await host.agent.run(order)
    except AgentLostError as error:
        failure = Failure("UnknownError", str(error), category="servererror")
        raise WorkError(failure) from None


def end_background(groups: set[int], host: Host) -> None:
    """Kill the processes that commands left at work."""
    for group in groups:
        host.agent.kill_left(group)
    groups.clear()


def exit_outcome(code: int) -> Outcome:
    """What an exit code means: anything but 0 is a failure that may be tried again."""
    if code == 0:
        return Outcome("run", exit_code=0)
    message = "The task exited with an exit code representing a failure"
    details = (("Message", message), ("AdditionalErrorCode", "FailureExitCode"))
    failure = Failure("FailureExitCode", message, details)
    return Outcome("run", exit_code=code, failure=failure, retryable=True)


def _split(command: str) -> list[str]:
    plain = command.isascii() and command.isprintable() and _QUOTING.isdisjoint(command)
    try:
        arguments = command.split() if plain else shlex.split(command)
    except ValueError as error:
        raise WorkError(
            Failure("CommandLaunchFailed", f"The command line cannot be read: {error}")
        ) from None
    if not arguments:
        raise WorkError(Failure("CommandLaunchFailed", "The command line is empty"))
    return arguments


def _not_started(program: str, error: StartError) -> WorkError:
    if error.step == "folder":
        return WorkError(folder_failure(error))
    if error.step == "output":
        return WorkError(disk_failure(error))
    if error.errno == errno.ENOENT:
        text = "The specified command program is not found"
        return WorkError(Failure("CommandProgramNotFound", text, (("Executable", program),)))
    text = f"The command could not be started: {error.strerror}"
    return WorkError(Failure("CommandLaunchFailed", text))


def expired() -> Failure:
    """Returns why work was ended that took longer than it may, in the service's recorded words."""
    over = "The maximum execution time configured on the task was exceeded"
    return Failure("TaskEnded", "The task was ended by user request", (("Message", over),))


def folder_failure(error: OSError) -> Failure:
    """What a node says when it cannot make a task's folder."""
    failure = disk_failure(error)
    if failure.code == "DiskFull":
        return failure
    text = f"The task's directory could not be created: {error.strerror}"
    return Failure("ResourceDirectoryCreateFailed", text, category="servererror")


def disk_failure(error: OSError, name: str = "") -> Failure:
    """What a node says when its disk will not take a file."""
    details = (("FilePath", name),) if name else ()
    if error.errno == errno.ENOSPC:
        return Failure("DiskFull", "There is not enough disk space on the node", details)
    text = f"A file could not be written on the node: {error.strerror}"
    return Failure("ResourceFileWriteFailed", text, details, category="servererror")
