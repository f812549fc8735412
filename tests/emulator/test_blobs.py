"""Files from and to Blob storage, with Azurite as the other side."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas


@pytest.fixture
def container(azurite, request):
    """A container's client, and a function that makes addresses of it with rights."""
    name = f"emulator-{abs(hash(request.node.name)) % 10**9}"
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    with service, service.create_container(name) as client:

        def address(rights):
            sas = generate_container_sas(
                azurite.account,
                name,
                account_key=azurite.key,
                permission=ContainerSasPermissions.from_string(rights),
                expiry=datetime.now(UTC) + timedelta(hours=1),
            )
            return f"{azurite.blob_endpoint}/{name}?{sas}"

        yield client, address


def output(pattern, url, condition="tasksuccess", path=None):
    destination = {"containerUrl": url} | ({"path": path} if path else {})
    return {
        "filePattern": pattern,
        "destination": {"container": destination},
        "uploadOptions": {"uploadCondition": condition},
    }


def test_a_prefix_of_a_container_as_resource_files(batch, container):
    client, address = container
    for name in ("in/a.txt", "in/deep/b c.txt", "other.txt"):
        client.upload_blob(name, f"<{name}>")
    job = batch.job()
    files = [{"storageContainerUrl": address("rl"), "blobPrefix": "in/", "filePath": "data"}]
    task = batch.run("/bin/sh -c 'find data -type f | sort; cat data/in/a.txt'", job,
                     resourceFiles=files)  # fmt: skip
    assert batch.text(job, task.id) == "data/in/a.txt\ndata/in/deep/b c.txt\n<in/a.txt>"


def test_a_container_that_may_not_be_listed(batch, container):
    _, address = container
    task = batch.run("/bin/true", resourceFiles=[{"storageContainerUrl": address("w")}])
    assert task.execution_info.failure_info.code == "BlobDownloadMiscError"
    assert "sig=" not in str(task.execution_info)


def test_outputs_by_pattern_and_condition(batch, container):
    client, address = container
    url = address("w")
    batch.run(
        "/bin/sh -c 'mkdir -p out/sub; printf 1 > out/a.tif; printf 2 > out/sub/b.tif; echo log'",
        outputFiles=[
            output("out/**/*.tif", url, path="tiles"),
            output("../std*.txt", url, "taskcompletion", path="logs"),
            output("out/a.tif", url, path="single.tif"),
            output("out/a.tif", url, "taskfailure", path="never.tif"),
        ],
    )
    found = {blob.name: client.download_blob(blob.name).readall() for blob in client.list_blobs()}
    assert found == {
        "tiles/a.tif": b"1",
        "tiles/sub/b.tif": b"2",
        "single.tif": b"1",
        "logs/stdout.txt": b"log\n",
        "logs/stderr.txt": b"",
    }


def test_outputs_of_a_failed_task(batch, container):
    client, address = container
    url = address("w")
    task = batch.run(
        "/bin/sh -c 'echo why >&2; exit 3'",
        outputFiles=[
            output("../stderr.txt", url, "taskfailure", path="why.txt"),
            output("../stdout.txt", url, "tasksuccess", path="no.txt"),
        ],
    )
    assert task.execution_info.exit_code == 3
    assert [blob.name for blob in client.list_blobs()] == ["why.txt"]


@pytest.mark.parametrize(
    ("rights", "pattern", "code"),
    [("r", "../stdout.txt", "FileUploadAccessDenied"), ("w", "missing", "FileUploadMiscError"),
     ("w", "../../../x", "FileUploadMiscError")],
)  # fmt: skip
def test_an_upload_that_fails_fails_the_task_without_a_retry(
    batch, container, rights, pattern, code
):
    _, address = container
    task = batch.run(
        "/bin/true",
        outputFiles=[output(pattern, address(rights))],
        constraints={"maxTaskRetryCount": 3},
    )
    info = task.execution_info
    assert (info.exit_code, info.result, info.retry_count) == (0, "failure", 0)
    assert info.failure_info.code == code
    assert "sig=" not in str(info)
