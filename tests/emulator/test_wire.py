"""Signatures, error bodies, headers, paging, filters: what every operation shares."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from azure.batch import BatchClient, models
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from batch_emulator.routes import OPERATIONS


def test_a_wrong_key_is_refused_in_the_service_s_words(batch):
    wrong = AzureNamedKeyCredential("devaccount", base64.b64encode(b"wrong").decode())
    with (
        BatchClient(batch.running.endpoint, wrong) as client,
        pytest.raises(HttpResponseError) as caught,
    ):
        client.get_job("any")
    assert caught.value.status_code == 403
    assert caught.value.error.code == "AuthenticationFailed"
    assert "RequestId:" in caught.value.error.message


def test_another_account_is_refused(batch):
    other = AzureNamedKeyCredential("other", batch.running.key)
    with (
        BatchClient(batch.running.endpoint, other) as client,
        pytest.raises(HttpResponseError) as caught,
    ):
        list(client.list_pools())
    assert caught.value.status_code == 403


def test_no_signature_and_a_malformed_one(batch):
    url = f"{batch.running.endpoint}/jobs?api-version=2025-06-01"
    with httpx.Client(trust_env=False) as client:
        assert client.get(url).status_code == 401
        answer = client.get(url, headers={"authorization": "Bearer abc"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "InvalidAuthenticationInfo"


@pytest.mark.parametrize(("minutes", "status"), [(-14, 200), (14, 200), (-16, 403), (16, 403)])
def test_the_clock_may_be_15_minutes_off(batch, minutes, status):
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    assert batch.raw("GET", "/jobs", date=date).status_code == status


@pytest.mark.parametrize("sign", [None, "/jobs/no such"])
def test_paths_may_be_signed_encoded_or_decoded(batch, sign):
    answer = batch.raw("GET", "/jobs/no%20such", sign_path=sign)
    assert answer.json()["code"] == "JobNotFound"


def test_error_bodies_and_headers(batch):
    answer = batch.raw(
        "GET",
        "/jobs/missing",
        headers={"client-request-id": "mine", "return-client-request-id": "true"},
    )
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json;odata=minimalmetadata"
    assert answer.headers["client-request-id"] == "mine"
    assert answer.headers["request-id"]
    body = answer.json()
    assert body["code"] == "JobNotFound"
    assert body["message"]["lang"] == "en-US"
    assert answer.headers["request-id"] in body["message"]["value"]


def test_urls_and_verbs_that_there_are_not(batch):
    assert batch.raw("GET", "/nothing").json()["code"] == "InvalidUri"
    answer = batch.raw("PATCH", "/jobs")
    assert (answer.status_code, answer.json()["code"]) == (405, "UnsupportedHttpVerb")


@pytest.mark.parametrize(
    ("body", "code", "name"),
    [
        ({"id": "x", "poolInfo": {"poolId": "p"}, "colour": 1}, "InvalidRequestBody", "colour"),
        ({"id": "x", "poolInfo": {"pool": "p"}}, "InvalidRequestBody", "poolInfo.pool"),
        ({"id": "x"}, "MissingRequiredProperty", "poolInfo"),
        ({"id": 3, "poolInfo": {"poolId": "p"}}, "InvalidPropertyValue", "id"),
        ({"id": "x y", "poolInfo": {"poolId": "p"}}, "InvalidPropertyValue", "id"),
        ({"id": "x" * 65, "poolInfo": {"poolId": "p"}}, "InvalidPropertyValue", "id"),
        ({"id": "x", "poolInfo": {"poolId": "p"}, "priority": 1001}, "InvalidPropertyValue",
         "priority"),
        ({"id": "x", "poolInfo": {"poolId": "p"}, "onAllTasksComplete": "explode"},
         "InvalidPropertyValue", "onAllTasksComplete"),
        ({"id": "x", "poolInfo": {"poolId": "p"}, "constraints": {"maxWallClockTime": "5 min"}},
         "InvalidPropertyValue", "constraints.maxWallClockTime"),
    ],
)  # fmt: skip
def test_a_body_that_is_not_as_the_service_has_it(batch, body, code, name):
    answer = batch.raw("POST", "/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert {"key": "PropertyName", "value": name} in answer.json()["values"]


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"\xff", b"[" * 100_000, b"NaN", b"", rb'{"id": "\ud800"}', rb'{"id": "\uDC00"}'],
)
def test_a_body_that_is_no_json(batch, content):
    answer = batch.raw("POST", "/jobs", content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidRequestBody")


def test_all_72_operations_are_known():
    assert len({(method, path) for method, path, _ in OPERATIONS}) == len(OPERATIONS) == 72


def test_etags_and_conditions(batch):
    job_id = batch.job(batch.pool(nodes=0))
    job = batch.client.get_job(job_id)
    batch.client.update_job(job_id, models.BatchJobUpdateOptions(priority=5))
    with pytest.raises(HttpResponseError) as caught:
        batch.client.update_job(
            job_id,
            models.BatchJobUpdateOptions(priority=6),
            etag=job.etag,
            match_condition=MatchConditions.IfNotModified,
        )
    assert caught.value.status_code == 412
    assert caught.value.error.code == "ConditionNotMet"
    changed = batch.client.get_job(job_id)
    assert (changed.priority, changed.etag != job.etag) == (5, True)
    path = f"/jobs/{job_id}"
    assert batch.raw("GET", path, headers={"if-none-match": changed.etag}).status_code == 304
    future = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert batch.raw("GET", path, headers={"if-modified-since": future}).status_code == 304
    assert batch.raw("DELETE", path, headers={"if-match": '"old"'}).status_code == 412


@pytest.fixture
def many(batch):
    """A job with 25 tasks that wait: t0 to t24."""
    job = batch.job(batch.pool(nodes=0))
    batch.client.create_tasks(
        job,
        [models.BatchTaskCreateOptions(id=f"t{n}", command_line="/bin/true") for n in range(25)],
    )
    return job


def test_pages_hold_what_was_asked_for_and_link_absolutely(batch, many):
    pages = list(batch.client.list_tasks(many, max_results=10).by_page())
    sizes = [len(list(page)) for page in pages]
    assert sizes == [10, 10, 5]
    link = batch.raw("GET", f"/jobs/{many}/tasks?maxresults=10&$select=id").json()["odata.nextLink"]
    assert link.startswith(f"{batch.running.endpoint}/jobs/{many}/tasks?")
    assert "maxresults=10" in link
    names = {task.id for task in batch.client.list_tasks(many, max_results=4)}
    assert names == {f"t{n}" for n in range(25)}


def test_paging_goes_on_where_members_are_deleted_meanwhile(batch, many):
    pages = batch.client.list_tasks(many, max_results=10).by_page()
    first = [task.id for task in next(pages)]
    for task in first:
        batch.client.delete_task(many, task)
    rest = [task.id for page in pages for task in page]
    assert len(rest) == 15
    assert not set(rest) & set(first)


@pytest.mark.parametrize("size", ["0", "1001", "-1", "many", "1e3"])
def test_page_sizes_out_of_range(batch, size):
    assert batch.raw("GET", f"/jobs?maxresults={size}").status_code == 400


def test_select_sends_the_chosen_members_only(batch, many):
    task = batch.client.get_task(many, "t3", select=["id", "state"])
    told = task.as_dict()
    assert told.pop("odata.metadata").endswith("/$metadata#tasks/@Element")
    assert told == {"id": "t3", "state": "active"}
    answer = batch.raw("GET", f"/jobs/{many}/tasks/t3?$select=id,colour")
    assert answer.json()["code"] == "InvalidQueryParameterValue"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id eq 't7'", ["t7"]),
        ("startswith(id,'t2')", ["t2", "t20", "t21", "t22", "t23", "t24"]),
        ("startswith(id,'t2') and id ne 't2' and id lt 't22'", ["t20", "t21"]),
        ("id eq 't1' or id eq 't2' and state eq 'completed'", ["t1"]),
        ("(id eq 't1' or id eq 't2') and state eq 'Active'", ["t1", "t2"]),
        ("id ge 't8'", ["t8", "t9"]),
        ("state eq 'running'", []),
        ("creationTime gt DateTime'2020-01-01T00:00:00Z' and id eq 't5'", ["t5"]),
        ("stateTransitionTime lt 2020-01-01T00:00:00Z", []),
        ("executionInfo/exitCode eq 0", []),
        ("executionInfo/exitCode ne 0 and id eq 't5'", ["t5"]),
    ],
)
def test_filters(batch, many, text, expected):
    found = batch.client.list_tasks(many, filter=text, max_results=3)
    assert sorted(task.id for task in found) == expected


@pytest.mark.parametrize(
    "text",
    ["colour eq 'red'", "id like 't1'", "id eq", "id eq 't1' and", "(id eq 't1'", "state gt 'a'",
     "startswith(state,'a')", "creationTime gt 'yesterday'", "executionInfo/exitCode eq 'x'",
     "id eq 't1'; drop", "(" * 80 + "id eq 't1'" + ")" * 80, "id eq 5", "'"],
)  # fmt: skip
def test_filters_that_the_service_does_not_have_are_a_400(batch, many, text):
    with pytest.raises(HttpResponseError) as caught:
        list(batch.client.list_tasks(many, filter=text))
    assert caught.value.status_code == 400
    assert caught.value.error.code == "InvalidQueryParameterValue"


def test_filters_of_pools_jobs_and_nodes(batch):
    pool = batch.pool(nodes=1)
    batch.ready(pool, 1)
    job = batch.job(pool)
    pools = batch.client.list_pools(filter=f"id eq '{pool}' and allocationState eq 'steady'")
    assert [p.id for p in pools] == [pool]
    text = f"id eq '{job}' and creationTime gt 2020-01-01T00:00:00Z"
    jobs = batch.client.list_jobs(filter=text)
    assert [j.id for j in jobs] == [job]
    nodes = list(batch.client.list_nodes(pool, filter="state eq 'idle'"))
    assert len(nodes) == 1
    assert list(batch.client.list_nodes(pool, filter="state eq 'unusable'")) == []


def test_ids_keep_their_case_and_are_found_in_any(batch, refused):
    job = batch.job(batch.pool(nodes=0))
    task = batch.task(job, name="MyTask")
    assert batch.client.get_task(job.upper(), "mytask").id == task
    error = refused(lambda: batch.task(job, name="MYTASK"))
    assert error.error.code == "TaskExists"


def test_trap_pool_exists_raises_for_a_missing_pool(batch):
    assert batch.client.pool_exists(batch.pool(nodes=0)) is True
    with pytest.raises(ResourceNotFoundError):
        batch.client.pool_exists("missing")


def test_trap_terminate_without_options_is_a_value_error_of_the_client(batch):
    job = batch.job(batch.pool(nodes=0))
    with pytest.raises(ValueError, match="No value"):
        batch.client.begin_terminate_job(job)


@pytest.mark.parametrize("header", [{"host": "["}, {"host": ""}, {"host": "x y"}, {"host": "a:b"}])
def test_a_strange_host_is_no_traceback(batch, header):
    assert batch.raw("GET", "/jobs?maxresults=1", headers=header).status_code < 500


STRANGE = [
    "/jobs/%00",
    "/jobs/%ff%fe",
    "/jobs/a/../b",
    "//jobs",
    "/jobs/",
    "/jobs?$filter=%ff",
    "/jobs/x/tasks/y/files/",
    "/jobs?$skiptoken=--1",
    "/jobs?$skiptoken=" + "9" * 30,
]


@pytest.mark.parametrize("path", STRANGE)
def test_strange_addresses_are_no_traceback(batch, path):
    assert 400 <= batch.raw("GET", path).status_code < 500


def test_an_answer_does_not_wait_for_nagle(batch):
    """Headers and body go out apart; with Nagle's algorithm on, every answer takes 40 ms."""

    def once():
        begun = time.perf_counter()
        batch.client.list_jobs(max_results=1).next()
        return time.perf_counter() - begun

    batch.job("no-pool")
    assert min(once() for _ in range(10)) < 0.035


def with_settings(settings):
    extension = {"name": "e", "publisher": "p", "type": "t", "settings": settings}
    machine = {
        "imageReference": {"publisher": "a", "offer": "b", "sku": "c"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        "extensions": [extension],
    }
    body = {"id": "deep", "vmSize": "Standard_D4s_v5", "targetDedicatedNodes": 0}
    body["virtualMachineConfiguration"] = machine
    return json.dumps(body).encode()


@pytest.mark.parametrize("levels", [65, 900, 5000])
def test_what_is_nested_too_deeply_is_refused_and_leaves_no_pool(batch, levels):
    content = with_settings("X").replace(b'"X"', b'{"a":' * levels + b"1" + b"}" * levels)
    answer = batch.raw("POST", "/pools", content=content)
    assert answer.status_code == 400, answer.text
    assert "deep" not in [pool.id for pool in batch.client.list_pools()]


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"Infinity"])
def test_a_number_beyond_all_floats_is_no_json(batch, number):
    content = with_settings("X").replace(b'"X"', b'{"a":' + number + b"}")
    answer = batch.raw("POST", "/pools", content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidRequestBody")


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ({"constraints": {"maxWallClockTime": "P99999999999999D"}}, "It is too long."),
        ({"dependsOn": {"taskIdRanges": ["1-2"]}}, "An object is expected."),
    ],
)
def test_what_is_wrong_is_told_in_words_of_the_service(batch, task, told):
    job = batch.job("none")
    body = {"id": "t", "commandLine": "true", **task}
    answer = batch.raw("POST", f"/jobs/{job}/tasks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidPropertyValue")
    assert told in str([value["value"] for value in answer.json()["values"]])
