"""GET over HTTP/1.1 from addresses that a document may reach, redirects included.

Each address is judged by its text and by what its host resolves to before it is asked, the first
one and each that a server sends on to. Connections are kept for the next request.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import quote, urldefrag, urljoin, urlsplit

from scenefleet_task.connect import AstrayError, Line, Place, RefusedError, connect, place_of
from scenefleet_task.reach import Reach, href_problem
from scenefleet_task.redact import address

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_ASCII = "".join(chr(n) for n in range(33, 127))


class Answer:
    """A server's answer, its body still to be read."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.reason = response.reason

    def header(self, name: str) -> str | None:
        """A header's value."""
        return self._response.getheader(name)

    @property
    def length(self) -> int | None:
        """Bytes of the body, where the server says how many."""
        text = self.header("Content-Length")
        return int(text) if text and text.isascii() and text.isdecimal() else None

    @property
    def framed(self) -> bool:
        """Tells whether the body's end is known, so that a body cut short is noticed."""
        return self.length is not None or bool(self._response.chunked)

    def read_into(self, room: memoryview) -> int:
        """Fills the room with the body's next bytes, as far as there are any."""
        done = 0
        while done < len(room):
            got = self._response.readinto(room[done:])
            if not got:
                break
            done += got
        return done

    def read(self, most: int) -> bytes:
        """The body's next bytes."""
        return self._response.read(most)


class Getter:
    """Asks servers, and keeps its connections to them."""

    def __init__(self, reach: Reach, *, connect: float, stall: float) -> None:
        """Connects to nothing yet.

        Args:
            reach: where the document's sources may lie.
            connect: seconds for a connection.
            stall: seconds without a byte.
        """
        self._reach = reach
        self._connect = connect
        self._stall = stall
        self._lock = threading.Lock()
        self._idle: dict[Place, list[Line]] = {}
        self._closed = False

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str], seconds: float) -> Generator[Answer]:
        """Asks for an address, and follows where it sends.

        Args:
            url: with its query.
            headers: beside `Host`; they go to every server on the way.
            seconds: for all of it, the body included.

        Yields:
            The answer; what is not read of it is given up.

        Raises:
            RefusedError: if an address may not be reached, or is sent on too often.
            OSError: if there is no connection, or it breaks.
            http.client.HTTPException: if the answer is none.
        """
        deadline = time.monotonic() + seconds
        for _ in range(_MOST_REDIRECTS + 1):
            self._check(url)
            place, target = place_of(url), _target(url)
            line, response = self._ask(place, target, headers, deadline)
            try:
                to = response.getheader("Location")
                if response.status not in _REDIRECTS or not to:
                    yield Answer(response)
                    return
                response.read(4096)  # so that the connection is good for more
                url = _onward(url, to)
            finally:
                self._keep(place, line, response)
        raise AstrayError(f"it is sent on to another address more than {_MOST_REDIRECTS} times")

    def __del__(self) -> None:
        """Closes what a caller forgot."""
        self.close()

    def close(self) -> None:
        """Closes the connections that nobody uses; the others close when they are free."""
        with self._lock:
            self._closed = True
            lines = [line for lines in self._idle.values() for line in lines]
            self._idle.clear()
        for line in lines:
            line.close()

    def _check(self, url: str) -> None:
        problem = href_problem(url, self._reach)
        if problem or not url.lower().startswith(("http://", "https://")):
            raise RefusedError(f"{address(url)} is not read: {problem or 'it is no web address'}")

    def _ask(
        self, place: Place, target: str, headers: Mapping[str, str], deadline: float
    ) -> tuple[Line, http.client.HTTPResponse]:
        kept = self._kept(place)
        if kept:
            try:
                return kept, _send(kept, place, target, headers, deadline)
            except (http.client.RemoteDisconnected, ConnectionError):
                kept.close()  # the server let go of it meanwhile
            except BaseException:
                kept.close()
                raise
        line = connect(place, self._reach, connect=self._connect, stall=self._stall)
        try:
            return line, _send(line, place, target, headers, deadline)
        except BaseException:
            line.close()
            raise

    def _kept(self, place: Place) -> Line | None:
        with self._lock:
            lines = self._idle.get(place)
            return lines.pop() if lines else None

    def _keep(self, place: Place, line: Line, response: http.client.HTTPResponse) -> None:
        """Keeps a connection whose answer was read to its end."""
        whole = response.isclosed() and not response.will_close
        response.close()
        with self._lock:
            if whole and not self._closed:
                self._idle.setdefault(place, []).append(line)
                return
        line.close()


def _send(
    line: Line, place: Place, target: str, headers: Mapping[str, str], deadline: float
) -> http.client.HTTPResponse:
    line.deadline = deadline
    own = {"Host": place.header, "Accept-Encoding": "identity", "User-Agent": "scenefleet"}
    if line.proxy:
        target = f"{place.scheme}://{place.header}{target}"
        if line.proxy.authorization:
            own["Proxy-Authorization"] = line.proxy.authorization
    lines = [f"GET {target} HTTP/1.1", *(f"{k}: {v}" for k, v in {**own, **headers}.items())]
    line.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    response = http.client.HTTPResponse(cast("Any", line), method="GET")
    response.begin()
    return response


def _target(url: str) -> str:
    """Path and query as they are written; what is not ASCII is encoded."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(target, safe=_ASCII)


def _onward(url: str, to: str) -> str:
    """Where a redirect leads."""
    onward = urldefrag(urljoin(url, to.strip())).url
    if url.lower().startswith("https://") and not onward.lower().startswith("https://"):
        raise RefusedError(f"it is sent on from https:// to {address(onward)}")
    return onward
