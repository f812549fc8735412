"""CPU until a task's first read, beside the CPU of importing numpy and rasterio alone.

The first read is the first request for a source: the scene's addresses are those of a socket of
this process, which lets the task connect, and looks at the CPU clocks of the task's processes
(supervisor and computing process) as the first bytes of a request come in. The task is killed then.
The import is `import numpy, rasterio`, its CPU taken as the import ends, without the interpreter's
end. Each includes the interpreter's start. In turn, as everything.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from measure import ENVIRONMENT, Command, Run, processes
from services import cpu_of
from table import Row, Table, Target, ratio, row

IMPORT = "import time, numpy, rasterio; print(time.process_time())"
IMPORTING = Command(name="import numpy, rasterio", argv=())
TASK = Command(name="task until its first read", argv=())
PATIENCE = 60
"""Seconds until a task that asks for nothing is an error."""


@contextlib.contextmanager
def listening() -> Generator[tuple[socket.socket, str]]:
    """A socket, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


def import_once(python: str) -> Run:
    """The comparison."""
    start = time.monotonic()
    done = subprocess.run(
        [python, "-c", IMPORT], env=_environment({}), stdout=subprocess.PIPE, check=True
    )
    return _run(float(done.stdout), time.monotonic() - start)


def task_once(argv: Sequence[str], environment: Mapping[str, str], listener: socket.socket) -> Run:
    """One start of the task; CPU of all its processes at the first request.

    Raises:
        RuntimeError: if it asks for nothing, with what it said.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "said").open("w+") as said:
        process = subprocess.Popen(
            argv, env=_environment(environment), cwd=folder, stdout=said, stderr=said,
            start_new_session=True,
        )  # fmt: skip
        try:
            _wait_for_request(listener)
            cpu, wall = sum(map(cpu_of, processes(process.pid))), time.monotonic() - start
        except TimeoutError:
            said.seek(0)
            raise RuntimeError(f"the task asks for nothing; it said: {said.read()}") from None
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        _drop(listener)
    return _run(cpu, wall)


def table(
    python: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    listener: socket.socket,
    rounds: int,
) -> Table:
    """Both in turn; the first round of each, which fills the page cache, does not count."""
    imports, tasks = [], []
    for _ in range(rounds + 1):
        imports.append(import_once(python))
        tasks.append(task_once(argv, environment, listener))
    rows: list[Row] = [row(IMPORTING, imports[1:]), row(TASK, tasks[1:])]
    return Table(
        title="Start-up",
        text="CPU s of all processes of the task as its first request for a source arrives.",
        rows=tuple(rows),
        targets=(
            Target(
                what="CPU to the first read, of importing numpy and rasterio",
                found=ratio(rows[1], rows[0]),
                limit=1.3,
            ),
        ),
    )


def _wait_for_request(listener: socket.socket) -> None:
    """Passes over connections of a task that was killed."""
    while True:
        peer, _ = listener.accept()
        with peer, contextlib.suppress(ConnectionError):
            if peer.recv(1):
                return


def _drop(listener: socket.socket) -> None:
    """Connections of a task that is dead by now."""
    listener.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
    listener.settimeout(PATIENCE)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **ENVIRONMENT, **more}


def _run(cpu: float, wall: float) -> Run:
    return Run(cpu=cpu, wall=wall, peak=0, tree=0, read=0, written=0, output=0, said={})
