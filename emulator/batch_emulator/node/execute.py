"""One try of work on a node: files in, command, files out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from batch_emulator.node.applications import deploy
from batch_emulator.node.container import run_container
from batch_emulator.node.host import Host
from batch_emulator.node.output_files import send_outputs
from batch_emulator.node.process import expired, folder_failure, run_process
from batch_emulator.node.resource_files import fetch_all
from batch_emulator.node.work import Outcome, Work, WorkError
from batch_emulator.options import Options
from batch_emulator.state.container import ContainerInfo

PROCESS_NOTE = "run as a process of the host, not in a container (--containers=process)"


async def execute(work: Work, host: Host) -> Outcome:
    """Do one try, whatever comes of it."""
    if work.fault:
        return Outcome("prepare", failure=work.fault)
    try:
        if work.packages or work.common_files or work.resource_files:
            work = await _provide_in_time(work, host)
        outcome = await _run(work, host)
    except TimeoutError:
        return Outcome("prepare", failure=expired())
    except WorkError as error:
        return Outcome("prepare", failure=error.failure)
    try:
        await send_outputs(work, succeeded=outcome.failure is None)
    except WorkError as error:
        return Outcome("upload", outcome.exit_code, error.failure)
    return outcome


async def _provide_in_time(work: Work, host: Host) -> Work:
    """Provide within the work's limit; what that takes is not the command's any more.

    Raises:
        TimeoutError: if that is all of it.
    """
    start = host.clock.time()
    async with host.clock.limit(work.left):
        provided = await _provide(work, host.options)
    took = timedelta(seconds=host.clock.time() - start)
    return replace(provided, spent=work.spent + took)


async def _provide(work: Work, options: Options) -> Work:
    """The same work, with its files and packages on the node."""
    _make_folders(work)
    work = await _with_packages(work, options)
    allow_files = options.allow_file_urls
    await fetch_all(work.common_files, work.folder, allow_files=allow_files)
    await fetch_all(work.resource_files, work.directory, allow_files=allow_files)
    return work


async def _with_packages(work: Work, options: Options) -> Work:
    """The same work, with its application packages on the node and in its environment."""
    if not work.packages or work.applications is None:
        return work
    variables = await deploy(work.packages, options.applications, work.applications)
    return replace(work, environment=work.environment | variables)


async def _run(work: Work, host: Host) -> Outcome:
    """Run the command, in a container where it asks for one."""
    if work.container is None:
        return await run_process(work, host)
    if host.options.containers == "process":
        work.container.note(ContainerInfo(PROCESS_NOTE))
        return await run_process(work, host)
    return await run_container(work, work.container, host)


def _make_folders(work: Work) -> None:
    """Make what files go to; where there are none, the agent makes it as the command starts."""
    try:
        work.directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkError(folder_failure(error)) from None
