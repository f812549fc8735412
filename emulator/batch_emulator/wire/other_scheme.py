"""Answers for who speaks TLS to a port of http, http to one of TLS, or HTTP/2 without asking.

A bare "wrong version number" or a connection that ends sends people looking for a network's fault.
"""

from __future__ import annotations

import json
import ssl
from typing import Any

_TLS = b"\x16\x03"
"""How a client begins that speaks TLS: a handshake record of any version."""
_HTTP2 = b"PRI * HTTP/2"


def is_tls(start: bytes) -> bool:
    """Whether a client's first bytes are TLS."""
    return start.startswith(_TLS)


def is_http2(start: bytes) -> bool:
    """Whether a client's first bytes are those of HTTP/2, as one sends them that asks nobody."""
    return start.startswith(_HTTP2)


def http2_to_http() -> bytes:
    """Returns what is answered to HTTP/2."""
    value = "The Batch emulator is here, but it speaks HTTP/1.1, and HTTP/2 was spoken to it"
    return _reply("505 HTTP Version Not Supported", "UnsupportedHttpVersion", value)


def tls_to_http() -> bytes:
    """What an http port answers who speaks TLS: legible to whoever looks at the bytes."""
    return _answer("this port speaks http, and TLS was spoken to it", "http://")


class HintingContext(ssl.SSLContext):
    """A server's context that answers who speaks http to it, in http."""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As the standard library's; the object looks at the client's first bytes."""
        made: Any = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        made.incoming, made.outgoing = incoming, outgoing
        return made


class _Handshake(ssl.SSLObject):
    """One client's end of TLS."""

    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    _looked = _answered = False

    def do_handshake(self) -> None:
        """Goes on with the handshake; who speaks http is answered, and closed when time is up."""
        if self.incoming.pending and not self._looked:
            start = self.incoming.read()
            self.incoming.write(start)
            self._looked = True
            if start[:1].isalpha():  # a method; TLS begins with a byte that is no letter
                self.outgoing.write(_answer("this port speaks https, and http was spoken to it",
                                            "https://"))  # fmt: skip
                self._answered = True
        if self._answered:
            self.incoming.read()
            raise ssl.SSLWantReadError
        super().do_handshake()


HintingContext.sslobject_class = _Handshake


def _answer(what: str, scheme: str) -> bytes:
    value = f"The Batch emulator is here, but {what}: give the client an address with {scheme}"
    return _reply("400 Bad Request", "InvalidUri", value)


def _reply(status: str, code: str, value: str) -> bytes:
    """An answer in HTTP/1.1, after which the connection ends."""
    error = {"code": code, "message": {"lang": "en-us", "value": value}}
    body = json.dumps(error).encode()
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
