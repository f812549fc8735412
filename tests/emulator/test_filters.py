"""What each list can be filtered by, as the service's page "OData filters in Batch" has it."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from azure.batch import models

SAME = "eq ne"
ORDER = "eq ne ge gt le lt"
TEXT = "startswith eq ne ge gt le lt"
TIMES = "stateTransitionTime creationTime lastModified"
RUN = {"startTime": ORDER, "endTime": ORDER, "exitCode": ORDER, "result": SAME}
PREPARED = {"poolId": SAME, "nodeId": SAME} | {
    f"job{kind}TaskExecutionInfo/{name}": operators
    for kind in ("Preparation", "Release")
    for name, operators in {**RUN, "state": "eq"}.items()
}
RESOURCE = {"id": TEXT, "state": SAME, **dict.fromkeys(TIMES.split(), ORDER)}
JOBS = {
    **RESOURCE,
    "priority": ORDER,
    "executionInfo/startTime": ORDER,
    "executionInfo/endTime": ORDER,
    "executionInfo/poolId": TEXT,
}
PAGE = {
    "/supportedimages": {"osType": SAME, "verificationType": SAME, "nodeAgentSKUId": SAME},
    "/pools": {
        **RESOURCE,
        "allocationState": SAME,
        "allocationStateTransitionTime": ORDER,
        "enableAutoScale": SAME,
        "enableInterNodeCommunication": SAME,
        "vmSize": TEXT,
    },
    "/pools/{pool}/nodes": {
        "state": SAME,
        "stateTransitionTime": ORDER,
        "lastBootTime": ORDER,
        "allocationTime": ORDER,
        "startTaskInfo/state": "eq",
        **{f"startTaskInfo/{name}": operators for name, operators in RUN.items()},
    },
    "/nodecounts": {"poolId": "eq"},
    "/poolusagemetrics": {"poolId": TEXT},
    "/jobs": JOBS,
    "/jobschedules/{schedule}/jobs": {k: v for k, v in JOBS.items() if k not in ("id", "priority")},
    "/jobs/{job}/jobpreparationandreleasetaskstatus": PREPARED,
    "/jobschedules": {
        **RESOURCE,
        "executionInfo/endTime": ORDER,
        "schedule/doNotRunUntil": ORDER,
        "schedule/doNotRunAfter": ORDER,
    },
    "/jobs/{job}/tasks": {
        **RESOURCE,
        "executionInfo/retryCount": ORDER,
        **{f"executionInfo/{name}": operators for name, operators in RUN.items()},
    },
    "/jobs/{job}/tasks/{task}/files": {"name": "startswith"},
    "/pools/{pool}/nodes/{node}/files": {"name": "startswith"},
}
OPERATORS = TEXT.split()


@pytest.fixture
def places(batch):
    """A thing of each kind, to have something to list."""
    pool = batch.pool(1)
    node = batch.ready(pool, 1)[0].id
    job = batch.job(pool, jobPreparationTask={"commandLine": "/bin/true"})
    task = batch.run("/bin/true", job).id
    schedule = batch.name("schedule")
    batch.client.create_job_schedule(
        models.BatchJobScheduleCreateOptions(
            {
                "id": schedule,
                "schedule": {"recurrenceInterval": "PT1H"},
                "jobSpecification": {"poolInfo": {"poolId": pool}},
            }
        )
    )
    yield {"pool": pool, "node": node, "job": job, "task": task, "schedule": schedule}
    batch.raw("DELETE", f"/jobschedules/{schedule}")


CHOICES = {
    "allocationState": "'steady'",
    "state": "'active'",
    "startTaskInfo/state": "'running'",
    "jobPreparationTaskExecutionInfo/state": "'completed'",
    "jobReleaseTaskExecutionInfo/state": "'completed'",
    "osType": "'linux'",
    "verificationType": "'verified'",
}


def literal(name: str) -> str:
    """A value of the right kind for a property."""
    if name in CHOICES or name.endswith("result"):
        return CHOICES.get(name, "'failure'")
    if name.endswith(("Time", "Modified", "doNotRunUntil", "doNotRunAfter")):
        return "2026-01-01T00:00:00Z"
    if name.endswith(("exitCode", "retryCount", "priority")):
        return "0"
    return "true" if name.startswith("enable") else "'x'"


def filtered(name: str, operator: str) -> str:
    value = literal(name)
    return (
        f"startswith({name},{value})" if operator == "startswith" else f"{name} {operator} {value}"
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/pools", "state eq 'deleted'"),
        ("/pools", "allocationState ne 'still'"),
        ("/jobs", "state eq 'running'"),
        ("/jobschedules", "state eq 'enabled'"),
        ("/jobs/{job}/tasks", "executionInfo/result eq 'failed'"),
        ("/pools/{pool}/nodes", "startTaskInfo/state eq 'active'"),
    ],
)
def test_a_state_that_there_is_not_is_told_of(batch, places, path, text):
    answer = batch.raw("GET", f"{path.format(**places)}?$filter={quote(text)}")
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidQueryParameterValue")
    assert "allowed are" in answer.text


@pytest.mark.parametrize("path", PAGE)
def test_each_list_takes_what_its_table_has_and_nothing_else(batch, places, path):
    told = PAGE[path]
    address = path.format(**places)
    everything = {name for table in PAGE.values() for name in table} | {
        "url",
        "eTag",
        "displayName",
    }
    for name in sorted(everything):
        for operator in OPERATORS if name in told else ("eq",):
            text = filtered(name, operator)
            if path.endswith("/nodes"):
                text = text.replace("'active'", "'idle'")
            answer = batch.raw("GET", f"{address}?$filter={quote(text)}")
            allowed = operator in told.get(name, "").split()
            assert answer.status_code == (200 if allowed else 400), (text, answer.text)
