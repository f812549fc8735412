"""A stand-in for Azure Batch that takes tasks and keeps none: says on standard output where it is.

Each task of a collection is answered as the service answers one that was added. It runs until its
standard input ends.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ID = re.compile(rb'"id": ?"([0-9a-f]{20})"')


class Sink(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    tasks = 0
    size = 0
    lock = threading.Lock()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base's name
        """Nothing."""

    def do_POST(self) -> None:
        """Adds a collection of tasks."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ids = [name.decode() for name in _ID.findall(body)]
        with Sink.lock:
            Sink.tasks += len(ids)
            Sink.size += len(body)
        job = f"http://{self.headers['Host']}{self.path.partition('/addtaskcollection')[0]}"
        self._answer({"value": [_added(name, job) for name in ids]})

    def do_GET(self) -> None:
        """What came so far."""
        self._answer({"tasks": Sink.tasks, "bytes": Sink.size})

    def _answer(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; odata=minimalmetadata")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _added(name: str, job: str) -> dict[str, str]:
    return {
        "status": "success",
        "taskId": name,
        "eTag": "0x8DD0A1B2C3D4E5F",
        "lastModified": "2025-06-01T10:50:29.1234567Z",
        "location": f"{job}/tasks/{name}",
    }


def main() -> None:
    """Serves until standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
