"""Resource files: fetched to a task's working directory before its command starts."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from batch_emulator.node.paths import inside, open_file
from batch_emulator.node.process import disk_failure
from batch_emulator.node.work import WorkError
from batch_emulator.state.task import Category, Failure

if TYPE_CHECKING:
    import httpx

DEFAULT_MODE = "0770"
"""The service's default for files on Linux nodes."""
_CHUNK = 1 << 20


async def fetch_all(files: list[dict[str, Any]], directory: Path, *, allow_files: bool) -> None:
    """Fetch a task's resource files, one after the other.

    Raises:
        WorkError: at the first that cannot be had.
    """
    if not files:
        return
    import httpx

    from batch_emulator.node.blobs import list_blobs

    timeout = httpx.Timeout(60, connect=10)
    async with httpx.AsyncClient(timeout=timeout, follow_redirects=True) as http:
        for file in files:
            mode = file.get("fileMode", DEFAULT_MODE)
            _check_identity(file)
            if "httpUrl" in file:
                target = _target(directory, file["filePath"])
                await _fetch(http, file["httpUrl"], target, mode, allow_files=allow_files)
                continue
            for name, url in await list_blobs(http, file):
                if name.endswith("/"):
                    continue  # a folder of a hierarchical account: its files make it
                target = _target(directory, f"{file.get('filePath', '.')}/{name}")
                await _fetch(http, url, target, mode, allow_files=False)


def _check_identity(file: dict[str, Any]) -> None:
    """Only the management plane can put a managed identity on a pool, and there is none here."""
    if "identityReference" in file:
        text = "No managed identity is on this pool: use a shared access signature"
        url = file.get("httpUrl") or file.get("storageContainerUrl", "")
        raise _error("BlobAccessDenied", text, url, file.get("filePath", "."))


def _target(directory: Path, name: str) -> Path:
    target = inside(directory, name)
    if target is None:
        text = "A resource file's path leaves the task's working directory"
        raise WorkError(Failure("ResourceFileCreateFailed", text, (("FilePath", name),)))
    return target


async def _fetch(
    http: httpx.AsyncClient, url: str, target: Path, mode: str, *, allow_files: bool
) -> None:
    import httpx

    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if _scheme(url) == "file":
            _copy(url, part, target.name, allowed=allow_files)
        else:
            await _download(http, url, part, target.name)
        os.chmod(part, int(mode, 8))  # noqa: PTH101 - a string path would do as well
        part.replace(target)
    except OSError as error:
        raise WorkError(disk_failure(error, target.name)) from None
    except httpx.TimeoutException:
        text = "Timeout encountered while downloading one of the specified Azure Blob(s)"
        raise _error("BlobDownloadTimedOut", text, url, target.name, "servererror") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # or urlsplit's
        text = f"Miscellaneous error encountered while downloading: {type(error).__name__}"
        raise _error("BlobDownloadMiscError", text, url, target.name, "servererror") from None


def _scheme(url: str) -> str:
    """What a URL begins with.

    Raises:
        ValueError: if it is none, as with a port that no machine has.
    """
    parts = urlsplit(url)
    _ = parts.port  # read, it is checked
    return parts.scheme


async def _download(http: httpx.AsyncClient, url: str, part: Path, name: str) -> None:
    # As it is stored: a blob may have a content encoding of its own, which is its user's business.
    plain = {"Accept-Encoding": "identity"}
    async with http.stream("GET", url, headers=plain) as response:
        if response.status_code != 200:
            raise _refused(response.status_code, url, name)
        with _open(part) as out:
            async for chunk in response.aiter_raw(_CHUNK):
                out.write(chunk)


def _open(part: Path) -> Any:  # noqa: ANN401 - a file
    return open_file(part, "wb")


def _refused(status: int, url: str, name: str) -> WorkError:
    if status == 404:
        return _error("BlobNotFound", "The specified blob does not exist", url, name)
    if status in (401, 403):
        text = "Access to one of the specified Azure Blob(s) is denied"
        return _error("BlobAccessDenied", text, url, name)
    text = f"Miscellaneous error encountered while downloading: HTTP status {status}"
    return _error("BlobDownloadMiscError", text, url, name, "servererror")


def _copy(url: str, part: Path, name: str, *, allowed: bool) -> None:
    if not allowed:
        text = "The service knows no file:// resource files; this emulator with --allow-file-urls"
        raise _error("BlobDownloadMiscError", text, url, name)
    source = Path(unquote(urlsplit(url).path))
    if not source.is_file():
        raise _refused(404, url, name)
    with source.open("rb") as data, open_file(part, "wb") as out:
        while chunk := data.read(_CHUNK):
            out.write(chunk)


def _error(
    code: str, text: str, url: str, name: str, category: Category = "usererror"
) -> WorkError:
    """An error that names the source without its query: that may hold a signature."""
    source = url.partition("?")[0]
    return WorkError(Failure(code, text, (("FilePath", name), ("BlobSource", source)), category))
