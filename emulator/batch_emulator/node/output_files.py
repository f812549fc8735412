"""Output files: sent to a blob container after a task's command has ended."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from batch_emulator.node.containers import blob_url
from batch_emulator.node.work import Work, WorkError
from batch_emulator.state.task import Failure

_WILD = re.compile(r"[*?\[\]{}]")
_CHUNK = 1 << 20
STORAGE_VERSION = "2021-12-02"
"""A version of the Blob service that allows 5000 MiB in one call."""


async def send_outputs(work: Work, *, succeeded: bool) -> None:
    """Send the files whose condition holds.

    Raises:
        WorkError: if one cannot be sent, or a plain name does not exist.
    """
    wanted = {"taskcompletion", "tasksuccess" if succeeded else "taskfailure"}
    for output in work.output_files:
        if output["uploadOptions"]["uploadCondition"] in wanted:
            await _send(work, output)


async def _send(work: Work, output: dict[str, Any]) -> None:
    import httpx

    pattern: str = output["filePattern"]
    container: dict[str, Any] = output["destination"]["container"]
    url: str = container["containerUrl"]
    headers = {h["name"]: h.get("value", "") for h in container.get("uploadHeaders", ())}
    async with httpx.AsyncClient(timeout=httpx.Timeout(300, connect=10)) as http:
        for file, name in matches(work, pattern, container.get("path", "")):
            try:
                response = await http.put(
                    blob_url(url, name),
                    content=_read(file),
                    headers={
                        "x-ms-blob-type": "BlockBlob",
                        "x-ms-version": STORAGE_VERSION,
                        "Content-Length": str(_size(file)),
                        **headers,
                    },
                )
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise _failed("FileUploadMiscError", type(error).__name__, url, name) from None
            if response.status_code != 201:
                raise _refused(response.status_code, url, name)


def matches(work: Work, pattern: str, path: str) -> list[tuple[Path, str]]:
    """The files of a pattern, which begins at the working directory, with their blobs' names.

    With a wildcard `path` is a virtual folder, else the blob's name.
    """
    base = work.directory
    while pattern.startswith("../"):
        pattern, base = pattern[3:], base.parent
    if not base.is_relative_to(work.folder):
        raise _failed("FileUploadMiscError", "it leaves the task's folder", "", pattern)
    root = work.folder.resolve()
    if not _WILD.search(pattern):
        file = base / pattern
        if not file.is_file() or not file.resolve().is_relative_to(root):
            raise _failed("FileUploadMiscError", "the file does not exist", "", pattern)
        return [(file, path or pattern)]
    found = sorted(p for p in base.glob(pattern) if p.is_file())
    inside = [p for p in found if p.resolve().is_relative_to(root)]
    folder = f"{path.rstrip('/')}/" if path else ""
    fixed = _fixed_part(pattern)
    return [(p, folder + p.relative_to(base / fixed).as_posix()) for p in inside]


def _fixed_part(pattern: str) -> str:
    """The folders before the first wildcard: blobs are named from there on."""
    folders = pattern.split("/")[:-1]
    plain: list[str] = []
    for folder in folders:
        if _WILD.search(folder):
            break
        plain.append(folder)
    return "/".join(plain)


async def _read(file: Path) -> AsyncIterator[bytes]:
    with _open(file) as data:
        while chunk := data.read(_CHUNK):
            yield chunk


def _open(file: Path) -> Any:  # noqa: ANN401 - a file
    return file.open("rb")


def _size(file: Path) -> int:
    return file.stat().st_size


def _refused(status: int, url: str, name: str) -> WorkError:
    if status == 404:
        return _failed("FileUploadContainerNotFound", "the container does not exist", url, name)
    if status in (401, 403):
        return _failed("FileUploadAccessDenied", "access is denied", url, name)
    return _failed("FileUploadMiscError", f"HTTP status {status}", url, name)


def _failed(code: str, reason: str, url: str, name: str) -> WorkError:
    details = (("FilePath", name), ("BlobContainer", url.partition("?")[0]))
    return WorkError(Failure(code, f"An output file could not be uploaded: {reason}", details))
