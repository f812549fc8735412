"""Snakemake with its executor for Azure Batch, unmodified, runs a workflow to its end.

The executor makes its pool by Azure Resource Manager at management.azure.com, and its job at
ACCOUNT.REGION.batch.azure.com: a proxy leads both here. Files go by Azurite. Run by `run.py` with
its own Python; ENDPOINT, the account's place and NODE, which runs Azurite, come in the environment,
and IDENTITY_ENDPOINT and IDENTITY_HEADER, by which the executor gets its tokens. Tasks run as
processes of this machine, with this environment in place of the container's.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from azure.storage.blob import BlobServiceClient
from proxy import Proxy, proxy
from steps import holds, same, step

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
BATCH = f"{os.environ['ACCOUNT']}.eastus.batch.azure.com"
NAMES = rf"management\.azure\.com|{BATCH}"
STORE = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Not a secret: Azurite's documentation prints it."""
PLUGIN = "snakemake-storage-plugin-azure"
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/x/nodes"
SUM = """
rule all:
    input: "sum.txt"

rule number:
    output: "number-{n}.txt"
    shell: "echo {wildcards.n} > {output}"

rule sum:
    input: expand("number-{n}.txt", n=[20, 22])
    output: "sum.txt"
    shell: "awk '{{sum += $1}} END {{print sum}}' {input} > {output}"
"""
BROKEN = """
rule all:
    input: "never.txt"

rule never:
    output: "never.txt"
    shell: "echo told on the node >&2; exit 3"
"""
MINUTES = 8


def main() -> None:
    """Azurite, the proxy, and two workflows."""
    endpoint = urlsplit(os.environ["ENDPOINT"])
    assert endpoint.hostname
    assert endpoint.port
    with (
        tempfile.TemporaryDirectory(prefix="snakemake-") as name,
        azurite() as store,
        proxy(NAMES, (endpoint.hostname, endpoint.port)) as way,
    ):
        folder = Path(name)
        download(folder / "wheels")
        workflows(folder, store, way)


def workflows(folder: Path, store: str, way: Proxy) -> None:
    """One that ends well, one whose rule fails."""
    with step("workflow", "three jobs, one of them after the others"):
        done = run(folder, "sum", SUM, store, way)
        holds(done.returncode == 0, done.stdout[-3000:])
        blobs = BlobServiceClient.from_connection_string(store)
        blob = blobs.get_blob_client("sum", "sum.txt")
        same(blob.download_blob().readall(), b"42\n")
    with step("workflow", "the pool was made by Azure Resource Manager"):
        same(way.led, {"management.azure.com", BATCH})
    with step("workflow", "a rule that fails ends it, with the node's own words"):
        done = run(folder, "broken", BROKEN, store, way)
        same(done.returncode, 1)
        holds("told on the node" in done.stdout, done.stdout[-3000:])


def run(
    folder: Path, name: str, text: str, store: str, way: Proxy
) -> subprocess.CompletedProcess[str]:
    """Runs a workflow in a folder of its own, as its user would."""
    place = folder / name
    place.mkdir()
    (place / "Snakefile").write_text(text)
    BlobServiceClient.from_connection_string(store).create_container(name)
    environment = {
        **os.environ,
        "HTTPS_PROXY": way.address,
        "NO_PROXY": "127.0.0.1",
        "AZURITE_CONNECTION_STRING": store,
        # a task installs the plugin for itself: that one file, and nothing from the network
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder / "wheels"),
    }
    command = [
        *(sys.executable, "-m", "snakemake", "--executor", "azure-batch", "--jobs", "2"),
        *("--default-storage-provider", "azure", "--default-storage-prefix", f"az://{name}"),
        *("--storage-azure-account-name", STORE, "--container-image", "snakemake"),
        *("--azure-batch-account-url", f"https://{BATCH}"),
        *("--azure-batch-subscription-id", os.environ["SUBSCRIPTION"]),
        *("--azure-batch-resource-group-name", os.environ["GROUP"]),
        *("--azure-batch-managed-identity-resource-id", IDENTITY),
        *("--azure-batch-tasks-per-node", "2", "--seconds-between-status-checks", "1"),
        *("--envvars", "AZURITE_CONNECTION_STRING", "PIP_NO_DEPS", "PIP_NO_INDEX"),
        "PIP_FIND_LINKS",
    ]
    return subprocess.run(
        command,
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )


def download(folder: Path) -> None:
    """Gets the plugin's own file, of the version that is installed here."""
    wanted = f"{PLUGIN}=={importlib.metadata.version(PLUGIN)}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
    # the authority of the emulator is no authority of the registry
    kept = {k: v for k, v in os.environ.items() if k != "REQUESTS_CA_BUNDLE"}
    subprocess.run([*command, wanted], check=True, env=kept, stdout=sys.stderr)


@contextlib.contextmanager
def azurite() -> Iterator[str]:
    """Azurite on a port of its own; gives its connection string."""
    command = [
        os.environ["NODE"],
        str(REPOSITORY / "tests/azurite/node_modules/azurite/dist/src/blob/main.js"),
        *("--blobHost", "127.0.0.1", "--blobPort", "0", "--silent", "--disableTelemetry"),
        *("--skipApiVersionCheck", "--inMemoryPersistence"),
    ]
    with (
        tempfile.TemporaryDirectory(prefix="azurite-") as folder,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout
        try:
            address = next(
                line.partition("listens on ")[2].strip()
                for line in process.stdout
                if "listens on " in line
            )
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield (
                f"DefaultEndpointsProtocol=http;AccountName={STORE};AccountKey={KEY};"
                f"BlobEndpoint={address}/{STORE};"
            )
        finally:
            process.kill()  # it would wait for connections that clients keep open


if __name__ == "__main__":
    main()
