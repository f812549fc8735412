"""Job schedules: one job at a time, each when it is due, until the schedule is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from azure.batch import models
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from batch_emulator.scheduling.recurrence import Recurrence

HOUR = timedelta(hours=1)
EMPTY = {"onAllTasksComplete": "terminatejob"}
"""A job that is over as soon as it is made: it has no tasks."""
T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def own(emulator):
    """An emulator whose clock no other test moves."""
    return emulator("--boot-time=0.05")


def make(batch, times=None, job=None, name=None, **rest):
    """A schedule; its jobs run on a pool that is not there unless told otherwise."""
    schedule = name or batch.name("schedule")
    body = {
        "id": schedule,
        "schedule": times or {},
        "jobSpecification": {"poolInfo": {"poolId": "none"}, **(job or {})},
        **rest,
    }
    batch.client.create_job_schedule(models.BatchJobScheduleCreateOptions(body))
    return schedule


def jobs(batch, schedule):
    return [job.id.partition(":")[2] for job in batch.client.list_jobs_from_schedule(schedule)]


def state(batch, schedule):
    return batch.client.get_job_schedule(schedule).state


def code(batch, method, path, body=None):
    answer = batch.raw(method, path, json=body)
    return answer.status_code, answer.json()["code"] if answer.content else None


def at(start, **span):
    return (start + timedelta(**span)).isoformat()


def test_a_schedule_without_recurrence_makes_one_job_and_ends_with_it(own):
    schedule = make(own, displayName="once", metadata=[{"name": "a", "value": "b"}])
    made = own.client.get_job_schedule(schedule)
    assert (made.state, made.display_name, made.metadata[0].value) == ("active", "once", "b")
    assert made.execution_info.next_run_time is None
    assert made.execution_info.recent_job.id == f"{schedule}:job-1"
    assert made.previous_state is None
    own.client.begin_terminate_job(f"{schedule}:job-1", options={"terminateReason": "x"}).result()
    over = own.client.get_job_schedule(schedule)
    assert (over.state, over.previous_state) == ("completed", "terminating")
    assert over.execution_info.end_time is not None
    own.running.admin.advance(timedelta(days=30))
    assert jobs(own, schedule) == ["job-1"]


def test_an_hour_s_schedule_for_a_week_makes_168_jobs(own):
    schedule = make(own, {"recurrenceInterval": "PT1H"}, EMPTY)
    first = own.client.get_job_schedule(schedule)
    assert first.execution_info.next_run_time == first.creation_time + HOUR
    own.running.admin.advance(timedelta(days=7) - timedelta(minutes=1))
    made = list(own.client.list_jobs_from_schedule(schedule))
    assert [job.id for job in made] == [f"{schedule}:job-{n}" for n in range(1, 169)]
    starts = [job.creation_time for job in made]
    late = [start - first.creation_time - n * HOUR for n, start in enumerate(starts)]
    assert all(timedelta(0) <= lag < timedelta(seconds=1) for lag in late), max(late)
    last = own.client.get_job_schedule(schedule)
    assert last.state == "active"
    assert last.execution_info.recent_job.id == f"{schedule}:job-168"
    assert last.execution_info.next_run_time == first.creation_time + 168 * HOUR
    # The schedule itself has not changed meanwhile.
    assert (last.etag, last.last_modified) == (first.etag, first.last_modified)


def test_jobs_are_as_specified_and_run_their_tasks(batch):
    pool = batch.pool(nodes=1)
    specification = {
        "displayName": "hourly",
        "priority": 5,
        "poolInfo": {"poolId": pool},
        "metadata": [{"name": "a", "value": "b"}],
        "commonEnvironmentSettings": [{"name": "WHO", "value": "schedule"}],
    }
    schedule = make(batch, {"recurrenceInterval": "PT1H"}, specification)
    job = f"{schedule}:job-1"
    found = batch.client.get_job(job)
    assert (found.display_name, found.priority, found.execution_info.pool_id) == ("hourly", 5, pool)
    assert found.metadata[0].value == "b"
    task = batch.run("/bin/sh -c 'echo $WHO $AZ_BATCH_JOB_ID $AZ_BATCH_TASK_DIR'", job)
    who, job_id, folder = batch.text(job, task.id).split()
    assert (who, job_id) == ("schedule", job)
    assert folder.endswith(f"/workitems/{schedule}/job-1/{task.id}")
    assert task.node_info.task_root_directory == f"workitems/{schedule}/job-1/{task.id}"
    assert batch.counts(job).succeeded == 1
    listed = batch.client.list_jobs(filter=f"startswith(id, '{schedule}')")
    assert [j.id for j in listed] == [job]
    batch.client.begin_delete_job_schedule(schedule).result()


def test_the_colon_of_a_job_s_id_may_be_encoded_or_not(batch):
    schedule = make(batch)
    for colon in (":", "%3A", "%3a"):
        assert batch.raw("GET", f"/jobs/{schedule}{colon}job-1").status_code == 200
    assert (
        code(batch, "POST", "/jobs", {"id": f"{schedule}:job-9", "poolInfo": {"poolId": "p"}})[0]
        == 400
    )
    batch.client.begin_delete_job_schedule(schedule).result()


def test_a_job_that_is_still_active_keeps_the_next_one_waiting(own):
    schedule = make(own, {"recurrenceInterval": "PT1H"})
    own.running.admin.advance(5 * HOUR + timedelta(minutes=10))
    assert jobs(own, schedule) == ["job-1"]
    waiting = own.client.get_job_schedule(schedule)
    assert waiting.execution_info.next_run_time == waiting.creation_time + 5 * HOUR
    own.client.begin_terminate_job(f"{schedule}:job-1", options={"terminateReason": "x"}).result()
    # One job only: what was due meanwhile is not carried forward.
    assert jobs(own, schedule) == ["job-1", "job-2"]
    next_run = own.client.get_job_schedule(schedule).execution_info.next_run_time
    assert next_run == waiting.creation_time + 6 * HOUR


def test_a_job_that_is_disabled_is_active_in_this_sense(own):
    schedule = make(own, {"recurrenceInterval": "PT1H"})
    own.client.begin_disable_job(
        f"{schedule}:job-1", models.BatchJobDisableOptions(disable_tasks="requeue")
    ).result()
    own.running.admin.advance(3 * HOUR)
    assert jobs(own, schedule) == ["job-1"]


def test_beyond_the_start_window_a_run_is_lost(own):
    schedule = make(own, {"recurrenceInterval": "PT1H", "startWindow": "PT10M"})
    start = own.client.get_job_schedule(schedule).creation_time
    own.running.admin.advance(HOUR + timedelta(minutes=5))
    assert own.client.get_job_schedule(schedule).execution_info.next_run_time == start + HOUR
    own.running.admin.advance(timedelta(minutes=6))
    assert own.client.get_job_schedule(schedule).execution_info.next_run_time == start + 2 * HOUR
    own.client.begin_terminate_job(f"{schedule}:job-1", options={"terminateReason": "x"}).result()
    assert jobs(own, schedule) == ["job-1"]
    own.running.admin.advance(HOUR)
    assert jobs(own, schedule) == ["job-1", "job-2"]
    assert own.client.get_job(f"{schedule}:job-2").creation_time >= start + 2 * HOUR


def test_no_job_before_do_not_run_until_and_none_after_do_not_run_after(own):
    now = own.running.admin.now()
    times = {
        "doNotRunUntil": at(now, hours=2),
        "doNotRunAfter": at(now, hours=4, minutes=30),
        "recurrenceInterval": "PT1H",
    }
    schedule = make(own, times, EMPTY)
    waiting = own.client.get_job_schedule(schedule)
    assert waiting.execution_info.recent_job is None
    assert waiting.execution_info.next_run_time == now + 2 * HOUR
    assert waiting.schedule.do_not_run_until == now + 2 * HOUR
    own.running.admin.advance(timedelta(hours=1, minutes=59))
    assert jobs(own, schedule) == []
    own.running.admin.advance(timedelta(hours=2, minutes=10))
    assert jobs(own, schedule) == ["job-1", "job-2", "job-3"]
    last = own.client.get_job_schedule(schedule)
    assert (last.state, last.execution_info.next_run_time) == ("active", None)
    own.running.admin.advance(HOUR)
    assert state(own, schedule) == "completed"


def test_past_its_end_a_schedule_waits_for_its_job(own):
    end = at(own.running.admin.now(), minutes=90)
    schedule = make(own, {"recurrenceInterval": "PT1H", "doNotRunAfter": end})
    own.running.admin.advance(5 * HOUR)
    assert state(own, schedule) == "active"
    own.client.begin_delete_job(f"{schedule}:job-1").result()
    assert own.until(lambda: state(own, schedule), lambda s: s == "completed")
    assert jobs(own, schedule) == []


def test_one_job_within_its_window_or_none(own):
    start = at(own.running.admin.now(), hours=1)
    schedule = make(own, {"doNotRunUntil": start, "startWindow": "PT5M"})
    own.client.disable_job_schedule(schedule)
    own.running.admin.advance(timedelta(hours=1, minutes=6))
    assert (state(own, schedule), jobs(own, schedule)) == ("completed", [])


def test_while_disabled_no_job_is_made_and_enabled_the_one_that_is_due(own):
    schedule = make(own, {"recurrenceInterval": "PT1H"}, EMPTY)
    own.client.disable_job_schedule(schedule)
    found = own.client.get_job_schedule(schedule)
    assert (found.state, found.previous_state) == ("disabled", "active")
    assert found.previous_state_transition_time == found.creation_time
    own.running.admin.advance(timedelta(hours=3, minutes=30))
    assert jobs(own, schedule) == ["job-1"]
    own.client.enable_job_schedule(schedule)
    assert jobs(own, schedule) == ["job-1", "job-2"]
    found = own.client.get_job_schedule(schedule)
    assert found.state == "active"
    assert found.execution_info.next_run_time == found.creation_time + 4 * HOUR


def test_disabling_leaves_the_job_alone(batch):
    schedule = make(batch)
    batch.client.disable_job_schedule(schedule)
    assert batch.client.get_job(f"{schedule}:job-1").state == "active"
    path = f"/jobschedules/{schedule}"
    assert code(batch, "POST", f"{path}/disable") == (409, "JobScheduleDisabled")
    batch.client.enable_job_schedule(schedule)
    batch.client.enable_job_schedule(schedule)
    batch.client.begin_delete_job_schedule(schedule).result()


def test_terminate_ends_the_job_and_its_running_task(batch):
    schedule = make(batch, job={"poolInfo": {"poolId": batch.pool(nodes=1)}})
    job = f"{schedule}:job-1"
    task = batch.task(job, "/bin/sleep 300")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    batch.client.begin_terminate_job_schedule(schedule).result()
    assert batch.completed(job, task).execution_info.failure_info.code == "TaskEnded"
    ended = batch.client.get_job(job)
    assert (ended.state, ended.execution_info.termination_reason) == (
        "completed",
        "TerminateJobSchedule",
    )
    assert state(batch, schedule) == "completed"
    path = f"/jobschedules/{schedule}"
    for verb in ("/terminate", "/disable", "/enable"):
        assert code(batch, "POST", path + verb) == (409, "JobScheduleCompleted")
    assert code(batch, "PATCH", path, {"metadata": []}) == (409, "JobScheduleCompleted")
    batch.client.begin_delete_job_schedule(schedule).result()


def test_delete_takes_all_jobs_tasks_and_files_along(batch):
    pool = batch.pool(nodes=1)
    schedule = make(batch, job={"poolInfo": {"poolId": pool}})
    job = f"{schedule}:job-1"
    batch.run("/bin/true", job)
    task = batch.task(job, "/bin/sleep 300")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    node = batch.nodes(pool)[0].id
    batch.client.begin_delete_job_schedule(schedule).result()
    batch.until(lambda: batch.raw("HEAD", f"/jobschedules/{schedule}").status_code == 404)
    assert code(batch, "GET", f"/jobschedules/{schedule}") == (404, "JobScheduleNotFound")
    assert code(batch, "GET", f"/jobschedules/{schedule}/jobs") == (404, "JobScheduleNotFound")
    assert code(batch, "GET", f"/jobs/{job}") == (404, "JobNotFound")
    files = f"/pools/{pool}/nodes/{node}/files/workitems/{schedule}/job-1"
    batch.until(lambda: batch.raw("GET", files).status_code == 404)
    # The id is free, and its jobs count from one again.
    make(batch, name=schedule)
    assert jobs(batch, schedule) == ["job-1"]
    batch.client.begin_delete_job_schedule(schedule).result()


@pytest.mark.parametrize("verb", ["terminate", "delete"])
def test_force_does_not_wait_for_tasks_to_end(batch, verb):
    schedule = make(batch, job={"poolInfo": {"poolId": batch.pool(nodes=1)}})
    job = f"{schedule}:job-1"
    task = batch.task(job, "/bin/sh -c 'trap \"\" TERM; echo on; sleep 300'")
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    path = f"/jobschedules/{schedule}"
    if verb == "terminate":
        assert batch.raw("POST", f"{path}/terminate?force=true").status_code == 202
        assert state(batch, schedule) == "completed"
        assert batch.client.get_job(job).state == "completed"
        batch.completed(job, task)
        assert batch.counts(job).failed == 1
    else:
        assert batch.raw("DELETE", f"{path}?force=true").status_code == 202
        assert batch.raw("HEAD", path).status_code == 404
        make(batch, name=schedule)
        assert batch.client.get_job(job).state == "active"
        # The end of the task that was cut off does not touch the new job of the same id.
        batch.task(job, "/bin/true", name=task)
        assert state(batch, schedule) == "active"
    assert code(batch, "DELETE", f"{path}?force=maybe") == (400, "InvalidQueryParameterValue")
    batch.raw("DELETE", f"{path}?force=true")


def test_a_job_that_is_deleted_makes_room_for_the_next(own):
    schedule = make(own, {"recurrenceInterval": "PT1H"})
    own.client.begin_delete_job(f"{schedule}:job-1").result()
    assert jobs(own, schedule) == []
    own.running.admin.advance(HOUR)
    assert jobs(own, schedule) == ["job-2"]


def test_patch_changes_what_is_given_for_later_jobs_only(own):
    schedule = make(
        own, {"recurrenceInterval": "PT1H"}, EMPTY, metadata=[{"name": "a", "value": "b"}]
    )
    before = own.client.get_job_schedule(schedule)
    update = models.BatchJobScheduleUpdateOptions(
        {"jobSpecification": {"priority": 9, "poolInfo": {"poolId": "other"}, **EMPTY}}
    )
    own.client.update_job_schedule(schedule, update)
    found = own.client.get_job_schedule(schedule)
    assert found.etag != before.etag
    assert found.schedule.recurrence_interval == HOUR
    assert found.metadata[0].name == "a"
    assert own.client.get_job(f"{schedule}:job-1").priority == 0
    own.running.admin.advance(HOUR)
    assert own.client.get_job(f"{schedule}:job-2").priority == 9


def test_a_new_interval_counts_from_the_last_run(own):
    schedule = make(own, {"recurrenceInterval": "PT1H"}, EMPTY)
    start = own.client.get_job_schedule(schedule).creation_time
    own.running.admin.advance(timedelta(minutes=90))
    own.client.update_job_schedule(
        schedule, models.BatchJobScheduleUpdateOptions({"schedule": {"recurrenceInterval": "PT4H"}})
    )
    assert own.client.get_job_schedule(schedule).execution_info.next_run_time == start + 5 * HOUR
    own.running.admin.advance(4 * HOUR)
    assert jobs(own, schedule) == ["job-1", "job-2", "job-3"]


def test_put_removes_what_is_not_given(own):
    schedule = make(own, {"recurrenceInterval": "PT1H"}, metadata=[{"name": "a", "value": "b"}])
    assert code(own, "PUT", f"/jobschedules/{schedule}", {"schedule": {}}) == (
        400,
        "MissingRequiredProperty",
    )
    own.client.replace_job_schedule(
        schedule,
        models.BatchJobSchedule(
            job_specification=models.BatchJobSpecification(
                pool_info=models.BatchPoolInfo(pool_id="other"), priority=3
            )
        ),
    )
    found = own.client.get_job_schedule(schedule)
    assert (found.schedule, found.metadata, found.job_specification.priority) == (None, None, 3)
    # Without recurrence it ends with the job that it has.
    assert found.state == "active"
    own.client.begin_terminate_job(f"{schedule}:job-1", options={"terminateReason": "x"}).result()
    assert state(own, schedule) == "completed"


def test_conditions_hold_changes_to_a_version(batch):
    schedule = make(batch)
    tag = batch.client.get_job_schedule(schedule).etag
    batch.client.disable_job_schedule(
        schedule, etag=tag, match_condition=MatchConditions.IfNotModified
    )
    with pytest.raises(ResourceModifiedError):
        batch.client.enable_job_schedule(
            schedule, etag=tag, match_condition=MatchConditions.IfNotModified
        )
    path = f"/jobschedules/{schedule}"
    assert batch.raw("DELETE", path, headers={"If-Match": tag}).status_code == 412
    new = batch.client.get_job_schedule(schedule).etag
    assert batch.raw("GET", path, headers={"If-None-Match": new}).status_code == 304
    assert batch.raw("HEAD", path, headers={"If-None-Match": new}).status_code == 304
    assert batch.raw("DELETE", path, headers={"If-Match": new}).status_code == 202


def test_head_tells_whether_a_schedule_exists(batch):
    schedule = make(batch)
    assert batch.client.job_schedule_exists(schedule) is True
    with pytest.raises(ResourceNotFoundError):
        batch.client.job_schedule_exists("missing")
    answer = batch.raw("HEAD", f"/jobschedules/{schedule}")
    assert answer.status_code == 200
    assert answer.headers["etag"] == batch.client.get_job_schedule(schedule).etag
    assert answer.content == b""
    batch.client.begin_delete_job_schedule(schedule).result()


def test_answers_tell_the_version_and_the_address(batch):
    schedule = batch.name("schedule")
    body = {"id": schedule, "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "p"}}}
    made = batch.raw("POST", "/jobschedules", json=body)
    url = f"{batch.running.endpoint}/jobschedules/{schedule}"
    assert (made.status_code, made.headers["dataserviceid"], made.headers["location"]) == (
        201,
        url,
        url,
    )
    for verb, status in (("disable", 204), ("enable", 204), ("terminate", 202)):
        answer = batch.raw("POST", f"/jobschedules/{schedule}/{verb}")
        assert answer.status_code == status
        assert answer.headers["etag"] == batch.client.get_job_schedule(schedule).etag
        assert answer.headers["dataserviceid"] == f"{url}/{verb}"
    batch.client.begin_delete_job_schedule(schedule).result()


def test_lists_filter_select_and_page(own):
    names = [make(own, name=f"s{n}") for n in range(5)]
    own.client.disable_job_schedule("s3")
    assert [s.id for s in own.client.list_job_schedules(max_results=2)] == names
    off = own.client.list_job_schedules(filter="state eq 'disabled'", select=["id", "state"])
    assert [s.as_dict() for s in off] == [{"id": "s3", "state": "disabled"}]
    until = "schedule/doNotRunUntil gt DateTime'2026-01-01T00:00:00Z'"
    assert list(own.client.list_job_schedules(filter=until)) == []
    make(own, {"doNotRunUntil": "2030-01-01T00:00:00Z"}, name="late")
    assert [s.id for s in own.client.list_job_schedules(filter=until)] == ["late"]
    for unknown in ("displayName eq 'x'", "executionInfo/nextRunTime gt DateTime'2026-01-01'"):
        path = f"/jobschedules?$filter={unknown}"
        assert code(own, "GET", path) == (400, "InvalidQueryParameterValue")
    own.client.begin_terminate_job("s1:job-1", options={"terminateReason": "x"}).result()
    over = own.client.list_jobs_from_schedule("s1", filter="state eq 'completed'")
    assert [job.id for job in over] == ["s1:job-1"]
    assert list(own.client.list_jobs_from_schedule("s2", filter="state eq 'completed'")) == []
    path = "/jobschedules/s1/jobs?$filter=id eq 'x'"
    assert code(own, "GET", path) == (400, "InvalidQueryParameterValue")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"id": "a:b"}, (400, "InvalidPropertyValue")),
        ({"schedule": {"recurrenceInterval": "PT59S"}}, (400, "InvalidPropertyValue")),
        ({"schedule": {"startWindow": "PT59S"}}, (400, "InvalidPropertyValue")),
        ({"schedule": {"startWindow": "soon"}}, (400, "InvalidPropertyValue")),
        ({"schedule": None}, (400, "MissingRequiredProperty")),
        ({"jobSpecification": {}}, (400, "MissingRequiredProperty")),
        ({"jobSpecification": {"poolInfo": {}}}, (400, "MissingRequiredProperty")),
        (
            {"jobSpecification": {"poolInfo": {"poolId": "p"}, "priority": 1001}},
            (400, "InvalidPropertyValue"),
        ),
        (
            {"jobSpecification": {"poolInfo": {"poolId": "p"}, "id": "x"}},
            (400, "InvalidRequestBody"),
        ),
    ],
)
def test_what_cannot_be_is_refused(batch, change, expected):
    body = {
        "id": batch.name("schedule"),
        "schedule": {},
        "jobSpecification": {"poolInfo": {"poolId": "p"}},
        **change,
    }
    assert code(batch, "POST", "/jobschedules", body) == expected
    assert batch.raw("HEAD", f"/jobschedules/{body['id']}").status_code == 404


def test_spans_and_times_beyond_the_calendar_are_no_failure(own):
    times = {
        "doNotRunUntil": "9999-12-31T23:00:00Z",
        "recurrenceInterval": "P10675199D",
        "startWindow": "P10675199D",
    }
    assert jobs(own, make(own, times)) == []
    schedule = make(own, {"recurrenceInterval": "P10675199D", "startWindow": "P10675199D"}, EMPTY)
    own.running.admin.advance(timedelta(days=3000))
    assert (state(own, schedule), jobs(own, schedule)) == ("active", ["job-1"])


def test_ids_are_unique_among_jobs_and_schedules(batch):
    schedule, job = make(batch), batch.job("none")
    body = {"id": schedule.upper(), "poolInfo": {"poolId": "p"}}
    assert code(batch, "POST", "/jobs", body) == (409, "JobScheduleWithSameIdExists")
    body = {"id": job, "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "p"}}}
    assert code(batch, "POST", "/jobschedules", body) == (409, "JobWithSameIdExists")
    assert code(batch, "POST", "/jobschedules", {**body, "id": schedule}) == (
        409,
        "JobScheduleExists",
    )
    batch.client.begin_delete_job_schedule(schedule).result()


def test_jobs_and_schedules_share_a_quota(emulator, refused):
    batch = emulator("--boot-time=0.05", "--active-jobs=3")
    schedule = make(batch, {"recurrenceInterval": "PT1H"}, EMPTY)
    one, two = batch.job("none"), batch.job("none")
    full = "ActiveJobAndScheduleQuotaReached"
    assert refused(lambda: batch.job("none")).error.code == full
    assert refused(lambda: make(batch)).error.code == full
    # A schedule's job waits for room as it does for the one before it.
    batch.running.admin.advance(HOUR)
    assert jobs(batch, schedule) == ["job-1"]
    batch.client.begin_terminate_job(one, options={"terminateReason": "x"}).result()
    batch.running.admin.advance(timedelta(minutes=2))
    assert jobs(batch, schedule) == ["job-1", "job-2"]
    batch.client.begin_delete_job_schedule(schedule).result()
    batch.client.begin_terminate_job(two, options={"terminateReason": "x"}).result()
    for _ in range(3):
        batch.job("none")


def test_schedules_go_on_after_kill_9(emulator, tmp_path):
    options = ("--boot-time=0.05", f"--state={tmp_path}")
    batch = emulator(*options)
    pool = batch.pool(nodes=1)
    hourly = make(batch, {"recurrenceInterval": "PT1H"}, EMPTY)
    held = make(batch, {"recurrenceInterval": "PT1H"}, {"poolInfo": {"poolId": pool}})
    off, over = make(batch, {"recurrenceInterval": "PT1H"}, EMPTY), make(batch, {}, EMPTY)
    ending, deleted = (make(batch, job={"poolInfo": {"poolId": pool}}) for _ in range(2))
    batch.client.disable_job_schedule(off)
    batch.running.admin.advance(2 * HOUR + timedelta(minutes=1))
    before = {s.id: s for s in batch.client.list_job_schedules()}
    batch.task(f"{held}:job-1", "/bin/sleep 300", name="long")
    batch.until(lambda: batch.client.get_task(f"{held}:job-1", "long").state == "running")
    batch.raw("POST", f"/jobschedules/{ending}/terminate")
    batch.raw("DELETE", f"/jobschedules/{deleted}")
    batch.running.process.kill()
    batch.running.process.wait(10)
    again = emulator(*options)
    after = {s.id: s for s in again.client.list_job_schedules()}
    for schedule in (hourly, held, off, over):
        same = (before[schedule].etag, before[schedule].state)
        assert (after[schedule].etag, after[schedule].state) == same
        assert after[schedule].execution_info.recent_job.id.startswith(schedule)
    assert state(again, ending) == "completed"
    assert deleted not in after
    assert jobs(again, hourly) == ["job-1", "job-2", "job-3"]
    again.running.admin.advance(HOUR)
    assert jobs(again, hourly) == ["job-1", "job-2", "job-3", "job-4"]
    assert jobs(again, held) == ["job-1"]
    assert jobs(again, off) == ["job-1"]
    again.raw("POST", f"/jobs/{held}:job-1/terminate")
    again.until(lambda: jobs(again, held) == ["job-1", "job-2"])
    again.client.enable_job_schedule(off)
    assert jobs(again, off) == ["job-1", "job-2"]


def test_a_run_is_current_until_its_window_or_interval_is_over():
    minute = timedelta(minutes=1)
    once = Recurrence(window=10 * minute)
    assert once.current(T0, T0 + 9 * minute) == T0
    assert once.current(T0, T0 + 10 * minute) is None
    hourly = Recurrence(interval=HOUR, window=10 * minute, end=T0 + 5 * HOUR)
    assert hourly.current(T0, T0 - HOUR) == T0
    assert hourly.current(T0, T0 + 2 * HOUR + 9 * minute) == T0 + 2 * HOUR
    assert hourly.current(T0, T0 + 2 * HOUR + 10 * minute) == T0 + 3 * HOUR
    assert hourly.current(T0, T0 + 4 * HOUR + 30 * minute) is None
    assert hourly.over(None, T0 + 5 * HOUR)
    assert not hourly.over(None, T0 + 4 * HOUR)
    # A window longer than the interval is as one without end.
    wide = Recurrence(interval=HOUR, window=3 * HOUR)
    assert wide.current(T0, T0 + 2 * HOUR + 59 * minute) == T0 + 2 * HOUR
    assert wide.first(T0) == T0
    assert Recurrence(start=T0 + HOUR).first(T0) == T0 + HOUR
