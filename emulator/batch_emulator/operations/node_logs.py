"""The operation that sends a node's logs to a blob container: here, what the emulator noted of it.

As at the service the answer comes first and tells what will be sent; what goes wrong then stands in
the node's log.
"""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.node.log_files import send_log
from batch_emulator.service import Service
from batch_emulator.state.node import Node
from batch_emulator.wire.body import read_body
from batch_emulator.wire.iso8601 import parse_time
from batch_emulator.wire.reply import reply_one


async def upload_logs(service: Service, request: Request) -> Response:
    """Send a node's log files of a range of time to a container."""
    node = service.account.node(request.path_params["poolId"], request.path_params["nodeId"])
    body = await read_body(request, "UploadBatchServiceLogsOptions")
    container = None if "identityReference" in body else body["containerUrl"]
    start, text = parse_time(body["startTime"]), body.get("endTime")
    end = parse_time(text) if text else None
    folder = f"{node.pool.id}/{node.id}/{uuid.uuid4()}"
    files = await asyncio.to_thread(node.journal.files, start, end)
    service.spawn(_send(service, node, container, folder, files))
    answer = {"virtualDirectoryName": folder, "numberOfFilesUploaded": len(files)}
    return reply_one(request, "uploadbatchservicelogsresult", answer)


async def _send(
    service: Service, node: Node, container: str | None, folder: str, files: list[Path]
) -> None:
    """Send files to a container; None where an identity of the pool is to open it."""
    for file in files:
        problem: str | None = "the emulator knows no managed identities"
        if container is not None:
            problem = await send_log(file, container, f"{folder}/{file.name}")
        done = "sent" if problem is None else f"not sent: {problem}"
        node.journal.note(service.now(), f"log {file.name} {done}")
