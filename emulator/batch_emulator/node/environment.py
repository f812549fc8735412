"""The environment of a task, made from nothing: what the emulator itself was given stays out.

Names and meanings are those of the service's page "Azure Batch runtime environment variables".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from batch_emulator.options import Options
from batch_emulator.state.job import Job
from batch_emulator.state.node import Node
from batch_emulator.wire.iso8601 import format_time
from batch_emulator.wire.task_tokens import VARIABLE, make_task_token

_PASSED_ON = (
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
)
"""What a program needs of this machine to reach others; none of it names an account."""
_MASTER_PORT = 6000
"""The service's own, which programs are told not to use."""


def task_environment(
    options: Options,
    endpoint: str,
    job: Job,
    spec: Mapping[str, Any],
    node: Node,
    folder: Path,
) -> dict[str, str]:
    """The environment of a task of a job on a node; its folder is named after it."""
    environment = host_environment(options, folder, container="containerSettings" in spec)
    environment |= _settings(job.spec.get("commonEnvironmentSettings", ()))
    environment |= _settings(spec.get("environmentSettings", ()))
    environment |= node_environment(options, endpoint, node, folder)
    environment |= {"AZ_BATCH_JOB_ID": job.id, "AZ_BATCH_TASK_ID": folder.name}
    if "job" in spec.get("authenticationTokenSettings", {}).get("access", ()):
        environment[VARIABLE] = make_task_token(job.id, format_time(job.created), options.key)
    if job.preparation and folder.name != job.preparation_id:
        prepared = job.tasks_on(node.root) / job.preparation_id
        environment |= {
            "AZ_BATCH_JOB_PREP_DIR": str(prepared),
            "AZ_BATCH_JOB_PREP_WORKING_DIR": str(prepared / "wd"),
        }
    return environment


def instance_environment(nodes: Sequence[Node], at: int, folder: Path) -> dict[str, str]:
    """What the instance of a multi-instance task on one of its nodes is told of the others.

    Args:
        nodes: all its nodes, the master first.
        at: which of them it is on.
        folder: the task's folder there.
    """
    addresses = [node.address for node in nodes]
    cores = [f"{node.address} {node.pool.cores}" for node in nodes]
    return {
        "AZ_BATCH_HOST_LIST": ",".join(addresses),
        "AZ_BATCH_NODE_LIST": ";".join(addresses),
        "AZ_BATCH_MASTER_NODE": f"{addresses[0]}:{_MASTER_PORT}",
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "false" if at else "true",
        "AZ_BATCH_TASK_SHARED_DIR": str(folder),
        "CCP_NODES": " ".join([str(len(nodes)), *cores]),
    }


def start_task_environment(
    options: Options, endpoint: str, node: Node, folder: Path
) -> dict[str, str]:
    """The environment of the pool's start task on a node."""
    start_task = node.pool.spec["startTask"]
    environment = host_environment(options, folder, container="containerSettings" in start_task)
    environment |= _settings(start_task.get("environmentSettings", ()))
    return environment | node_environment(options, endpoint, node, folder)


def host_environment(options: Options, folder: Path, *, container: bool) -> dict[str, str]:
    """What of this machine a task sees: in a container nothing.

    A container's image would bring its own Python: as a process it gets the emulator's, first in
    PATH.
    """
    if container and options.containers != "process":
        return {}
    passed_on = _of_this_machine()
    own = [str(Path(sys.executable).parent)] if container else []
    path = os.pathsep.join([*options.task_path, *own, passed_on["PATH"]])
    return {**passed_on, "PATH": path, "HOME": f"{folder}/wd"}


@cache
def _of_this_machine() -> dict[str, str]:
    """What is passed on of the emulator's own environment, which it does not change."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    passed_on["PATH"] = os.environ.get("PATH", os.defpath)
    passed_on["TMPDIR"] = os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - the host's own
    return passed_on


def node_environment(options: Options, endpoint: str, node: Node, folder: Path) -> dict[str, str]:
    """What the service tells every process on a node."""
    root = str(node.root)  # joined as text: paths' objects cost time
    return {
        "AZ_BATCH_ACCOUNT_NAME": options.account,
        "AZ_BATCH_ACCOUNT_URL": f"{endpoint}/",
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true" if node.dedicated else "false",
        "AZ_BATCH_NODE_MOUNTS_DIR": f"{root}/fsmounts",
        "AZ_BATCH_NODE_ROOT_DIR": root,
        "AZ_BATCH_NODE_SHARED_DIR": f"{root}/shared",
        "AZ_BATCH_NODE_STARTUP_DIR": f"{root}/startup",
        "AZ_BATCH_NODE_STARTUP_WORKING_DIR": f"{root}/startup/wd",
        "AZ_BATCH_POOL_ID": node.pool.id,
        "AZ_BATCH_TASK_DIR": str(folder),
        "AZ_BATCH_TASK_WORKING_DIR": f"{folder}/wd",
        **node.packages,
    }


def _settings(settings: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {setting["name"]: setting.get("value", "") for setting in settings}
