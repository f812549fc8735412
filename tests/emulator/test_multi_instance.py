"""Multi-instance tasks: a primary and subtasks on several nodes at once."""

from __future__ import annotations

import pytest


def joined(batch, nodes=3, **rest):
    return batch.pool(nodes, enableInterNodeCommunication=True, **rest)


def multi(coordination="/bin/true", instances=3, **rest):
    settings = {"numberOfInstances": instances, "coordinationCommandLine": coordination, **rest}
    return {"multiInstanceSettings": settings}


def subtasks(batch, job, task):
    return list(batch.client.list_subtasks(job, task))


def node_text(batch, info, name="stdout.txt"):
    path = f"{info.task_root_directory}/{name}"
    return b"".join(batch.client.download_node_file(info.pool_id, info.node_id, path)).decode()


def test_coordination_runs_everywhere_and_then_the_command_on_the_primary(batch, tmp_path):
    pool = joined(batch)
    shared, own = tmp_path / "shared.txt", tmp_path / "own.txt"
    shared.write_text("shared\n")
    own.write_text("own\n")
    names = "IS_CURRENT_NODE_MASTER MASTER_NODE HOST_LIST NODE_LIST NODE_ID TASK_SHARED_DIR"
    show = "; ".join(f"echo $AZ_BATCH_{name}" for name in names.split())
    coordinate = f"/bin/sh -c '{show}; echo $CCP_NODES; cat $AZ_BATCH_TASK_SHARED_DIR/s; ls'"
    task = batch.run(
        "/bin/sh -c 'echo command; cat o'",
        batch.job(pool),
        resourceFiles=[{"httpUrl": own.as_uri(), "filePath": "o"}],
        **multi(coordinate, commonResourceFiles=[{"httpUrl": shared.as_uri(), "filePath": "s"}]),
    )
    job = task.url.split("/")[-3]
    assert (task.execution_info.result, task.execution_info.exit_code) == ("success", 0)
    parts = subtasks(batch, job, task.id)
    assert [part.id for part in parts] == [1, 2]
    infos = [task.node_info, *(part.node_info for part in parts)]
    assert len({info.node_id for info in infos}) == 3
    assert len({info.task_root_directory for info in infos}) == 1
    addresses = {node.id: node.ip_address for node in batch.nodes(pool)}
    assert len(set(addresses.values())) == 3
    texts = [node_text(batch, info).splitlines() for info in infos]
    for at, (info, lines) in enumerate(zip(infos, texts, strict=True)):
        master, address, hosts, nodes, node_id, folder, ccp = lines[:7]
        assert master == ("false" if at else "true")
        assert address.split(":")[0] == addresses[task.node_info.node_id]
        assert hosts.split(",") == nodes.split(";") == [addresses[i.node_id] for i in infos]
        assert node_id == info.node_id
        assert folder.endswith(f"/{info.node_id}/{info.task_root_directory}")
        assert ccp == "3 " + " ".join(f"{addresses[i.node_id]} 4" for i in infos)
        assert lines[7] == "shared"
    assert texts[0][8:] == ["o", "command", "own"]
    assert all(lines[8:] == [] for lines in texts[1:])
    for part in parts:
        assert (part.state, part.result, part.exit_code) == ("completed", "success", 0)
        assert part.previous_state == "running"
        assert part.start_time <= part.end_time
    recent = batch.client.get_node(pool, parts[1].node_info.node_id).recent_tasks
    assert [(one.task_id, one.subtask_id) for one in recent] == [(task.id, 2)]


def test_the_command_waits_for_all_and_subtasks_for_the_command(batch, tmp_path):
    job = batch.job(joined(batch, 2))
    own = f"{tmp_path}/$AZ_BATCH_IS_CURRENT_NODE_MASTER"
    wait = f"/bin/sh -c 'while [ ! -e {own} ]; do sleep 0.02; done'"
    command = (
        f"/bin/sh -c 'touch {tmp_path}/begun; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done'"
    )
    task = batch.task(job, command, **multi(wait, 2))
    (tmp_path / "true").touch()
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    (part,) = subtasks(batch, job, task)
    assert part.state == "running"
    assert not (tmp_path / "begun").exists()
    (tmp_path / "false").touch()
    batch.until((tmp_path / "begun").exists)
    (part,) = subtasks(batch, job, task)
    assert (part.state, part.end_time) == ("running", None)
    (tmp_path / "go").touch()
    assert batch.completed(job, task).execution_info.result == "success"
    assert subtasks(batch, job, task)[0].state == "completed"


def test_what_coordination_leaves_at_work_lives_until_the_command_ends(batch, alive, tmp_path):
    job = batch.job(joined(batch, 2))
    start = f"/bin/sh -c 'sleep 300 & echo $! > {tmp_path}/$AZ_BATCH_NODE_ID'"
    command = (
        f"/bin/sh -c 'for f in {tmp_path}/*; do kill -0 $(cat $f) || exit 1; done; ls {tmp_path}'"
    )
    task = batch.run(command, job, **multi(start, 2))
    assert task.execution_info.exit_code == 0
    assert len(batch.text(job, task.id).split()) == 2
    pids = [int(file.read_text()) for file in tmp_path.iterdir()]
    batch.until(lambda: not any(alive(pid) for pid in pids))


def test_a_subtask_that_fails_fails_all_and_it_is_tried_again(batch, tmp_path):
    job = batch.job(joined(batch, 2))
    mark = tmp_path / "tries"
    coordinate = (
        "/bin/sh -c '"
        f"[ $AZ_BATCH_IS_CURRENT_NODE_MASTER = true ] && sleep 300; echo x >> {mark}; exit 7'"
    )
    task = batch.run("/bin/true", job, constraints={"maxTaskRetryCount": 1}, **multi(coordinate, 2))
    assert mark.read_text() == "x\nx\n"
    info = task.execution_info
    assert (info.result, info.exit_code, info.retry_count) == ("failure", None, 1)
    assert info.failure_info.code == "FailureExitCode"
    assert {d.name: d.value for d in info.failure_info.details}["SubtaskId"] == "1"
    (part,) = subtasks(batch, job, task.id)
    assert (part.result, part.exit_code, part.failure_info.code) == (
        "failure",
        7,
        "FailureExitCode",
    )


def test_the_primarys_exit_code_is_the_tasks(batch):
    job = batch.job(joined(batch, 2))
    task = batch.run("/bin/sh -c 'exit 4'", job, **multi(instances=2))
    assert (task.execution_info.exit_code, task.execution_info.result) == (4, "failure")
    assert subtasks(batch, job, task.id)[0].result == "success"
    task = batch.run("/bin/true", job, **multi("/bin/sh -c 'exit 9'", 1))
    assert (task.execution_info.exit_code, task.execution_info.result) == (9, "failure")
    task = batch.run("/bin/true", job, **multi("/no/such", 2))
    assert task.execution_info.failure_info.code == "CommandProgramNotFound"


def test_termination_and_the_limit_of_time_end_every_instance(batch, alive, tmp_path):
    job = batch.job(joined(batch, 2))
    hang = f"/bin/sh -c 'echo $$ > {tmp_path}/$AZ_BATCH_NODE_ID; sleep 300'"

    def pids():
        texts = [file.read_text() for file in tmp_path.iterdir()]
        return len(texts) == 2 and all(texts) and [int(text) for text in texts]

    task = batch.task(job, **multi(hang, 2))
    started = batch.until(pids)
    batch.client.terminate_task(job, task)
    assert batch.completed(job, task).execution_info.failure_info.code == "TaskEnded"
    batch.until(lambda: not any(alive(pid) for pid in started))
    part = subtasks(batch, job, task)[0]
    assert (part.state, part.failure_info.code) == ("completed", "TaskEnded")
    task = batch.run(
        "/bin/sleep 300", job, constraints={"maxWallClockTime": "PT0.3S"}, **multi(instances=2)
    )
    assert task.execution_info.failure_info.code == "TaskEnded"
    assert batch.counts(job).running == 0
    pool = batch.client.get_job(job).pool_info.pool_id
    batch.until(lambda: len(batch.nodes(pool, "idle")) == 2)


def test_deletion_removes_the_folders_of_subtasks(batch):
    job = batch.job(joined(batch, 2))
    task = batch.run("/bin/true", job, **multi("/bin/echo here", 2))
    infos = [task.node_info, subtasks(batch, job, task.id)[0].node_info]
    assert [node_text(batch, info) for info in infos] == ["here\n", "here\n"]
    batch.client.delete_task(job, task.id)

    def files(info):
        found = batch.client.list_node_files(info.pool_id, info.node_id, recursive=True)
        return [file.name for file in found if task.id in file.name]

    batch.until(lambda: not any(files(info) for info in infos))


def test_it_waits_for_as_many_nodes_as_it_needs(batch):
    pool = joined(batch, 1)
    job = batch.job(pool)
    task = batch.task(job, **multi(instances=2))
    other = batch.run("/bin/true", batch.job(pool))
    assert other.execution_info.result == "success"
    assert batch.client.get_task(job, task).state == "active"
    resize = {"targetDedicatedNodes": 2}
    batch.client.begin_resize_pool(pool, resize, polling_interval=0.02).result()
    assert batch.completed(job, task).execution_info.result == "success"


@pytest.mark.parametrize(
    "pool", [{}, {"enableInterNodeCommunication": True, "taskSlotsPerNode": 2}]
)
def test_elsewhere_it_stays_active_and_holds_up_no_others(batch, pool):
    job = batch.job(batch.pool(2, **pool))
    task = batch.task(job, **multi(instances=1))
    assert batch.run("/bin/true", job).execution_info.result == "success"
    assert batch.client.get_task(job, task).state == "active"
    batch.client.terminate_task(job, task)
    assert batch.completed(job, task).execution_info.failure_info.code == "TaskEnded"


def test_all_its_nodes_are_prepared_first(batch, tmp_path):
    pool = joined(batch, 2)
    gate = tmp_path / "gate"
    prepare = f"/bin/sh -c 'while [ ! -e {gate} ]; do sleep 0.02; done'"
    job = batch.job(pool, jobPreparationTask={"commandLine": prepare})
    task = batch.task(job, **multi("/bin/sh -c 'test -d $AZ_BATCH_JOB_PREP_DIR'", 2))
    (part,) = batch.until(lambda: subtasks(batch, job, task))
    assert part.state == "preparing"
    assert batch.client.get_task(job, task).state == "preparing"
    gate.touch()
    assert batch.completed(job, task).execution_info.result == "success"
    assert len(list(batch.client.list_job_preparation_and_release_task_status(job))) == 2


def test_the_loss_of_a_subtasks_node_puts_the_task_back(batch):
    pool = joined(batch, 3)
    batch.ready(pool, 3)
    job = batch.job(pool)
    task = batch.task(job, "/bin/sleep 300", **multi(instances=2))
    (part,) = batch.until(lambda: subtasks(batch, job, task))
    options = {"nodeList": [part.node_info.node_id]}
    batch.client.begin_remove_nodes(pool, options, polling_interval=0.02).result()
    (now,) = batch.until(
        lambda: subtasks(batch, job, task),
        lambda found: found and found[0].node_info.node_id != part.node_info.node_id,
    )
    batch.until(lambda: batch.client.get_task(job, task).state, lambda s: s == "running")
    assert batch.client.get_task(job, task).execution_info.retry_count == 0
    assert now.node_info.node_id in {node.id for node in batch.nodes(pool)}


def test_a_plain_task_has_no_subtasks_and_what_cannot_be_is_refused(batch, refused):
    job = batch.job(batch.pool(0))
    assert subtasks(batch, job, batch.task(job)) == []
    bad = {"commonResourceFiles": [{"filePath": "../x", "httpUrl": "http://127.0.0.1/x"}]}
    cases = [multi(instances=0), {"requiredSlots": 2, **multi()}, multi(**bad)]
    for case in cases:
        error = refused(lambda rest=case: batch.task(job, **rest))
        assert (error.status_code, error.error.code) == (400, "InvalidPropertyValue"), case


def test_it_is_there_again_after_kill_9(emulator, tmp_path):
    options = ("--boot-time=0.05", f"--state={tmp_path}")
    batch = emulator(*options)
    job = batch.job(joined(batch, 2))
    done = batch.run("/bin/true", job, **multi("/bin/echo kept", 2)).id
    running = batch.task(job, "/bin/sleep 300", **multi(instances=2))
    batch.until(lambda: batch.client.get_task(job, running).state, lambda s: s == "running")
    before = subtasks(batch, job, done)[0]
    batch.running.process.kill()
    batch.running.process.wait(10)
    again = emulator(*options)
    after = subtasks(again, job, done)[0]
    assert (after.node_info.node_id, after.end_time) == (before.node_info.node_id, before.end_time)
    assert node_text(again, after.node_info) == "kept\n"
    again.until(lambda: again.client.get_task(job, running).state, lambda s: s == "running")
    assert subtasks(again, job, running)[0].state == "running"
