"""Ranges of a file behind an address: whole, or an error that says why.

Every range is asked for by itself, so that many can be under way at once. An answer is taken only
if its status, range, length and version are those that were asked for. A file that changes
meanwhile is an error (`If-Match`, and its ETag, date and size); a token that has run out is renewed
once a range; what passes by itself (429, 5xx, a broken or stalled connection, another range than
was asked for) is tried again with a growing pause.
"""

from __future__ import annotations

import http.client
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, TypeVar

from scenefleet_task.access import Access, Signed
from scenefleet_task.connect import RefusedError
from scenefleet_task.failure import TaskError
from scenefleet_task.fetch import CHANGED, FetchError, Patience
from scenefleet_task.http_get import Answer, Getter
from scenefleet_task.log import log
from scenefleet_task.network import cause_of
from scenefleet_task.probe import Finding, probe, refused, truncated
from scenefleet_task.reach import Reach
from scenefleet_task.redact import redact
from scenefleet_task.spec import Exit

_TEMPORARY = (429, 500, 502, 503, 504)
_DENIED = (401, 403)
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.ASCII)
_NO_RANGE = re.compile(r"bytes \*/(\d{1,19})", re.ASCII)
_PIECE = 1_048_576
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Version:
    """The version of a file, as a server tells it."""

    tag: str | None
    modified: str | None
    size: int

    def differs(self, other: Version) -> bool:
        """Tells whether the other is of another version; without a tag the date counts."""
        if self.size != other.size:
            return True
        return self.tag != other.tag if self.tag else self.modified != other.modified


class HttpBytes:
    """A file behind an address that takes ranges."""

    near = False

    def __init__(
        self,
        href: str,
        access: Access,
        *,
        reach: Reach,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Asks nothing of the server yet.

        Args:
            href: unsigned.
            access: signs it.
            reach: where the document's sources may lie.
            patience: None for the usual.
            clock: seconds since the epoch.
            sleep: of seconds; by itself it ends early when the file is closed.

        Raises:
            FetchError: if the address cannot be signed.
        """
        self._href = href
        self._access = access
        self._patience = patience or Patience()
        self._getter = Getter(reach, connect=self._patience.connect, stall=self._patience.stall)
        self._clock = clock
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._lock = threading.Lock()
        self._first: Version | None = None
        """What the server told of the file at first."""
        self._signed = self._sign(fresh=False)

    @property
    def size(self) -> int:
        """Bytes of the file, as the server told with its start."""
        assert self._first
        return self._first.size

    def start(self, size: int) -> bytes | None:
        """The first bytes; from then on, another version of the file is an error.

        Returns:
            Fewer where the file has no more; None where the server gives no ranges.

        Raises:
            FetchError: if they do not come.
        """

        def get(url: str) -> tuple[Version, bytes] | None:
            with self._ask(url, {"Range": f"bytes=0-{size - 1}"}) as answer:
                if answer.status == 200:
                    return None
                first, last, version = _partial(answer)
                if first or last != min(size, version.size) - 1:
                    raise _BrokenError("another range came than was asked for")
                return version, bytes(_body(answer, last + 1))

        found = self._try(get, size)
        if found is None:
            return None
        self._first, data = found
        return data

    def fetch(self, start: int, size: int) -> Any:  # noqa: ANN401 - see `Bytes`
        """See `Bytes.fetch`."""
        first = self._first
        if first and start + size > first.size:
            raise FetchError(truncated(first.size, start + size))
        headers = {"Range": f"bytes={start}-{start + size - 1}"}
        if first and first.tag and not first.tag.startswith("W/"):
            headers["If-Match"] = first.tag  # a weak one never matches (RFC 9110, 13.1.1)

        def get(url: str) -> memoryview:
            with self._ask(url, headers) as answer:
                if answer.status == 200:
                    raise _BrokenError("the whole file came in place of a range")
                if answer.status == 416 and first and _size_now(answer) not in (None, first.size):
                    raise _ChangedError
                begin, end, version = _partial(answer)
                if first and first.differs(version):
                    raise _ChangedError  # of a server that does not heed `If-Match`
                if (begin, end) != (start, start + size - 1):
                    raise _BrokenError("another range came than was asked for")
                return _body(answer, size)

        return self._try(get, start + size)

    def copy(self, into: IO[bytes], most: int) -> None:
        """Copies the whole file, of a server that gives no ranges.

        Args:
            into: a file that is empty.
            most: bytes that it may have.

        Raises:
            FetchError: if it does not come, or is larger.
        """

        def get(url: str) -> None:
            into.seek(0)
            into.truncate()
            with self._ask(url, {}) as answer:
                if answer.status != 200:
                    raise _StatusError(answer.status)
                _check_encoding(answer)
                if not answer.framed:
                    said = "its server gives no ranges, and does not say how long the file is."
                    raise FetchError(Finding(Exit.SOURCE_UNREADABLE, said))
                done = answer.length or 0
                while done <= most and (piece := answer.read(_PIECE)):
                    into.write(piece)
                    done = max(done, into.tell())
                if done > most:
                    said = (
                        f"its server gives no ranges, and the file has more than {most} bytes, "
                        "which is the most that is copied whole; copy it to a store that gives "
                        "ranges, such as Azure Blob."
                    )
                    raise FetchError(Finding(Exit.SOURCE_UNREADABLE, said))
                if answer.length is not None and into.tell() != answer.length:
                    raise _BrokenError(f"{into.tell()} bytes came of {answer.length}")

        self._try(get, 0)
        into.flush()

    def close(self) -> None:
        """Ends all pauses; a range that is under way comes or fails by itself."""
        self._closed.set()
        self._getter.close()

    @contextmanager
    def _ask(
        self, url: str, headers: dict[str, str], seconds: float | None = None
    ) -> Generator[Answer]:
        with self._getter.get(url, headers, seconds or self._patience.whole) as answer:
            yield answer

    def _sign(self, *, fresh: bool) -> Signed:
        try:
            return self._access.sign(self._href, fresh=fresh)
        except TaskError as error:
            raise FetchError(Finding(error.exit, error.message)) from None

    def _try(self, get: Callable[[str], _T], needed: int) -> _T:
        renewed, tries = False, 0
        while True:
            signed = self._current()
            try:
                return get(signed.url)
            except RefusedError as error:
                raise FetchError(refused(error)) from None
            except (OSError, http.client.HTTPException, _AnswerError) as error:
                if _status(error) in _DENIED and not renewed and self._access.renewable:
                    renewed = True
                    self._renew(signed)
                    continue
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

    def _current(self) -> Signed:
        with self._lock:
            if self._clock() >= self._signed.renew_at:
                self._signed = self._sign(fresh=False)
            return self._signed

    def _renew(self, denied: Signed) -> None:
        """Signs afresh, unless another thread has done so since."""
        with self._lock:
            if self._signed is denied:
                self._signed = self._sign(fresh=True)

    def _find(self, error: Exception, needed: int) -> Finding:
        if isinstance(error, _ChangedError) or _status(error) == 412:
            return CHANGED
        if self._closed.is_set():  # nobody waits for the reason
            return Finding(Exit.SOURCE_UNREACHABLE, f"reading it was ended ({_said(error)}).")
        url = self._signed.url

        def ask(headers: dict[str, str], seconds: float) -> Any:  # noqa: ANN401 - a context manager
            return self._ask(url, headers, seconds)

        return probe(ask, _said(error), needed)


class _AnswerError(Exception):
    """An answer that is not what was asked for."""


class _StatusError(_AnswerError):
    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP error code: {status}")
        self.status = status


class _BrokenError(_AnswerError):
    """An answer whose range, length or form is wrong."""


class _ChangedError(_AnswerError):
    """Another version of the file."""


def _partial(answer: Answer) -> tuple[int, int, Version]:
    """First and last byte of a partial answer, and the file's version."""
    if answer.status != 206:
        raise _StatusError(answer.status)
    _check_encoding(answer)
    said = answer.header("Content-Range") or "none"
    match = _RANGE.fullmatch(said.strip())
    first, last, size = (int(text) for text in match.groups()) if match else (0, 0, 0)
    if not match or not first <= last < size:
        raise _BrokenError(f"its answer's range is {redact(said)[:60]!r}")
    return first, last, Version(answer.header("ETag"), answer.header("Last-Modified"), size)


def _check_encoding(answer: Answer) -> None:
    encoding = answer.header("Content-Encoding")
    if encoding and encoding.lower() != "identity":
        raise _BrokenError(f"it came encoded ({encoding[:20]})")


def _body(answer: Answer, size: int) -> memoryview:
    """A body of just so many bytes."""
    if answer.length not in (None, size):
        raise _BrokenError(f"{answer.length} bytes came of {size}")
    room = memoryview(bytearray(size))
    got = answer.read_into(room)
    if got != size:
        raise _BrokenError(f"{got} bytes came of {size}")
    if answer.read(1):
        raise _BrokenError(f"more than {size} bytes came")
    return room


def _size_now(answer: Answer) -> int | None:
    match = _NO_RANGE.fullmatch((answer.header("Content-Range") or "").strip())
    return int(match[1]) if match else None


def _passes(error: Exception) -> bool:
    """Whether a fault is likely to pass by itself."""
    if isinstance(error, (_ChangedError, ssl.SSLCertVerificationError)):
        return False
    status = _status(error)
    return status is None or status in _TEMPORARY


def _status(error: Exception) -> int | None:
    return error.status if isinstance(error, _StatusError) else None


def _said(error: Exception) -> str:
    """What went wrong, in words that `probe` knows, without secrets."""
    if isinstance(error, _StatusError):
        return str(error)
    if isinstance(error, _AnswerError):
        return f"connection: {error}"
    return f"connection: {cause_of(error)}"
