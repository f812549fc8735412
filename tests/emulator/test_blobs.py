"""Files from and to Blob storage, with Azurite as the other side."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import (
    BlobServiceClient,
    ContainerSasPermissions,
    ContentSettings,
    generate_container_sas,
)


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


def output(pattern, url, condition="tasksuccess", path=None, **more):
    destination = {"containerUrl": url, **more} | ({"path": path} if path else {})
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


def test_upload_headers_and_variables_in_patterns(batch, container):
    client, address = container
    headers = [{"name": "x-ms-blob-content-type", "value": "image/tiff"},
               {"name": "x-ms-meta-scene", "value": "7"}]  # fmt: skip
    shared = "$AZ_BATCH_NODE_SHARED_DIR/*.txt"
    batch.run(
        "/bin/sh -c 'touch $AZ_BATCH_TASK_ID.tif; cd $AZ_BATCH_NODE_SHARED_DIR; touch of-all.txt'",
        outputFiles=[
            output("${AZ_BATCH_TASK_ID}.tif", address("w"), path="a.tif", uploadHeaders=headers),
            output(shared, address("w"), path="shared"),
            output("$AZ_BATCH_TASK_WORKING_DIR/$AZ_BATCH_TASK_ID.tif", address("w"), path="b.tif"),
        ],
    )
    assert {blob.name for blob in client.list_blobs()} == {"a.tif", "b.tif", "shared/of-all.txt"}
    properties = client.get_blob_client("a.tif").get_blob_properties()
    assert properties.content_settings.content_type == "image/tiff"
    assert properties.metadata == {"scene": "7"}


def test_what_was_sent_is_noted_beside_the_task_s_output(batch, container):
    _, address = container
    job = batch.job()
    outputs = [output("../stdout.txt", address("w")), output("missing", address("w"))]
    task = batch.run("/bin/echo hi", job, outputFiles=outputs)
    assert task.execution_info.failure_info.code == "FileUploadMiscError"
    sent = batch.text(job, task.id, "fileuploadout.txt")
    assert "stdout.txt" in sent
    assert "sig=" not in sent
    assert "missing: " in batch.text(job, task.id, "fileuploaderr.txt")


def test_a_blob_s_own_encoding_stays(batch, container):
    """As with the service's node agent: what is stored is what a task finds."""
    client, address = container
    squeezed = gzip.compress(b"plain" * 100)
    client.upload_blob("x.gz", squeezed, content_settings=ContentSettings(content_encoding="gzip"))
    client.upload_blob("folder/", b"")
    job = batch.job()
    files = [{"storageContainerUrl": address("rl"), "fileMode": "0640"}]
    command = "/bin/sh -c 'gzip -dc x.gz | wc -c; stat -c %a x.gz'"
    task = batch.run(command, job, resourceFiles=files)
    assert batch.text(job, task.id) == "500\n640\n"


def test_there_is_no_managed_identity(batch, container):
    _, address = container
    identity = {"identityReference": {"resourceId": "/subscriptions/s/x"}}
    source = {"storageContainerUrl": address("rl"), **identity}
    task = batch.run("/bin/true", resourceFiles=[source])
    assert task.execution_info.failure_info.code == "BlobAccessDenied"
    task = batch.run("/bin/true", outputFiles=[output("../stdout.txt", address("w"), **identity)])
    assert task.execution_info.failure_info.code == "FileUploadAccessDenied"
