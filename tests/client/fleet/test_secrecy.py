"""What the processes that a client starts are told of its environment."""

from scenefleet.fleet.secrecy import signing, surroundings, tuning

GIVEN = {
    "PATH": "/bin", "HTTPS_PROXY": "http://proxy", "SSL_CERT_FILE": "ca.pem", "LC_ALL": "C",
    "PYTHONPATH": "/lib", "GDAL_CACHEMAX": "64", "OMP_NUM_THREADS": "1",
    "GDAL_HTTP_HEADERS": "x", "GDAL_HTTP_USERPWD": "x", "GDAL_HTTP_BEARER": "x",
    "AZURE_CLIENT_SECRET": "x", "AZURE_TENANT_ID": "x", "SCENEFLEET_AZURE_STORAGE_KEY": "x",
    "AWS_SECRET_ACCESS_KEY": "x", "GITHUB_TOKEN": "x", "BATCH_EMULATOR_KEY": "x",
    "PC_SDK_SUBSCRIPTION_KEY": "key", "PC_SDK_SAS_URL": "http://sas",
}  # fmt: skip


def test_a_process_gets_what_it_needs_and_no_secret() -> None:
    names = {"PATH", "HTTPS_PROXY", "SSL_CERT_FILE", "LC_ALL", "PYTHONPATH"}
    assert set(surroundings(GIVEN)) == names
    assert set(tuning(GIVEN)) == {"GDAL_CACHEMAX", "OMP_NUM_THREADS"}


def test_what_signs_sources_goes_to_supervisors_alone() -> None:
    assert signing(GIVEN) == {
        "PC_SDK_SUBSCRIPTION_KEY": "key", "PC_SDK_SAS_URL": "http://sas",
    }  # fmt: skip
    assert signing({"PC_SDK_SUBSCRIPTION_KEY": ""}) == {}
