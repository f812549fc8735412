"""HTTP for catalogues: pystac-client's own reader, with patience, and errors a person can act on.

Loads pystac-client; import it inside functions only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from pystac import Link
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from urllib3.util import Retry

from scenefleet.catalog.access import plain
from scenefleet.catalog.model import Json
from scenefleet.catalog.source import Patience
from scenefleet.errors import CatalogError

_ADVICE = {
    400: "The server refuses the search itself: check area, dates and `filter`.",
    401: "The catalogue wants a login, which scenefleet does not have; use an open one.",
    403: "The catalogue forbids this: it may block heavy users or want a login. Try again later.",
    404: "There is nothing at that address: check the catalogue's URL.",
    429: "The catalogue limits requests: wait some minutes, or search a smaller area.",
}
_SERVER_FAULT = "The fault is the server's: try again later, or search fewer dates at once."
_UNREACHABLE = "Check the address and the network, then try again."


class RefusedError(CatalogError, APIError):
    """An answer other than 2xx; `status_code` as pystac-client looks for it, 0 for no answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status_code = status


class Reader(StacApiIO):
    """Reads JSON over HTTP; raises only CatalogError, and shows no query of a URL in it."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        super().__init__(timeout=patience.timeout, max_retries=_retries(patience))

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """The body of the answer."""
        try:
            return super().request(href, method, headers, parameters)
        except APIError as error:
            status = cast("int | None", getattr(error, "status_code", None))
            raise _refused(href, status, str(error)) from None

    def read_json(self, source: Any, *args: Any, **kwargs: Any) -> Json:  # noqa: ANN401 - pystac's
        """The JSON object at an address or a paging link."""
        text = self.read_text(source, *args, **kwargs)
        address = plain(source.href if isinstance(source, Link) else str(source))
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            start = " ".join(text[:60].split())
            raise CatalogError(
                f"{address} answered something that is no JSON (it starts with {start!r}). "
                "Give the URL of a STAC API's landing page, a catalog.json or a file of items."
            ) from None
        if not isinstance(value, dict):
            raise CatalogError(f"{address} answered JSON that is no STAC object.")
        return cast("Json", value)


@contextmanager
def understood(url: str) -> Generator[None]:
    """Turns what pystac and pystac-client raise over a malformed answer into CatalogError."""
    from pystac import STACError
    from pystac_client.exceptions import ParametersError

    try:
        yield
    except CatalogError:
        raise
    except (APIError, ParametersError, STACError, KeyError, TypeError, ValueError) as error:
        detail = f"{type(error).__name__}: {error}"[:300]
        raise CatalogError(f"{plain(url)} does not answer as a STAC API ({detail}).") from error


def _retries(patience: Patience) -> Retry:
    return _CappedRetry(
        total=patience.retries,
        # a host that cannot be found or refuses will do so again: ask once more, not for a minute
        connect=min(patience.retries, 1),
        backoff_factor=patience.backoff,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,  # a search by POST changes nothing, so it is safe to repeat
        raise_on_status=False,
    )


class _CappedRetry(Retry):
    """Obeys Retry-After up to a minute: a server may ask for hours."""

    def parse_retry_after(self, retry_after: str) -> float:
        return min(super().parse_retry_after(retry_after), 60.0)


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
    except ValueError:
        return ""
    given = cast("Json", value) if isinstance(value, dict) else {}
    words = (given.get(key) for key in ("description", "detail", "message"))
    said = next((word for word in words if isinstance(word, str)), "")
    return f" ({' '.join(said.split())[:200]})" if said and "://" not in said else ""
