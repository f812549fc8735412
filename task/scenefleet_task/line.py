"""A line between the supervisor and the computing process: messages over two pipes.

A message is a JSON object and some bytes. Both are bounded, and nothing but JSON is decoded: the
supervisor reads what a process sends that may be in others' hands. Standard library only.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any, cast

Json = dict[str, Any]
MOST_WORDS = 1 << 18
"""Bytes of a message's JSON."""
MOST_DATA = 1 << 25
"""Bytes that follow it: a picture, an item, a raster's head. Rasters go in `PIECE`s."""
PIECE = 1 << 20
_HEAD = 8
"""Bytes before each message: the lengths of its JSON and of its data, 4 each."""


class LineError(Exception):
    """Something came that is no message, or has no place on this line."""


class Line:
    """One end of a line. Any thread may send; one receives."""

    def __init__(self, source: int, sink: int) -> None:
        """Takes two descriptors, which it closes in the end."""
        self._source, self._sink = source, sink
        self._sending = threading.Lock()

    def send(self, words: Json, data: bytes | memoryview = b"") -> None:
        """Sends a message; waits while the other end is busy.

        Raises:
            LineError: if the message is too long.
            OSError: if the other end is gone.
        """
        text = json.dumps(words, separators=(",", ":")).encode()
        if len(text) > MOST_WORDS or len(data) > MOST_DATA:
            raise LineError(f"a message of {len(text)} and {len(data)} bytes is too long")
        head = len(text).to_bytes(4, "big") + len(data).to_bytes(4, "big")
        with self._sending:
            for part in (head + text, data):
                rest = memoryview(part)
                while rest:
                    rest = rest[os.write(self._sink, rest) :]

    def receive(self) -> tuple[Json, bytes] | None:
        """The next message; None at the line's end.

        Raises:
            LineError: if what comes is no message.
        """
        head = self._read(_HEAD, at_start=True)
        if not head:
            return None
        words, data = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
        if words > MOST_WORDS or data > MOST_DATA:
            raise LineError(f"a message of {words} and {data} bytes is too long")
        try:
            value: object = json.loads(self._read(words))
        except (ValueError, RecursionError):
            raise LineError("a message that is not JSON") from None
        if not isinstance(value, dict):
            raise LineError("a message that is no JSON object")
        return cast("Json", value), self._read(data)

    def close(self) -> None:
        """Ends the line; the other end sees it."""
        os.close(self._source)
        os.close(self._sink)

    def _read(self, size: int, *, at_start: bool = False) -> bytes:
        """That many bytes; none where the line ends before the first of a message."""
        pieces: list[bytes] = []
        missing = size
        while missing:
            piece = os.read(self._source, min(missing, PIECE))
            if not piece:
                if at_start and missing == size:
                    return b""
                raise LineError("a message that is cut off")
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
