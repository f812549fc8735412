"""What a client asks of a Batch emulator, as a process of its own: prints what it took as JSON.

The endpoint, account and key come in BATCH_ENDPOINT, BATCH_ACCOUNT and BATCH_KEY.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import Any
from urllib.parse import parse_qs, urlsplit

from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.rest import HttpRequest

Json = dict[str, Any]
CALLS = 8
SMALL = 1_000
LOOKS = 21
"""Times that a page is asked for; their median counts."""
COMMAND = "/bin/true"


@contextmanager
def client() -> Iterator[BatchClient]:
    """The unmodified client of the emulator, or of what stands in for it."""
    credential = AzureNamedKeyCredential(os.environ["BATCH_ACCOUNT"], os.environ["BATCH_KEY"])
    with BatchClient(os.environ["BATCH_ENDPOINT"], credential) as made:
        yield made


def pool(batch: BatchClient, nodes: int) -> str:
    """A pool, once its nodes are ready."""
    image = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"}
    machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}
    body = {
        "id": f"pool-{nodes}",
        "vmSize": "Standard_D4s_v5",
        "virtualMachineConfiguration": machine,
        "targetDedicatedNodes": nodes,
    }
    batch.create_pool(models.BatchPoolCreateOptions(body))
    while sum(node.state == "idle" for node in batch.list_nodes(body["id"])) < nodes:
        time.sleep(0.05)
    return body["id"]


def tasks(count: int) -> list[models.BatchTaskCreateOptions]:
    """Tasks as a program of some size has them: a command, a file, two settings."""
    settings = [
        models.EnvironmentSetting(name="SCENE", value="S2A_MSIL2A_20250601T105029_N0511_R051"),
        models.EnvironmentSetting(name="DOCUMENT", value="e" * 400),
    ]
    file = models.ResourceFile(
        http_url="https://account.blob.core.windows.net/code/task.pyz?" + "s" * 120,
        file_path="task.pyz",
    )
    return [
        models.BatchTaskCreateOptions(
            id=f"{number:020x}",
            command_line="python3 task.pyz run",
            resource_files=[file],
            environment_settings=settings,
            constraints=models.BatchTaskConstraints(max_task_retry_count=2),
        )
        for number in range(count)
    ]


def fill(batch: BatchClient, job: str, count: int) -> Json:
    """Adds tasks by the SDK's own helper; making the models does not count."""
    made = tasks(count)
    wall, cpu = time.monotonic(), time.process_time()
    added = batch.create_tasks(job, made, max_concurrency=CALLS)
    took = {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}
    assert len(added.result_values) == count
    return {"tasks": count, **took}


def accept(count: int) -> Json:
    """Tasks to a job that is called `job`; a sink needs none to be there."""
    with client() as batch:
        return fill(batch, "job", count)


def create_job(batch: BatchClient, job: str, pool_id: str = "nowhere") -> None:
    """A job; its pool need not be there."""
    batch.create_job(models.BatchJobCreateOptions({"id": job, "poolInfo": {"poolId": pool_id}}))


def look(count: int) -> Json:
    """What pages and counts take, of a small job and of a large one in turn: medians."""
    with client() as batch:
        for job, size in (("small", SMALL), ("large", count)):
            create_job(batch, job)
            fill(batch, job, size)
        last = f"&$skiptoken={_token_of_last(batch, 'large')}"
        chosen = "&$filter=state%20eq%20'active'"

        def page(job: str, query: str = "") -> None:
            url = f"/jobs/{job}/tasks?api-version=2025-06-01&maxresults={SMALL}{query}"
            answer = batch.send_request(HttpRequest("GET", url))
            assert answer.status_code == 200
            assert answer.content.count(b'"commandLine"') == SMALL

        asked: dict[str, Callable[[], object]] = {
            "page of the small job": lambda: page("small"),
            "first page of the large job": lambda: page("large"),
            "last page of the large job": lambda: page("large", last),
            "page of the small job, filtered": lambda: page("small", chosen),
            "page of the large job, filtered": lambda: page("large", chosen),
            "counts of the small job": lambda: batch.get_job_task_counts("small"),
            "counts of the large job": lambda: batch.get_job_task_counts("large"),
        }
        took: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(LOOKS):
            for name, ask in asked.items():
                took[name].append(_seconds(ask))
    return {name: median(seconds) for name, seconds in took.items()}


def _token_of_last(batch: BatchClient, job: str) -> str:
    url, token = f"/jobs/{job}/tasks?api-version=2025-06-01&$select=id", ""
    while url:
        told = batch.send_request(HttpRequest("GET", url)).json()
        url = told.get("odata.nextLink", "")
        token = parse_qs(urlsplit(url).query)["$skiptoken"][0] if url else token
    return token


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def trivial(count: int, width: int) -> Json:
    """From letting a job's tasks run to the end of the last, on so many nodes."""
    with client() as batch:
        create_job(batch, "job", pool(batch, width))
        stop = models.BatchJobDisableOptions(disable_tasks="requeue")
        batch.begin_disable_job("job", stop, polling_interval=0).result()
        many = [
            models.BatchTaskCreateOptions(id=f"{n}", command_line=COMMAND) for n in range(count)
        ]
        batch.create_tasks("job", many)
        start = time.monotonic()
        batch.begin_enable_job("job", polling_interval=0)
        while batch.get_job_task_counts("job").task_counts.completed < count:
            time.sleep(0.05)
        wall = time.monotonic() - start
        assert batch.get_job_task_counts("job").task_counts.succeeded == count
    return {"wall": wall}


def bare(count: int, width: int) -> Json:
    """As many processes from a pool of threads, with nothing around them."""
    start = time.monotonic()
    with ThreadPoolExecutor(width) as threads:
        codes = list(threads.map(lambda _: subprocess.run([COMMAND], check=True), range(count)))
    assert len(codes) == count
    return {"wall": time.monotonic() - start}


def main() -> None:
    """Does one thing."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("what", choices=("accept", "look", "trivial", "bare"))
    made.add_argument("--count", type=int, required=True)
    made.add_argument("--width", type=int, default=0)
    asked = made.parse_args()
    one = {"accept": accept, "look": look}
    many = {"trivial": trivial, "bare": bare}
    if asked.what in one:
        print(json.dumps(one[asked.what](asked.count)))
    else:
        print(json.dumps(many[asked.what](asked.count, asked.width)))


if __name__ == "__main__":
    main()
