"""One try of work on a node: files in, command, files out."""

from __future__ import annotations

from pathlib import Path

from batch_emulator.node.host import Host
from batch_emulator.node.output_files import send_outputs
from batch_emulator.node.process import disk_failure, run_process
from batch_emulator.node.resource_files import fetch_all
from batch_emulator.node.work import Outcome, Work, WorkError
from batch_emulator.options import Options
from batch_emulator.state.task import Failure

PROCESS_NOTE = "run as a process of the host, not in a container (--containers=process)"


async def execute(work: Work, host: Host) -> Outcome:
    """Do one try, whatever comes of it."""
    options = host.options
    try:
        _check_container(work, options)
        _make_folders(work.folder)
        await fetch_all(work.resource_files, work.directory, allow_files=options.allow_file_urls)
        outcome = await run_process(work, host)
    except WorkError as error:
        return Outcome("prepare", failure=error.failure)
    try:
        await send_outputs(work, succeeded=outcome.failure is None)
    except WorkError as error:
        return Outcome("upload", outcome.exit_code, error.failure)
    return outcome


def _check_container(work: Work, options: Options) -> None:
    if work.container and options.containers == "refuse":
        raise WorkError(
            Failure(
                "ContainerMiscError",
                "This emulator runs no containers. Start it with --containers=process to run "
                "container tasks as processes of the host.",
            )
        )


def _make_folders(folder: Path) -> None:
    try:
        (folder / "wd").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = f"The task's directory could not be created: {error.strerror}"
        failure = disk_failure(error)
        if failure.code != "DiskFull":
            failure = Failure("ResourceDirectoryCreateFailed", text, category="servererror")
        raise WorkError(failure) from None
