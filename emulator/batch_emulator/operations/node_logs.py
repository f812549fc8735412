"""The operation that sends a node's logs to a blob container: here, what the emulator noted of it.

As at the service the answer comes first and tells what will be sent; what goes wrong then stands in
the node's log.
"""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.node.log_files import send_log
from batch_emulator.operations.node_states import require_state
from batch_emulator.service import Service
from batch_emulator.state.node import Node
from batch_emulator.wire.body import read_body
from batch_emulator.wire.errors import invalid_property
from batch_emulator.wire.iso8601 import parse_time
from batch_emulator.wire.reply import reply_one

_REACHABLE = (
    *("idle", "running", "offline", "waitingforstarttask", "starttaskfailed", "unusable"),
    "upgradingos",
)
"""States in which a node agent could send something."""


async def upload_logs(service: Service, request: Request) -> Response:
    """Send a node's log files of a range of time to a container."""
    node = service.account.node(request.path_params["poolId"], request.path_params["nodeId"])
    body = await read_body(request, "UploadBatchServiceLogsOptions")
    container = body["containerUrl"]
    _check_container(container)
    if "identityReference" in body:
        reason = "The pool has no such identity: the emulator knows no managed identities."
        raise invalid_property("identityReference", body["identityReference"], reason)
    start, text = parse_time(body["startTime"]), body.get("endTime")
    end = parse_time(text) if text else None
    if end is not None and end <= start:
        raise invalid_property("endTime", text, "It has to be after startTime.")
    require_state(node, *_REACHABLE)
    folder = f"{node.pool.id}/{node.id}/{uuid.uuid4()}"
    files = await asyncio.to_thread(node.journal.files, start, end)
    service.spawn(_send(service, node, container, folder, files))
    answer = {"virtualDirectoryName": folder, "numberOfFilesUploaded": len(files)}
    return reply_one(request, "uploadbatchservicelogsresult", answer)


async def _send(
    service: Service, node: Node, container: str, folder: str, files: list[Path]
) -> None:
    for file in files:
        problem = await send_log(file, container, f"{folder}/{file.name}")
        done = "sent" if problem is None else f"not sent: {problem}"
        node.journal.note(service.now(), f"log {file.name} {done}")


def _check_container(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        # Without the address: it may hold a signature.
        raise invalid_property("containerUrl", "", "The URL of a blob container is expected.")
