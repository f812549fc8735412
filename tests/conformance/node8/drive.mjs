// @azure/batch 8.0.0 for Node.js runs a job: it sends api-version 2020-09-01.12.0.
//
// Run by `run.py`; ACCOUNT, KEY and ENDPOINT come in the environment. Each step is told in a line
// of JSON on standard output, as steps.py does it.

import batch from "@azure/batch";

const { BatchServiceClient, BatchSharedKeyCredentials } = batch;
const { ACCOUNT, KEY, ENDPOINT } = process.env;
const client = new BatchServiceClient(new BatchSharedKeyCredentials(ACCOUNT, KEY), ENDPOINT);
const POOL = "node8-pool";
const JOB = "node8-job";
const PATIENCE = 60_000;

async function step(group, name, action) {
  const start = Date.now();
  let detail = "";
  try {
    await action();
  } catch (error) {
    detail = `${error.stack ?? error} ${JSON.stringify({ code: error.code, body: error.body })}`;
  }
  const seconds = (Date.now() - start) / 1000;
  console.log(JSON.stringify({ group, name, passed: !detail, detail, seconds }));
}

function same(seen, wanted) {
  if (JSON.stringify(seen) !== JSON.stringify(wanted)) {
    throw new Error(`wanted ${JSON.stringify(wanted)}, but it is ${JSON.stringify(seen)}`);
  }
}

async function until(look, enough) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (enough(seen)) return seen;
    if (Date.now() > end) throw new Error(`not within ${PATIENCE} ms: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

await step("pool", "add, get", async () => {
  await client.pool.add({
    id: POOL,
    vmSize: "Standard_D4s_v5",
    virtualMachineConfiguration: {
      imageReference: { publisher: "microsoft-dsvm", offer: "ubuntu-hpc", sku: "2404" },
      nodeAgentSKUId: "batch.node.ubuntu 24.04",
    },
    targetDedicatedNodes: 1,
    taskSlotsPerNode: 2,
  });
  const pool = await client.pool.get(POOL);
  same([pool.id, pool.taskSlotsPerNode], [POOL, 2]);
});
await step("job", "add, get", async () => {
  await client.job.add({ id: JOB, poolInfo: { poolId: POOL } });
  same((await client.job.get(JOB)).state, "active");
});
await step("task", "add, wait, getTaskCounts", async () => {
  await client.task.add(JOB, { id: "speaks", commandLine: "/bin/echo hello" });
  const many = Array.from({ length: 9 }, (_, n) => ({ id: `t${n}`, commandLine: "/bin/true" }));
  const result = await client.task.addCollection(JOB, many);
  same([...new Set(result.value.map((one) => one.status))], ["success"]);
  await until(
    () => client.job.getTaskCounts(JOB),
    (counts) => counts.taskCounts.succeeded === 10 && counts.taskSlotCounts.succeeded === 10,
  );
  same((await client.task.get(JOB, "speaks")).executionInfo.exitCode, 0);
});
await step("file", "read stdout.txt", async () => {
  const answer = await client.file.getFromTask(JOB, "speaks", "stdout.txt");
  const parts = [];
  for await (const part of answer.readableStreamBody) parts.push(Buffer.from(part));
  same(Buffer.concat(parts).toString(), "hello\n");
});
await step("job", "delete", async () => {
  await client.job.deleteMethod(JOB);
  await until(() => client.job.list(), (jobs) => !jobs.some((one) => one.id === JOB));
});
await step("pool", "delete, and nothing is left", async () => {
  await client.pool.deleteMethod(POOL);
  await until(() => client.pool.list(), (pools) => pools.length === 0);
});
