"""Operations on the files of tasks and nodes."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, overload
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from batch_emulator.faults.effects import DROP
from batch_emulator.node.paths import inside, is_real, open_file
from batch_emulator.node.tree import remove, walk
from batch_emulator.operations.listing import FILES, question
from batch_emulator.scheduling.tasks import KEPT
from batch_emulator.service import Service
from batch_emulator.state.task import Task
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.iso8601 import format_http_time, format_time
from batch_emulator.wire.paging import reply_page
from batch_emulator.wire.query import truth
from batch_emulator.wire.reply import base_url, check_conditions, reply

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Root:
    """A folder whose files a client may see, and the address it has."""

    folder: Path
    url: str


async def list_task_files(service: Service, request: Request) -> Response:
    """List what lies in a task's folder."""
    return await _list(await _task_root(service, request), request)


async def get_task_file(service: Service, request: Request) -> Response:
    """Download a task's file; for HEAD, its properties."""
    return _get(await _task_root(service, request), request)


async def delete_task_file(service: Service, request: Request) -> Response:
    """Delete a task's file, or with `recursive` a folder."""
    return await _delete(await _task_root(service, request), request)


async def list_node_files(service: Service, request: Request) -> Response:
    """List what lies in a node's folder."""
    return await _list(_node_root(service, request), request)


async def get_node_file(service: Service, request: Request) -> Response:
    """Download a node's file; for HEAD, its properties."""
    return _get(_node_root(service, request), request)


async def delete_node_file(service: Service, request: Request) -> Response:
    """Delete a node's file, or with `recursive` a folder."""
    return await _delete(_node_root(service, request), request)


async def _task_root(service: Service, request: Request) -> _Root:
    task = service.account.task(request.path_params["jobId"], request.path_params["taskId"])
    if task.attempt is not None:
        await service.host.agent.answered()
    url = f"{task.url(base_url(request))}/files"
    return _Root(_task_folder(service, task), url)


def _task_folder(service: Service, task: Task) -> Path:
    """A task's folder; it goes with its node, or when its retention is over."""
    if task.place is None:
        raise BatchError("OperationInvalidForCurrentState", Reason="The task has not run yet.")
    if service.find_node(task.place.pool_id, task.place.node_id) is None:
        raise BatchError("TaskFilesUnavailable", Reason="The task's node is gone.")
    folder = task.place.folder
    if not folder.is_dir() or not is_real(folder):
        raise BatchError(_why_no_files(service, task))
    return folder


def _why_no_files(service: Service, task: Task) -> str:
    """The service's code: they are gone, or there have not been any, where it failed before."""
    if task.state != "completed" or task.ended is None:
        return "TaskFilesUnavailable"
    over = task.ended + min(task.retention, KEPT) <= service.now()
    return "TaskFilesCleanedup" if over or task.exit_code is not None else "TaskFilesUnavailable"


def _node_root(service: Service, request: Request) -> _Root:
    node = service.account.node(request.path_params["poolId"], request.path_params["nodeId"])
    if not is_real(node.root):
        raise BatchError("FileNotFound", Reason="A link is in the place of the node's folder.")
    return _Root(node.root, f"{node.url(base_url(request))}/files")


class _File:
    """A file or folder on its own."""

    def __init__(self, root: _Root, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(root.folder).as_posix()
        self.stat = path.stat()
        self.modified = datetime.fromtimestamp(self.stat.st_mtime, UTC)
        self.etag = f'"0x{self.stat.st_mtime_ns:X}"'
        self.is_folder = path.is_dir()
        self.url = f"{root.url}/{quote(os.fsencode(self.name))}"

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "name": self.name,
            "url": self.url,
            "isDirectory": self.is_folder,
        }
        if not self.is_folder:
            document["properties"] = {
                "lastModified": format_time(self.modified),
                "contentLength": str(self.stat.st_size),
                "contentType": "application/octet-stream",
                "fileMode": self._mode(),
            }
        return document

    def _mode(self) -> str:
        return f"0o{self.stat.st_mode:o}"

    def headers(self) -> dict[str, str]:
        # No creation time: the service has none for files on Linux nodes.
        return {
            "ETag": self.etag,
            "Last-Modified": format_http_time(self.modified),
            "ocp-batch-file-isdirectory": str(self.is_folder),
            "ocp-batch-file-url": quote(self.url, safe=""),  # as recorded
            "ocp-batch-file-mode": self._mode(),
        }


class _Named:
    """A file or folder in a list, which is looked at only where its page is written."""

    def __init__(self, root: _Root, name: bytes) -> None:
        self._root = root
        self.sequence = name
        self._name = os.fsdecode(name)

    def peek(self, path: str) -> Any:  # noqa: ANN401 - a property may be anything
        return self._name if path == "name" else None

    @cached_property
    def file(self) -> _File | None:
        """None where it is none: gone meanwhile, a pipe, a link that leads out of the root."""
        path = self._root.folder / self._name
        try:
            if path.is_symlink() and not inside(self._root.folder, self._name):
                return None
            return _File(self._root, path) if path.is_file() or path.is_dir() else None
        except OSError:
            return None

    @property
    def gone(self) -> bool:
        return self.file is None

    def document(self) -> dict[str, Any]:
        assert self.file is not None
        return self.file.document()


class _Names(Sequence[_Named]):
    """A list of files by their names, of which there may be a hundred thousand."""

    def __init__(self, root: _Root, names: list[bytes]) -> None:
        self._root = root
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, at: int) -> _Named: ...
    @overload
    def __getitem__(self, at: slice) -> _Names: ...
    def __getitem__(self, at: int | slice) -> _Named | _Names:
        if isinstance(at, slice):
            return _Names(self._root, self._names[at])
        return _Named(self._root, self._names[at])


async def _list(root: _Root, request: Request) -> Response:
    asked = question(request, FILES, None, by_name=True)
    recursive = truth(request, "recursive")
    names = await asyncio.to_thread(_read_names, str(root.folder), recursive=recursive)
    return reply_page(request, _Names(root, names), asked, _Named.document)


def _read_names(folder: str, *, recursive: bool) -> list[bytes]:
    return sorted(os.fsencode(name) for name, _ in walk(folder, recursive=recursive))


def _get(root: _Root, request: Request) -> Response:
    file = _find(root, request)
    check_conditions(request, file)
    headers = file.headers()
    if request.method == "HEAD":
        headers["Content-Length"] = "0" if file.is_folder else str(file.stat.st_size)
        return Response(headers=headers, media_type="application/octet-stream")
    if file.is_folder:
        raise BatchError("FileNotFound", Reason="It is a directory.")
    start, end = _span(request, file.stat.st_size)
    headers["Content-Length"] = str(end - start)
    media = "application/octet-stream"
    # 200 for ranges too: the service's clients know of no 206 here.
    stream = _stream(request, file.path, start, end)
    return StreamingResponse(stream, headers=headers, media_type=media)


async def _delete(root: _Root, request: Request) -> Response:
    recursive = truth(request, "recursive")
    file = _find(root, request)
    if not file.is_folder or file.path.is_symlink():
        file.path.unlink(missing_ok=True)
    elif recursive:
        await asyncio.to_thread(remove, file.path)
    else:
        _remove_empty(file.path)
    return reply(200)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        reason = "The directory is not empty: that needs recursive."
        raise BatchError("OperationInvalidForCurrentState", Reason=reason) from None


def _find(root: _Root, request: Request) -> _File:
    path = inside(root.folder, request.path_params["filePath"])
    if path is None or path == root.folder or not (path.is_file() or path.is_dir()):
        raise BatchError("FileNotFound")
    return _File(root, path)


def _span(request: Request, size: int) -> tuple[int, int]:
    """The bytes asked for: from, and up to but without."""
    text = request.headers.get("ocp-range") or request.headers.get("range")
    if not text:
        return 0, size
    match = _RANGE.fullmatch(text.strip())
    if not match or len(match[1]) > 18 or len(match[2]) > 18:
        raise BatchError("InvalidHeaderValue", HeaderName="ocp-range", HeaderValue=text)
    start = int(match[1])
    end = min(int(match[2]) + 1 if match[2] else size, size)
    if start >= size or end <= start:
        raise BatchError("InvalidRange")
    return start, end


async def _stream(request: Request, path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    with _open(path) as data:
        data.seek(start)
        left = end - start
        while left and (chunk := data.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
    if left:  # it became shorter meanwhile: a client must not take what it has for the whole
        request.scope["extensions"][DROP]()
        while (await request.receive())["type"] != "http.disconnect":
            """The server has yet to notice."""


def _open(path: Path) -> Any:  # noqa: ANN401 - a file
    return open_file(path, "rb")
