// @azure/batch 10.2.0 for Node.js: it sends api-version 2022-10-01.16.0.
//
// Run by `run.py`; ACCOUNT, KEY and ENDPOINT come in the environment. Each step is told in a line
// of JSON on standard output, as steps.py does it.

import batch from "@azure/batch";

const { BatchServiceClient, BatchSharedKeyCredentials } = batch;
const { ACCOUNT, KEY, ENDPOINT } = process.env;
const client = new BatchServiceClient(new BatchSharedKeyCredentials(ACCOUNT, KEY), ENDPOINT);
const POOL = "node-pool";
const JOB = "node-job";
const SCHEDULE = "node-schedule";
const PATIENCE = 60_000;

async function step(group, name, action) {
  const start = Date.now();
  let detail = "";
  try {
    await action();
  } catch (error) {
    const { statusCode, code, body, request } = error;
    const told = JSON.stringify({ statusCode, code, body, url: request?.url });
    detail = `${error.stack ?? error} ${told}`;
  }
  const seconds = (Date.now() - start) / 1000;
  console.log(JSON.stringify({ group, name, passed: !detail, detail, seconds }));
}

function same(seen, wanted) {
  if (JSON.stringify(seen) !== JSON.stringify(wanted)) {
    throw new Error(`wanted ${JSON.stringify(wanted)}, but it is ${JSON.stringify(seen)}`);
  }
}

async function refused(code, promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    // of a download that is refused the client keeps the status only
    same(error.code ?? error.statusCode, code);
    return;
  }
  throw new Error(`it was not refused; wanted ${code}: ${JSON.stringify(answer)}`);
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

async function text(answer) {
  const parts = [];
  for await (const part of answer.readableStreamBody) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString();
}

const completed = (task) => until(() => client.task.get(JOB, task), (t) => t.state === "completed");
const idle = async () => (await client.computeNode.list(POOL)).filter((n) => n.state === "idle");

await step("account", "listSupportedImages, listPoolNodeCounts", async () => {
  const images = await client.account.listSupportedImages();
  same(images.some((image) => image.imageReference.sku === "2404"), true);
  await client.account.listPoolNodeCounts();
});

await step("pool", "add with what only older versions have, get, exists, list", async () => {
  await client.pool.add({
    id: POOL,
    vmSize: "Standard_D4s_v5",
    virtualMachineConfiguration: {
      imageReference: { publisher: "microsoft-dsvm", offer: "ubuntu-hpc", sku: "2404" },
      nodeAgentSKUId: "batch.node.ubuntu 24.04",
    },
    targetDedicatedNodes: 2,
    taskSlotsPerNode: 2,
    targetNodeCommunicationMode: "simplified",
    startTask: { commandLine: "/bin/true", waitForSuccess: true },
  });
  const pool = await client.pool.get(POOL);
  same([pool.id, pool.taskSlotsPerNode], [POOL, 2]);
  same(pool.targetNodeCommunicationMode, "simplified");
  same((await client.pool.exists(POOL)).body, true);
  const listed = await client.pool.list({ poolListOptions: { filter: `id eq '${POOL}'` } });
  same(listed.map((one) => one.id), [POOL]);
});
await step("pool", "refusals: PoolNotFound, certificates that are not there", async () => {
  await refused("PoolNotFound", client.pool.get("none"));
  const machine = (await client.pool.get(POOL)).virtualMachineConfiguration;
  await refused("InvalidCertificateReferences", client.pool.add({
    id: "node-certified",
    vmSize: "Standard_D4s_v5",
    virtualMachineConfiguration: machine,
    targetDedicatedNodes: 0,
    certificateReferences: [{ thumbprint: "0".repeat(40), thumbprintAlgorithm: "sha1" }],
  }));
});
await step("pool", "patch, resize, evaluateAutoScale where it is not enabled", async () => {
  await client.pool.patch(POOL, { metadata: [{ name: "a", value: "b" }] });
  same((await client.pool.get(POOL)).metadata[0].value, "b");
  await until(() => client.pool.get(POOL), (pool) => pool.allocationState === "steady");
  await client.pool.resize(POOL, { targetDedicatedNodes: 3 });
  await until(() => client.pool.get(POOL), (pool) => pool.currentDedicatedNodes === 3);
  await refused(
    "OperationNotValidOnPool",
    client.pool.evaluateAutoScale(POOL, "$TargetDedicatedNodes=1;"),
  );
});
await step("node", "list, get, reboot", async () => {
  const nodes = await until(idle, (seen) => seen.length === 3);
  same((await client.computeNode.get(POOL, nodes[0].id)).id, nodes[0].id);
  await client.computeNode.reboot(POOL, nodes[0].id);
  await until(idle, (seen) => seen.length === 3);
});
await step("node", "getRemoteDesktop, which Linux nodes do not have", async () => {
  const [node] = await idle();
  await refused(409, client.computeNode.getRemoteDesktop(POOL, node.id));
});
await step("job", "add, get, list, patch, disable, enable", async () => {
  await client.job.add({ id: JOB, poolInfo: { poolId: POOL }, usesTaskDependencies: true });
  same((await client.job.get(JOB)).state, "active");
  const listed = await client.job.list({ jobListOptions: { filter: "state eq 'active'" } });
  same(listed.map((job) => job.id), [JOB]);
  await client.job.patch(JOB, { priority: 7 });
  same((await client.job.get(JOB)).priority, 7);
  await client.job.disable(JOB, "requeue");
  await until(() => client.job.get(JOB), (job) => job.state === "disabled");
  await client.job.enable(JOB);
  await until(() => client.job.get(JOB), (job) => job.state === "active");
});
await step("task", "add, addCollection, list by pages, getTaskCounts", async () => {
  await client.task.add(JOB, { id: "speaks", commandLine: "/bin/sh -c 'echo hello'" });
  const many = Array.from({ length: 100 }, (_, n) => ({ id: `t${n}`, commandLine: "/bin/true" }));
  const result = await client.task.addCollection(JOB, many);
  same([...new Set(result.value.map((one) => one.status))], ["success"]);
  await until(
    () => client.job.getTaskCounts(JOB),
    (counts) => counts.taskCounts.succeeded === 101,
  );
  let page = await client.task.list(JOB, { taskListOptions: { maxResults: 40 } });
  let seen = page.length;
  while (page.odatanextLink) {
    page = await client.task.listNext(page.odatanextLink);
    seen += page.length;
  }
  same(seen, 101);
});
await step("task", "a failure, terminate, reactivate, delete", async () => {
  await client.task.add(JOB, { id: "fails", commandLine: "/bin/sh -c 'exit 3'" });
  const info = (await completed("fails")).executionInfo;
  same([info.exitCode, info.result, info.failureInfo.code], [3, "failure", "FailureExitCode"]);
  await client.task.reactivate(JOB, "fails");
  await completed("fails");
  await refused("TaskExists", client.task.add(JOB, { id: "fails", commandLine: "/bin/true" }));
  await client.task.deleteMethod(JOB, "fails");
  await refused("TaskNotFound", client.task.get(JOB, "fails"));
});
await step("file", "of a task: list, get, a range, properties, delete", async () => {
  const options = { fileListFromTaskOptions: {}, recursive: true };
  const names = (await client.file.listFromTask(JOB, "speaks", options)).map((file) => file.name);
  same(names.includes("stdout.txt"), true);
  same(await text(await client.file.getFromTask(JOB, "speaks", "stdout.txt")), "hello\n");
  const range = { fileGetFromTaskOptions: { ocpRange: "bytes=0-3" } };
  same(await text(await client.file.getFromTask(JOB, "speaks", "stdout.txt", range)), "hell");
  const properties = await client.file.getPropertiesFromTask(JOB, "speaks", "stdout.txt");
  same(properties.contentLength, 6);
  await client.file.deleteFromTask(JOB, "speaks", "stdout.txt");
  await refused(404, client.file.getFromTask(JOB, "speaks", "stdout.txt"));
});
await step("job-schedule", "add, get, its job, terminate, delete", async () => {
  await client.jobSchedule.add({
    id: SCHEDULE,
    schedule: { recurrenceInterval: "PT1H" },
    jobSpecification: { poolInfo: { poolId: POOL } },
  });
  same((await client.jobSchedule.get(SCHEDULE)).state, "active");
  const jobs = await until(() => client.job.listFromJobSchedule(SCHEDULE), (seen) => seen.length);
  same(jobs.map((job) => job.id), [`${SCHEDULE}:job-1`]);
  await client.jobSchedule.terminate(SCHEDULE);
  await until(() => client.jobSchedule.get(SCHEDULE), (one) => one.state === "completed");
  await client.jobSchedule.deleteMethod(SCHEDULE);
});
await step("certificate", "none are there, and none can be added", async () => {
  same([...(await client.certificate.list())], []);
  await refused("CertificateNotFound", client.certificate.get("sha1", "0".repeat(40)));
  await refused("InvalidRestAPIForAccountSetting", client.certificate.add({
    thumbprint: "0".repeat(40),
    thumbprintAlgorithm: "sha1",
    data: "AAAA",
  }));
});
await step("job", "terminate, delete", async () => {
  await client.job.terminate(JOB, { terminateReason: "done" });
  const job = await until(() => client.job.get(JOB), (seen) => seen.state === "completed");
  same(job.executionInfo.terminateReason, "done");
  await client.job.deleteMethod(JOB);
  await until(() => client.job.list(), (jobs) => !jobs.some((one) => one.id === JOB));
});
await step("pool", "delete, and nothing is left", async () => {
  await client.pool.deleteMethod(POOL);
  await until(() => client.pool.list(), (pools) => pools.length === 0);
});
