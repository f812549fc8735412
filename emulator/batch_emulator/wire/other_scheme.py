"""Answers for who speaks TLS to a port that speaks http, or http to one that speaks TLS.

A bare "wrong version number" or a connection that ends sends people looking for a network's fault.
"""

from __future__ import annotations

import json
import ssl
from typing import Any

_TLS = b"\x16\x03"
"""How a client begins that speaks TLS: a handshake record of any version."""


def is_tls(start: bytes) -> bool:
    """Whether a client's first bytes are TLS."""
    return start.startswith(_TLS)


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
    error = {"code": "InvalidUri", "message": {"lang": "en-us", "value": value}}
    body = json.dumps(error).encode()
    head = (
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
