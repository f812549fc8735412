"""The Azure CLI 2.91.0, `az batch ...`, as its users type it: it sends 2024-02-01.19.0.

Run by `run.py` with its own Python; ACCOUNT, KEY and ENDPOINT come in the environment, and go on as
the three variables that the CLI's documentation names. Each step is one or more `az` processes.

Not here: `az batch account` and `az batch application`. They speak to Azure Resource Manager, not
to a Batch account. What `account login` leaves behind is: the settings that `settings` writes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from steps import holds, same, step, until

AZ = Path(sys.executable).with_name("az")
POOL, JOB, SCHEDULE = "cli-pool", "cli-job", "cli-schedule"
SIZE = "Standard_D4s_v5"
IMAGE = ("--image", "microsoft-dsvm:ubuntu-hpc:2404")
AGENT = ("--node-agent-sku-id", "batch.node.ubuntu 24.04")


class Cli:
    """Runs `az batch ...` with a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{n: v for n, v in os.environ.items() if n not in ("ACCOUNT", "KEY", "ENDPOINT")},
            "AZURE_CONFIG_DIR": str(folder / "config"),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
            "AZURE_CORE_ONLY_SHOW_ERRORS": "1",
            "AZURE_BATCH_ACCOUNT": os.environ["ACCOUNT"],
            "AZURE_BATCH_ACCESS_KEY": os.environ["KEY"],
            "AZURE_BATCH_ENDPOINT": os.environ["ENDPOINT"],
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [AZ, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def __call__(self, command: str, *rest: str):
        """What `az batch COMMAND` prints, which has to end well."""
        done = self.run("batch", *command.split(), *rest)
        if done.returncode:
            raise AssertionError(f"az batch {command}: {done.stderr or done.stdout}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, sentence: str, command: str, *rest: str) -> None:
        """It ends with an error that says this."""
        done = self.run("batch", *command.split(), *rest)
        holds(done.returncode, f"az batch {command} was not refused: {done.stdout}")
        holds(sentence in done.stderr, done.stderr)

    def shown(self, command: str, *rest: str) -> None:
        """The file's properties were asked for and came.

        2.91.0 then fails to print them, whoever answered: it takes the response for a mapping.
        """
        done = self.run("batch", *command.split(), *rest, "--debug")
        holds(re.search(r'"HEAD /[^ ]+ HTTP/1.1" 200 ', done.stderr), done.stderr[-2000:])
        if done.returncode:
            holds("object has no attribute 'items'" in done.stderr, done.stderr[-2000:])

    def file(self, name: str, content: object) -> str:
        path = self.folder / name
        path.write_text(json.dumps(content))
        return str(path)


def main() -> None:
    """Everything, from nothing and back to nothing."""
    with tempfile.TemporaryDirectory(prefix="az-") as folder:
        az = Cli(Path(folder))
        account(az)
        pools(az)
        autoscale(az)
        nodes(az)
        jobs(az)
        tasks(az)
        files(az)
        schedules(az)
        ending(az)
        settings(az)


def account(az: Cli) -> None:
    with step("account", "pool supported-images list, with a filter"):
        images = az("pool supported-images list", "--filter", "verificationType eq 'verified'")
        holds(any(i["nodeAgentSkuId"] == "batch.node.ubuntu 24.04" for i in images), images)
    with step("application", "application summary list, and show of one that is not there"):
        same(az("application summary list"), [])
        az.refused("does not exist", "application summary show", "--application-id", "none")


def pools(az: Cli) -> None:
    with step("pool", "create from words, show"):
        az(
            "pool create --id", POOL, "--vm-size", SIZE, *IMAGE, *AGENT,
            "--target-dedicated-nodes", "2", "--task-slots-per-node", "2",
            "--metadata", "a=b", "c=d", "--resource-tags", "team=one",
            "--start-task-command-line", "/bin/true", "--start-task-wait-for-success",
        )  # fmt: skip
        pool = az("pool show --pool-id", POOL)
        same((pool["id"], pool["taskSlotsPerNode"]), (POOL, 2))
        same([m["value"] for m in pool["metadata"]], ["b", "d"])
        same(pool["startTask"]["commandLine"], "/bin/true")
    with step("pool", "create from a file, with what only older versions have"):
        content = {
            "id": "cli-file",
            "vmSize": SIZE,
            "virtualMachineConfiguration": {
                "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts",
                                   "sku": "server"},
                "nodeAgentSKUId": "batch.node.ubuntu 24.04",
            },
            "targetDedicatedNodes": 0,
            "targetNodeCommunicationMode": "classic",
            "resourceTags": {"team": "two"},
        }  # fmt: skip
        az("pool create --json-file", az.file("pool.json", content))
        pool = az("pool show --pool-id cli-file")
        # the CLI sends what stands in the file, and leaves both out of what it prints
        same((pool["id"], pool["vmSize"], "resourceTags" in pool), ("cli-file", SIZE, False))
    with step("pool", "show of one that is not there; create twice"):
        az.refused("does not exist", "pool show --pool-id none")
        az.refused("already exists", "pool create --json-file", str(az.folder / "pool.json"))
    with step("pool", "list with filter and select; a filter that is not known is refused"):
        listed = az("pool list", "--filter", f"id eq '{POOL}'", "--select", "id,state")
        same([(p["id"], p["state"]) for p in listed], [(POOL, "active")])
        az.refused("query parameters", "pool list", "--filter", "colour eq 'red'")
    with step("pool", "set, reset"):
        az("pool set --pool-id", POOL, "--start-task-command-line", "/bin/echo")
        same(az("pool show --pool-id", POOL)["startTask"]["commandLine"], "/bin/echo")
        reset = az("pool reset --pool-id", POOL, "--start-task-command-line", "hostname",
                   "--metadata", "e=f")  # fmt: skip
        same(reset["startTask"]["commandLine"], "hostname")
        same([m["name"] for m in reset["metadata"]], ["e"])
        az("pool set --pool-id", POOL, "--start-task-command-line", "/bin/true")
    with step("pool", "resize, and --abort of none"):
        steady(az, POOL)
        az("pool resize --pool-id", POOL, "--target-dedicated-nodes", "3")
        until(lambda: az("pool show --pool-id", POOL), lambda p: p["currentDedicatedNodes"] == 3)
        steady(az, POOL)
        az("pool resize --abort --pool-id", POOL)  # nothing is said against it
        same(az("pool show --pool-id", POOL)["currentDedicatedNodes"], 3)
    with step("pool", "node-counts list, usage-metrics list"):
        counts = az("pool node-counts list")
        same({c["poolId"]: c["dedicated"]["total"] for c in counts}[POOL], 3)
        az("pool usage-metrics list")
    with step("pool", "an old etag in --if-match"):
        az.refused("condition", "pool delete --yes --pool-id cli-file --if-match", "0x1")
    with step("pool", "delete"):
        az("pool delete --yes --pool-id cli-file")
        until(lambda: "cli-file" not in [p["id"] for p in az("pool list")])


def steady(az: Cli, pool: str) -> None:
    until(lambda: az("pool show --pool-id", pool), lambda p: p["allocationState"] == "steady")


def autoscale(az: Cli) -> None:
    with step("pool", "autoscale enable, evaluate, disable"):
        name, formula = "cli-scaled", "--auto-scale-formula"
        az("pool create --id", name, "--vm-size", SIZE, *IMAGE, *AGENT,
           "--target-dedicated-nodes", "0")  # fmt: skip
        steady(az, name)
        az("pool autoscale enable --pool-id", name, formula, "$TargetDedicatedNodes=1;")
        same(
            az("pool show --pool-id", name, "--select", "enableAutoScale")["enableAutoScale"], True
        )
        run = az("pool autoscale evaluate --pool-id", name, formula, "$TargetDedicatedNodes=2;")
        holds("$TargetDedicatedNodes=2" in run["results"], run)
        until(lambda: az("pool show --pool-id", name), lambda p: p["currentDedicatedNodes"] == 1)
        az.refused("formula", "pool autoscale enable --pool-id", name, formula, "$Target = (")
        az("pool autoscale disable --pool-id", name)
        same(az("pool show --pool-id", name)["enableAutoScale"], False)
        az("pool delete --yes --pool-id", name)


def nodes(az: Cli) -> None:
    def ready() -> list[str]:
        listed = az("node list --pool-id", POOL, "--filter", "state eq 'idle'")
        return sorted(node["id"] for node in listed)

    with step("node", "list, show"):
        found = until(ready, lambda n: len(n) == 3)
        node = az("node show --pool-id", POOL, "--node-id", found[0])
        same((node["id"], node["state"]), (found[0], "idle"))
        az.refused("does not exist", "node show --node-id none --pool-id", POOL)
    with step("node", "scheduling disable, enable"):
        at = ("--pool-id", POOL, "--node-id", ready()[0])
        az("node scheduling disable", *at)
        until(lambda: az("node show", *at), lambda n: n["schedulingState"] == "disabled")
        az("node scheduling enable", *at)
        until(lambda: az("node show", *at), lambda n: n["schedulingState"] == "enabled")
    with step("node", "user create, reset, delete"):
        at = ("--pool-id", POOL, "--node-id", ready()[0])
        az("node user create --name someone --password Not-a-real-1", *at)
        az.refused("already exists", "node user create --name someone --password No-1", *at)
        az("node user reset --user-name someone --password Not-a-real-2", *at)
        az("node user delete --yes --user-name someone", *at)
        az.refused("does not exist", "node user delete --yes --user-name someone", *at)
    with step("node", "remote-login-settings show"):
        at = ("--pool-id", POOL, "--node-id", ready()[0])
        holds(az("node remote-login-settings show", *at)["remoteLoginPort"])
    with step("node", "reboot"):
        az("node reboot --pool-id", POOL, "--node-id", ready()[0])
        until(ready, lambda n: len(n) == 3)
    with step("node", "delete"):
        gone = ready()[-1]
        az("node delete --pool-id", POOL, "--node-list", gone)
        until(ready, lambda n: len(n) == 2 and gone not in n)


def jobs(az: Cli) -> None:
    at = ("--job-id", JOB)
    with step("job", "create, show, list"):
        az("job create --id", JOB, "--pool-id", POOL, "--uses-task-dependencies",
           "--job-max-task-retry-count", "1", "--metadata", "test=value")  # fmt: skip
        job = az("job show", *at)
        same((job["state"], job["poolInfo"]["poolId"]), ("active", POOL))
        same(job["constraints"]["maxTaskRetryCount"], 1)
        holds(JOB in [j["id"] for j in az("job list", "--filter", "state eq 'active'")])
        az.refused("already exists", "job create --id", JOB, "--pool-id", POOL)
        az.refused("does not exist", "job show --job-id none")
    with step("job", "set, reset"):
        az("job set", *at, "--job-max-wall-clock-time", "P3DT12H", "--priority", "7")
        job = az("job show", *at)
        same((job["priority"], job["constraints"]["maxTaskRetryCount"]), (7, 0))
        holds(job["constraints"]["maxWallClockTime"].startswith("P3DT12H"), job)
        az("job reset", *at, "--pool-id", POOL, "--priority", "3")
        job = az("job show", *at)
        same((job["priority"], job.get("metadata") or []), (3, []))
    with step("job", "reset where it changed since: the condition is not met"):
        az.refused("condition", "job reset", *at, "--pool-id", POOL,
                   "--if-unmodified-since", "2020-01-01T00:00:00Z")  # fmt: skip
    with step("job", "disable, enable"):
        az("job disable", *at, "--disable-tasks", "requeue")
        until(lambda: az("job show", *at), lambda j: j["state"] == "disabled")
        az("job enable", *at)
        until(lambda: az("job show", *at), lambda j: j["state"] == "active")
    with step("job", "a manager task that ends its job"):
        az("job create --id cli-managed --pool-id", POOL, "--job-manager-task-id", "manager",
           "--job-manager-task-command-line", "/bin/true")  # fmt: skip
        until(lambda: az("job show --job-id cli-managed"), lambda j: j["state"] == "completed")
        az("job delete --yes --job-id cli-managed")
    with step("job", "prep-release-status list"):
        content = {"id": "cli-prepared", "poolInfo": {"poolId": POOL},
                   "jobPreparationTask": {"commandLine": "/bin/true"},
                   "jobReleaseTask": {"commandLine": "/bin/true"}}  # fmt: skip
        az("job create --json-file", az.file("job.json", content))
        az("task create --job-id cli-prepared --task-id t --command-line /bin/true")
        completed(az, "cli-prepared", "t")
        seen = az("job prep-release-status list --job-id cli-prepared")
        same([s["jobPreparationTaskExecutionInfo"]["exitCode"] for s in seen], [0])
        az("job stop --job-id cli-prepared")
        until(lambda: az("job show --job-id cli-prepared"), lambda j: j["state"] == "completed")
        az("job delete --yes --job-id cli-prepared")


def completed(az: Cli, job: str, task: str):
    return until(
        lambda: az("task show --job-id", job, "--task-id", task),
        lambda t: t["state"] == "completed",
    )


def tasks(az: Cli) -> None:
    at = ("--job-id", JOB)
    with step("task", "create from words, show, and it runs"):
        az("task create", *at, "--task-id", "speaks", "--environment-settings", "OWN=y",
           "--command-line", "/bin/sh -c 'echo $OWN; echo kept > kept.txt'")  # fmt: skip
        info = completed(az, JOB, "speaks")["executionInfo"]
        same((info["exitCode"], info["result"]), (0, "success"))
        az.refused("already exists", "task create", *at, "--task-id", "speaks", "--command-line",
                   "/bin/true")  # fmt: skip
    with step("task", "create three from a file, list, task-counts show"):
        three = [{"id": f"three-{n}", "commandLine": "/bin/true"} for n in range(3)]
        result = az("task create", *at, "--json-file", az.file("tasks.json", three))
        same(sorted(r["taskId"] for r in result), ["three-0", "three-1", "three-2"])
        counts = until(
            lambda: az("job task-counts show", *at), lambda c: c["taskCounts"]["completed"] == 4
        )
        same((counts["taskCounts"]["succeeded"], counts["taskSlotCounts"]["completed"]), (4, 4))
        same(len(az("task list", *at, "--filter", "state eq 'completed'")), 4)
    with step("task", "reset, stop, reactivate, delete"):
        long = (*at, "--task-id", "long")
        az("task create", *long, "--command-line", "/bin/sleep 600")
        until(lambda: az("task show", *long), lambda t: t["state"] == "running")
        az("task reset", *long, "--max-task-retry-count", "0")
        az("task stop", *long)
        same(completed(az, JOB, "long")["executionInfo"]["result"], "failure")
        az.refused("completed", "task stop", *long)
        az("task reactivate", *long)
        until(lambda: az("task show", *long), lambda t: t["state"] == "running")
        az("task delete --yes", *long)
        az.refused("does not exist", "task show", *long)
    with step("task", "subtask list of a task that has none"):
        holds(not (az("task subtask list", *at, "--task-id", "speaks") or {}).get("value"))


def files(az: Cli) -> None:
    at = ("--job-id", JOB, "--task-id", "speaks")
    with step("task file", "list, download, show, delete"):
        names = {f["name"] for f in az("task file list --recursive true", *at)}
        holds({"stdout.txt", "stderr.txt", "wd/kept.txt"} <= names, names)
        to = az.folder / "said.txt"
        az("task file download --file-path stdout.txt", *at, "--destination", str(to))
        same(to.read_text(), "y\n")
        az.shown("task file show --file-path wd/kept.txt", *at)
        az("task file delete --yes --file-path wd/kept.txt", *at)
        az.refused("does not exist", "task file download --file-path wd/kept.txt", *at,
                   "--destination", str(az.folder / "none.txt"))  # fmt: skip
    with step("node file", "list, download, show, delete"):
        task = az("task show", *at)
        node = ("--pool-id", POOL, "--node-id", task["nodeInfo"]["nodeId"])
        path = ("--file-path", f"workitems/{JOB}/job-1/speaks/stdout.txt")
        names = {f["name"] for f in az("node file list --recursive true", *node)}
        holds(path[1] in names, sorted(names)[:20])
        to = az.folder / "node.txt"
        az("node file download", *node, *path, "--destination", str(to))
        same(to.read_text(), "y\n")
        az.shown("node file show", *node, *path)
        az("node file delete --yes", *node, *path)
        az.refused("does not exist", "node file download", *node, *path, "--destination",
                   str(az.folder / "none.txt"))  # fmt: skip


def schedules(az: Cli) -> None:
    at = ("--job-schedule-id", SCHEDULE)
    with step("job-schedule", "create, show, list, and its job"):
        az("job-schedule create --id", SCHEDULE, "--pool-id", POOL,
           "--recurrence-interval", "PT1H")  # fmt: skip
        same(az("job-schedule show", *at)["state"], "active")
        holds(SCHEDULE in [s["id"] for s in az("job-schedule list")])
        found = until(lambda: az("job list", *at))
        same([j["id"] for j in found], [f"{SCHEDULE}:job-1"])
        same(az("job show --job-id", f"{SCHEDULE}:job-1")["state"], "active")
    with step("job-schedule", "set, reset, disable, enable"):
        az("job-schedule set", *at, "--metadata", "a=b")
        same(az("job-schedule show", *at)["metadata"][0]["value"], "b")
        az("job-schedule reset", *at, "--pool-id", POOL, "--recurrence-interval", "PT2H")
        every = az("job-schedule show", *at)["schedule"]["recurrenceInterval"]
        holds(re.match("PT0?2H", every), every)
        az("job-schedule disable", *at)
        same(az("job-schedule show", *at)["state"], "disabled")
        az("job-schedule enable", *at)
        same(az("job-schedule show", *at)["state"], "active")
    with step("job-schedule", "stop, delete"):
        az("job-schedule stop", *at)
        until(lambda: az("job-schedule show", *at), lambda s: s["state"] == "completed")
        az("job-schedule delete --yes", *at)
        until(lambda: SCHEDULE not in [s["id"] for s in az("job-schedule list")])
        az.refused("does not exist", "job-schedule show", *at)


def ending(az: Cli) -> None:
    with step("job", "stop, delete"):
        az("job stop --job-id", JOB, "--terminate-reason", "done")
        job = until(lambda: az("job show --job-id", JOB), lambda j: j["state"] == "completed")
        same(job["executionInfo"]["terminateReason"], "done")
        az("job delete --yes --job-id", JOB)
        until(lambda: JOB not in [j["id"] for j in az("job list")])
    with step("pool", "delete, and nothing is left"):
        az("pool delete --yes --pool-id", POOL)
        until(lambda: az("pool list") == [])


def settings(az: Cli) -> None:
    """The same account from the CLI's settings in place of the environment's variables."""
    with step("account", "as `az batch account login --shared-key-auth` leaves it"):
        for name, variable in (("account", "ACCOUNT"), ("access_key", "ACCESS_KEY"),
                               ("endpoint", "ENDPOINT")):  # fmt: skip
            value = az.environment.pop(f"AZURE_BATCH_{variable}")
            done = az.run("config", "set", f"batch.{name}={value}")
            same((done.returncode, done.stderr), (0, ""))
        az.run("config", "set", "batch.auth_mode=shared_key")
        same(az("pool list"), [])
    with step("account", "a wrong key is refused"):
        az.run("config", "set", "batch.access_key=bm90IHRoZSBrZXk=")
        az.refused("authenticate", "pool list")


if __name__ == "__main__":
    main()
