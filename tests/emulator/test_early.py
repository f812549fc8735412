"""Versions before 2020-09-01.12.0: what they name otherwise is taken and told as theirs."""

import pytest

VERSIONS = ("2017-09-01.6.0", "2018-03-01.6.1", "2018-08-01.7.0", "2018-12-01.8.0",
            "2019-06-01.9.0", "2019-08-01.10.0", "2020-03-01.11.0", "2020-09-01.12.0",
            "2021-06-01.14.0")  # fmt: skip
FIRST = VERSIONS[0]
URL = "https://nowhere.blob.core.windows.net/container/file"
ADDRESSES = ["/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/a"]


def before(version):
    return [one for one in VERSIONS if one < version]


def since(version):
    return [one for one in VERSIONS if one >= version]


@pytest.fixture
def add(batch, a_pool):
    """Adds a pool without nodes as a version's clients do, and returns the answer."""

    def call(version, name, **properties):
        body = a_pool(name, targetDedicatedNodes=0)
        answer = batch.raw("POST", "/pools", json={**body, **properties}, version=version)
        if answer.status_code == 201:
            batch.pools.append(name)
        return answer

    return call


@pytest.fixture
def job(batch):
    return batch.job(batch.pool(nodes=0))


def refusal(answer):
    told = {one["key"]: one["value"] for one in answer.json().get("values", ())}
    return answer.json()["code"], told.get("PropertyName")


@pytest.mark.parametrize("version", before("2020-09-01.12.0"))
def test_slots_were_the_most_tasks_a_node_has(batch, add, version):
    name = batch.name("pool")
    assert add(version, name, maxTasksPerNode=3).status_code == 201
    seen = batch.raw("GET", f"/pools/{name}", version=version).json()
    assert (seen["maxTasksPerNode"], "taskSlotsPerNode" in seen) == (3, False)
    path = f"/pools?$filter=id eq '{name}'&$select=id,maxTasksPerNode"
    [listed] = batch.raw("GET", path, version=version).json()["value"]
    assert listed == {"id": name, "maxTasksPerNode": 3}
    assert batch.client.get_pool(name).task_slots_per_node == 3


@pytest.mark.parametrize("version", before("2020-09-01.12.0"))
def test_early_versions_know_no_slots(batch, add, version):
    answer = add(version, batch.name("pool"), taskSlotsPerNode=3)
    assert refusal(answer) == ("InvalidRequestBody", "taskSlotsPerNode")
    answer = batch.raw("GET", "/pools?$select=taskSlotsPerNode", version=version)
    assert answer.json()["code"] == "InvalidQueryParameterValue"


@pytest.mark.parametrize("version", [*since("2020-09-01.12.0"), "2025-06-01"])
def test_later_versions_know_no_early_names(batch, add, version):
    name = batch.name("pool")
    assert refusal(add(version, name, maxTasksPerNode=3)) == (
        "InvalidRequestBody", "maxTasksPerNode",
    )  # fmt: skip
    assert add(FIRST, name, maxTasksPerNode=3).status_code == 201
    seen = batch.raw("GET", f"/pools/{name}", version=version).json()
    assert (seen["taskSlotsPerNode"], "maxTasksPerNode" in seen) == (3, False)


@pytest.mark.parametrize("version", before("2020-09-01.12.0"))
def test_task_counts_were_flat(batch, job, version):
    batch.raw("POST", f"/jobs/{job}/tasks", json={"id": "t", "commandLine": "/bin/true"})
    counts = batch.raw("GET", f"/jobs/{job}/taskcounts", version=version).json()
    counts.pop("odata.metadata")
    validated = {"validationStatus": "validated"} if version < "2018-08" else {}
    zero = {"running": 0, "completed": 0, "succeeded": 0, "failed": 0}
    assert counts == {"active": 1, **zero, **validated}


@pytest.mark.parametrize("version", since("2020-09-01.12.0"))
def test_task_counts_are_beside_slots_since(batch, job, version):
    counts = batch.raw("GET", f"/jobs/{job}/taskcounts", version=version).json()
    assert {"taskCounts", "taskSlotCounts"} <= set(counts)


@pytest.mark.parametrize("version", before("2018-12-01.8.0"))
def test_a_resource_file_was_a_blob_wherever_it_stands(batch, add, job, version):
    early = {"blobSource": URL, "filePath": "in/file"}
    today = {"httpUrl": URL, "filePath": "in/file"}
    task = {"commandLine": "/bin/true", "resourceFiles": [early]}

    name = batch.name("pool")
    assert add(version, name, startTask=task).status_code == 201
    assert _told(batch, f"/pools/{name}", version)["startTask"]["resourceFiles"] == [early]
    assert _told(batch, f"/pools/{name}")["startTask"]["resourceFiles"] == [today]

    single = {**task, "id": "t"}
    many = {"value": [{**task, "id": "u"}]}
    path = f"/jobs/{job}"
    answer = batch.raw("POST", f"{path}/tasks", json=single, version=version)
    assert answer.status_code == 201
    answer = batch.raw("POST", f"{path}/addtaskcollection", json=many, version=version)
    assert [one["status"].lower() for one in answer.json()["value"]] == ["success"]
    for one in ("t", "u"):
        assert _told(batch, f"{path}/tasks/{one}", version)["resourceFiles"] == [early]
        assert _told(batch, f"{path}/tasks/{one}")["resourceFiles"] == [today]
    listed = _told(batch, f"{path}/tasks", version)["value"]
    assert [one["resourceFiles"] for one in listed] == [[early], [early]]


@pytest.mark.parametrize("version", before("2018-12-01.8.0"))
def test_a_job_s_own_pool_has_early_names_too(batch, a_pool, version):
    early = {"blobSource": URL, "filePath": "in/file"}
    pool = a_pool("unused", targetDedicatedNodes=0, maxTasksPerNode=3)
    del pool["id"]
    pool["startTask"] = {"commandLine": "/bin/true", "resourceFiles": [early]}
    own = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": pool}}
    name = batch.name("job")
    answer = batch.raw("POST", "/jobs", json={"id": name, "poolInfo": own}, version=version)
    assert answer.status_code == 201, answer.json()
    seen = _told(batch, f"/jobs/{name}", version)["poolInfo"]["autoPoolSpecification"]["pool"]
    assert seen["maxTasksPerNode"] == 3
    assert seen["startTask"]["resourceFiles"] == [early]
    batch.raw("DELETE", f"/jobs/{name}")


@pytest.mark.parametrize("version", before("2018-12-01.8.0"))
@pytest.mark.parametrize("missing", ["blobSource", "filePath"])
def test_a_blob_needs_an_address_and_a_path(batch, job, version, missing):
    file = {"blobSource": URL, "filePath": "in/file"}
    del file[missing]
    body = {"id": "t", "commandLine": "/bin/true", "resourceFiles": [file]}
    answer = batch.raw("POST", f"/jobs/{job}/tasks", json=body, version=version)
    assert refusal(answer) == ("MissingRequiredProperty", f"resourceFiles[0].{missing}")


@pytest.mark.parametrize("version", since("2018-12-01.8.0"))
def test_later_files_have_no_blob(batch, job, version):
    file = {"blobSource": URL, "filePath": "in/file"}
    body = {"id": "t", "commandLine": "/bin/true", "resourceFiles": [file]}
    answer = batch.raw("POST", f"/jobs/{job}/tasks", json=body, version=version)
    assert refusal(answer) == ("InvalidRequestBody", "resourceFiles[0].blobSource")


@pytest.mark.parametrize("version", before("2020-03-01.11.0"))
def test_addresses_were_a_plain_list(batch, add, version):
    subnet = ADDRESSES[0].replace("publicIPAddresses/a", "virtualNetworks/v/subnets/s")
    scope = {"dynamicVNetAssignmentScope": "none"}
    network = {"subnetId": subnet, "publicIPs": ADDRESSES, **scope}
    name = batch.name("pool")
    answer = add(version, name, networkConfiguration=network)
    assert answer.status_code == 201, answer.json()
    seen = _told(batch, f"/pools/{name}", version)["networkConfiguration"]
    assert (seen["publicIPs"], "publicIPAddressConfiguration" in seen) == (ADDRESSES, False)
    seen = _told(batch, f"/pools/{name}")["networkConfiguration"]
    today = {"provision": "usermanaged", "ipAddressIds": ADDRESSES}
    assert seen["publicIPAddressConfiguration"] == today


@pytest.mark.parametrize("version", before("2019-06-01.9.0"))
def test_node_agents_were_listed_with_their_images(batch, version):
    agents = _told(batch, "/nodeagentskus", version)["value"]
    images = _told(batch, "/supportedimages")["value"]
    assert {(agent["id"], one["sku"]) for agent in agents
            for one in agent["verifiedImageReferences"]} == {
        (image["nodeAgentSKUId"], image["imageReference"]["sku"]) for image in images
    }  # fmt: skip
    assert _told(batch, "/nodeagentskus?$filter=osType eq 'windows'", version)["value"] == []


@pytest.mark.parametrize("version", [*since("2019-06-01.9.0"), "2025-06-01"])
def test_later_versions_list_no_node_agents(batch, version):
    assert refusal(batch.raw("GET", "/nodeagentskus", version=version))[0] == "InvalidUri"


def test_only_early_versions_can_ask_for_an_upgrade_and_no_pool_has_any(batch):
    path = f"/pools/{batch.pool(nodes=0)}/upgradeos"
    body = {"targetOSVersion": "*"}
    for version in before("2018-12-01.8.0"):
        answer = batch.raw("POST", path, json=body, version=version)
        assert (answer.status_code, refusal(answer)[0]) == (409, "OperationNotValidOnPool")
    for version in (*since("2018-12-01.8.0"), "2025-06-01"):
        answer = batch.raw("POST", path, json=body, version=version)
        assert refusal(answer)[0] == "InvalidUri"


@pytest.mark.parametrize("version", VERSIONS)
def test_no_early_version_gets_a_pool_of_cloud_services(batch, add, version):
    system = {"osFamily": "5"} | ({"targetOSVersion": "*"} if version < "2018-12" else {})
    answer = add(version, batch.name("pool"), cloudServiceConfiguration=system)
    assert refusal(answer) == ("InvalidPropertyValue", "cloudServiceConfiguration")


def _told(batch, path, version="2025-06-01"):
    answer = batch.raw("GET", path, version=version)
    assert answer.status_code == 200, answer.json()
    return answer.json()
