"""Says in plain words why a connection failed, whichever library raised the error.

Libraries wrap each other's errors, and their texts hold addresses, class names and numbers of the
operating system. Here the cause is found by the kind of the innermost error. Standard library only.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping

_CAUSES: Mapping[str, tuple[str, ...]] = {
    "the host's name is not known": ("gaierror", "herror", "NameResolutionError"),
    "its certificate is not trusted": ("SSLCertVerificationError", "CertificateError"),
    "the proxy does not answer or refuses": ("ProxyError", "ProxySchemeUnknown"),
    "no secure connection, as TLS failed": ("SSLError",),
    "the connection was refused": ("ConnectionRefusedError",),
    "it is sent on from address to address without end": ("TooManyRedirects",),
    "the answer broke off": (
        "IncompleteRead", "InvalidChunkLength", "ChunkedEncodingError", "IncompleteReadError",
    ),
    "the compressed answer is broken": ("DecodeError", "ContentDecodingError"),
    "it timed out": (
        "TimeoutError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectTimeout", "ReadTimeout",
        "ServiceRequestTimeoutError", "ServiceResponseTimeoutError",
    ),
    "the connection broke": (
        "RemoteDisconnected", "ConnectionResetError", "ConnectionAbortedError", "BrokenPipeError",
        "ProtocolError",
    ),
    "what answered does not speak HTTP": ("HTTPException", "InvalidHeader"),
}  # fmt: skip
"""Kinds of errors by cause, the most telling first: a wrapper comes below what it wraps."""
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)
_DEEPEST = 20
"""Errors within each other that are looked at."""


class ProxyError(ConnectionError):
    """A proxy that does not answer or refuses; its text is for a person."""


def cause_of(error: BaseException, otherwise: str = "there was no connection") -> str:
    """Returns the cause as words that go on a sentence: "the connection was refused".

    Args:
        error: what a library raised.
        otherwise: the words where no cause is found.
    """
    if isinstance(error, ProxyError):
        return str(error)
    chain = list(_chain(error))
    kinds = {kind.__name__ for one in chain for kind in type(one).__mro__}
    for words, names in _CAUSES.items():
        if not kinds.isdisjoint(names):
            return words + _detail(chain) if "certificate" in words else words
    if any(isinstance(one, OSError) and one.errno in _NO_WAY for one in chain):
        return "there is no way to the host from here"
    return otherwise


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and all that it holds or was raised from."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting and len(seen) < _DEEPEST:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [
            *(getattr(one, name, None) for name in ("inner_exception", "reason", "original_error")),
            *one.args,
            one.__cause__,
            one.__context__,
        ]


def _detail(chain: list[BaseException]) -> str:
    """Returns what OpenSSL found wrong with a certificate, in its words, which are plain."""
    found = (getattr(one, "verify_message", None) for one in chain)
    said = next((text for text in found if isinstance(text, str) and text), "")
    return f" ({said.rstrip('.')[:120]})" if said else ""
