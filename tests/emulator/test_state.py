"""State that outlasts the emulator: whatever was answered is there again after `kill -9`."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models

from batch_emulator.process import StartError, start


@pytest.fixture
def kept(emulator, tmp_path):
    """Starts an emulator on the same folder, again and again."""

    def begin(*options):
        return emulator("--boot-time=0.05", f"--state={tmp_path}", *options)

    return begin


def kill(batch):
    batch.running.process.kill()
    batch.running.process.wait(10)


def test_everything_accepted_is_there_again_after_kill_9(kept, alive):
    batch = kept()
    pool = batch.pool(nodes=1, metadata=[{"name": "a", "value": "b"}])
    job = batch.job(pool, priority=7, usesTaskDependencies=True)
    done = batch.run("/bin/sh -c 'echo kept; exit 3'", job).id
    running = batch.task(job, "/bin/sh -c 'echo $$; sleep 300'")
    waiting = batch.task(job, "/bin/echo later", displayName="ünïcode")
    blocked = batch.task(job, dependsOn={"taskIds": [done]})
    free = batch.task(job, dependsOn={"taskIds": [waiting]})
    pid = int(batch.until(lambda: _text(batch, job, running)).strip())
    before = {t.id: t for t in batch.client.list_tasks(job)}
    was = batch.client.get_pool(pool)
    node = batch.nodes(pool)[0].id
    kill(batch)
    again = kept()
    again.until(lambda: not alive(pid))
    pool_now = again.client.get_pool(pool)
    assert pool_now.metadata[0].value == "b"
    assert (pool_now.etag, pool_now.last_modified) == (was.etag, was.last_modified)
    assert [n.id for n in again.nodes(pool)] == [node]
    job_now = again.client.get_job(job)
    assert (job_now.priority, job_now.state) == (7, "active")
    after = {t.id: t for t in again.client.list_tasks(job)}
    assert list(after) == list(before)
    moved = json.dumps(before[done].as_dict()).replace(
        batch.running.endpoint, again.running.endpoint
    )
    assert after[done].as_dict() == json.loads(moved)
    assert after[waiting].display_name == "ünïcode"
    assert after[running].state in ("active", "running")
    assert after[running].execution_info.retry_count == 0
    assert after[running].execution_info.requeue_count == 0
    assert again.text(job, done) == "kept\n"
    again.until(lambda: again.client.get_task(job, running).state, lambda s: s == "running")
    again.client.terminate_task(job, running)
    assert again.completed(job, waiting).execution_info.result == "success"
    assert again.completed(job, free).execution_info.result == "success"
    assert again.client.get_task(job, blocked).state == "active"
    counts = again.counts(job)
    assert (counts.active, counts.succeeded, counts.failed) == (1, 2, 2)


def test_an_end_in_order_is_no_different(kept):
    batch = kept()
    job = batch.job(batch.pool(nodes=0))
    task = batch.task(job)
    batch.running.process.stdin.close()
    batch.running.process.wait(10)
    assert kept().client.get_task(job, task).state == "active"


def test_what_was_deleted_stays_deleted(kept):
    batch = kept()
    pool = batch.pool(nodes=1)
    job, gone = batch.job(pool), batch.job(pool)
    task, deleted = batch.task(job, "/bin/true"), batch.run("/bin/true", job).id
    batch.task(gone, "/bin/true")
    batch.client.delete_task(job, deleted)
    batch.raw("DELETE", f"/jobs/{gone}")
    batch.until(lambda: gone not in {j.id for j in batch.client.list_jobs()})
    kill(batch)
    again = kept()
    assert [t.id for t in again.client.list_tasks(job)] == [task]
    assert gone not in {j.id for j in again.client.list_jobs()}
    # its id is free
    again.client.create_job(
        models.BatchJobCreateOptions({"id": gone, "poolInfo": {"poolId": pool}})
    )
    assert list(again.client.list_tasks(gone)) == []


def test_a_parent_that_was_deleted_after_it_succeeded_still_satisfies(kept):
    batch = kept()
    pool = batch.pool(nodes=1)
    job = batch.job(pool, usesTaskDependencies=True)
    batch.run("/bin/true", job, name="1")
    batch.client.delete_task(job, "1")
    kill(batch)
    again = kept()
    child = again.task(job, "/bin/true", dependsOn={"taskIdRanges": [{"start": 1, "end": 1}]})
    assert again.completed(job, child).execution_info.result == "success"


def test_clock_limits_and_retention_go_on(kept):
    batch = kept()
    job = batch.job(constraints={"maxWallClockTime": "P10D"})
    task = batch.run("/bin/true", job).id
    then = batch.running.admin.advance(timedelta(days=6))
    assert batch.client.get_job(job).state == "active"
    batch.job(batch.pool(nodes=0))
    kill(batch)
    again = kept()
    assert again.running.admin.now() >= then
    assert again.text(job, task) == ""
    again.running.admin.advance(timedelta(days=2))
    again.until(lambda: again.raw("GET", f"/jobs/{job}/tasks/{task}/files").status_code == 409)
    again.running.admin.advance(timedelta(days=3))
    ended = again.until(lambda: again.client.get_job(job), lambda j: j.state == "completed")
    assert ended.execution_info.termination_reason == "MaxWallClockTimeExpiry"


@pytest.mark.parametrize("changed", [True, False])
def test_a_clock_that_was_moved_goes_on_from_there(kept, changed):
    batch = kept()
    if changed:
        batch.job("none")
    then = batch.running.admin.advance(timedelta(days=3))
    kill(batch)
    assert kept().running.admin.now() >= then


def test_autoscale_resizes_and_deletions_go_on(kept):
    batch = kept("--boot-time=30")
    scaled = batch.pool(
        enableAutoScale=True,
        autoScaleFormula="$TargetDedicatedNodes = 2;",
        autoScaleEvaluationInterval="PT5M",
    )
    resizing, deleted = batch.pool(nodes=1), batch.pool(nodes=0)
    batch.raw("DELETE", f"/pools/{deleted}")
    kill(batch)
    again = kept()
    assert again.client.get_pool(scaled).auto_scale_formula == "$TargetDedicatedNodes = 2;"
    again.ready(scaled, 2)
    again.ready(resizing, 1)
    again.until(lambda: deleted not in {p.id for p in again.client.list_pools()})


def test_versions_are_never_given_again(kept):
    batch = kept()
    pool = batch.pool(nodes=0)
    batch.until(lambda: batch.client.get_pool(pool).allocation_state, lambda s: s == "steady")
    tag = batch.client.get_pool(pool).etag
    kill(batch)
    again = kept()
    update = models.BatchPoolUpdateOptions(metadata=[models.BatchMetadataItem(name="a", value="b")])
    again.client.update_pool(pool, update)
    assert int(again.client.get_pool(pool).etag.strip('"'), 16) > int(tag.strip('"'), 16)


def test_two_emulators_do_not_share_a_folder(kept, tmp_path, capfd):
    kept()
    with pytest.raises(StartError), start(f"--state={tmp_path}"):
        pass
    assert "another emulator uses it" in capfd.readouterr().err


def fill(file):
    """Have a file take what its disk has left."""
    with contextlib.suppress(OSError), file.open("wb", 0) as out:
        while True:
            out.write(bytes(1000))


def test_a_full_disk_is_told_of_and_nothing_is_lost(small_disk, emulator, capfd):
    folder = small_disk("600k")
    batch = emulator("--boot-time=0.05", f"--state={folder}")
    job = batch.job(batch.pool(nodes=0))
    full = folder / "full"
    fill(full)
    for number in range(300):
        body = {"id": f"task-{number}", "commandLine": "/bin/true"}
        answer = batch.raw("POST", f"/jobs/{job}/tasks", json=body)
        if answer.status_code != 201:
            break
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")
    assert "The state cannot be saved: database or disk is full" in answer.text
    full.unlink()
    tasks = [task.id for task in batch.client.list_tasks(job)]
    assert len(tasks) >= number
    kill(batch)
    said = capfd.readouterr().err
    assert "database or disk is full" in said
    assert "Traceback" not in said
    again = emulator("--boot-time=0.05", f"--state={folder}")
    assert [task.id for task in again.client.list_tasks(job)] == tasks


@pytest.mark.parametrize("moved", [False, True], ids=["copied", "moved"])
def test_a_state_may_be_copied_and_moved(emulator, tmp_path, moved):
    first, second = tmp_path / "first", tmp_path / 'the "second" \\u00fc ü'
    batch = emulator("--boot-time=0.05", f"--state={first}")
    job = batch.job(batch.pool(nodes=1))
    done = batch.run("/bin/echo kept", job).id
    place = batch.client.get_task(job, done).node_info.task_root_directory
    kill(batch)
    if moved:
        first.rename(second)
    else:
        shutil.copytree(first, second)
    again = emulator("--boot-time=0.05", f"--state={second}")
    assert again.text(job, done) == "kept\n"
    assert again.text(job, again.run("/bin/echo new", job).id) == "new\n"
    kill(again)
    third = emulator("--boot-time=0.05", f"--state={second}")
    assert third.text(job, done) == "kept\n"
    third.client.begin_delete_job(job).result()
    third.until(lambda: not list(second.glob(f"pools/*/*/{place}")))
    assert moved or list(first.glob(f"pools/*/*/{place}/stdout.txt"))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, capfd):
    (tmp_path / "lock").mkdir()
    (tmp_path / "file").touch()
    for state, why in ((tmp_path, "Is a directory"), (tmp_path / "file", "it is a file")):
        with pytest.raises(StartError), start(f"--state={state}"):
            pass
        told = capfd.readouterr().err
        assert why in told
        assert "Traceback" not in told


def test_a_state_of_another_version_is_refused(tmp_path, capfd):
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StartError), start(f"--state={tmp_path}"):
        pass
    told = capfd.readouterr().err
    assert "version 99" in told
    assert "Traceback" not in told


def test_the_state_holds_no_key_and_is_the_user_s_own(kept, tmp_path):
    batch = kept()
    batch.pool(nodes=0)
    kill(batch)
    for file in tmp_path.glob("*"):
        if file.is_file():
            assert batch.running.key.encode() not in file.read_bytes()
    assert Path(tmp_path / "state.sqlite").stat().st_mode & 0o077 == 0


def _text(batch, job, task):
    answer = batch.raw("GET", f"/jobs/{job}/tasks/{task}/files/stdout.txt")
    return answer.text if answer.status_code == 200 else ""
