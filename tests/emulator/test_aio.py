"""The asynchronous client on the same round as the synchronous one."""

import asyncio
import time

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from batch_emulator.process import Running

PATIENCE = 20.0


@pytest.fixture
def round_trip(watched):
    """Runs `main(client)`; warnings of sockets left open are errors in this suite."""

    async def run(running: Running, main):
        credential = AzureNamedKeyCredential(running.account, running.key)
        async with BatchClient(running.endpoint, credential, transport=watched()) as client:
            return await main(client)

    return lambda running, main: asyncio.run(run(running, main))


async def until(look, enough):
    end = time.monotonic() + PATIENCE
    while not enough(seen := await look()):
        assert time.monotonic() < end, seen
        await asyncio.sleep(0.02)
    return seen


def task(name, command="/bin/true"):
    return models.BatchTaskCreateOptions(id=name, command_line=command)


async def text(stream):
    return b"".join([part async for part in await stream]).decode()


def test_pool_job_tasks_files_and_back_to_nothing(batch, round_trip):
    pool, job = batch.pool(nodes=2), batch.name("job")
    names = [f"t{n:03}" for n in range(250)]

    async def main(client: BatchClient):
        pools = [p.id async for p in client.list_pools(filter=f"id eq '{pool}'")]
        await client.create_job(
            models.BatchJobCreateOptions(id=job, pool_info=models.BatchPoolInfo(pool_id=pool))
        )
        speaker = task("speaks", "/bin/sh -c 'echo hello; echo kept > kept.txt'")
        await client.create_task(job, speaker)
        created = await client.create_tasks(job, [task(n) for n in names], max_concurrency=3)
        counts = await until(
            lambda: client.get_job_task_counts(job), lambda c: c.task_counts.succeeded == 251
        )
        listed = [t.id async for t in client.list_tasks(job, max_results=100)]
        files = [f.name async for f in client.list_task_files(job, "speaks", recursive=True)]
        said = await text(client.download_task_file(job, "speaks", "stdout.txt"))
        kept = await client.get_task_file_properties(job, "speaks", "wd/kept.txt")
        await client.delete_task_file(job, "speaks", "wd/kept.txt")
        with pytest.raises(ResourceNotFoundError):
            await client.get_task_file_properties(job, "speaks", "wd/kept.txt")
        await client.delete_task(job, "speaks")
        await (await client.begin_delete_job(job, polling_interval=0.05)).result()
        await (await client.begin_delete_pool(pool, polling_interval=0.05)).result()
        left = [p.id async for p in client.list_pools(filter=f"id eq '{pool}'")]
        return pools, created, counts, listed, files, said, kept, left

    pools, created, counts, listed, files, said, kept, left = round_trip(batch.running, main)
    assert (pools, left) == ([pool], [])
    assert {result.status for result in created.result_values} == {"success"}
    assert counts.task_counts.completed == 251
    assert sorted(listed) == sorted([*names, "speaks"])
    assert {"stdout.txt", "stderr.txt", "wd", "wd/kept.txt"} <= set(files)
    assert (said, kept.content_length) == ("hello\n", 5)


def test_requests_at_the_same_time_each_get_their_own_answer(batch, round_trip):
    job = batch.job(batch.pool(nodes=0))

    async def main(client: BatchClient):
        await asyncio.gather(*(client.create_task(job, task(f"t{n}")) for n in range(50)))
        return await asyncio.gather(*(client.get_task(job, f"t{n}") for n in range(50)))

    assert [t.id for t in round_trip(batch.running, main)] == [f"t{n}" for n in range(50)]


def test_refusals_are_the_same_exceptions_as_of_the_synchronous_client(batch, round_trip):
    job = batch.job(batch.pool(nodes=0))

    async def main(client: BatchClient):
        with pytest.raises(ResourceNotFoundError) as missing:
            await client.get_job("no-such-job")
        again = models.BatchJobCreateOptions(id=job, pool_info=models.BatchPoolInfo(pool_id="p"))
        with pytest.raises(ResourceExistsError) as twice:
            await client.create_job(again)
        with pytest.raises(ResourceModifiedError) as changed:
            await client.update_job(
                job,
                models.BatchJobUpdateOptions(priority=5),
                etag='"0x1"',
                match_condition=MatchConditions.IfNotModified,
            )
        return [caught.value.error.code for caught in (missing, twice, changed)]

    codes = round_trip(batch.running, main)
    assert codes == ["JobNotFound", "JobExists", "ConditionNotMet"]
