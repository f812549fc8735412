"""HTTP for catalogues: pystac-client's own reader, with patience, and errors a person can act on.

Loads pystac-client; import it inside functions only.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urldefrag, urljoin, urlsplit

from pystac import Link
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests import PreparedRequest, Request, RequestException, Response
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError
from urllib3.util import Retry

from scenefleet.catalog.access import plain
from scenefleet.catalog.guard import Guard, GuardedAdapter
from scenefleet.catalog.model import Json
from scenefleet.catalog.source import Patience
from scenefleet.errors import CatalogError
from scenefleet.inputs import cut, in_bytes, parse_json
from scenefleet_task.reach import Origin, href_problem
from scenefleet_task.redact import redact

_ADVICE = {
    400: "The server refuses the search itself: check area, dates and `filter`.",
    401: "The catalogue wants a login, which scenefleet does not have; use an open one.",
    403: "The catalogue forbids this: it may block heavy users or want a login. Try again later.",
    404: "There is nothing at that address: check the catalogue's URL.",
    429: "The catalogue limits requests: wait some minutes, or search a smaller area.",
}
_SERVER_FAULT = "The fault is the server's: try again later, or search fewer dates at once."
_UNREACHABLE = "Check the address and the network, then try again."
_PASSING = (429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10
_ERROR_BYTES = 65_536
"""Of an answer that tells of an error as many are read."""
_BLOCK = 65_536
_OURS = ("host", "content-length", "transfer-encoding", "connection", "authorization", "cookie")
"""Headers that no link of a catalogue sets for us."""


class RefusedError(CatalogError, APIError):
    """An answer other than 2xx; `status_code` as pystac-client looks for it, 0 for no answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status_code = status


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str | None
    """Where a redirect leads."""
    body: bytes
    raw: Any
    """urllib3's response, for the time that it asks to wait."""


class Reader(StacApiIO):
    """Reads JSON over HTTP; raises only CatalogError, and shows no query of a URL in it.

    No answer is longer than `Patience` allows, none is waited for longer, and none comes from an
    address that the catalogue may not name (`guard`).
    """

    def __init__(self, patience: Patience, hosts: tuple[str, ...] = ()) -> None:
        """Takes the hosts that may be private although the catalogue is public."""
        self.patience = patience
        self._guard = Guard(hosts)
        super().__init__(timeout=patience.timeout, max_retries=None)
        # not br or zstd: what comes is unpacked here, so that its size is known as it grows
        self.session.headers["Accept-Encoding"] = "gzip"
        adapter = GuardedAdapter(self._guard, _broken_lines(patience))
        self.session.mount("http://", adapter)
        self.session.mount("https://", adapter)

    @property
    def origin(self) -> Origin:
        """The least trusted place that an answer came from: what it says may name no more."""
        return self._guard.origin

    @origin.setter
    def origin(self, origin: Origin) -> None:
        """Goes on reading for a document that came from there."""
        self._guard.origin = origin

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """The body of the answer."""
        verb = str(method or "GET").upper()
        if verb not in ("GET", "POST"):
            raise CatalogError(
                f"{plain(href)} is to be asked by {cut(verb, 20)!r}; only GET and POST are."
            )
        kept = {k: v for k, v in (headers or {}).items() if k.lower() not in _OURS}
        parts = {"json": parameters} if verb == "POST" else {"params": parameters or {}}
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._patiently(href, verb, kept, parts)
            if answer.status not in _REDIRECTS or not answer.location:
                break
            href = urljoin(href, answer.location)
            if answer.status == 303 or (answer.status < 303 and verb == "POST"):
                verb, parts = "GET", {}
            elif verb == "GET":
                parts = {}  # they are part of the address that it was redirected from
        else:
            raise CatalogError(f"{plain(href)} redirects more than {_MOST_REDIRECTS} times.")
        text = answer.body.decode("utf-8", "replace")
        if not 200 <= answer.status < 300:
            raise _refused(href, answer.status, text)
        return text

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:  # noqa: ANN401 - pystac's
        """The text at an address or a paging link, never of a local file."""
        href = source.href if isinstance(source, Link) else source
        if not str(href).lower().startswith(("http://", "https://")):
            raise CatalogError(
                f"The catalogue names {cut(redact(str(href)))!r}, which is no http(s):// address, "
                "as one to read on at."
            )
        return super().read_text(source, *args, **kwargs)

    def read_json(self, source: Any, *args: Any, **kwargs: Any) -> Json:  # noqa: ANN401 - pystac's
        """The JSON object at an address or a paging link."""
        text = self.read_text(source, *args, **kwargs)
        address = plain(source.href if isinstance(source, Link) else str(source))
        try:
            value = parse_json(text.removeprefix("\ufeff"))
        except (ValueError, RecursionError) as error:
            start = " ".join(text[:60].split())
            why = f"; {error}" if "nested" in str(error) else ""
            raise CatalogError(
                f"{address} answered something that is no JSON (it starts with {start!r}{why}). "
                "Give the URL of a STAC API's landing page, a catalog.json or a file of items."
            ) from None
        if not isinstance(value, dict):
            raise CatalogError(f"{address} answered JSON that is no STAC object.")
        return cast("Json", value)

    def _patiently(
        self, href: str, verb: str, headers: Mapping[str, str], parts: Mapping[str, Any]
    ) -> _Answer:
        """The answer, asked for again where the fault may pass."""
        waits = _waits(self.patience)
        while True:
            answer = self._once(href, verb, headers, parts)
            if answer.status not in _PASSING:
                return answer
            try:
                waits = waits.increment(verb, href, response=answer.raw)
            except MaxRetryError:
                return answer
            waits.sleep(answer.raw)

    def _once(
        self, href: str, verb: str, headers: Mapping[str, str], parts: Mapping[str, Any]
    ) -> _Answer:
        seconds = self.patience.answer_seconds
        try:
            given = Request(verb, urldefrag(href).url, headers=dict(headers), **parts)
            prepared = self.session.prepare_request(given)
            with self._guard.deadline(seconds):
                answer = self._send(prepared)
        except CatalogError:
            raise
        except (RequestException, HTTPError, OSError, ValueError) as error:
            if not self._guard.expired:
                raise _refused(href, None, f"{type(error).__name__} {error}") from None
            answer = None
        if answer is None or self._guard.expired:
            raise CatalogError(
                f"{plain(href)} had not answered in full after {seconds:g} s, the longest that is "
                f"waited. {_SERVER_FAULT}"
            )
        return answer

    def _send(self, prepared: PreparedRequest) -> _Answer:
        url = str(prepared.url)
        parts = urlsplit(url)
        # by its host: an address to search at may hold what no source's may
        if problem := href_problem(f"{parts.scheme}://{parts.netloc}/", self._guard.reach):
            raise CatalogError(f"{plain(url)} is not asked: {problem}.")
        settings = self.session.merge_environment_settings(url, {}, True, True, None)
        if select_proxy(url, settings["proxies"]):
            self._guard.met(None)
        response = self.session.send(
            prepared, timeout=self.timeout, allow_redirects=False, **settings
        )
        with response:
            status, location = response.status_code, response.headers.get("location")
            redirects = status in _REDIRECTS and location
            body = b"" if redirects else self._body(response, plain(url))
            return _Answer(status, location, body, response.raw)

    def _body(self, response: Response, address: str) -> bytes:
        """The answer's bytes, unpacked; of an error's only the beginning."""
        failed = not 200 <= response.status_code < 300
        most = _ERROR_BYTES if failed else self.patience.answer_bytes
        chunks = response.raw.stream(_BLOCK, decode_content=False)
        body = bytearray()
        for piece in _unpacked(chunks, response.headers.get("content-encoding"), address):
            body += piece
            if len(body) > most:
                break
        if len(body) > most and not failed:
            raise CatalogError(
                f"{address} answered more than {in_bytes(most)}, the most that is read at once. "
                "Search fewer dates or a smaller area, or download the file of items."
            )
        return bytes(body[:most])


@contextmanager
def understood(url: str) -> Generator[None]:
    """Turns what pystac and pystac-client raise over a malformed answer into CatalogError."""
    from pystac import STACError
    from pystac_client.exceptions import ParametersError

    try:
        yield
    except CatalogError:
        raise
    except (
        APIError,
        ParametersError,
        STACError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        detail = cut(redact(f"{type(error).__name__}: {error}"), 300)
        raise CatalogError(f"{plain(url)} does not answer as a STAC API ({detail}).") from error


def _unpacked(chunks: Iterable[bytes], encoding: str | None, address: str) -> Iterable[bytes]:
    """The chunks with their compression undone, none of them much longer than it came.

    Raises:
        CatalogError: for an encoding that was not asked for, or broken data.
    """
    kind = (encoding or "identity").strip().lower()
    if kind == "identity":
        yield from chunks
        return
    if kind not in ("gzip", "x-gzip", "deflate"):
        raise CatalogError(
            f"{address} answered in the encoding {cut(kind, 40)!r}; gzip was asked for."
        )
    unpack, ended = zlib.decompressobj(47), False  # either of gzip's and zlib's heads
    for chunk in chunks:
        rest = chunk
        while rest:
            if unpack.eof:
                unpack, ended = zlib.decompressobj(47), True
            try:
                yield unpack.decompress(rest, _BLOCK)
            except zlib.error:
                if ended:  # bytes after the end, which readers pass over
                    return
                raise CatalogError(f"{address} answered compressed data that is broken.") from None
            rest = unpack.unused_data or unpack.unconsumed_tail
    if not unpack.eof and not ended:
        raise CatalogError(f"{address}: the answer broke off. {_UNREACHABLE}")


def _broken_lines(patience: Patience) -> Retry:
    """How often a request is sent again whose connection was not made, or broke before a status."""
    return Retry(
        total=patience.retries,
        # a host that cannot be found or refuses will do so again: ask once more, not for a minute
        connect=min(patience.retries, 1),
        redirect=0,
        status=0,
        backoff_factor=patience.backoff,
        allowed_methods=None,  # a search by POST changes nothing, so it is safe to repeat
        raise_on_status=False,
    )


def _waits(patience: Patience) -> Retry:
    """How often, and after what time, a server is asked again that says it cannot answer now."""
    return _CappedRetry(total=patience.retries, backoff_factor=patience.backoff)


class _CappedRetry(Retry):
    """Obeys Retry-After up to a minute: a server may ask for hours, or for what is no time."""

    def parse_retry_after(self, retry_after: str) -> float:
        try:
            return min(super().parse_retry_after(retry_after), 60.0)
        except (InvalidHeader, ValueError, OverflowError):
            return 0.0


def _refused(href: str, status: int | None, text: str) -> RefusedError:
    if not status:
        return RefusedError(f"{plain(href)}: {_network_cause(text)}. {_UNREACHABLE}", 0)
    advice = _ADVICE.get(status, _SERVER_FAULT if status >= 500 else "Check the catalogue's URL.")
    said = _server_text(text)
    return RefusedError(f"{plain(href)} answered {status}{said}. {advice}", status)


def _network_cause(text: str) -> str:
    """What went wrong on the network, without the address that urllib3 repeats with its query."""
    causes = {
        "the host's name cannot be resolved": r"NameResolution|getaddrinfo|Name or service",
        "the connection was refused": r"refused",
        "no answer in time": r"timed? ?out",
        "the certificate is not trusted": r"SSL|CERTIFICATE",
        "the answer broke off": r"IncompleteRead|Connection broken|RemoteDisconnected|reset by",
    }
    found = (cause for cause, mark in causes.items() if re.search(mark, text, re.IGNORECASE))
    return next(found, "no connection")


def _server_text(text: str) -> str:
    """The server's own words, where its answer is JSON that has some; never a page of HTML."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    given = cast("Json", value) if isinstance(value, dict) else {}
    words = (given.get(key) for key in ("description", "detail", "message"))
    said = next((word for word in words if isinstance(word, str)), "")
    return f" ({redact(' '.join(said[:2000].split()))[:200]})" if said and "://" not in said else ""
