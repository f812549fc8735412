"""Bodies of answers: compression undone within limits, bytes to text, words for what is no JSON."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterable

from scenefleet.errors import CatalogError
from scenefleet.inputs import cut
from scenefleet_task.redact import redact

SERVER_FAULT = "The fault is the server's: try again later, or search fewer dates at once."
UNREACHABLE = "Check the address and the network, then try again."
BLOCK = 65_536
"""Bytes that are unpacked at once."""


def text_of(body: bytes, charset: str) -> str:
    """Returns the text of an answer: UTF-8, as JSON has to be, else in the encoding that it names.

    Args:
        body: the answer's bytes, unpacked.
        charset: the encoding that its header names; empty for none.
    """
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    try:
        return body.decode()
    except UnicodeDecodeError:
        pass
    try:
        return body.decode(charset or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def no_json(address: str, text: str, error: Exception) -> CatalogError:
    """Returns the error for an answer that is no JSON: an empty one, one cut off, a page of HTML.

    Args:
        address: what answered, as it may be shown.
        text: the answer.
        error: says what is wrong with it.
    """
    give = "Give the URL of a STAC API's landing page, a catalog.json or a file of items."
    start = " ".join(redact(text[:200]).split())[:60]
    if not start:
        return CatalogError(f"{address} answered nothing at all, which is no JSON. {SERVER_FAULT}")
    if start.startswith(("{", "[")) and "nested" not in str(error):
        return CatalogError(
            f"{address} answered something that is no JSON: {error}. {SERVER_FAULT}"
        )
    why = f"; {error}" if "nested" in str(error) else ""
    return CatalogError(
        f"{address} answered something that is no JSON (it starts with {start!r}{why}). {give}"
    )


def unpack(chunks: Iterable[bytes], encoding: str | None, address: str) -> Iterable[bytes]:
    """Yields the chunks with their compression undone, each no longer than a block.

    Raises:
        CatalogError: for an encoding that was not asked for, or broken data.
    """
    kind = (encoding or "identity").strip().lower()
    if kind == "identity":
        yield from chunks
        return
    if kind not in ("gzip", "x-gzip", "deflate"):
        raise CatalogError(
            f"{address} answered in the encoding {cut(kind, 40)!r}; gzip was asked for. "
            f"{SERVER_FAULT}"
        )
    inflate, ended = zlib.decompressobj(47), False  # either of gzip's and zlib's heads
    for chunk in chunks:
        rest = chunk
        while rest:
            if inflate.eof:
                inflate, ended = zlib.decompressobj(47), True
            try:
                yield inflate.decompress(rest, BLOCK)
            except zlib.error:
                if ended:  # bytes after the end, which readers pass over
                    return
                raise CatalogError(
                    f"{address} answered compressed data that is broken. {SERVER_FAULT}"
                ) from None
            rest = inflate.unused_data or inflate.unconsumed_tail
    if not inflate.eof and not ended:
        raise CatalogError(f"{address}: the answer broke off. {UNREACHABLE}")
