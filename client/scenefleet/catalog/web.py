"""HTTP for catalogues: pystac-client's own reader, with patience, and errors a person can act on.

Loads pystac-client; import it inside functions only.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urldefrag, urljoin, urlsplit

from pystac import Link
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests import PreparedRequest, Request, RequestException, Response
from requests.cookies import extract_cookies_to_jar
from requests.utils import get_encoding_from_headers, select_proxy
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError
from urllib3.util import Retry

from scenefleet.catalog.access import plain
from scenefleet.catalog.decoding import BLOCK, SERVER_FAULT, UNREACHABLE, no_json, text_of, unpack
from scenefleet.catalog.failures import RefusedError, no_answer, refusal
from scenefleet.catalog.flaws import FAULTS, flaw
from scenefleet.catalog.guard import Guard, GuardedAdapter, Resolve, resolve_host
from scenefleet.catalog.model import Json
from scenefleet.catalog.source import Patience
from scenefleet.catalog.waiting import CatalogRequest, LateError, Trip, host_of, within
from scenefleet.errors import CatalogError
from scenefleet.inputs import cut, in_bytes, parse_json
from scenefleet_task.reach import Origin, href_problem
from scenefleet_task.redact import redact

_PASSING = (429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10
_ERROR_BYTES = 65_536
"""The number of bytes that are read of an answer that tells of an error."""
_OURS = ("host", "content-length", "transfer-encoding", "connection", "authorization", "cookie")
"""Headers that no link of a catalogue sets for us."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str | None
    """Where a redirect leads."""
    body: bytes
    charset: str
    """The encoding that it says its text has; often none, or a wrong one."""
    retry_after: float
    """Seconds that it asks to wait before the next request; 0 where it asks for none."""


class Reader(StacApiIO):
    """Reads JSON over HTTP; raises only CatalogError, and shows no query of a URL in it.

    No answer is longer than `Patience` allows, none is waited for longer, and none comes from an
    address that the catalogue may not name (`guard`). Ctrl-C ends any wait at once.
    """

    def __init__(
        self,
        patience: Patience,
        hosts: tuple[str, ...] = (),
        *,
        resolve: Resolve = resolve_host,
    ) -> None:
        """Takes the hosts that may be private although the catalogue is public."""
        self.patience = patience
        self._guard = Guard(hosts, resolve)
        self._what, self._items = "its first document", 0
        super().__init__(timeout=patience.timeout, max_retries=None)
        # not br or zstd: what comes is unpacked here, so that its size is known as it grows
        self.session.headers["Accept-Encoding"] = "gzip"
        adapter = GuardedAdapter(self._guard, _broken_lines(patience))
        self.session.mount("http://", adapter)
        self.session.mount("https://", adapter)

    def expect(self, what: str, *, items: int = 0) -> None:
        """Names the document that is asked for next, and the items that came before it."""
        self._what, self._items = what, items

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
        seconds = self.patience.answer_seconds
        trip = Trip(seconds)

        def ask() -> str:
            with self._guard.on(trip):
                return self._through_redirects(href, verb, kept, parts, trip)

        try:
            return within(trip, ask)
        except LateError as error:
            advice = SERVER_FAULT if trip.is_reached else UNREACHABLE
            if error.stage.startswith("only"):
                advice = "Search fewer dates at once; a file of items is better downloaded first."
            raise CatalogError(
                f"{plain(href)} had not answered in full after {seconds:g} s, the longest that is "
                f"waited: {error.stage}. {advice}"
            ) from None

    def _through_redirects(
        self, href: str, verb: str, headers: Mapping[str, str], parts: Mapping[str, Any], trip: Trip
    ) -> str:
        """The body of the answer at the end of all redirects."""
        begun = href
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._patiently(href, verb, headers, parts, trip)
            if answer.status not in _REDIRECTS or not answer.location:
                break
            href = _joined(href, answer.location)
            if answer.status == 303 or (answer.status < 303 and verb == "POST"):
                verb, parts = "GET", {}
            elif verb == "GET":
                parts = {}  # they are part of the address that it was redirected from
        else:
            raise CatalogError(
                f"{plain(begun)} redirects more than {_MOST_REDIRECTS} times, last to "
                f"{plain(href)}. Check the catalogue's URL, or use another catalogue."
            )
        text = text_of(answer.body, answer.charset)
        if not 200 <= answer.status < 300:
            raise refusal(href, answer.status, text, retry_after=answer.retry_after)
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
            raise no_json(address, text, error) from None
        if not isinstance(value, dict):
            raise CatalogError(
                f"{address} answered JSON that is no STAC object. Give the URL of a STAC API's "
                "landing page, a catalog.json or a file of items."
            )
        return cast("Json", value)

    def _tell(self, href: str, more: str = "") -> None:
        if self.patience.tell is not None and not self._guard.trip.is_over:
            self.patience.tell(CatalogRequest(host_of(href), self._what + more, self._items))

    def _patiently(
        self, href: str, verb: str, headers: Mapping[str, str], parts: Mapping[str, Any], trip: Trip
    ) -> _Answer:
        """The answer, asked for again where the fault may pass and there is time."""
        waits = _waits(self.patience)
        while True:
            self._tell(href)
            answer = self._once(href, verb, headers, parts, trip)
            broken = isinstance(answer, RefusedError)
            if not broken and answer.status not in _PASSING:
                return answer
            try:
                waits = waits.increment(verb, href)
            except MaxRetryError:
                pause = float("inf")
            else:
                pause = (0.0 if broken else answer.retry_after) or waits.get_backoff_time()
            if pause >= trip.left:
                if broken:
                    raise answer
                return answer
            why = "its answer broke off" if broken else f"it answered {answer.status}"
            trip.stage = why
            self._tell(href, f", again in {pause:.0f} s: {why}")
            trip.pause(pause)

    def _once(
        self, href: str, verb: str, headers: Mapping[str, str], parts: Mapping[str, Any], trip: Trip
    ) -> _Answer | RefusedError:
        """The answer, or the error of one that broke off."""
        proxy: str | None = None
        begun = False
        try:
            given = Request(verb, urldefrag(href).url, headers=dict(headers), **parts)
            prepared = self.session.prepare_request(given)
            settings = self._settings(prepared)
            proxy = select_proxy(str(prepared.url), settings["proxies"])
            with self._send(prepared, settings) as response:
                begun = True
                return self._answer(response, plain(str(prepared.url)), trip)
        except CatalogError:
            raise
        except (RequestException, HTTPError, OSError, ValueError) as error:
            failed = no_answer(href, error, proxy)
        if begun:
            return failed
        raise failed

    def _settings(self, prepared: PreparedRequest) -> Any:  # noqa: ANN401 - as requests has them
        """Proxies and certificates by the environment, once the address was judged."""
        url = str(prepared.url)
        parts = urlsplit(url)
        # by its host: an address to search at may hold what no source's may
        if problem := href_problem(f"{parts.scheme}://{parts.netloc}/", self._guard.reach):
            raise CatalogError(f"{plain(url)} is not asked: {problem}.")
        return self.session.merge_environment_settings(url, {}, True, True, None)

    def _send(self, prepared: PreparedRequest, settings: Any) -> Response:  # noqa: ANN401 - above
        if proxy := select_proxy(str(prepared.url), settings["proxies"]):
            self._guard.met(None)
            self._guard.trip.stage = f"no answer came by way of the proxy {host_of(proxy)}"
        # by the adapter: a session would unpack the body of a redirect, however large
        adapter = self.session.get_adapter(str(prepared.url))
        response = adapter.send(prepared, timeout=self.timeout, **settings)
        extract_cookies_to_jar(self.session.cookies, prepared, response.raw)
        return response

    def _answer(self, response: Response, address: str, trip: Trip) -> _Answer:
        status, location = response.status_code, response.headers.get("location")
        redirects = status in _REDIRECTS and location
        body = b"" if redirects else self._body(response, address, trip)
        charset = get_encoding_from_headers(response.headers) or ""
        retry_after = _waits(self.patience).get_retry_after(response.raw) or 0.0
        return _Answer(status, location, body, charset, retry_after)

    def _body(self, response: Response, address: str, trip: Trip) -> bytes:
        """The answer's bytes, unpacked; of an error's only the beginning."""
        failed = not 200 <= response.status_code < 300
        most = _ERROR_BYTES if failed else self.patience.answer_bytes
        chunks = response.raw.stream(BLOCK, decode_content=False)
        trip.stage = "its answer began and did not end"
        body = bytearray()
        for piece in unpack(chunks, response.headers.get("content-encoding"), address):
            body += piece
            trip.stage = f"only {len(body) / 1e6:.1f} MB of the answer came"
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
    from pystac import STACError, STACTypeError
    from pystac_client.exceptions import ParametersError

    try:
        yield
    except CatalogError:
        raise
    except (APIError, ParametersError, STACError, STACTypeError, *FAULTS) as error:
        raise CatalogError(
            f"{plain(url)} does not answer as a STAC API does: in an answer of it, {flaw(error)}. "
            "Check that it is the URL of an API's landing page, or use another catalogue."
        ) from error


def _joined(href: str, location: str) -> str:
    """Returns the address that a redirect leads to."""
    try:
        # what has no form of an address at all is refused as one of no known kind
        return urljoin(href, location)
    except ValueError:
        raise CatalogError(
            f"{plain(href)} redirects to what is no address. Check the catalogue's URL."
        ) from None


def _broken_lines(patience: Patience) -> Retry:
    """How often a request is sent again whose connection was not made, or broke before a status."""
    return Retry(
        total=patience.retries,
        # a host that cannot be found or refuses will do so again: ask once more, not for a minute
        connect=min(patience.retries, 1),
        read=min(patience.retries, 2),
        other=0,  # a certificate, a proxy's refusal: the next answer is the same
        redirect=0,
        status=0,
        backoff_factor=patience.backoff,
        allowed_methods=None,  # a search by POST changes nothing, so it is safe to repeat
        raise_on_status=False,
    )


def _waits(patience: Patience) -> Retry:
    """How often, and after what time, a server is asked again that says it cannot answer now."""
    return _ForgivingRetry(total=patience.retries, backoff_factor=patience.backoff)


class _ForgivingRetry(Retry):
    """Takes a Retry-After that is no time for none."""

    def parse_retry_after(self, retry_after: str) -> float:
        try:
            return super().parse_retry_after(retry_after)
        except (InvalidHeader, ValueError, OverflowError):
            return 0.0
