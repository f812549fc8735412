"""What a node gets to do, made from what a client sent: a task's, preparation's or release's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from batch_emulator.node.blobs import blob_url
from batch_emulator.node.environment import task_environment
from batch_emulator.node.windows_command import as_posix
from batch_emulator.node.work import Container, Work
from batch_emulator.service import Service
from batch_emulator.state.container import ContainerInfo
from batch_emulator.state.job import Job
from batch_emulator.state.node import Node
from batch_emulator.state.task import Failure
from batch_emulator.wire.iso8601 import parse_duration

APPLICATIONS = "applications"
"""A node's folder of application packages."""


def container_for(
    spec: Mapping[str, Any], node: Node, note: Callable[[ContainerInfo], None]
) -> Container | None:
    """The container that a task asks for, with what its pool says of registries."""
    settings = spec.get("containerSettings")
    if settings is None:
        return None
    machine = node.pool.spec.get("virtualMachineConfiguration", {})
    registries = machine.get("containerConfiguration", {}).get("containerRegistries", [])
    return Container(settings, node.root, registries, note)


def container_fault(
    spec: Mapping[str, Any], node: Node, *, optional: bool = False
) -> Failure | None:
    """Why a task's container settings do not fit its pool, or nothing.

    The service accepts such a task and fails it on its node, with the sentence of
    https://github.com/microsoft/ga4gh-tes/issues/525.

    Args:
        spec: what the client sent of the task.
        node: where it would run.
        optional: whether it may run without a container on a node that has them, as start,
            preparation and release tasks may.
    """
    given, configured = "containerSettings" in spec, node.pool.has_containers
    if given == configured or (optional and not given):
        return None
    message = (
        "Container-enabled compute node requires task container settings"
        if configured
        else "Task container settings require a container-enabled compute node"
    )
    return Failure("ContainerTaskSettingsNotFound", message)


def ignore(_info: ContainerInfo) -> None:
    """Nobody asks for the container of a subtask."""


def command_on(node: Node, command: str) -> str:
    """A command as this machine runs it in the place of a node."""
    return as_posix(command) if node.pool.has_windows else command


def order(
    service: Service,
    job: Job,
    spec: dict[str, Any],
    node: Node,
    folder: Path,
    limit: timedelta | None = None,
    note: Callable[[ContainerInfo], None] = ignore,
    *,
    bare: bool = False,
) -> Work:
    """One try of a task of a job, in its folder on a node.

    Args:
        service: who it is for.
        job: whose task it is.
        spec: what the client sent of the task.
        node: where it runs.
        folder: its folder there, which has its id as name.
        limit: how long its command may take, where its constraints do not say.
        note: is told of its container, if it asks for one.
        bare: whether it may run without a container on a node that has them.
    """
    text = spec.get("constraints", {}).get("maxWallClockTime")
    packages = spec.get("applicationPackageReferences", [])
    return Work(
        command=command_on(node, spec["commandLine"]),
        folder=folder,
        environment=task_environment(service.options, service.endpoint, job, spec, node, folder),
        limit=limit if text is None else parse_duration(text),
        resource_files=resource_files(service, spec.get("resourceFiles", ())),
        output_files=spec.get("outputFiles", []),
        container=container_for(spec, node, note),
        fault=container_fault(spec, node, optional=bare),
        packages=packages,
        applications=node.root / APPLICATIONS if packages else None,
    )


def coordination(
    service: Service, job: Job, work: Work, settings: dict[str, Any], *, primary: bool
) -> Work:
    """What an instance of a multi-instance task does before the primary's command."""
    command, pool = (
        settings["coordinationCommandLine"],
        service.account.pools.get(job.pool_id.lower()),
    )
    return replace(
        work,
        command=as_posix(command) if pool is not None and pool.has_windows else command,
        resource_files=work.resource_files if primary else [],
        common_files=resource_files(service, settings.get("commonResourceFiles", ())),
        output_files=[],
    )


def resource_files(service: Service, files: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Resource files as nodes know them: containers of the auto-storage account by their URL."""
    return [_with_url(service, file) for file in files]


def _with_url(service: Service, file: dict[str, Any]) -> dict[str, Any]:
    storage, name = service.options.auto_storage, file.get("autoStorageContainerName")
    if storage is None or name is None:
        return file
    rest = {key: value for key, value in file.items() if key != "autoStorageContainerName"}
    return {**rest, "storageContainerUrl": blob_url(storage, name)}
