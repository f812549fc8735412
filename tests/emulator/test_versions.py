"""The api-versions of older clients: what they may say beside, and what nobody may.

The clients themselves drive the emulator in tests/conformance; here their requests are written out.
"""

import pytest

NEWEST = "2025-06-01"
EARLY = ("2017-09-01.6.0", "2018-03-01.6.1", "2018-08-01.7.0", "2018-12-01.8.0", "2019-06-01.9.0",
         "2019-08-01.10.0", "2020-03-01.11.0")  # fmt: skip
"""Those that have other names for some of what later ones have: tests/emulator/test_early.py."""
OLDER = (*EARLY, "2020-09-01.12.0", "2021-06-01.14.0", "2022-01-01.15.0", "2022-10-01.16.0",
         "2023-05-01.17.0", "2023-11-01.18.0", "2024-02-01.19.0", "2024-07-01.20.0")  # fmt: skip
CLI = "2024-02-01.19.0"
THUMBPRINT = "0" * 40
CERTIFICATE = f"/certificates(thumbprintAlgorithm=sha1,thumbprint={THUMBPRINT})"


@pytest.fixture
def add(batch, a_pool):
    """Adds a pool without nodes as a version's clients do, and returns the answer."""

    def call(version, name=None, **properties):
        name = name or batch.name("pool")
        body = a_pool(name, **{"targetDedicatedNodes": 0, **properties})
        answer = batch.raw("POST", "/pools", json=body, version=version)
        if answer.status_code == 201:
            batch.pools.append(name)
        return answer

    return call


def code(answer):
    return answer.status_code, answer.json()["code"]


def values(answer):
    return {one["key"]: one["value"] for one in answer.json()["values"]}


@pytest.mark.parametrize("version", [*OLDER, NEWEST])
def test_versions_of_clients_in_use_are_taken(batch, version):
    answer = batch.raw("GET", "/pools", version=version)
    assert (answer.status_code, "value" in answer.json()) == (200, True)


@pytest.mark.parametrize("version", ["2021-01-01", "2025-06-02", "latest", "2024-02-01"])
def test_a_version_that_never_was_is_a_wrong_value(batch, version):
    answer = batch.raw("GET", "/pools", version=version)
    assert code(answer) == (400, "InvalidQueryParameterValue")
    assert values(answer)["QueryParameterName"] == "api-version"
    assert values(answer)["QueryParameterValue"] == version
    assert NEWEST in values(answer)["Reason"]


@pytest.mark.parametrize("version", ["2017-06-01.5.1", "2017-05-01.5.0", "2014-10-01.1.0"])
def test_a_version_of_long_ago_is_not_supported(batch, version):
    answer = batch.raw("GET", "/pools", version=version)
    assert code(answer) == (400, "UnsupportedRequestVersion")


def test_a_version_has_to_be_there(batch):
    assert code(batch.raw("GET", "/pools", version="")) == (400, "MissingRequiredQueryParameter")


@pytest.mark.parametrize("version", OLDER)
def test_older_clients_get_back_what_only_they_can_say(batch, add, version):
    said = {"targetNodeCommunicationMode": "classic", "resourceTags": {"team": "one"}}
    name = batch.name("pool")
    assert add(version, name, **said).status_code == 201
    seen = batch.raw("GET", f"/pools/{name}", version=version).json()
    assert {key: seen[key] for key in said} == said
    assert "currentNodeCommunicationMode" not in seen
    listed = batch.raw("GET", f"/pools?$filter=id eq '{name}'", version=version).json()["value"]
    assert [{key: pool[key] for key in said} for pool in listed] == [said]


def test_the_newest_version_neither_takes_nor_gives_it(batch, add):
    answer = add(NEWEST, targetNodeCommunicationMode="classic")
    assert code(answer) == (400, "InvalidRequestBody")
    assert values(answer)["PropertyName"] == "targetNodeCommunicationMode"

    name = batch.name("pool")
    assert add(CLI, name, targetNodeCommunicationMode="classic").status_code == 201
    seen = batch.raw("GET", f"/pools/{name}").json()
    assert not [key for key in seen if "CommunicationMode" in key]
    assert batch.client.get_pool(name).id == name


def test_nodes_make_it_known_how_they_communicate(batch):
    pool = batch.pool(nodes=1)
    batch.ready(pool, 1)
    seen = batch.raw("GET", f"/pools/{pool}", version=CLI).json()
    assert seen["currentNodeCommunicationMode"] == "simplified"


def test_it_can_be_selected_by_who_knows_it(batch, add):
    name = batch.name("pool")
    add(CLI, name, resourceTags={"team": "one"})
    path = f"/pools/{name}?$select=id,resourceTags"
    seen = batch.raw("GET", path, version=CLI).json()
    assert (seen["id"], seen["resourceTags"]) == (name, {"team": "one"})
    assert code(batch.raw("GET", path)) == (400, "InvalidQueryParameterValue")


def test_it_can_be_changed(batch, add):
    name = batch.name("pool")
    add(CLI, name, targetNodeCommunicationMode="classic")
    change = {"targetNodeCommunicationMode": "simplified"}
    answer = batch.raw("PATCH", f"/pools/{name}", json=change, version=CLI)
    assert answer.status_code == 200
    seen = batch.raw("GET", f"/pools/{name}", version=CLI).json()
    assert seen["targetNodeCommunicationMode"] == "simplified"


def test_it_outlasts_the_emulator(emulator, a_pool, tmp_path):
    first = emulator(f"--state={tmp_path}")
    body = a_pool("p", targetDedicatedNodes=0, resourceTags={"team": "one"})
    assert first.raw("POST", "/pools", json=body, version=CLI).status_code == 201
    first.running.process.kill()
    again = emulator(f"--state={tmp_path}")
    assert again.raw("GET", "/pools/p", version=CLI).json()["resourceTags"] == {"team": "one"}


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"targetNodeCommunicationMode": "loud"}, (400, "InvalidPropertyValue")),
        ({"resourceTags": ["team"]}, (400, "InvalidPropertyValue")),
        ({"certificateReferences": [{"thumbprint": "0"}]}, (400, "MissingRequiredProperty")),
        ({"cloudServiceConfiguration": {"osFamily": "6"}}, (400, "InvalidPropertyValue")),
        ({"noSuchProperty": 1}, (400, "InvalidRequestBody")),
    ],
)
def test_what_older_clients_may_not_say_either(add, wrong, expected):
    assert code(add(CLI, **wrong)) == expected


def test_a_pool_cannot_have_certificates(batch, add):
    reference = {"thumbprint": THUMBPRINT, "thumbprintAlgorithm": "sha1"}
    answer = add(CLI, certificateReferences=[reference])
    assert code(answer) == (409, "InvalidCertificateReferences")
    assert list(values(answer)) == [f"sha1-{THUMBPRINT}"]
    assert add(CLI, certificateReferences=[]).status_code == 201


def test_the_azure_cli_s_numbers_in_quotes(batch, add):
    name = batch.name("pool")
    assert add(CLI, name, targetDedicatedNodes="0", taskSlotsPerNode="2").status_code == 201
    assert batch.client.get_pool(name).task_slots_per_node == 2
    assert code(add(CLI, taskSlotsPerNode="two")) == (400, "InvalidPropertyValue")
    assert code(add(CLI, taskSlotsPerNode="2.5")) == (400, "InvalidPropertyValue")
    assert code(add(NEWEST, taskSlotsPerNode="2")) == (400, "InvalidPropertyValue")


@pytest.mark.parametrize("version", OLDER[:-1])
def test_certificates_are_none_and_stay_none(batch, version):
    assert batch.raw("GET", "/certificates", version=version).json()["value"] == []
    body = {"thumbprint": THUMBPRINT, "thumbprintAlgorithm": "sha1", "data": "AAAA"}
    answer = batch.raw("POST", "/certificates", json=body, version=version)
    assert code(answer) == (409, "InvalidRestAPIForAccountSetting")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/canceldelete")):
        answer = batch.raw(method, CERTIFICATE + path, version=version)
        assert code(answer) == (404, "CertificateNotFound")


@pytest.mark.parametrize("version", [OLDER[-1], NEWEST])
def test_newer_versions_know_of_no_certificates(batch, version):
    for method, path in (("GET", "/certificates"), ("GET", CERTIFICATE)):
        assert code(batch.raw(method, path, version=version)) == (400, "InvalidUri")


def test_a_linux_node_has_no_remote_desktop(batch):
    pool = batch.pool(nodes=1)
    [node] = batch.ready(pool, 1)
    path = f"/pools/{pool}/nodes/{node.id}/rdp"
    assert code(batch.raw("GET", path, version=CLI)) == (409, "OperationNotValidOnNode")
    assert code(batch.raw("GET", path)) == (400, "InvalidUri")
    missing = batch.raw("GET", f"/pools/{pool}/nodes/none/rdp", version=CLI)
    assert code(missing) == (404, "NodeNotFound")
