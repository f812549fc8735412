"""Blob containers as a source of resource files: list what lies under a prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit
from xml.etree import ElementTree as ET

from batch_emulator.node.work import WorkError
from batch_emulator.state.task import Failure

if TYPE_CHECKING:
    import httpx


async def list_blobs(http: httpx.AsyncClient, file: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and addresses of the blobs that a resource file stands for.

    Raises:
        WorkError: if the container cannot be listed.
    """
    import httpx

    if "storageContainerUrl" not in file:
        text = "This emulator has no auto-storage account: use storageContainerUrl or httpUrl"
        raise WorkError(Failure("BlobDownloadMiscError", text))
    container: str = file["storageContainerUrl"]
    prefix = file.get("blobPrefix", "")
    found: list[tuple[str, str]] = []
    marker = ""
    while True:
        query = f"restype=container&comp=list&prefix={quote(prefix)}&marker={quote(marker)}"
        try:
            response = await http.get(_with_query(container, query))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # or urlsplit's
            raise _failed(container, type(error).__name__) from None
        if response.status_code != 200:
            raise _failed(container, f"HTTP status {response.status_code}")
        names, marker = _read(response.text, container)
        found += [(name, blob_url(container, name)) for name in names]
        if not marker:
            return found


def _read(text: str, container: str) -> tuple[list[str], str]:
    try:
        listing = ET.fromstring(text)  # noqa: S314 - the answer of a store the user chose
    except ET.ParseError:
        raise _failed(container, "the answer is no list of blobs") from None
    names = [name.text or "" for name in listing.iterfind("./Blobs/Blob/Name")]
    return names, listing.findtext("NextMarker") or ""


def blob_url(container: str, name: str) -> str:
    """A blob's address: the container's, signature and all, with the name in its path."""
    parts = urlsplit(container)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}"))


def _with_query(url: str, query: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(q for q in (parts.query, query) if q)))


def _failed(container: str, reason: str) -> WorkError:
    text = f"The blob container could not be listed: {reason}"
    source = container.partition("?")[0]
    return WorkError(Failure("BlobDownloadMiscError", text, (("BlobSource", source),)))
