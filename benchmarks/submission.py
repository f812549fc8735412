"""What it costs to submit a plan's tasks: our client beside the SDK's own helper, to a local sink.

- ours: `fleet.submit.add_tasks`, with the real `azure.batch.BatchClient`.
- SDK: `BatchClient.create_tasks` of azure-batch, which takes a list of its models, with as many
  threads as ours has calls at once; the list is made of the same documents.

Both begin with the plan read from its file, which does not count as time, and count until the last
task is taken; memory is the whole process's from start to end, the plan's reading included. The
sink (`sink.py`) is a process of its own, which answers as the service does and keeps nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import machine
import planning
from measure import Command, measure
from recorded_items import write_items
from table import Table, Target, ended, parser, ratio, row, text, to_json, write

if TYPE_CHECKING:
    from azure.batch import BatchClient

    from scenefleet.fleet.submit import JobSpec
    from scenefleet.plan import Documents

HERE = Path(__file__).resolve().parent
MOST_TIMES, MOST_MB = 1.0, 120.0
OURS, THEIRS = "scenefleet, add_tasks", "azure-batch, create_tasks"
CALLS = 8


def wanted() -> JobSpec:
    """A job whose tasks have what those of a run on Azure have."""
    from scenefleet.fleet.submit import JobSpec
    from scenefleet.store import NodeAccess, NodeFile

    code = f"{'5e' * 32}.pyz"
    signature = "sv=2025-05-05&sr=b&sp=r&se=2025-06-02T10%3A50%3A29Z&sig=" + "A" * 44
    return JobSpec(
        job="planning-1",
        pool="pool",
        run="planning",
        command=f"python3 {code} run",
        files={
            code: NodeFile(f"https://account.blob.core.windows.net/runs/code/{code}?{signature}")
        },
        access=NodeAccess({}),
        retries=2,
        task_minutes=60,
        hours=24,
    )


def submit_once(side: str, store: Path, run: str, sink: str) -> None:
    """One submission; says how long it took."""
    from scenefleet.fleet.connection import Connection, connect
    from scenefleet.run.record import load, load_plan
    from scenefleet.store.folder import FolderStore

    there = FolderStore(store)
    documents = load_plan(there, load(there, run)).documents
    with connect(Connection(sink, "account", "a2V5")) as client:
        wall, cpu = time.monotonic(), time.process_time()
        sent = (send if side == "ours" else send_by_sdk)(client, documents)
        took = {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}
    print(json.dumps({"sent": sent, **took}))


def send(client: BatchClient, documents: Documents) -> int:
    """By our client."""
    from scenefleet.fleet.submit import add_tasks

    return add_tasks(client, wanted(), documents, deadline=time.monotonic() + 3600).new


def send_by_sdk(client: BatchClient, documents: Documents) -> int:
    """By the SDK's helper."""
    from datetime import timedelta

    from azure.batch import models

    from scenefleet_task import spec

    job = wanted()

    def task(line: bytes) -> models.BatchTaskCreateOptions:
        document = json.loads(line)
        return models.BatchTaskCreateOptions(
            id=document["id"],
            display_name=document["source"]["id"],
            command_line=job.command,
            resource_files=[
                models.ResourceFile(http_url=file.url, file_path=name)
                for name, file in job.files.items()
            ],
            environment_settings=[
                models.EnvironmentSetting(name=spec.ENV_TASK, value=spec.encode_line(line))
            ],
            constraints=models.BatchTaskConstraints(
                max_wall_clock_time=timedelta(minutes=job.task_minutes),
                max_task_retry_count=job.retries,
                retention_time=timedelta(days=7),
            ),
        )

    tasks = [task(line) for line in documents.lines()]
    added = client.create_tasks(job.job, tasks, max_concurrency=CALLS)
    return len(added.result_values)


@contextmanager
def sink() -> Generator[str]:
    """A sink, by its address."""
    command = [sys.executable, str(HERE / "sink.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().decode().strip()
        process.stdin.close()


def planned(count: int, recorded: Path, folder: Path) -> str:
    """Plans so many items in a store at `folder`; the run's id."""
    items = folder / "items.jsonl"
    write_items(items, count, recorded)
    command = planning.command("plan", items, folder)
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    items.unlink()
    return json.loads(said)["run"]


def table(store: Path, run: str, rounds: int, folder: Path) -> Table:
    """Both in turn."""
    with sink() as address:
        common = ("--store", str(store), "--run", run, "--sink", address)
        script = (sys.executable, str(HERE / "submission.py"), "--side")
        commands = [
            Command(name=THEIRS, argv=(*script, "sdk", *common)),
            Command(name=OURS, argv=(*script, "ours", *common)),
        ]
        runs = measure(commands, rounds, folder / "logs", warm=False)
        with urlopen(address) as answer:  # noqa: S310 - our own address
            came = json.loads(answer.read())
    rows = tuple(
        row(one, runs[one.name], lambda run: run.said["cpu"], lambda run: run.said["wall"])
        for one in commands
    )
    theirs, ours = rows
    tasks = sum(said["sent"] for one in rows for said in one.said)
    assert came["tasks"] == tasks, f"{tasks} were sent, and {came['tasks']} came"
    return Table(
        title=f"Submitting {ours.said[0]['sent'] if ours.said else 0} tasks to a local sink",
        rows=rows,
        targets=(
            Target(
                what="wall of submission to the SDK's",
                found=ratio(ours, theirs, "wall"),
                limit=MOST_TIMES,
            ),
            Target(
                what="CPU of submission to the SDK's", found=ratio(ours, theirs), limit=MOST_TIMES
            ),
            Target(what="peak memory of submission", found=ours.peak, limit=MOST_MB, unit=" MB"),
        ),
    )


def main() -> int:
    """Runs the benchmark, or one side of it."""
    made = parser(__doc__)
    made.add_argument("--count", type=int, default=100_000, help="tasks, about")
    shared = Path(os.environ.get("SCENEFLEET_SHARED", HERE.parents[1] / "shared"))
    made.add_argument("--recorded", type=Path, default=shared / "data/stac", help="recorded items")
    made.add_argument("--side", choices=("ours", "sdk"), help=argparse.SUPPRESS)
    made.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--run", help=argparse.SUPPRESS)
    made.add_argument("--sink", help=argparse.SUPPRESS)
    arguments = made.parse_args()
    if arguments.side:
        submit_once(arguments.side, arguments.store, arguments.run, arguments.sink)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        store = Path(temporary, "store")
        store.mkdir()
        run = planned(arguments.count, arguments.recorded, store)
        found = table(store, run, arguments.rounds, Path(temporary))
    header = machine.header(sys.executable, None)
    print(text(found))
    write(arguments.json, told := to_json(header, [found]))
    return ended(told)


if __name__ == "__main__":
    sys.exit(main())
