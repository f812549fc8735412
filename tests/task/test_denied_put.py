"""A put that Azure Storage refuses ends with the remedy for the very refusal."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError
from scenefleet_task.put_blob import BlobTarget


@contextmanager
def refusing(code: str) -> Generator[str]:
    """Serves an account that refuses every put with 403 and a code, as Azure Storage does."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No</Message></Error>"
            self.send_response(403)
            self.send_header("x-ms-error-code", code)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/account/container"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AuthorizationPermissionMismatch", "Give the role Storage Blob Data Contributor"),
        ("AuthorizationFailure", "Most often the storage account's firewall"),
        ("PublicAccessNotPermitted", "carried no credential"),
        ("KeyBasedAuthenticationNotPermitted", "allows no account keys"),
    ],
)
def test_a_refused_put_says_what_to_do(code: str, words: str) -> None:
    with refusing(code) as address, pytest.raises(TaskError, match=words) as caught:
        BlobTarget(address, "sv=2024-01-01&sp=r&sig=c2VjcmV0", None).put(b"x", "a.txt")
    assert caught.value.exit == Exit.STORE_DENIED
    assert code in caught.value.message
    assert "c2VjcmV0" not in caught.value.message
