"""What every answer is held to, and parameters and headers that every request may have.

`conformity.py` looks at each answer that a test of this room gets; here it is looked at in turn.
"""

from __future__ import annotations

import dataclasses
import json

import httpx
import pytest

from conformity import Exchanged

METADATA = "$metadata#"


@pytest.fixture
def told(batch, book):
    """A good answer, and what the documents say of changed ones."""
    if book is None:
        pytest.skip("needs the folder ../shared (or name it in SCENEFLEET_SHARED)")
    pool = batch.pool(nodes=0)
    batch.until(lambda: batch.client.get_pool(pool).allocation_state, lambda s: s == "steady")
    answer = batch.raw("GET", f"/pools/{pool}")
    good = Exchanged(
        "GET",
        str(answer.request.url),
        dict(answer.request.headers),
        200,
        dict(answer.headers),
        answer.content,
    )

    def look(**change):
        book.check(dataclasses.replace(good, **change))
        found, book.found = book.found, []
        return found

    return good, look


def test_a_good_answer_is_good(told):
    _, look = told
    assert look() == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"status": 202}, "answers with 200"),
        ({"method": "PUT"}, "no operation of the service"),
        ({"body": b"{"}, "no JSON"),
        ({"status": 404}, "'code' was unexpected"),
        ({"method": "HEAD", "status": 404}, "a body"),
        ({"asked": {"return-client-request-id": "true", "client-request-id": "x"}}, "client's"),
    ],
)
def test_answers_that_are_not_the_service_s_are_found(told, change, fault):
    _, look = told
    found = look(**change)
    assert len(found) >= 1
    if change.get("status") != 404 or change.get("method"):
        assert any(fault in one for one in found), found


@pytest.mark.parametrize("name", ["etag", "last-modified", "request-id", "content-type"])
def test_headers_that_are_missing_are_found(told, name):
    good, look = told
    assert look(headers={k: v for k, v in good.headers.items() if k != name})


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"state": "asleep"},
        {"creationTime": "yesterday"},
        {"resizeTimeout": "15 minutes"},
        {"targetDedicatedNodes": "2"},
        {"taskSchedulingPolicy": {"nodeFillType": "spread", "colour": "red"}},
    ],
)
def test_bodies_that_are_not_the_service_s_are_found(told, change):
    good, look = told
    body = {**json.loads(good.body or b""), **change}
    assert look(body=json.dumps(body).encode())


def test_each_answer_says_what_it_is(batch):
    pool = batch.pool(nodes=0)
    job = batch.job(pool)
    task = batch.task(job)
    for path, kind in (
        (f"/pools/{pool}", "pools/@Element"),
        ("/pools", "pools"),
        (f"/jobs/{job}", "jobs/@Element"),
        (f"/jobs/{job}/tasks/{task}", "tasks/@Element"),
        (f"/jobs/{job}/tasks/{task}?$select=id", "tasks/@Element"),
        (f"/jobs/{job}/taskcounts", "taskcountsresult/@Element"),
        ("/jobs/none", "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"),
    ):
        answer = batch.raw("GET", path)
        assert answer.json()["odata.metadata"] == f"{batch.running.endpoint}/{METADATA}{kind}"
        assert answer.headers["content-type"] == "application/json;odata=minimalmetadata"


def test_what_was_left_out_comes_back_as_the_service_s_default(batch):
    pool = batch.pool(1, startTask={"commandLine": "/bin/true"})
    job = batch.job(pool, constraints={"maxTaskRetryCount": 5})
    task = batch.raw("GET", f"/jobs/{job}/tasks/{batch.task(job)}").json()
    assert task["requiredSlots"] == 1
    assert task["userIdentity"] == {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
    assert task["constraints"] == {
        "maxWallClockTime": "P10675199DT2H48M5.4775807S",
        "retentionTime": "P7D",
        "maxTaskRetryCount": 5,
    }
    admin = {"userIdentity": {"autoUser": {"elevationLevel": "admin"}}}
    other = batch.client.get_task(job, batch.task(job, **admin)).user_identity.auto_user
    assert (other.scope, other.elevation_level) == ("pool", "admin")
    start = {"commandLine": "/bin/true", "maxTaskRetryCount": 0, "waitForSuccess": True,
             "userIdentity": task["userIdentity"]}  # fmt: skip
    (node,) = batch.ready(pool, 1)
    assert batch.raw("GET", f"/pools/{pool}").json()["startTask"] == start
    assert batch.raw("GET", f"/pools/{pool}/nodes/{node.id}").json()["startTask"] == start


def test_an_image_without_a_version_is_the_latest(batch, a_pool):
    body = a_pool(batch.name("pool"), targetDedicatedNodes=0)
    batch.pools.append(body["id"])
    del body["virtualMachineConfiguration"]["imageReference"]["version"]
    assert batch.raw("POST", "/pools", json=body).status_code == 201
    pool = batch.client.get_pool(body["id"])
    assert pool.virtual_machine_configuration.image_reference.version == "latest"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2050-01-01T02:00:00+02:00", "2050-01-01T00:00:00.000000Z"),
        ("2050-01-01T00:00:00.1234567Z", "2050-01-01T00:00:00.123456Z"),
        ("0300-01-03T20:34:18.420323+08:13", "0300-01-03T12:21:18.420323Z"),
    ],
)
def test_times_come_back_in_utc(batch, given, expected):
    schedule = batch.name("schedule")
    body = {
        "id": schedule,
        "schedule": {"doNotRunUntil": given},
        "jobSpecification": {"poolInfo": {"poolId": "none"}},
    }
    assert batch.raw("POST", "/jobschedules", json=body).status_code == 201
    told = batch.raw("GET", f"/jobschedules/{schedule}").json()["schedule"]["doNotRunUntil"]
    assert told == expected
    assert batch.raw("DELETE", f"/jobschedules/{schedule}").status_code == 202


def test_the_client_s_own_id_comes_back_where_it_asks_for_it(batch):
    own = {"client-request-id": "9C4D50EE-2D56-4CD3-8152-34347DC9F2B0"}
    assert "client-request-id" not in batch.raw("GET", "/jobs", headers=own).headers
    asked = {**own, "return-client-request-id": "true"}
    answer = batch.raw("GET", "/jobs/none", headers=asked)
    assert answer.headers["client-request-id"] == own["client-request-id"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("timeOut=30", 200), ("timeOut=400", 200), ("timeout=30", 200), ("timeOut=soon", 400),
     ("$expand=stats", 200)],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/pools", "/jobs", "/jobschedules"])
def test_parameters_that_change_nothing(batch, path, query, status):
    answer = batch.raw("GET", f"{path}?{query}")
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["code"] == "InvalidQueryParameterValue"


@pytest.mark.parametrize("path", ["/pools", "/jobschedules"])
def test_head_says_whether_it_is_there(batch, path):
    answer = batch.raw("HEAD", f"{path}/none")
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(
    "kind",
    [
        "application/json; odata=minimalmetadata",
        "application/json;odata=minimalmetadata;charset=utf-8",
        "Application/JSON",
        "application/x-www-form-urlencoded",  # what curl sends
        "text/plain",
    ],
)
def test_a_body_is_read_whatever_its_type(batch, kind):
    job = {"id": batch.name("job"), "poolInfo": {"poolId": "none"}}
    headers = {"content-type": kind}
    answer = batch.raw("POST", "/jobs", content=json.dumps(job).encode(), headers=headers)
    assert answer.status_code == 201, answer.text


def test_a_form_of_a_web_page_does_not_reach_the_emulator_s_own_interface(batch):
    """A browser that has been told the key would send it along."""
    running = batch.running
    answer = httpx.post(
        f"{running.endpoint}/admin/clock",
        content=b'{"advance": "PT1H"}',
        headers={"content-type": "text/plain"},
        auth=(running.account, running.key),
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidHeaderValue")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
def test_answers_are_json_whatever_is_accepted(batch, accept):
    answer = batch.raw("GET", "/jobs", headers={"accept": accept})
    assert answer.headers["content-type"].startswith("application/json")


def test_a_filter_with_rare_matches_ends_a_page_early(batch):
    job = batch.job(batch.pool(nodes=0))
    made = [{"id": f"t{n:05}", "commandLine": "/bin/true"} for n in range(20_100)]
    for at in range(0, len(made), 100):
        body = {"value": made[at : at + 100]}
        assert batch.raw("POST", f"/jobs/{job}/addtaskcollection", json=body).status_code == 200
    rare = "$filter=id%20eq%20't20050'"
    first = batch.raw("GET", f"/jobs/{job}/tasks?{rare}").json()
    assert first["value"] == []
    assert "$skiptoken=" in first["odata.nextLink"]
    found = batch.client.list_tasks(job, filter="id eq 't20050'")
    assert [task.id for task in found] == ["t20050"]
    batch.client.begin_delete_job(job)
