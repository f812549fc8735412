"""Ranges of a file's bytes, from a folder or over HTTP: whole, or an error that says why.

Over HTTP every range is asked for by itself, so that many can be under way at once. A file that
changes meanwhile is an error (`If-Match`, and its ETag, date and size); a token that has run out
is renewed once a range; what passes by itself (429, 5xx, a broken or stalled connection, another
range than was asked for) is tried again with a growing pause.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, cast

import obstore
from obstore.exceptions import (
    BaseError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import HTTPStore

from scenefleet_task.access import Access
from scenefleet_task.failure import TaskError
from scenefleet_task.log import log
from scenefleet_task.probe import Finding, probe
from scenefleet_task.redact import redact
from scenefleet_task.spec import Exit

_DENIED = (PermissionDeniedError, UnauthenticatedError)
_FAILED = (BaseError, OSError)  # obstore has a 404 be Python's own FileNotFoundError
_TEMPORARY = (429, 500, 502, 503, 504)
_STATUS = re.compile(r"status code: (\d{3})")
_obstore = cast("Any", obstore)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a server is waited for."""

    tries: int = 5
    """Of one range."""
    pause: float = 1.0
    """Seconds after the first try; doubled after each."""
    connect: float = 20.0
    """Seconds; without it a dead host holds a node for minutes."""
    stall: float = 60.0
    """Seconds without a byte."""
    whole: float = 900.0
    """Seconds for a range; obstore's 30 would fail a row of tiles on a slow link."""


def patience_of(environment: Mapping[str, str]) -> Patience:
    """What GDAL's settings say, so that both ways of reading wait alike."""
    say = environment.get
    return Patience(
        tries=int(say("GDAL_HTTP_MAX_RETRY", 4)) + 1,
        pause=float(say("GDAL_HTTP_RETRY_DELAY", 1)),
        connect=float(say("GDAL_HTTP_CONNECTTIMEOUT", 20)),
        stall=float(say("GDAL_HTTP_LOW_SPEED_TIME", 60)),
    )


class FetchError(Exception):
    """A range that did not come."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


class Bytes(Protocol):
    """A file that is read by ranges, from many threads."""

    @property
    def near(self) -> bool:
        """Whether asking costs next to nothing: then nothing is asked for ahead of use."""
        ...

    def fetch(self, start: int, size: int) -> Any:  # noqa: ANN401 - any buffer of bytes
        """Exactly `size` bytes from `start`.

        Raises:
            FetchError: if they do not come.
        """
        ...

    def close(self) -> None:
        """Lets go of the file; what is under way is not tried again. May be called twice."""
        ...


class FileBytes:
    """A local file."""

    near = True

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def start(self, size: int) -> bytes:
        """The first bytes."""
        return os.pread(self._open_file(), size, 0)

    def fetch(self, start: int, size: int) -> Any:  # noqa: ANN401 - see `Bytes`
        """See `Bytes.fetch`."""
        said, data = "", bytearray(size)
        view, done = memoryview(data), 0
        try:
            while done < size:
                got = os.preadv(self._open_file(), [view[done:]], start + done)
                if not got:
                    break
                done += got
        except OSError as error:
            said = str(error)
        if done < size:
            raise FetchError(probe(self._path, said, start + size))
        return data

    def close(self) -> None:
        """Closes it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open_file(self) -> int:
        if self._file is None:  # its number may be another file's by now
            raise OSError("it was closed")
        return self._file


class HttpBytes:
    """A file behind an address that takes ranges."""

    near = False

    def __init__(
        self,
        href: str,
        access: Access,
        *,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Asks nothing of the server yet.

        Args:
            href: unsigned.
            access: signs it.
            patience: None for the usual.
            clock: seconds since the epoch.
            sleep: of seconds; by itself it ends early when the file is closed.

        Raises:
            FetchError: if the address cannot be signed.
        """
        self._href = href
        self._access = access
        self._patience = patience or Patience()
        self._clock = clock
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._lock = threading.Lock()
        self._first: Any = None
        """What the server told of the file at first."""
        self._tag: str | None = None
        self._connect()

    @property
    def size(self) -> int:
        """Bytes of the file, as the server told with its start."""
        return int(self._first["size"])

    def start(self, size: int) -> bytes | None:
        """The first bytes; from then on, another version of the file is an error.

        Returns:
            Fewer where the file has no more; None where the server gives no ranges.

        Raises:
            FetchError: if they do not come.
        """

        def get(store: Any) -> Any:  # noqa: ANN401 - obstore's
            try:
                answer = _obstore.get(store, "", options={"range": (0, size)})
            except NotSupportedError:
                return None, b""
            return answer.meta, bytes(answer.bytes())

        meta, data = self._try(get, size)
        if meta is None:
            return None
        with self._lock:
            self._first, tag = meta, meta["e_tag"]
            if tag and not tag.startswith("W/"):  # a weak one never matches (RFC 9110, 13.1.1)
                self._tag = tag
                self._connect()
        return data

    def fetch(self, start: int, size: int) -> Any:  # noqa: ANN401 - see `Bytes`
        """See `Bytes.fetch`."""

        def get(store: Any) -> Any:  # noqa: ANN401 - obstore's
            answer = _obstore.get(store, "", options={"range": (start, start + size)})
            if _changed(self._first, answer.meta):
                raise PreconditionError  # of a server that does not heed `If-Match`
            data = answer.bytes()
            if len(data) != size:
                raise _ShortError(f"{len(data)} bytes came of {size}")
            return data

        return memoryview(self._try(get, start + size))

    def close(self) -> None:
        """Ends all pauses; a range that is under way comes or fails by itself."""
        self._closed.set()

    def _connect(self, *, fresh: bool = False) -> None:
        try:
            self._signed = self._access.sign(self._href, fresh=fresh)
        except TaskError as error:
            raise FetchError(Finding(error.exit, error.message)) from None
        options: dict[str, Any] = {
            "connect_timeout": timedelta(seconds=self._patience.connect),
            "read_timeout": timedelta(seconds=self._patience.stall),
            "timeout": timedelta(seconds=self._patience.whole),
            "allow_http": True,
            "http1_only": True,  # one connection a range: a server's cap is often a connection's
        }
        if self._tag:
            options["default_headers"] = {"If-Match": self._tag}
        self._store = cast("Any", HTTPStore).from_url(
            self._signed.url, client_options=options, retry_config={"max_retries": 0}
        )

    def _try(self, get: Callable[[Any], Any], needed: int) -> Any:  # noqa: ANN401 - what `get` gives
        renewed, tries = False, 0
        while True:
            store = self._current()
            try:
                return get(store)
            except _DENIED as error:
                if renewed or not self._access.renewable:
                    raise FetchError(self._find(error, needed)) from None
                renewed = True
                self._renew(store)
            except (*_FAILED, _ShortError) as error:
                tries += 1
                last = tries >= self._patience.tries or self._closed.is_set()
                if last or not _passes(error):
                    raise FetchError(self._find(error, needed)) from None
                self._pause(tries, error)

    def _pause(self, tries: int, error: Exception) -> None:
        pause = self._patience.pause * 2.0 ** (tries - 1)
        pause *= random.uniform(0.75, 1.25)  # noqa: S311 - no secret
        log.info("a range did not come (%s): again in %.1f s", _said(error), pause)
        self._sleep(pause)

    def _current(self) -> Any:  # noqa: ANN401 - obstore's
        with self._lock:
            if self._clock() >= self._signed.renew_at:
                self._connect()
            return self._store

    def _renew(self, refused: Any) -> None:  # noqa: ANN401 - obstore's
        """Signs afresh, unless another thread has done so since."""
        with self._lock:
            if self._store is refused:
                self._connect(fresh=True)

    def _find(self, error: Exception, needed: int) -> Finding:
        if isinstance(error, PreconditionError):
            return Finding(Exit.SOURCE_UNREACHABLE, "it changed while it was read. Retry.")
        if self._closed.is_set():  # nobody waits for the reason
            return Finding(Exit.SOURCE_UNREACHABLE, f"reading it was ended ({_said(error)}).")
        return probe(self._signed.url, _said(error), needed)


class _ShortError(Exception):
    """Fewer bytes than were asked for."""


def _changed(first: Any, now: Any) -> bool:  # noqa: ANN401 - obstore's `ObjectMeta`
    """Whether a server tells of another version of the file; without a tag its date counts."""
    if first is None:
        return False
    tags = "e_tag" if first["e_tag"] else "last_modified"
    return first[tags] != now[tags] or first["size"] != now["size"]


def _passes(error: Exception) -> bool:
    """Whether a fault is likely to pass by itself."""
    if isinstance(error, PreconditionError):
        return False
    status = _status(error)
    return status is None or status in _TEMPORARY  # None: no answer, or a broken one


def _status(error: Exception) -> int | None:
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def _said(error: Exception) -> str:
    """What went wrong, in words that `probe` knows, without secrets."""
    status = _status(error)
    if status:
        return f"HTTP error code: {status}"
    if isinstance(error, NotSupportedError):
        return "connection: the whole file came in place of a range"
    text = str(error)
    if "TimedOut" in text or "kind: Timeout" in text:
        return "connection: timed out"
    return f"connection: {redact(text.split(chr(10), 1)[0].rpartition(' - ')[2])[:300]}"
