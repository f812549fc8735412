"""The command line that creates a task's container, as the service's node agent would.

Source: "Use Azure Batch to run container workloads": the node's root is mounted with everything
below it, all environment variables of the task are there, and the command runs in its directory.
"""

from __future__ import annotations

import os
import resource
import shlex
from pathlib import Path
from typing import Any

from batch_emulator.node.engine import Engine, failed
from batch_emulator.node.work import Container, Work

ROOT = "/mnt/batch/tasks"
"""What `AZ_BATCH_NODE_ROOT_DIR` is in a container: the service's path on Linux nodes."""
_SOURCES = {
    "shared": "AZ_BATCH_NODE_SHARED_DIR",
    "startup": "AZ_BATCH_NODE_STARTUP_DIR",
    "vfsmounts": "AZ_BATCH_NODE_MOUNTS_DIR",
    "task": "AZ_BATCH_TASK_DIR",
    "jobprep": "AZ_BATCH_JOB_PREP_DIR",
}
"""The variable that names the folder of each source of a bind mount."""
_PID_MAX = Path("/proc/sys/kernel/pid_max")
_ENGINE_S_OWN = (
    *("PATH", "HOME", "TMPDIR", "XDG_", "DOCKER_", "CONTAINER", "LD_", "GO"),
    *("STORAGE_", "NOTIFY_", "LISTEN_"),
)
"""Beginnings of names that would change what the engine does, were they in its environment."""


def create_arguments(
    engine: Engine, name: str, work: Work, container: Container
) -> tuple[list[str], dict[str, str]]:
    """Arguments of the engine to create a container, and variables to have in its environment.

    Values go by the environment where they can: command lines are seen by everybody.

    Raises:
        WorkError: `ContainerInvalidSettings`, if the settings cannot be read.
    """
    settings = container.settings
    given = [
        option for option in _split(settings.get("containerRunOptions", "")) if option != "--rm"
    ]
    variables = _variables(work, container)
    hidden = {n: v for n, v in variables.items() if not n.startswith(_ENGINE_S_OWN)}
    shown = [f"--env={n}={v}" for n, v in variables.items() if n not in hidden]
    command = _split(work.command)
    entrypoint = [f"--entrypoint={command[0]}"] if command else []
    arguments = [
        "create",
        f"--name={name}",
        "--log-driver=none",
        *_defaults(engine, given),
        *_mounts(work, container),
        *_directory(work, container),
        *(f"--env={n}" for n in hidden),
        *shown,
        *given,
        *entrypoint,
        settings["imageName"],
        *command[1:],
    ]
    return arguments, hidden


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise failed("ContainerInvalidSettings", f"{text!r} cannot be read: {error}") from None


def _variables(work: Work, container: Container) -> dict[str, str]:
    """The task's environment, with the paths that it has in the container."""
    host = str(container.root)
    return {name: value.replace(host, ROOT) for name, value in work.environment.items()}


def _defaults(engine: Engine, given: list[str]) -> list[str]:
    """What makes a container fit this machine, unless the task says otherwise.

    The host's network, for what a task wants to reach is on loopback here. The user whose the
    task's folder is, whatever user the image names: as at the service, where a container is its
    task's user's unless that is an administrator. Podman would raise limits above those of whoever
    runs the emulator.
    """
    options = ["--security-opt=label=disable"]
    if not _has(given, "--network", "--net"):
        options.append("--network=host")
    if engine.kind == "podman" and not _has(given, "--ulimit"):
        options += _limits()
    if not _has(given, "--user", "-u"):
        options.append(f"--user={_user(engine)}")
    return options


def _user(engine: Engine) -> str:
    """Who runs the emulator, as a container knows them: without root, podman's root is its user."""
    return "0:0" if engine.kind == "podman" else f"{os.getuid()}:{os.getgid()}"


def _limits() -> list[str]:
    """The emulator's own limits; podman itself runs with no more processes than there can be."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    processes = resource.getrlimit(resource.RLIMIT_NPROC)
    most = _PID_MAX.read_text().strip() if _PID_MAX.exists() else "-1"
    capped = [min((n for n in (limit, int(most)) if n >= 0), default=-1) for limit in processes]
    return [f"--ulimit=nofile={files[0]}:{files[1]}", f"--ulimit=nproc={capped[0]}:{capped[1]}"]


def _has(given: list[str], *names: str) -> bool:
    return any(option.partition("=")[0] in names for option in given)


def _mounts(work: Work, container: Container) -> list[str]:
    """The node's root, or what the task chose of it."""
    entries: list[dict[str, Any]] | None
    entries = container.settings.get("containerHostBatchBindMounts")
    if entries is None:
        return [_mount(container, container.root)]
    return [
        _mount(container, _source(entry, work, container), read_only=entry.get("isReadOnly", False))
        for entry in entries
    ]


def _source(entry: dict[str, Any], work: Work, container: Container) -> Path:
    name = str(entry.get("source", "")).lower()
    if name == "applications":
        return container.root / "applications"
    folder = work.environment.get(_SOURCES.get(name, ""))
    if folder is None:
        text = f"There is nothing to mount for the source {entry.get('source')!r}"
        raise failed("ContainerInvalidSettings", text)
    return Path(folder)


def _mount(container: Container, source: Path, *, read_only: bool = False) -> str:
    source.mkdir(parents=True, exist_ok=True)
    target = Path(ROOT) / source.relative_to(container.root)
    quoted = ",".join(
        f'"{part}"' if "," in part else part
        for part in ("type=bind", f"source={source}", f"target={target}")
    )
    return f"--mount={quoted}" + (",readonly" if read_only else "")


def _directory(work: Work, container: Container) -> list[str]:
    """The task's directory, if it is there and the task does not want the image's."""
    settings = container.settings
    entries = settings.get("containerHostBatchBindMounts")
    mounted = entries is None or any(str(e.get("source")).lower() == "task" for e in entries)
    if settings.get("workingDirectory") == "containerImageDefault" or not mounted:
        return []
    return [f"--workdir={Path(ROOT) / work.directory.relative_to(container.root)}"]
