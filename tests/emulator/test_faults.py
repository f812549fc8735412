"""Faults of requests: ordered, the same each time, and survived by the unmodified client."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ServiceResponseError

from batch_emulator.admin.client import AdminError

HOUR = timedelta(hours=1)


@pytest.fixture
def admin(batch):
    """The shared emulator's, without faults before and after."""
    batch.running.admin.clear_faults()
    yield batch.running.admin
    batch.running.admin.clear_faults()


def history(admin, operation=None):
    """Statuses of the service's last requests, the oldest first."""
    asked = [one for one in admin.requests() if not one["path"].startswith("/admin/")]
    return [one["status"] for one in reversed(asked) if operation in (None, one["operation"])]


def test_the_client_waits_as_it_is_told_and_comes_again(batch, admin):
    job = batch.job()
    admin.fail_requests(429, retry_after=1, method="POST", path=f"/jobs/{job}/tasks")
    admin.fail_requests(503, retry_after=0.05, method="POST", path=f"/jobs/{job}/tasks")
    start = time.monotonic()
    task = batch.task(job)
    assert time.monotonic() - start >= 1
    assert batch.completed(job, task).execution_info.result == "success"
    mine = [one for one in admin.requests() if one["path"] == f"/jobs/{job}/tasks"]
    assert [(one["status"], one["code"], one["faults"]) for one in reversed(mine)] == [
        (429, "TooManyRequests", ["error 429"]),
        (503, "ServerBusy", ["error 503"]),
        (201, None, []),
    ]


def test_reads_and_deletes_survive_503_without_being_told_when(batch, admin):
    job = batch.job()
    admin.fail_requests(times=2, method="GET", path=f"/jobs/{job}")
    admin.fail_requests(500, times=1, method="DELETE", path=f"/jobs/{job}")
    assert batch.client.get_job(job).id == job
    batch.client.begin_delete_job(job).result()
    assert [one["struck"] for one in admin.faults()] == [2, 1]


def test_an_error_has_the_service_s_words(batch, admin, refused):
    admin.fail_requests(429, path="/jobs")
    error = refused(batch.job)
    assert (error.status_code, error.error.code) == (429, "TooManyRequests")
    assert error.error.message.startswith("Request failed as server encountered too many requests.")
    assert "Retry-After" not in error.response.headers
    admin.fail_requests(409, "ActiveJobAndScheduleQuotaReached", path="/jobs")
    error = refused(batch.job)
    assert (error.status_code, error.error.code) == (409, "ActiveJobAndScheduleQuotaReached")
    admin.ask("POST", "faults", {"kind": "error", "status": 418, "code": "Odd", "message": "So."})
    error = refused(lambda: batch.client.get_job("any"))
    assert (error.status_code, error.error.code) == (418, "Odd")
    assert error.error.message.startswith("So.\nRequestId:")


def test_a_fault_is_for_the_requests_it_names_after_those_it_lets_pass(batch, admin):
    job = batch.job()
    admin.fail_requests(404, "JobNotFound", method="GET", path=f"/jobs/{job}", skip=1, times=2)
    codes = []
    for _ in range(4):
        assert list(batch.client.list_tasks(job)) == []
        answer = batch.raw("GET", f"/jobs/{job}")
        codes.append(answer.status_code)
    assert codes == [200, 404, 404, 200]
    (fault,) = admin.faults()
    assert (fault["met"], fault["struck"]) == (3, 2)


@pytest.mark.parametrize(("when", "there"), [("before", False), ("after", True), ("body", True)])
def test_a_dropped_connection_leaves_the_client_in_doubt(batch, admin, when, there):
    pool = batch.pool()
    job = batch.job(pool)
    path = f"/jobs/{job}/addtaskcollection"
    admin.drop_requests(when, method="POST", path=path)
    group = models.BatchTaskGroup(
        task_values=[models.BatchTaskCreateOptions({"id": "t", "commandLine": "/bin/true"})]
    )
    # The client retries no POST whose fate it does not know, and neither does a bare HTTP client.
    with pytest.raises((ServiceResponseError, HttpResponseError)):
        batch.client.create_task_collection(job, group, retry_total=0)
    assert [task.id for task in batch.client.list_tasks(job)] == ["t"] * there
    (told,) = [one for one in admin.requests() if one["path"] == path]
    assert told["faults"] == [f"drop {when}"]
    assert told["status"] == (200 if when == "body" else None)
    # submitting again is safe: it is there once, whatever happened
    (result,) = batch.client.create_tasks(
        job, [models.BatchTaskCreateOptions({"id": "t", "commandLine": "/bin/true"})]
    ).result_values
    assert (result.status == "success") is not there
    assert [task.id for task in batch.client.list_tasks(job)] == ["t"]


@pytest.mark.parametrize("when", ["before", "after", "body"])
def test_connections_are_dropped_over_tls_too(emulator, certificate, when):
    batch = emulator(*certificate.options, trust=str(certificate.ca))
    job = batch.job(batch.pool(nodes=0))
    batch.running.admin.drop_requests(when, path=f"/jobs/{job}")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        batch.raw("GET", f"/jobs/{job}")
    assert batch.raw("GET", f"/jobs/{job}").json()["id"] == job


def test_an_answer_is_cut_in_its_middle_and_reads_are_tried_again(batch, admin):
    job = batch.job()
    admin.drop_requests("body", method="GET", path=f"/jobs/{job}")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        batch.raw("GET", f"/jobs/{job}")
    admin.drop_requests("body", method="GET", path=f"/jobs/{job}")
    assert batch.client.get_job(job).id == job
    # an error's answer has a middle too; one without a body is not sent at all
    admin.drop_requests("body", path="/jobs/missing")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        batch.raw("GET", "/jobs/missing")
    admin.drop_requests("body", path="/pools/missing")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        batch.raw("HEAD", "/pools/missing")


def test_an_error_after_the_operation_lets_the_client_s_own_retry_meet_its_work(
    batch, admin, refused
):
    pool = batch.pool()
    admin.fail_requests(503, when="after", method="POST", path="/jobs")
    error = refused(lambda: batch.job(pool))
    assert error.error.code == "JobExists"


def test_what_was_done_before_a_drop_is_there_after_a_kill(emulator, tmp_path):
    options = (f"--state={tmp_path}", "--boot-time=0.05")
    batch = emulator(*options)
    batch.running.admin.drop_requests("after", method="POST", path="/jobs")
    with pytest.raises(ServiceResponseError):
        batch.job("none")
    job = batch.client.list_jobs().next().id
    batch.running.process.kill()
    batch.running.process.wait()
    after = emulator(*options)
    assert after.client.get_job(job).id == job
    assert after.running.admin.faults() == []


def test_a_delay_is_of_the_clock(emulator):
    batch = emulator("--boot-time=0.05")
    admin, job = batch.running.admin, batch.job()
    with ThreadPoolExecutor() as threads:
        admin.delay_requests(3600, method="POST", path=f"/jobs/{job}/tasks")
        late = threads.submit(batch.task, job, name="late")
        batch.until(lambda: admin.faults()[0]["struck"] == 1)
        assert list(batch.client.list_tasks(job)) == []
        assert not late.done()
        admin.advance(HOUR)
        assert late.result(20) == "late"

        admin.delay_requests(3600, "after", method="POST", path=f"/jobs/{job}/tasks")
        told = threads.submit(batch.task, job, name="done")
        batch.until(lambda: "done" in {task.id for task in batch.client.list_tasks(job)})
        assert not told.done()
        admin.advance(HOUR)
        assert told.result(20) == "done"
    asked = [one for one in admin.requests() if one["path"] == f"/jobs/{job}/tasks"]
    faults = [one["faults"] for one in reversed(asked) if one["method"] == "POST"]
    assert faults == [["delay 3600 s"], ["delay after 3600 s"]]


def test_delays_and_a_failure_come_together(batch, admin):
    admin.delay_requests(0.01, path="/jobs/none", times=None)
    admin.delay_requests(0.02, path="/jobs/none")
    admin.fail_requests(503, path="/jobs/none")
    admin.fail_requests(429, path="/jobs/none")
    answers = [batch.raw("GET", "/jobs/none").status_code for _ in range(3)]
    assert answers == [503, 429, 404]
    told = [one["faults"] for one in admin.requests() if one["path"] == "/jobs/none"]
    assert told == [
        ["delay 0.01 s"],
        ["delay 0.01 s", "error 429"],
        ["delay 0.01 s", "delay 0.02 s", "error 503"],
    ]


def test_single_tasks_fail_and_the_client_adds_each_once(batch, admin):
    job = batch.job()
    path = f"/jobs/{job}/addtaskcollection"
    admin.fail_tasks(path=path, times=40, probability=0.3, seed=5)
    admin.fail_tasks("t-*7", "ServerBusy", when="after", path=path, times=10)
    admin.fail_requests(503, path=path, probability=0.5, seed=2, times=2)
    ids = [f"t-{n}" for n in range(250)]
    tasks = [models.BatchTaskCreateOptions({"id": i, "commandLine": "/bin/true"}) for i in ids]
    batch.client.create_tasks(job, tasks)
    assert sorted(task.id for task in batch.client.list_tasks(job)) == sorted(ids)
    before, after, whole = admin.faults()
    assert (before["struck"], after["struck"], whole["struck"]) == (40, 10, 2)
    faults = [fault for one in admin.requests() if one["path"] == path for fault in one["faults"]]
    kinds = Counter(fault.partition(":")[0] for fault in faults)
    assert kinds == {"task InternalError": 40, "task after ServerBusy": 10, "error 503": 2}


def test_the_result_of_a_task_that_failed_names_it(batch, admin):
    job = batch.job()
    admin.fail_tasks("b", "ServerBusy", path=f"/jobs/{job}/*")
    group = models.BatchTaskGroup(
        task_values=[
            models.BatchTaskCreateOptions({"id": i, "commandLine": "/bin/true"}) for i in "abc"
        ]
    )
    results = batch.client.create_task_collection(job, group).result_values
    assert [(r.task_id, r.status) for r in results] == [
        ("a", "success"),
        ("b", "servererror"),
        ("c", "success"),
    ]
    assert results[1].error.code == "ServerBusy"
    assert sorted(task.id for task in batch.client.list_tasks(job)) == ["a", "c"]


def test_the_same_orders_and_requests_give_the_same_faults(batch, admin):
    def run(seed):
        admin.clear_faults()
        admin.fail_requests(503, path="/jobs/p*", probability=0.4, seed=seed, times=None)
        admin.fail_requests(429, method="GET", probability=0.4, seed=seed + 1, times=8)
        paths = ["/jobs/p", "/jobs/q", "/pools/p"] * 12
        return [batch.raw("GET", path).status_code for path in paths]

    first = run(1)
    assert set(first) == {404, 429, 503}
    assert run(1) == first
    assert run(3) != first


def test_orders_are_listed_and_taken_back(batch, admin):
    one = admin.fail_requests(503, times=None, path="/jobs/x")
    two = admin.fail_requests(429, times=None, path="/jobs/x")
    assert [fault["id"] for fault in admin.faults()] == [one, two]
    assert batch.raw("GET", "/jobs/x").status_code == 503
    admin.clear_faults(one)
    assert batch.raw("GET", "/jobs/x").status_code == 429
    assert batch.raw("GET", "/jobs/x").status_code == 429
    with pytest.raises(AdminError, match="InvalidUri: Reason: There is no fault"):
        admin.clear_faults(one)
    admin.clear_faults()
    assert admin.faults() == []
    assert batch.raw("GET", "/jobs/x").status_code == 404


@pytest.mark.parametrize(
    ("order", "name"),
    [
        ({}, "kind"),
        ({"kind": "explode"}, "kind"),
        ({"kind": "error", "when": "body"}, "when"),
        ({"kind": "error", "status": 200}, "status"),
        ({"kind": "error", "status": "503"}, "status"),
        ({"kind": "error", "status": True}, "status"),
        ({"kind": "error", "retryAfter": -1}, "retryAfter"),
        ({"kind": "delay", "seconds": 1e9}, "seconds"),
        ({"kind": "drop", "probability": 1.5}, "probability"),
        ({"kind": "drop", "times": 0}, "times"),
        ({"kind": "drop", "skip": -1}, "skip"),
        ({"kind": "drop", "how": "fast"}, "how"),
    ],
)
def test_orders_that_make_no_sense_are_refused(admin, order, name):
    with pytest.raises(AdminError, match=f"PropertyName: {name}"):
        admin.ask("POST", "faults", order)
    assert admin.faults() == []


def test_only_requests_that_are_let_in_meet_faults_and_never_the_admin_s_own(batch, admin):
    admin.fail_requests(503, times=1)
    assert admin.now()
    url = f"{batch.running.endpoint}/jobs?api-version=2025-06-01"
    with httpx.Client(trust_env=False) as client:
        assert client.get(url).status_code == 401
        assert client.get(f"{batch.running.endpoint}/").status_code == 200
        assert client.post(f"{batch.running.endpoint}/admin/faults", json={}).status_code == 401
    assert admin.faults()[0]["met"] == 0
    assert batch.raw("GET", "/jobs").status_code == 503


def test_the_last_200_requests_are_told_without_secrets(batch, admin):
    for n in range(210):
        batch.raw("GET", f"/jobs/r-{n}?sig=SECRET")
    seen = admin.requests()
    assert len(seen) == 200
    assert [one["path"] for one in seen[:3]] == ["/jobs/r-209", "/jobs/r-208", "/jobs/r-207"]
    first = seen[0]
    assert (first["method"], first["operation"], first["status"], first["code"]) == (
        "GET",
        "get_job",
        404,
        "JobNotFound",
    )
    assert 0 < first["milliseconds"] < 10_000
    text = json.dumps(seen)
    assert "SECRET" not in text
    assert "SharedKey" not in text
    assert batch.running.key not in text
    answer = batch.raw("GET", "/nothing")
    newest = admin.requests()[0]
    assert (newest["id"], newest["operation"], newest["code"]) == (
        answer.headers["request-id"],
        None,
        "InvalidUri",
    )
