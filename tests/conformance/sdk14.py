"""azure-batch 14.2.0: `BatchServiceClient` with `SharedKeyCredentials`.

It sends api-version 2024-02-01.19.0. Run by `run.py` with its own Python; ACCOUNT, KEY and ENDPOINT
come in the environment.
"""

from __future__ import annotations

import base64
import os
from datetime import timedelta

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials
from steps import holds, same, step, until

IMAGE = models.ImageReference(publisher="microsoft-dsvm", offer="ubuntu-hpc", sku="2404")
MACHINE = models.VirtualMachineConfiguration(
    image_reference=IMAGE, node_agent_sku_id="batch.node.ubuntu 24.04"
)
POOL, JOB, SCHEDULE = "sdk14-pool", "sdk14-job", "sdk14-schedule"
SIZE = "Standard_D4s_v5"


def connect() -> BatchServiceClient:
    """The client as its users make it."""
    credentials = SharedKeyCredentials(os.environ["ACCOUNT"], os.environ["KEY"])
    return BatchServiceClient(credentials, batch_url=os.environ["ENDPOINT"])


def refused(attempt, code: str) -> None:
    """The service refuses it, with this code."""
    try:
        attempt()
    except models.BatchErrorException as error:
        same(error.error.code, code)
        holds(error.error.message.value)
        return
    raise AssertionError(f"it was not refused; wanted {code}")


def main() -> None:
    """Everything, from nothing and back to nothing."""
    client = connect()
    account(client)
    pools(client)
    autoscale(client)
    nodes(client)
    jobs(client)
    tasks(client)
    task_files(client)
    node_files(client)
    users(client)
    schedules(client)
    only_here(client)
    ending(client)


def account(client: BatchServiceClient) -> None:
    with step("account", "list_supported_images with a filter"):
        images = list(client.account.list_supported_images())
        holds(any(i.image_reference.sku == "2404" for i in images), images)
        options = models.AccountListSupportedImagesOptions(filter="osType eq 'windows'")
        same(list(client.account.list_supported_images(options)), [])
    with step("account", "list_pool_node_counts"):
        list(client.account.list_pool_node_counts())
    with step("application", "list, and get of one that is not there"):
        same(list(client.application.list()), [])
        refused(lambda: client.application.get("none"), "ApplicationNotFound")


def pools(client: BatchServiceClient) -> None:
    with step("pool", "add with what only older versions have, and get it back"):
        client.pool.add(
            models.PoolAddParameter(
                id=POOL,
                vm_size=SIZE,
                virtual_machine_configuration=MACHINE,
                target_dedicated_nodes=2,
                task_slots_per_node=2,
                target_node_communication_mode="simplified",
                resource_tags={"team": "one"},
                metadata=[models.MetadataItem(name="a", value="b")],
                start_task=models.StartTask(command_line="/bin/true", wait_for_success=True),
            )
        )
        pool = client.pool.get(POOL)
        same((pool.id, pool.vm_size.lower(), pool.task_slots_per_node), (POOL, SIZE.lower(), 2))
        same(pool.target_node_communication_mode, models.NodeCommunicationMode.simplified)
        same(pool.resource_tags, {"team": "one"})
        same(pool.metadata[0].value, "b")
    with step("pool", "exists, true and false"):
        same((client.pool.exists(POOL), client.pool.exists("none")), (True, False))
    with step("pool", "get of one that is not there: PoolNotFound"):
        refused(lambda: client.pool.get("none"), "PoolNotFound")
    with step("pool", "add twice: PoolExists"):
        again = models.PoolAddParameter(
            id=POOL, vm_size=SIZE, virtual_machine_configuration=MACHINE, target_dedicated_nodes=0
        )
        refused(lambda: client.pool.add(again), "PoolExists")
    with step("pool", "list with filter, select and pages"):
        options = models.PoolListOptions(filter=f"id eq '{POOL}'", select="id,state", max_results=1)
        listed = list(client.pool.list(options))
        same([(p.id, p.state, p.vm_size) for p in listed], [(POOL, models.PoolState.active, None)])
    with step("pool", "patch, update_properties"):
        client.pool.patch(
            POOL, models.PoolPatchParameter(metadata=[models.MetadataItem(name="c", value="d")])
        )
        same(client.pool.get(POOL).metadata[0].name, "c")
        client.pool.update_properties(
            POOL,
            models.PoolUpdatePropertiesParameter(
                certificate_references=[],
                application_package_references=[],
                metadata=[],
                target_node_communication_mode="classic",
            ),
        )
        pool = client.pool.get(POOL)
        same((pool.metadata or [], pool.start_task), ([], None))
        same(pool.target_node_communication_mode, models.NodeCommunicationMode.classic)
    with step("pool", "resize, stop_resize"):
        until(lambda: client.pool.get(POOL), lambda p: p.allocation_state == "steady")
        client.pool.resize(POOL, models.PoolResizeParameter(target_dedicated_nodes=3))
        pool = until(lambda: client.pool.get(POOL), lambda p: p.current_dedicated_nodes == 3)
        same(pool.current_node_communication_mode, models.NodeCommunicationMode.classic)
        until(lambda: client.pool.get(POOL), lambda p: p.allocation_state == "steady")
        client.pool.stop_resize(POOL)  # there is nothing to stop, and nothing is said against it
        same(client.pool.get(POOL).current_dedicated_nodes, 3)
    with step("pool", "an old etag in If-Match: ConditionNotMet"):
        options = models.PoolDeleteOptions(if_match="0x1")
        refused(lambda: client.pool.delete(POOL, options), "ConditionNotMet")
    with step("pool", "list_usage_metrics"):
        list(client.pool.list_usage_metrics())


def autoscale(client: BatchServiceClient) -> None:
    with step("pool", "enable, evaluate and disable autoscale"):
        name = "sdk14-scaled"
        client.pool.add(
            models.PoolAddParameter(
                id=name,
                vm_size=SIZE,
                virtual_machine_configuration=MACHINE,
                target_dedicated_nodes=0,
            )
        )
        until(lambda: client.pool.get(name), lambda p: p.allocation_state == "steady")
        client.pool.enable_auto_scale(
            name,
            auto_scale_formula="$TargetDedicatedNodes=1;",
            auto_scale_evaluation_interval=timedelta(minutes=5),
        )
        run = client.pool.evaluate_auto_scale(name, "$TargetDedicatedNodes=2;")
        holds("$TargetDedicatedNodes=2" in run.results, run.results)
        until(lambda: client.pool.get(name), lambda p: p.current_dedicated_nodes == 1)
        client.pool.disable_auto_scale(name)
        same(client.pool.get(name).enable_auto_scale, False)
        refused(
            lambda: client.pool.enable_auto_scale(name, auto_scale_formula="$Target = ("),
            "AutoScalingFormulaSyntaxError",
        )
        client.pool.delete(name)


def nodes(client: BatchServiceClient) -> None:
    def ready() -> list[models.ComputeNode]:
        return [n for n in client.compute_node.list(POOL) if n.state == "idle"]

    with step("node", "list, get"):
        found = until(ready, lambda n: len(n) == 3)
        node = client.compute_node.get(POOL, found[0].id)
        same((node.id, node.vm_size.lower()), (found[0].id, SIZE.lower()))
        refused(lambda: client.compute_node.get(POOL, "none"), "NodeNotFound")
    with step("node", "disable_scheduling, enable_scheduling"):
        node = ready()[0].id
        client.compute_node.disable_scheduling(POOL, node)
        until(
            lambda: client.compute_node.get(POOL, node), lambda n: n.scheduling_state == "disabled"
        )
        client.compute_node.enable_scheduling(POOL, node)
        until(
            lambda: client.compute_node.get(POOL, node), lambda n: n.scheduling_state == "enabled"
        )
    with step("node", "reboot, reimage"):
        client.compute_node.reboot(POOL, ready()[0].id)
        until(ready, lambda n: len(n) == 3)
        client.compute_node.reimage(POOL, ready()[0].id)
        until(ready, lambda n: len(n) == 3)
    with step("node", "list of extensions"):
        found = client.compute_node_extension.list(POOL, ready()[0].id)
        same([one.vm_extension.name for one in found], ["batchNodeExtension"])
    with step("node", "remove_nodes"):
        gone = ready()[-1].id
        client.pool.remove_nodes(POOL, models.NodeRemoveParameter(node_list=[gone]))
        until(ready, lambda n: len(n) == 2 and gone not in [one.id for one in n])


def jobs(client: BatchServiceClient) -> None:
    with step("job", "add, get"):
        client.job.add(
            models.JobAddParameter(
                id=JOB,
                pool_info=models.PoolInformation(pool_id=POOL),
                uses_task_dependencies=True,
                constraints=models.JobConstraints(max_task_retry_count=1),
                common_environment_settings=[models.EnvironmentSetting(name="COMMON", value="x")],
            )
        )
        job = client.job.get(JOB)
        same((job.state, job.pool_info.pool_id), (models.JobState.active, POOL))
        same(job.constraints.max_task_retry_count, 1)
        refused(
            lambda: client.job.add(models.JobAddParameter(id=JOB, pool_info=job.pool_info)),
            "JobExists",
        )
    with step("job", "list with a filter; one that is not known is refused"):
        listed = client.job.list(models.JobListOptions(filter="state eq 'active'"))
        holds(JOB in [j.id for j in listed])
        wrong = models.JobListOptions(filter="colour eq 'red'")
        refused(lambda: list(client.job.list(wrong)), "InvalidQueryParameterValue")
    with step("job", "patch, update, get"):
        client.job.patch(JOB, models.JobPatchParameter(priority=7))
        same(client.job.get(JOB).priority, 7)
        client.job.update(
            JOB,
            models.JobUpdateParameter(pool_info=models.PoolInformation(pool_id=POOL), priority=3),
        )
        same(client.job.get(JOB).priority, 3)
    with step("job", "disable, enable"):
        client.job.disable(JOB, "requeue")
        until(lambda: client.job.get(JOB), lambda j: j.state == "disabled")
        client.job.enable(JOB)
        until(lambda: client.job.get(JOB), lambda j: j.state == "active")
    with step("job", "preparation and release status"):
        name = "sdk14-prepared"
        client.job.add(
            models.JobAddParameter(
                id=name,
                pool_info=models.PoolInformation(pool_id=POOL),
                job_preparation_task=models.JobPreparationTask(command_line="/bin/true"),
                job_release_task=models.JobReleaseTask(command_line="/bin/true"),
            )
        )
        client.task.add(name, models.TaskAddParameter(id="t", command_line="/bin/true"))
        until(lambda: client.task.get(name, "t"), lambda t: t.state == "completed")
        seen = list(client.job.list_preparation_and_release_task_status(name))
        same([s.job_preparation_task_execution_info.exit_code for s in seen], [0])
        client.job.terminate(name)
        until(lambda: client.job.get(name), lambda j: j.state == "completed")
        client.job.delete(name)


def tasks(client: BatchServiceClient) -> None:
    def done(name: str) -> models.CloudTask:
        return until(lambda: client.task.get(JOB, name), lambda t: t.state == "completed")

    with step("task", "add, get, and it runs"):
        client.task.add(
            JOB,
            models.TaskAddParameter(
                id="speaks",
                command_line="/bin/sh -c 'echo $COMMON $OWN; echo kept > kept.txt'",
                environment_settings=[models.EnvironmentSetting(name="OWN", value="y")],
            ),
        )
        task = done("speaks")
        same((task.execution_info.exit_code, task.execution_info.result), (0, "success"))
    with step("task", "add twice: TaskExists"):
        again = models.TaskAddParameter(id="speaks", command_line="/bin/true")
        refused(lambda: client.task.add(JOB, again), "TaskExists")
    with step("task", "add_collection of 250 with its own threads"):
        many = [
            models.TaskAddParameter(id=f"many-{n:03}", command_line="/bin/true") for n in range(250)
        ]
        result = client.task.add_collection(JOB, many, threads=3)
        same({r.status for r in result.value}, {models.TaskAddStatus.success})
        until(lambda: client.job.get_task_counts(JOB), lambda c: c.task_counts.succeeded == 251)
    with step("task", "list by pages with a filter"):
        options = models.TaskListOptions(filter="state eq 'completed'", max_results=100)
        same(len(list(client.task.list(JOB, options))), 251)
    with step("task", "a dependency, exit conditions, retries"):
        fails = models.TaskAddParameter(
            id="fails",
            command_line="/bin/sh -c 'exit 3'",
            exit_conditions=models.ExitConditions(
                default=models.ExitOptions(dependency_action="satisfy")
            ),
        )
        after = models.TaskAddParameter(
            id="after",
            command_line="/bin/true",
            depends_on=models.TaskDependencies(task_ids=["fails"]),
        )
        client.task.add_collection(JOB, [fails, after])
        same(done("after").execution_info.result, "success")
        failed = client.task.get(JOB, "fails").execution_info
        same((failed.exit_code, failed.retry_count, failed.result), (3, 0, "failure"))
    with step("task", "update, terminate, reactivate, delete"):
        client.task.add(JOB, models.TaskAddParameter(id="long", command_line="/bin/sleep 600"))
        until(lambda: client.task.get(JOB, "long"), lambda t: t.state == "running")
        client.task.update(JOB, "long", models.TaskConstraints(max_task_retry_count=0))
        client.task.terminate(JOB, "long")
        same(done("long").execution_info.result, "failure")
        refused(lambda: client.task.terminate(JOB, "long"), "TaskCompleted")
        refused(lambda: client.task.reactivate(JOB, "speaks"), "TaskSucceeded")
        client.task.reactivate(JOB, "long")
        until(lambda: client.task.get(JOB, "long"), lambda t: t.state == "running")
        client.task.delete(JOB, "long")
        refused(lambda: client.task.get(JOB, "long"), "TaskNotFound")
    with step("task", "list_subtasks of a task that has none"):
        same(client.task.list_subtasks(JOB, "speaks").value or [], [])
    with step("task", "a command that is empty fails the task; no slots at all are refused"):
        client.task.add(JOB, models.TaskAddParameter(id="empty", command_line=" "))
        task = until(lambda: client.task.get(JOB, "empty"), lambda t: t.state == "completed")
        same(task.execution_info.failure_info.code, "CommandLaunchFailed")
        client.task.delete(JOB, "empty")
        none = models.TaskAddParameter(id="bad", command_line="/bin/true", required_slots=0)
        refused(lambda: client.task.add(JOB, none), "InvalidPropertyValue")


def task_files(client: BatchServiceClient) -> None:
    with step("file", "of a task: list, get, range, properties, delete"):
        names = {f.name for f in client.file.list_from_task(JOB, "speaks", recursive=True)}
        holds({"stdout.txt", "stderr.txt", "wd/kept.txt"} <= names, names)
        said = b"".join(client.file.get_from_task(JOB, "speaks", "stdout.txt"))
        same(said, b"x y\n")
        options = models.FileGetFromTaskOptions(ocp_range="bytes=0-0")
        part = b"".join(client.file.get_from_task(JOB, "speaks", "stdout.txt", options))
        same(part, b"x")
        raw = client.file.get_properties_from_task(JOB, "speaks", "wd/kept.txt", raw=True)
        same(raw.response.headers["Content-Length"], "5")
        same(raw.response.headers["ocp-batch-file-isdirectory"].lower(), "false")
        client.file.delete_from_task(JOB, "speaks", "wd/kept.txt")
        refused(lambda: client.file.get_from_task(JOB, "speaks", "wd/kept.txt"), "FileNotFound")


def node_files(client: BatchServiceClient) -> None:
    with step("file", "of a node: list, get, properties, delete"):
        node = client.task.get(JOB, "many-000").node_info.node_id
        path = f"workitems/{JOB}/job-1/many-000/stdout.txt"
        names = {f.name for f in client.file.list_from_compute_node(POOL, node, recursive=True)}
        holds(path in names, sorted(names)[:20])
        same(b"".join(client.file.get_from_compute_node(POOL, node, path)), b"")
        client.file.get_properties_from_compute_node(POOL, node, path)
        client.file.delete_from_compute_node(POOL, node, path)
        refused(lambda: client.file.get_from_compute_node(POOL, node, path), "FileNotFound")


def users(client: BatchServiceClient) -> None:
    with step("node", "add_user, update_user, delete_user"):
        node = next(iter(client.compute_node.list(POOL))).id
        user = models.ComputeNodeUser(name="someone", password="Not-a-real-1", is_admin=False)
        client.compute_node.add_user(POOL, node, user)
        refused(lambda: client.compute_node.add_user(POOL, node, user), "NodeUserExists")
        change = models.NodeUpdateUserParameter(password="Not-a-real-2")
        client.compute_node.update_user(POOL, node, "someone", change)
        client.compute_node.delete_user(POOL, node, "someone")
        refused(lambda: client.compute_node.delete_user(POOL, node, "someone"), "NodeUserNotFound")
    with step("node", "get_remote_login_settings"):
        node = next(iter(client.compute_node.list(POOL))).id
        settings = client.compute_node.get_remote_login_settings(POOL, node)
        holds(settings.remote_login_ip_address and settings.remote_login_port, settings)


def schedules(client: BatchServiceClient) -> None:
    with step("job-schedule", "add, get, exists, list, and its job"):
        client.job_schedule.add(
            models.JobScheduleAddParameter(
                id=SCHEDULE,
                schedule=models.Schedule(recurrence_interval=timedelta(hours=1)),
                job_specification=models.JobSpecification(
                    pool_info=models.PoolInformation(pool_id=POOL)
                ),
            )
        )
        same(client.job_schedule.get(SCHEDULE).state, models.JobScheduleState.active)
        same(client.job_schedule.exists(SCHEDULE), True)
        same(client.job_schedule.exists("none"), False)
        holds(SCHEDULE in [s.id for s in client.job_schedule.list()])
        found = until(lambda: list(client.job.list_from_job_schedule(SCHEDULE)))
        same([j.id for j in found], [f"{SCHEDULE}:job-1"])
        same(client.job.get(f"{SCHEDULE}:job-1").state, models.JobState.active)
    with step("job-schedule", "patch, update, disable, enable"):
        client.job_schedule.patch(
            SCHEDULE,
            models.JobSchedulePatchParameter(metadata=[models.MetadataItem(name="a", value="b")]),
        )
        same(client.job_schedule.get(SCHEDULE).metadata[0].value, "b")
        client.job_schedule.update(
            SCHEDULE,
            models.JobScheduleUpdateParameter(
                schedule=models.Schedule(recurrence_interval=timedelta(hours=2)),
                job_specification=models.JobSpecification(
                    pool_info=models.PoolInformation(pool_id=POOL)
                ),
            ),
        )
        same(client.job_schedule.get(SCHEDULE).schedule.recurrence_interval, timedelta(hours=2))
        client.job_schedule.disable(SCHEDULE)
        same(client.job_schedule.get(SCHEDULE).state, models.JobScheduleState.disabled)
        client.job_schedule.enable(SCHEDULE)
        same(client.job_schedule.get(SCHEDULE).state, models.JobScheduleState.active)
    with step("job-schedule", "terminate, delete, JobScheduleNotFound"):
        client.job_schedule.terminate(SCHEDULE)
        until(lambda: client.job_schedule.get(SCHEDULE), lambda s: s.state == "completed")
        client.job_schedule.delete(SCHEDULE)
        until(lambda: not client.job_schedule.exists(SCHEDULE))
        refused(lambda: client.job_schedule.get(SCHEDULE), "JobScheduleNotFound")


def only_here(client: BatchServiceClient) -> None:
    """What this api-version has and 2025-06-01 has not."""
    with step("certificate", "what the service retired is refused as it refuses it"):
        same(list(client.certificate.list()), [])
        refused(lambda: client.certificate.get("sha1", "0" * 40), "CertificateNotFound")
        refused(lambda: client.certificate.delete("sha1", "0" * 40), "CertificateNotFound")
        data = base64.b64encode(b"no certificate").decode()
        refused(
            lambda: client.certificate.add(
                models.CertificateAddParameter(
                    thumbprint="0" * 40, thumbprint_algorithm="sha1", data=data
                )
            ),
            "InvalidRestAPIForAccountSetting",
        )
    with step("node", "get_remote_desktop, which Linux nodes do not have"):
        node = next(iter(client.compute_node.list(POOL))).id
        refused(
            lambda: list(client.compute_node.get_remote_desktop(POOL, node)),
            "OperationNotValidOnNode",
        )


def ending(client: BatchServiceClient) -> None:
    with step("job", "terminate, delete"):
        client.job.terminate(JOB, terminate_reason="done")
        until(lambda: client.job.get(JOB), lambda j: j.state == "completed")
        same(client.job.get(JOB).execution_info.terminate_reason, "done")
        late = models.TaskAddParameter(id="late", command_line="/bin/true")
        refused(lambda: client.task.add(JOB, late), "JobCompleted")
        client.job.delete(JOB)
        until(lambda: JOB not in [j.id for j in client.job.list()])
        refused(lambda: client.job.get(JOB), "JobNotFound")
    with step("pool", "delete, and nothing is left"):
        client.pool.delete(POOL)
        until(lambda: not client.pool.exists(POOL))
        same(list(client.pool.list()), [])


if __name__ == "__main__":
    main()
