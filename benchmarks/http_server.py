"""Serves a folder's files by HTTP/1.1 with ranges, as slowly as a far host: latency and two caps.

It shares two cores with what is measured, so it costs little: files go from the page cache to the
socket by `sendfile`, in pieces that a token bucket a connection and one for all let through. Each
request waits the latency before its answer's first byte. `GET /-/counts` gives requests, bytes and
the time of the first request since it was last asked, and is itself not counted.

Run it by `python benchmarks/http_server.py FOLDER [--latency 30] [--connection 60] [--total 250]`
(ms, MB/s, MB/s); it prints its address and ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

PIECE = 512 * 1024
"""Bytes let through at once: some hundred calls a second at the full rate."""
_BURST = 0.02
"""Seconds of its rate that a bucket holds: no more than a piece or so runs ahead."""


class Bucket:
    """Lets bytes through at a rate, in the order of those who ask."""

    def __init__(self, rate: float) -> None:
        """`rate` is bytes a second."""
        self._rate = rate
        self._free_at = 0.0

    def delay(self, size: int) -> float:
        """Seconds until so many bytes may go; they are counted as gone."""
        now = time.monotonic()
        self._free_at = max(self._free_at, now - _BURST) + size / self._rate
        return max(0.0, self._free_at - now)


@dataclass(slots=True)
class Counts:
    """Since they were last asked for."""

    requests: int = 0
    bytes: int = 0
    connections: int = 0
    first: float | None = None
    """Monotonic time of the first request."""
    last: float | None = None
    """Of the last byte."""
    by_file: dict[str, int] = field(default_factory=dict)
    """Requests."""


@dataclass(slots=True)
class Server:
    """What all connections share."""

    folder: Path
    latency: float
    connection: float
    total: Bucket
    counts: Counts = field(default_factory=Counts)

    async def serve(self, peer: socket.socket) -> None:
        """Answers a connection's requests, one after the other."""
        self.counts.connections += 1
        bucket, loop = Bucket(self.connection), asyncio.get_running_loop()
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = b""
        with peer, contextlib.suppress(ConnectionError):
            while True:
                while b"\r\n\r\n" not in buffer:
                    more = await loop.sock_recv(peer, 65536)
                    if not more:
                        return
                    buffer += more
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                await self._answer(peer, head.decode("latin-1"), bucket)

    async def _answer(self, peer: socket.socket, head: str, bucket: Bucket) -> None:
        loop = asyncio.get_running_loop()
        line, *lines = head.split("\r\n")
        method, target, _ = line.split(" ")
        headers = {
            key.lower(): value.strip() for key, _, value in (x.partition(":") for x in lines)
        }
        name = unquote(urlsplit(target).path).lstrip("/")
        if name == "-/counts":
            body = json.dumps(self._take_counts()).encode()
            await loop.sock_sendall(peer, _head(200, len(body)) + body)
            return
        self._count(name)
        await asyncio.sleep(self.latency)
        path = self.folder / name
        if self.folder not in path.resolve().parents or not path.is_file():
            await loop.sock_sendall(peer, _head(404, 0))
            return
        await self._file(peer, path, headers.get("range"), bucket, bodiless=method == "HEAD")

    async def _file(
        self, peer: socket.socket, path: Path, wanted: str | None, bucket: Bucket, *, bodiless: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        told = path.stat()  # noqa: ASYNC240 - of a local file: no waiting
        start, end = _range(wanted, told.st_size)
        if start >= end:
            said = [f"Content-Range: bytes */{told.st_size}"]
            await loop.sock_sendall(peer, _head(416, 0, said))
            return
        said = [f'ETag: "{told.st_mtime_ns:x}"', "Accept-Ranges: bytes"]
        if wanted:
            said.append(f"Content-Range: bytes {start}-{end - 1}/{told.st_size}")
        await loop.sock_sendall(peer, _head(206 if wanted else 200, end - start, said))
        if bodiless:
            return
        file = os.open(path, os.O_RDONLY)
        try:
            while start < end:
                size = min(PIECE, end - start)
                await asyncio.sleep(max(bucket.delay(size), self.total.delay(size)))
                await _send(peer, file, start, size)
                start += size
                self.counts.bytes += size
        finally:
            os.close(file)
        self.counts.last = time.monotonic()

    def _count(self, name: str) -> None:
        counts = self.counts
        counts.requests += 1
        counts.by_file[name] = counts.by_file.get(name, 0) + 1
        counts.first = counts.first or time.monotonic()

    def _take_counts(self) -> dict[str, Any]:
        counts, self.counts = self.counts, Counts()
        return {key: getattr(counts, key) for key in Counts.__slots__}


async def _send(peer: socket.socket, file: int, start: int, size: int) -> None:
    loop = asyncio.get_running_loop()
    while size:
        try:
            sent = os.sendfile(peer.fileno(), file, start, size)
        except BlockingIOError:
            room: asyncio.Future[None] = loop.create_future()
            loop.add_writer(peer, _settle, room)
            try:
                await room
            finally:
                loop.remove_writer(peer)
            continue
        start, size = start + sent, size - sent


def _settle(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)


def _range(wanted: str | None, size: int) -> tuple[int, int]:
    """First byte and the one after the last."""
    if not wanted:
        return 0, size
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(int(last) + 1 if last else size, size)


def _head(status: int, length: int, lines: list[str] | None = None) -> bytes:
    said = {200: "OK", 206: "Partial Content", 404: "Not Found", 416: "Range Not Satisfiable"}
    parts = [f"HTTP/1.1 {status} {said[status]}", f"Content-Length: {length}", *(lines or [])]
    return ("\r\n".join(parts) + "\r\n\r\n").encode()


async def _main(arguments: argparse.Namespace) -> None:
    server = Server(
        folder=arguments.folder.resolve(),
        latency=arguments.latency / 1000,
        connection=arguments.connection * 1e6,
        total=Bucket(arguments.total * 1e6),
    )
    loop = asyncio.get_running_loop()
    open_connections: set[asyncio.Task[None]] = set()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        listener.setblocking(False)
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        over = loop.run_in_executor(None, sys.stdin.read)
        while not over.done():
            accept = asyncio.ensure_future(loop.sock_accept(listener))
            await asyncio.wait({accept, over}, return_when=asyncio.FIRST_COMPLETED)
            if not accept.done():
                accept.cancel()
                break
            task = asyncio.create_task(server.serve(accept.result()[0]))
            open_connections.add(task)
            task.add_done_callback(open_connections.discard)
    for task in open_connections:
        task.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latency", type=float, default=30, help="ms a request")
    parser.add_argument("--connection", type=float, default=60, help="MB/s a connection")
    parser.add_argument("--total", type=float, default=250, help="MB/s in all")
    asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
