"""Output files: sent to a blob container after a task's command has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_emulator.node.blobs import blob_url
from batch_emulator.node.paths import open_file
from batch_emulator.node.patterns import expand, find, is_wild, split
from batch_emulator.node.work import Work, WorkError
from batch_emulator.state.task import Failure

if TYPE_CHECKING:
    import httpx

_CHUNK = 1 << 20
STORAGE_VERSION = "2021-12-02"
"""A version of the Blob service that allows 5000 MiB in one call."""
_SENT, _NOT_SENT = "fileuploadout.txt", "fileuploaderr.txt"
"""The service's own logs of what was sent and what was not, in the task's folder."""


async def send_outputs(work: Work, *, succeeded: bool) -> None:
    """Send the files whose condition holds.

    Raises:
        WorkError: if one cannot be sent, or a plain name does not exist.
    """
    conditions = {"taskcompletion", "tasksuccess" if succeeded else "taskfailure"}
    wanted = [o for o in work.output_files if _condition(o) in conditions]
    if not wanted:
        return
    for log in (_SENT, _NOT_SENT):
        _note(work, log, "")
    for output in wanted:
        try:
            await _send(work, output)
        except WorkError as error:
            _note(work, _NOT_SENT, f"{output['filePattern']}: {error}\n")
            raise


def _condition(output: Mapping[str, Any]) -> str:
    return output["uploadOptions"]["uploadCondition"]


def _note(work: Work, log: str, line: str) -> None:
    try:
        with open_file(work.folder / log, "ab") as out:
            out.write(line.encode(errors="surrogateescape"))
    except OSError as error:
        text = f"the log cannot be written: {error.strerror}"
        raise _failed("FileUploadMiscError", text, "", log) from None


async def _send(work: Work, output: dict[str, Any]) -> None:
    import httpx

    container: dict[str, Any] = output["destination"]["container"]
    url: str = container["containerUrl"]
    pattern: str = output["filePattern"]
    if "identityReference" in container:
        reason = "no managed identity is on this pool: use a shared access signature"
        raise _failed("FileUploadAccessDenied", reason, url, pattern)
    headers = {h["name"]: h.get("value", "") for h in container.get("uploadHeaders", ())}
    found = await asyncio.to_thread(matches, work, pattern, container.get("path", ""))
    async with httpx.AsyncClient(timeout=httpx.Timeout(300, connect=10)) as http:
        for file, name in found:
            await _put(http, file, url, name, headers)
            _note(work, _SENT, f"{file} -> {url.partition('?')[0]}/{name}\n")


async def _put(
    http: httpx.AsyncClient, file: Path, url: str, name: str, headers: Mapping[str, str]
) -> None:
    import httpx

    try:
        size = _size(file)
        response = await http.put(
            blob_url(url, name),
            content=_read(file, size),
            headers={
                "x-ms-blob-type": "BlockBlob",
                "x-ms-version": STORAGE_VERSION,
                "Content-Length": str(size),
                **headers,
            },
        )
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
        raise _failed("FileUploadMiscError", reason, url, name) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise _failed("FileUploadMiscError", type(error).__name__, url, name) from None
    if response.status_code != 201:
        raise _refused(response.status_code, url, name)


def matches(work: Work, pattern: str, path: str) -> list[tuple[Path, str]]:
    """The files of a pattern, which begins at the working directory, with their blobs' names.

    With a wildcard `path` is a virtual folder, else the blob's name. Files of the node outside of
    its root are out of reach.
    """
    pattern = expand(pattern, work.environment)
    root = Path(work.environment.get("AZ_BATCH_NODE_ROOT_DIR", work.folder)).resolve()
    fixed, names = split(pattern)
    base = (work.directory / fixed).resolve()
    if not base.is_relative_to(root):
        raise _failed("FileUploadMiscError", "it leaves the node's folder", "", pattern)
    if not is_wild(pattern):
        file = base.joinpath(*names)
        if not file.is_file() or not file.resolve().is_relative_to(root):
            raise _failed("FileUploadMiscError", "the file does not exist", "", pattern)
        plain = pattern if not pattern.startswith(("/", "../")) else file.name
        return [(file, path or plain)]
    folder = f"{path.rstrip('/')}/" if path else ""
    found = find(base, names)
    return [(p, folder + name) for p, name in found if p.resolve().is_relative_to(root)]


async def _read(file: Path, size: int) -> AsyncIterator[bytes]:
    """A file's bytes, as many as it had: something may still write to it."""
    with _open(file) as data:
        while size and (chunk := data.read(min(_CHUNK, size))):
            size -= len(chunk)
            yield chunk


def _open(file: Path) -> Any:  # noqa: ANN401 - a file
    return open_file(file, "rb")


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
