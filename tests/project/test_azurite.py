"""The Azurite fixture: what the other rooms' tests rely on."""

import urllib.error
import urllib.request

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.storage.blob import BlobServiceClient


def test_a_blob_comes_back_as_it_was_written(azurite):
    content = bytes(range(256)) * 1000
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container = service.create_container("comes-back")
        container.upload_blob("a/b.bin", content)
        assert container.download_blob("a/b.bin").readall() == content
        with pytest.raises(ResourceExistsError):
            container.upload_blob("a/b.bin", b"other")


def test_a_stranger_reads_nothing(azurite):
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        service.create_container("private").upload_blob("a.txt", b"x")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{azurite.blob_endpoint}/private/a.txt", timeout=10)
    refused.value.close()
    assert refused.value.code in {403, 404}


def test_a_wrong_key_is_refused(azurite):
    wrong = "A" * 86 + "=="
    with (
        BlobServiceClient(
            azurite.blob_endpoint,
            credential={"account_name": azurite.account, "account_key": wrong},
        ) as service,
        pytest.raises(HttpResponseError) as refused,
    ):
        service.create_container("refused")
    assert refused.value.status_code == 403
    assert wrong not in str(refused.value)


def test_the_key_is_not_in_the_repr(azurite):
    assert azurite.key not in repr(azurite)
