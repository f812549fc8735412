"""A task's container: created, started, watched to its end, and taken away whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from batch_emulator.node.agent import kill_group
from batch_emulator.node.container_options import create_arguments
from batch_emulator.node.engine import Engine, engine_environment, failed
from batch_emulator.node.host import Host
from batch_emulator.node.orphans import forget_container, note_container
from batch_emulator.node.paths import open_file
from batch_emulator.node.process import disk_failure, exit_outcome, expired
from batch_emulator.node.work import Container, Outcome, Work, WorkError
from batch_emulator.state.container import ContainerInfo
from batch_emulator.state.task import Failure

_MISSING = ("not found", "no such file")
"""What engines say of a command that the image does not have."""


async def run_container(work: Work, container: Container, host: Host) -> Outcome:
    """Run a command in a container to its end, or to its limit of time.

    Raises:
        WorkError: if there is no engine, no image, or the container does not start.
    """
    engine = await host.engines.find(host.options.containers)
    settings = container.settings
    own = [settings["registry"]] if "registry" in settings else []
    await host.engines.have(engine, settings["imageName"], [*own, *container.registries])
    name = f"batch-emulator-{secrets.token_hex(8)}"
    removal = engine.removal(name)
    host.agent.watch_command(removal)
    note = note_container(host.options.state, name, removal)
    try:
        identity = await _create(engine, name, work, container)
        container.note(ContainerInfo("created", identity))
        return await _attend(engine, identity, work, container, host)
    finally:
        await _finish(engine, removal, note)
        host.agent.forget_command(removal)


async def prefetch(configuration: dict[str, Any], host: Host) -> None:
    """Have a pool's container images here; without an engine its tasks will tell.

    Raises:
        WorkError: if one cannot be pulled.
    """
    images: list[str] = configuration.get("containerImageNames", [])
    if not images:
        return
    try:
        engine = await host.engines.find(host.options.containers)
    except WorkError:
        return
    for image in images:
        await host.engines.have(engine, image, configuration.get("containerRegistries", []))


async def _create(engine: Engine, name: str, work: Work, container: Container) -> str:
    arguments, environment = create_arguments(engine, name, work, container)
    answer = await engine.ask(*arguments, environment=environment)
    if answer.code:
        text = f"The container could not be created: {answer.reason}"
        raise failed("ContainerInvalidSettings", text)
    return answer.out.splitlines()[-1]


async def _attend(
    engine: Engine, identity: str, work: Work, container: Container, host: Host
) -> Outcome:
    """Start a container and wait; its engine's client writes what it says to the task's files."""
    client = await _start(engine, identity, work)
    container.note(ContainerInfo("running", identity))
    host.agent.adopt(client.pid)
    try:
        async with host.clock.limit(work.left):
            await client.wait()
    except TimeoutError:
        _note(container, identity, await engine.kill(identity))
        return Outcome("run", exit_code=137, failure=expired())
    except asyncio.CancelledError:
        container.note(ContainerInfo("exited", identity))  # it is killed below, whatever comes
        raise
    finally:
        kill_group(client.pid)
        await _reap(client)
        host.agent.forget(client.pid)
    return _ended(work, container, identity, await engine.look(identity))


async def _start(engine: Engine, identity: str, work: Work) -> asyncio.subprocess.Process:
    mode = "ab" if work.appends else "wb"
    with ExitStack() as stack:
        try:
            work.directory.mkdir(parents=True, exist_ok=True)
            out, err = (
                stack.enter_context(open_file(work.folder / name, mode))
                for name in ("stdout.txt", "stderr.txt")
            )
        except OSError as error:
            raise WorkError(disk_failure(error)) from None
        return await asyncio.create_subprocess_exec(
            engine.program,
            *("start", "--attach", identity),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=engine_environment(),
            start_new_session=True,
        )


async def _reap(process: asyncio.subprocess.Process) -> None:
    """Wait for a killed process even where this is being cancelled."""
    waiting = asyncio.ensure_future(process.wait())
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.shield(waiting)
        return
    await waiting


def _ended(work: Work, container: Container, identity: str, state: dict[str, Any]) -> Outcome:
    _note(container, identity, state)
    if state["Status"] in ("exited", "stopped"):
        return exit_outcome(state["ExitCode"])
    text = state.get("Error") or _last_line(work)
    if any(word in text.lower() for word in _MISSING):
        details = (("Executable", work.command), ("Message", text))
        message = "The specified command program is not found"
        raise WorkError(Failure("CommandProgramNotFound", message, details))
    raise failed("ContainerMiscError", f"The container could not be started: {text}")


def _note(container: Container, identity: str, state: dict[str, Any]) -> None:
    container.note(ContainerInfo(state["Status"], identity, state.get("Error")))


def _last_line(work: Work) -> str:
    """What the engine's client said last: not every engine keeps it with the container."""
    lines = (work.folder / "stderr.txt").read_text(errors="replace").splitlines()
    return lines[-1] if lines else "the engine does not say why"


async def _finish(engine: Engine, removal: list[str], note: Path) -> None:
    """Take a container away, if there is one, even where this is being cancelled."""
    work = asyncio.ensure_future(_remove(engine, removal, note))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await work
        raise


async def _remove(engine: Engine, removal: list[str], note: Path) -> None:
    if (await engine.ask(*removal[1:])).removed:
        forget_container(note)
