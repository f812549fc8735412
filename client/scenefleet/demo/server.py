"""The demo's archive as a STAC API on loopback: core, features, item search, CQL2 JSON filter.

It really does what its conformance classes say, so that a run of the demo takes the same way as one
against Planetary Computer. Files come with HTTP ranges.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scenefleet.errors import ScenefleetError

if TYPE_CHECKING:
    from uvicorn import Server

_START_SECONDS = 15.0


class DemoServerError(ScenefleetError):
    """The demo's server did not start."""


@contextmanager
def serve_archive(folder: Path, *, port: int = 0) -> Generator[str]:
    """Serves an archive that `make_archive` made; gives the URL of its STAC API.

    Args:
        folder: the archive.
        port: on 127.0.0.1; 0 for any that is free.

    Raises:
        DemoServerError: if the port is taken.
    """
    import uvicorn

    from scenefleet.demo.api import application

    listener = _listen(port)
    # log_config=None: uvicorn would otherwise write its own lines between the client's
    config = uvicorn.Config(
        application(folder), lifespan="off", ws="none", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, args=([listener],), name="demo-server", daemon=True
    )
    thread.start()
    try:
        _wait(server, thread)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        listener.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise DemoServerError(
            f"Port {port} of 127.0.0.1 cannot be used ({error.strerror}); give another, or 0 for "
            "any that is free."
        ) from None
    return listener


def _wait(server: Server, thread: threading.Thread) -> None:
    end = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise DemoServerError("The demo's STAC server did not start.")
        time.sleep(0.01)
