"""An emulator of its own for the room's tests, driven by the unmodified azure-batch client."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ODataV4Format
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest, HttpResponse

from batch_emulator.process import Running, start
from conformity import Book, Exchanged, read_book
from own_ca import Certificate
from own_ca import make as make_certificate

PATIENCE = 20.0
_names = itertools.count(1)


@dataclass
class Batch:
    """A client of an emulator, with the shortest words for what tests do all the time."""

    running: Running
    client: BatchClient
    pools: list[str] = field(default_factory=list)

    def name(self, kind: str) -> str:
        return f"{kind}-{next(_names)}"

    def pool(self, nodes: int = 1, *, waits: bool = True, **properties: Any) -> str:
        pool_id = self.name("pool")
        body = pool_body(pool_id, **properties)
        if not properties.get("enableAutoScale"):
            body.setdefault("targetDedicatedNodes", nodes)
        self.client.create_pool(models.BatchPoolCreateOptions(body))
        self.pools.append(pool_id)
        if (
            waits
            and body.get("targetDedicatedNodes") == 0
            and not body.get("targetLowPriorityNodes")
        ):
            self.steady(pool_id)  # a new pool is resizing for a moment, also to no nodes
        return pool_id

    def steady(self, pool: str) -> None:
        """Waits until the pool can be resized."""
        self.until(
            lambda: self.client.get_pool(pool), lambda found: found.allocation_state == "steady"
        )

    def job(self, pool: str | None = None, **properties: Any) -> str:
        job_id = self.name("job")
        pool_id = self.pool() if pool is None else pool
        body = {"id": job_id, "poolInfo": {"poolId": pool_id}, **properties}
        self.client.create_job(models.BatchJobCreateOptions(body))
        return job_id

    def task(
        self, job: str, command: str = "/bin/true", name: str | None = None, **rest: Any
    ) -> str:
        task_id = name or self.name("task")
        body = {"id": task_id, "commandLine": command, **rest}
        self.client.create_task(job, models.BatchTaskCreateOptions(body))
        return task_id

    def run(self, command: str, job: str | None = None, **properties: Any) -> models.BatchTask:
        """A task, once it has completed."""
        job = job or self.job()
        return self.completed(job, self.task(job, command, **properties))

    def turn(self) -> None:
        """Has a task of its own come, be scheduled and run: what was due before has been done."""
        assert self.run("/bin/true").execution_info.result == "success"

    def completed(self, job: str, task: str) -> models.BatchTask:
        return self.until(lambda: self.client.get_task(job, task), lambda t: t.state == "completed")

    def text(self, job: str, task: str, path: str = "stdout.txt") -> str:
        return b"".join(self.client.download_task_file(job, task, path)).decode()

    def counts(self, job: str) -> models.BatchTaskCounts:
        return self.client.get_job_task_counts(job).task_counts

    def until(
        self,
        look: Callable[[], Any],
        enough: Callable[[Any], bool] = bool,
        patience: float = PATIENCE,
    ) -> Any:
        """What `look` sees once it is enough."""
        end = time.monotonic() + patience
        while not enough(seen := look()):
            if time.monotonic() > end:
                pytest.fail(f"not within {patience} s; last seen: {seen}")
            time.sleep(0.02)
        return seen

    def nodes(self, pool: str, *states: str) -> list[models.BatchNode]:
        return [n for n in self.client.list_nodes(pool) if not states or n.state in states]

    def ready(self, pool: str, count: int) -> list[models.BatchNode]:
        return self.until(lambda: self.nodes(pool, "idle", "running"), lambda n: len(n) == count)

    def raw(self, method: str, path: str, **rest: Any) -> httpx.Response:
        """A request of our own making, signed as the service's reference says."""
        return signed_request(self.running, method, path, **rest)


def pool_body(pool_id: str, **properties: Any) -> dict[str, Any]:
    return {
        "id": pool_id,
        "vmSize": "Standard_D4s_v5",
        "virtualMachineConfiguration": {
            "imageReference": {
                "publisher": "microsoft-dsvm",
                "offer": "ubuntu-hpc",
                "sku": "2404",
                "version": "latest",
            },
            "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        },
        **properties,
    }


def signed_request(
    running: Running,
    method: str,
    path: str,
    *,
    sign_path: str | None = None,
    date: str | None = None,
    json: Any = None,
    content: bytes | None = None,
    headers: dict[str, str] | None = None,
    version: str = "2025-06-01",
) -> httpx.Response:
    """Sign independently of the client: a second reading of the service's rules."""
    import base64
    import hashlib
    import hmac
    from email.utils import formatdate

    separator = "&" if "?" in path else "?"
    request = httpx.Request(
        method,
        f"{running.endpoint}{path}{separator}api-version={version}",
        json=json,
        content=content,
        headers={"ocp-date": date or formatdate(usegmt=True), **(headers or {})},
    )
    names = "content-encoding content-language content-length content-md5 content-type date"
    names += " if-modified-since if-match if-none-match if-unmodified-since range"
    values = [request.headers.get(name, "") for name in names.split()]
    if method not in ("GET", "HEAD"):
        values[2] = values[2] or "0"
    raw_path, _, _query = request.url.raw_path.decode().partition("?")
    query = sorted(request.url.params.items())
    text = "\n".join(
        [
            method,
            *values,
            *(f"{k}:{v}" for k, v in sorted(request.headers.items()) if k.startswith("ocp-")),
            f"/{running.account}{sign_path or raw_path}",
            *(f"{k}:{v}" for k, v in query if v),
        ]
    )
    secret = base64.b64decode(running.key)
    signature = base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())
    request.headers["authorization"] = f"SharedKey {running.account}:{signature.decode()}"
    # No certificates to load for plain http: that alone would take most of a test's time.
    with httpx.Client(trust_env=False, verify=False, timeout=60) as client:  # noqa: S501 - plain http
        answer = client.send(request)
    witness(
        Exchanged(
            method,
            str(request.url),
            dict(request.headers),
            answer.status_code,
            dict(answer.headers),
            answer.content,
        )
    )
    return answer


_book: list[Book] = []
"""The documents that answers are held to, where they are at hand."""


def witness(exchanged: Exchanged) -> None:
    """Hold an answer to the documents."""
    for book in _book:
        book.check(exchanged)


class Witness(RequestsTransport):
    """The client's own transport, and a look at what came over it."""

    def send(self, request: HttpRequest, **rest: Any) -> HttpResponse:
        """Send as ever."""
        answer = super().send(request, **rest)
        _look(request, answer, streamed=bool(rest.get("stream")))
        return answer


class AsyncWitness(AioHttpTransport):
    """The same for the asynchronous client."""

    async def send(self, request: HttpRequest, **rest: Any) -> AsyncHttpResponse:
        """Send as ever."""
        answer = await super().send(request, **rest)
        _look(request, answer, streamed=bool(rest.get("stream")))
        return answer


def _look(request: Any, answer: Any, *, streamed: bool) -> None:
    witness(
        Exchanged(
            request.method,
            request.url,
            {name.lower(): str(value) for name, value in request.headers.items()},
            answer.status_code,
            {name.lower(): value for name, value in answer.headers.items()},
            None if streamed else _body(answer),
        )
    )


def _body(answer: Any) -> bytes:
    """What was answered, whichever of its two kinds of answer the client asked for."""
    return answer.content if hasattr(answer, "content") else answer.body()


@pytest.fixture(scope="session", autouse=True)
def book(pytestconfig: pytest.Config) -> Book | None:
    """What the service's documents say, in the shared folder; None where it is not there."""
    shared = os.environ.get("SCENEFLEET_SHARED", pytestconfig.rootpath.parent / "shared")
    reference = Path(shared) / "reference"
    if not reference.is_dir():
        return None
    _book[:] = [read_book(reference)]
    return _book[0]


@pytest.fixture(autouse=True)
def _answers_are_the_service_s(book: Book | None) -> Iterator[None]:
    """Fail a test in which the emulator answered as the service does not."""
    yield
    if book is not None:
        found, book.found = book.found, []
        assert not found, "\n".join(found)


def _client(running: Running) -> BatchClient:
    credential = AzureNamedKeyCredential(running.account, running.key)
    transport = Witness(connection_verify=running.trust)
    return BatchClient(running.endpoint, credential, transport=transport)


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[Running]:
    with start("--boot-time=0.05", "--nodes=40", "--allow-file-urls") as running:
        yield running


@pytest.fixture
def batch(shared_emulator: Running) -> Iterator[Batch]:
    """The room's emulator; pools that a test makes are deleted after it."""
    with _client(shared_emulator) as client:
        batch = Batch(shared_emulator, client)
        yield batch
        for pool in batch.pools:
            batch.raw("DELETE", f"/pools/{pool}")


@pytest.fixture
def watched() -> type[AioHttpTransport]:
    """The transport for an asynchronous client whose answers are held to the documents too."""
    return AsyncWitness


@pytest.fixture
def connected() -> Iterator[Callable[[Running], Batch]]:
    """Makes a client of an emulator that runs."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda running: Batch(running, stack.enter_context(_client(running)))


@pytest.fixture
def emulator() -> Iterator[Callable[..., Batch]]:
    """Starts an emulator with other options."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def begin(*options: str, **rest: Any) -> Batch:
            running = stack.enter_context(start(*options, **rest))
            return Batch(running, stack.enter_context(_client(running)))

        yield begin


@pytest.fixture(scope="session")
def signed() -> Callable[..., httpx.Response]:
    """Sends a request of our own making to an emulator."""
    return signed_request


@pytest.fixture(scope="session")
def a_pool() -> Callable[..., dict[str, Any]]:
    """Makes the body of a request for a pool."""
    return pool_body


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of this machine and who signed it, made for this run."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Tells whether a process runs: one that nobody has waited for yet does not."""

    def look(pid: int) -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state not in "ZX"

    return look


@pytest.fixture
def refused() -> Callable[[Callable[[], Any]], HttpResponseError]:
    """Calls what must be refused; returns the client's error."""

    def call(attempt: Callable[[], Any]) -> HttpResponseError:
        with pytest.raises(HttpResponseError) as caught:
            attempt()
        if caught.value.error is None:
            # The client does not read the body of a download that is refused.
            assert caught.value.response is not None
            caught.value.response.read()
            caught.value.error = ODataV4Format(caught.value.response.json())
        return caught.value

    return call
