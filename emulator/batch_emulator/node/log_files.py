"""A node's log files: sent to a blob container, as they are at that moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

from batch_emulator.node.blobs import blob_url
from batch_emulator.node.output_files import STORAGE_VERSION


async def send_log(file: Path, container: str, name: str) -> str | None:
    """Send a file as a blob; returns what was wrong, if something was."""
    import httpx

    headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": STORAGE_VERSION}
    try:
        content = await asyncio.to_thread(file.read_bytes)
        async with httpx.AsyncClient(timeout=httpx.Timeout(60, connect=10)) as http:
            response = await http.put(blob_url(container, name), content=content, headers=headers)
    except OSError as error:
        return f"the log cannot be read: {error.strerror}"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return type(error).__name__
    return None if response.status_code == 201 else f"HTTP status {response.status_code}"
