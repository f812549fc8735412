"""Whatever clients, faults, the clock and `kill -9` do, in whatever order, the books stay right.

Hypothesis makes sequences of operations and shrinks those that break an invariant:

- a task runs at most once at a time: each holds a lock while it runs, and tells if it cannot;
- a node's slots are never exceeded;
- a completed task stays completed, unless it was reactivated;
- counts equal the list;
- what is ended ends, whatever was under way, and there is room for the next;
- nothing that was accepted is lost, and nothing that was deleted is back.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from batch_emulator.admin.client import AdminError, NodeFault
from batch_emulator.process import start

EXAMPLES = int(os.environ.get("EMULATOR_EXAMPLES", "8"))
"""More of them, as `EMULATOR_EXAMPLES=200 pytest tests/emulator/test_machine.py`, find more."""
SLOTS = 4
ANSWERS = {200, 201, 202, 204, 404, 409}
"""What a request in an order that nobody planned may be answered with."""


class Emulator(RuleBasedStateMachine):
    """An emulator with one pool, and what it has accepted."""

    jobs = Bundle("jobs")
    tasks = Bundle("tasks")

    def __init__(self, signed: Callable[..., httpx.Response], pool: dict[str, Any]) -> None:
        super().__init__()
        self.signed = signed
        self.pool = pool
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.server = ExitStack()
        self.accepted: dict[str, set[str]] = {}
        self.ordered: set[str] = set()
        self.done: set[tuple[str, str]] = set()
        self.names = 0
        self.begin()

    def begin(self) -> None:
        state = self.folder / "state"
        self.running = self.server.enter_context(start("--boot-time=0.02", f"--state={state}"))

    def teardown(self) -> None:
        self.server.close()
        self.stack.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.signed(self.running, method, path, json=body)
        while answer.status_code == 503:  # an order of `trouble`: it was not done
            answer = self.signed(self.running, method, path, json=body)
        assert answer.status_code in ANSWERS, f"{method} {path}: {answer.text}"
        return answer

    def every(self, path: str) -> list[dict[str, Any]]:
        return self.ask("GET", path).json().get("value", [])

    @initialize()
    def make_pool(self) -> None:
        assert self.ask("POST", "/pools", self.pool).status_code == 201

    @rule(target=jobs, ordered=st.booleans(), parallel=st.sampled_from([-1, 1, 3]))
    def make_job(self, ordered: bool, parallel: int) -> str:
        self.names += 1
        name = f"job{self.names}"
        body = {
            "id": name,
            "poolInfo": {"poolId": "pool"},
            "usesTaskDependencies": ordered,
            "maxParallelTasks": parallel,
        }
        assert self.ask("POST", "/jobs", body).status_code == 201
        self.accepted[name] = set()
        self.ordered |= {name} if ordered else set()
        return name

    @rule(
        target=tasks,
        job=jobs,
        seconds=st.sampled_from([0, 0.05, 30]),
        code=st.sampled_from([0, 0, 1]),
        slots=st.integers(1, SLOTS),
        retries=st.integers(0, 1),
        parents=st.lists(st.integers(1, 20), max_size=2),
    )
    def add_task(
        self, job: str, seconds: float, code: int, slots: int, retries: int, parents: list[int]
    ) -> tuple[str, str]:
        self.names += 1
        name = f"{self.names}"
        alone = f"flock -n {self.folder}/{job}-{name} sleep {seconds}"
        command = f"{alone} || echo {job} {name} >> {self.folder}/twice; exit {code}"
        body = {
            "id": name,
            "commandLine": f"/bin/sh -c '{command}'",
            "requiredSlots": slots,
            "constraints": {"maxTaskRetryCount": retries},
        }
        if parents and job in self.ordered:
            body["dependsOn"] = {"taskIds": [str(parent) for parent in parents]}
        if self.ask("POST", f"/jobs/{job}/tasks", body).status_code == 201:
            self.accepted[job].add(name)
        return job, name

    @rule(task=tasks)
    def terminate_task(self, task: tuple[str, str]) -> None:
        self.ask("POST", f"/jobs/{task[0]}/tasks/{task[1]}/terminate")

    @rule(task=tasks)
    def reactivate_task(self, task: tuple[str, str]) -> None:
        self.look()
        if self.ask("POST", f"/jobs/{task[0]}/tasks/{task[1]}/reactivate").status_code == 204:
            self.done.discard(task)

    @rule(task=tasks)
    def delete_task(self, task: tuple[str, str]) -> None:
        if self.ask("DELETE", f"/jobs/{task[0]}/tasks/{task[1]}").status_code == 200:
            self.accepted[task[0]].discard(task[1])
            self.done.discard(task)

    @rule(job=jobs, how=st.sampled_from(["requeue", "terminate", "wait"]))
    def disable_job(self, job: str, how: str) -> None:
        self.ask("POST", f"/jobs/{job}/disable", {"disableTasks": how})

    @rule(job=jobs)
    def enable_job(self, job: str) -> None:
        self.ask("POST", f"/jobs/{job}/enable")

    @rule(job=jobs)
    def terminate_job(self, job: str) -> None:
        self.ask("POST", f"/jobs/{job}/terminate")

    @rule(nodes=st.integers(0, 3), spot=st.integers(0, 1))
    def resize(self, nodes: int, spot: int) -> None:
        targets = {"targetDedicatedNodes": nodes, "targetLowPriorityNodes": spot}
        self.ask("POST", "/pools/pool/resize", targets)

    @rule(span=st.sampled_from([timedelta(seconds=1), timedelta(minutes=20), timedelta(days=8)]))
    def advance(self, span: timedelta) -> None:
        self.running.admin.advance(span)

    @rule(
        fault=st.sampled_from(["preempted", "unusable", "unknown", "offline"]),
        seed=st.integers(0, 9),
    )
    def strike(self, fault: NodeFault, seed: int) -> None:
        with contextlib.suppress(AdminError):  # where no node is left for it
            self.running.admin.strike("pool", fault, count=1, seed=seed)

    @rule()
    def bring_back(self) -> None:
        with contextlib.suppress(AdminError):
            self.running.admin.bring_back("pool")

    @rule(at=st.integers(0, 4), act=st.sampled_from(["reboot", "reimage", "disablescheduling"]))
    def act_on_node(self, at: int, act: str) -> None:
        nodes = self.every("/pools/pool/nodes")
        if at < len(nodes):
            self.ask("POST", f"/pools/pool/nodes/{nodes[at]['id']}/{act}")

    @rule(times=st.integers(1, 3), seed=st.integers(0, 9))
    def trouble(self, times: int, seed: int) -> None:
        self.running.admin.fail_requests(503, times=times, probability=0.5, seed=seed)

    @rule()
    def bring_all_to_an_end(self) -> None:
        """Jobs that are ended do end, nodes that leave do leave, and a new one takes a new task."""
        for job in self.accepted:
            self.ask("POST", f"/jobs/{job}/terminate")
        self.until(lambda: all(job["state"] == "completed" for job in self.every("/jobs")))
        self.size(0)
        self.until(lambda: not self.every("/pools/pool/nodes"))
        self.size(1)
        self.names += 1
        name = f"end{self.names}"
        self.ask("POST", "/jobs", {"id": name, "poolInfo": {"poolId": "pool"}})
        self.ask("POST", f"/jobs/{name}/tasks", {"id": "1", "commandLine": "/bin/true"})
        self.accepted[name] = {"1"}
        self.until(lambda: self.every(f"/jobs/{name}/tasks")[0]["state"] == "completed")

    def size(self, nodes: int) -> None:
        """Have so many nodes wanted, once a resize that is under way lets that be."""
        targets = {"targetDedicatedNodes": nodes, "targetLowPriorityNodes": 0}
        resize = "/pools/pool/resize"
        self.until(lambda: self.ask("POST", resize, targets).status_code == 202)

    def until(self, come: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not come():
            assert time.monotonic() < end, self.every("/jobs") + self.every("/pools/pool/nodes")
            time.sleep(0.02)

    @rule()
    def kill(self) -> None:
        self.look()
        self.running.process.kill()
        self.running.process.wait(10)
        self.server.close()
        self.begin()

    def look(self) -> None:
        """Note which tasks have completed; those that had must be so still."""
        for job in self.accepted:
            found = {task["id"]: task for task in self.every(f"/jobs/{job}/tasks")}
            assert set(found) == self.accepted[job]
            completed = {(job, name) for name, t in found.items() if t["state"] == "completed"}
            assert {done for done in self.done if done[0] == job} <= completed
            self.done |= completed

    @invariant()
    def nothing_is_lost_and_what_is_done_stays_done(self) -> None:
        self.look()

    @invariant()
    def counts_equal_the_list(self) -> None:
        for job in self.accepted:
            for _ in range(50):
                before = self.ask("GET", f"/jobs/{job}/taskcounts").json()["taskCounts"]
                listed = self.every(f"/jobs/{job}/tasks")
                after = self.ask("GET", f"/jobs/{job}/taskcounts").json()["taskCounts"]
                if before == after:
                    break
            states = Counter(task["state"].replace("preparing", "running") for task in listed)
            results = Counter(task["executionInfo"].get("result") for task in listed)
            assert before == {
                "active": states["active"],
                "running": states["running"],
                "completed": states["completed"],
                "succeeded": results["success"],
                "failed": results["failure"],
            }, json.dumps(listed)

    @invariant()
    def slots_are_never_exceeded(self) -> None:
        for node in self.every("/pools/pool/nodes"):
            assert 0 <= node["runningTaskSlotsCount"] <= SLOTS
            assert (node["runningTasksCount"] == 0) == (node["runningTaskSlotsCount"] == 0)

    @invariant()
    def no_task_runs_twice_at_a_time(self) -> None:
        twice = self.folder / "twice"
        assert not twice.exists(), twice.read_text()


def test_the_books_stay_right(signed, a_pool):
    pool = a_pool("pool", targetDedicatedNodes=2, taskSlotsPerNode=SLOTS)
    run_state_machine_as_test(
        lambda: Emulator(signed, pool),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
