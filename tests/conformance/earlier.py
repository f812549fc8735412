"""azure-batch 5.1.1 and 11.0.0 run a job: they send api-versions 2018-08-01.7.0, 2021-06-01.14.0.

Run by `run.py` with the Python of either; ACCOUNT, KEY and ENDPOINT come in the environment.
"""

from __future__ import annotations

import os

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials
from steps import holds, same, step, until

POOL, JOB = "earlier-pool", "earlier-job"
SIZE = "Standard_D4s_v5"
SLOTS = "task_slots_per_node" if hasattr(models, "TaskSlotCounts") else "max_tasks_per_node"
"""What this release calls them."""
SOURCE = "http_url" if hasattr(models, "ImageInformation") else "blob_source"


def main() -> None:
    """A job from nothing, and back to nothing."""
    credentials = SharedKeyCredentials(os.environ["ACCOUNT"], os.environ["KEY"])
    client = BatchServiceClient(credentials, os.environ["ENDPOINT"])
    with step("account", "list the images, each release as it does"):
        images(client)
    with step("pool", "add, get, list with a select"):
        add_pool(client)
    with step("job", "add, get"):
        information = models.PoolInformation(pool_id=POOL)
        client.job.add(models.JobAddParameter(id=JOB, pool_info=information))
        same(client.job.get(JOB).state, models.JobState.active)
    with step("task", "add, wait, get_task_counts"):
        tasks(client)
    with step("task", "resource files by the release's name"):
        files(client)
    with step("file", "read stdout.txt"):
        said = b"".join(client.file.get_from_task(JOB, "speaks", "stdout.txt"))
        same(said, b"hello\n")
    with step("job", "delete"):
        client.job.delete(JOB)
        until(lambda: JOB not in [job.id for job in client.job.list()])
    with step("pool", "delete, and nothing is left"):
        client.pool.delete(POOL)
        until(lambda: not client.pool.exists(POOL))
        same(list(client.pool.list()), [])


def images(client: BatchServiceClient) -> None:
    wanted = "batch.node.ubuntu 24.04"
    if hasattr(models, "ImageInformation"):
        found = [image.node_agent_sku_id for image in client.account.list_supported_images()]
    else:
        agents = list(client.account.list_node_agent_skus())
        holds(all(agent.verified_image_references for agent in agents), agents)
        found = [agent.id for agent in agents]
    holds(wanted in found, found)


def add_pool(client: BatchServiceClient) -> None:
    image = models.ImageReference(publisher="microsoft-dsvm", offer="ubuntu-hpc", sku="2404")
    machine = models.VirtualMachineConfiguration(
        image_reference=image, node_agent_sku_id="batch.node.ubuntu 24.04"
    )
    client.pool.add(
        models.PoolAddParameter(
            id=POOL,
            vm_size=SIZE,
            virtual_machine_configuration=machine,
            target_dedicated_nodes=1,
            target_low_priority_nodes=1,
            **{SLOTS: 2},
        )
    )
    pool = client.pool.get(POOL)
    same((getattr(pool, SLOTS), pool.target_low_priority_nodes), (2, 1))
    name = "taskSlotsPerNode" if SLOTS == "task_slots_per_node" else "maxTasksPerNode"
    [listed] = client.pool.list(models.PoolListOptions(select=f"id,{name}"))
    same((listed.id, getattr(listed, SLOTS), listed.vm_size), (POOL, 2, None))


def tasks(client: BatchServiceClient) -> None:
    client.task.add(JOB, models.TaskAddParameter(id="speaks", command_line="/bin/echo hello"))
    many = [models.TaskAddParameter(id=f"t{n}", command_line="/bin/true") for n in range(9)]
    result = client.task.add_collection(JOB, many)
    same({one.status for one in result.value}, {models.TaskAddStatus.success})
    until(lambda: client.task.get(JOB, "speaks"), lambda task: task.state == "completed")

    def counts() -> models.TaskCounts:
        told = client.job.get_task_counts(JOB)
        return getattr(told, "task_counts", told)

    seen = until(counts, lambda told: told.succeeded == 10)
    same((seen.active, seen.running, seen.completed, seen.failed), (0, 0, 10, 0))


def files(client: BatchServiceClient) -> None:
    url = "https://nowhere.blob.core.windows.net/container/file"
    file = models.ResourceFile(file_path="in/file", **{SOURCE: url})
    client.job.disable(JOB, "requeue")
    until(lambda: client.job.get(JOB), lambda job: job.state == "disabled")
    task = models.TaskAddParameter(id="reads", command_line="/bin/true", resource_files=[file])
    client.task.add(JOB, task)
    [seen] = client.task.get(JOB, "reads").resource_files
    same((getattr(seen, SOURCE), seen.file_path), (url, "in/file"))
    client.task.delete(JOB, "reads")


if __name__ == "__main__":
    main()
