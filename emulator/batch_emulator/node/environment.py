"""The environment of a task, made from nothing: what the emulator itself was given stays out.

Names and meanings are those of the service's page "Azure Batch runtime environment variables".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from batch_emulator.options import Options
from batch_emulator.state.node import Node
from batch_emulator.state.task import Task

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


def task_environment(
    options: Options,
    endpoint: str,
    task: Task,
    spec: Mapping[str, Any],
    node: Node,
    folder: Path,
) -> dict[str, str]:
    """The environment of a task, whose specification is given, on a node."""
    environment = host_environment(options, folder, container="containerSettings" in spec)
    environment |= _settings(task.job.spec.get("commonEnvironmentSettings", ()))
    environment |= _settings(spec.get("environmentSettings", ()))
    environment |= node_environment(options, endpoint, node, folder)
    environment |= {"AZ_BATCH_JOB_ID": task.job.id, "AZ_BATCH_TASK_ID": task.id}
    return environment


def start_task_environment(
    options: Options, endpoint: str, node: Node, folder: Path
) -> dict[str, str]:
    """The environment of the pool's start task on a node."""
    start_task = node.pool.spec["startTask"]
    environment = host_environment(options, folder, container="containerSettings" in start_task)
    environment |= _settings(start_task.get("environmentSettings", ()))
    return environment | node_environment(options, endpoint, node, folder)


def host_environment(
    options: Options,
    folder: Path,
    *,
    container: bool,
    host: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """What of this machine a task sees.

    A container's image would bring its own Python: as a process it gets the emulator's, first in
    PATH.
    """
    own = [str(Path(sys.executable).parent)] if container else []
    path = [*options.task_path, *own, host.get("PATH", os.defpath)]
    environment = {name: host[name] for name in _PASSED_ON if name in host}
    environment["PATH"] = os.pathsep.join(path)
    environment["HOME"] = str(folder / "wd")
    environment["TMPDIR"] = host.get("TMPDIR", "/tmp")  # noqa: S108 - the host's own
    return environment


def node_environment(options: Options, endpoint: str, node: Node, folder: Path) -> dict[str, str]:
    """What the service tells every process on a node."""
    root = node.root
    return {
        "AZ_BATCH_ACCOUNT_NAME": options.account,
        "AZ_BATCH_ACCOUNT_URL": f"{endpoint}/",
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true" if node.dedicated else "false",
        "AZ_BATCH_NODE_LIST": "127.0.0.1",
        "AZ_BATCH_NODE_MOUNTS_DIR": str(root / "fsmounts"),
        "AZ_BATCH_NODE_ROOT_DIR": str(root),
        "AZ_BATCH_NODE_SHARED_DIR": str(root / "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": str(root / "startup"),
        "AZ_BATCH_NODE_STARTUP_WORKING_DIR": str(root / "startup" / "wd"),
        "AZ_BATCH_POOL_ID": node.pool.id,
        "AZ_BATCH_TASK_DIR": str(folder),
        "AZ_BATCH_TASK_WORKING_DIR": str(folder / "wd"),
    }


def _settings(settings: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {setting["name"]: setting.get("value", "") for setting in settings}
