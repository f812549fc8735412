"""The account by Azure Resource Manager: who may ask, what there is, quotas."""

from __future__ import annotations

import pytest
from azure.batch import models

from arm_client import GROUP, SUBSCRIPTION, arm, fixed, machine, properties, until
from batch_emulator.__main__ import main
from batch_emulator.state.sizes import cores_of, family_of


@pytest.fixture(scope="module")
def azure(certificate):
    with arm(certificate) as made:
        yield made


def refusal(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_the_account_is_found_from_nothing_but_a_token(azure):
    subscriptions = azure.ask("GET", "/subscriptions", version="2022-12-01").json()["value"]
    (subscription,) = subscriptions
    assert subscription["subscriptionId"] == SUBSCRIPTION
    listed = azure.ask(
        "GET", f"{subscription['id']}/providers/Microsoft.Batch/batchAccounts"
    ).json()["value"]
    (account,) = listed
    assert account["id"] == azure.account
    assert f"https://{account['properties']['accountEndpoint']}" == azure.running.endpoint
    of_group = azure.ask(
        "GET",
        f"{subscription['id']}/resourceGroups/{GROUP}/providers/Microsoft.Batch/batchAccounts",
    )
    assert of_group.json()["value"] == listed
    assert azure.ask("GET", azure.account).json() == account


def test_ids_are_the_same_in_any_case(azure):
    for path in (azure.account.upper(), azure.account.lower(), azure.account + "/"):
        assert azure.ask("GET", path).json()["id"] == azure.account


def test_the_key_is_given_to_who_asks_for_it(azure):
    keys = azure.ask("POST", "listKeys").json()
    assert (keys["accountName"], keys["primary"]) == (azure.running.account, azure.running.key)


OTHER = "/subscriptions/99999999-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (OTHER, (404, "SubscriptionNotFound")),
        ("/subscriptions/mine", (400, "InvalidSubscriptionId")),
        (f"/subscriptions/{SUBSCRIPTION}/resourceGroups/none", (404, "ResourceGroupNotFound")),
        ("pools/none", (404, "ResourceNotFound")),
        ("pools/none/stopResize/x", (404, "InvalidResourceType")),
        ("certificates", (404, "InvalidResourceType")),
    ],
)
def test_what_is_not_there_is_a_404_of_its_own(azure, path, wanted):
    assert refusal(azure.ask("GET", path)) == wanted


def test_a_pool_of_an_account_that_is_not_there_has_no_parent(azure):
    path = f"{azure.account}x/pools/one"
    answer = azure.ask("PUT", path, json={"properties": machine()})
    assert refusal(answer) == (404, "ParentResourceNotFound")
    assert refusal(azure.ask("GET", path)) == (404, "ResourceNotFound")
    assert refusal(azure.ask("POST", "pools")) == (405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("version", "code"),
    [
        (None, "MissingApiVersionParameter"),
        ("newest", "InvalidApiVersionParameter"),
        ("2011-01-01", "NoRegisteredProviderFound"),
    ],
)
def test_versions_are_held(azure, version, code):
    assert refusal(azure.ask("GET", "pools", version=version)) == (400, code)


def test_who_has_no_token_is_asked_for_one(azure):
    for headers, code in (
        ({"authorization": ""}, "AuthenticationFailed"),
        ({"authorization": "SharedKey a:b"}, "AuthenticationFailedInvalidHeader"),
        ({"authorization": "Bearer nonsense"}, "InvalidAuthenticationToken"),
        (
            {"authorization": f"Bearer {azure.get_token('https://batch.core.windows.net/')}"},
            "InvalidAuthenticationTokenAudience",
        ),
    ):
        answer = azure.ask("GET", "pools", headers=headers)
        assert refusal(answer) == (401, code)
        assert answer.headers["www-authenticate"].startswith("Bearer authorization_uri=")


def test_the_data_plane_takes_no_token_of_resource_manager(azure):
    answer = azure.ask("GET", "/jobs")
    assert (answer.status_code, answer.json()["code"]) == (401, "AuthenticationFailed")


def test_without_the_option_there_is_no_resource_manager(batch):
    answer = batch.raw("GET", "/subscriptions")
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidUri")


def test_a_fault_on_order_has_its_form(azure):
    azure.running.admin.fail_requests(429, times=1, retry_after=1, path="/subscriptions")
    answer = azure.ask("GET", "/subscriptions")
    assert answer.status_code == 429
    assert answer.json()["error"]["code"]
    assert azure.ask("GET", "/subscriptions").status_code == 200


def test_quotas_of_cores_are_told_and_hold(certificate):
    with arm(certificate) as azure:
        azure.running.admin.set_quotas(
            dedicated_cores=9, low_priority_cores=4, cores_by_family={"standardDSv5Family": 8}
        )
        told = azure.ask("GET", azure.account).json()["properties"]
        assert (told["dedicatedCoreQuota"], told["lowPriorityCoreQuota"]) == (9, 4)
        assert told["dedicatedCoreQuotaPerVMFamilyEnforced"] is True
        assert told["dedicatedCoreQuotaPerVMFamily"] == [
            {"name": "standardDSv5Family", "coreQuota": 8}
        ]
        azure.put("wide", properties=machine(scaleSettings=fixed(3, 2)))
        found = until(lambda: properties(azure, "wide"), lambda p: p["allocationState"] == "Steady")
        assert (found["currentDedicatedNodes"], found["currentLowPriorityNodes"]) == (2, 1)
        codes = {error["code"] for error in found["resizeOperationStatus"]["errors"]}
        assert codes == {"AccountCoreQuotaReached", "AccountLowPriorityCoreQuotaReached"}
        azure.put("other", properties=machine(vmSize="Standard_F1s", scaleSettings=fixed(1)))
        found = until(
            lambda: properties(azure, "other"), lambda p: p["allocationState"] == "Steady"
        )
        assert found["currentDedicatedNodes"] == 0  # its family has no quota
        azure.client.begin_delete_pool("other")
        azure.running.admin.set_quotas(cores_by_family=None, dedicated_cores=None)
        until(lambda: azure.ask("GET", "pools/other").status_code == 404)
        azure.client.begin_resize_pool(
            "wide", models.BatchPoolResizeOptions({"targetDedicatedNodes": 3})
        ).result()
        until(lambda: properties(azure, "wide")["currentDedicatedNodes"] == 3)


@pytest.mark.parametrize(
    ("size", "cores", "family"),
    [
        ("Standard_D4s_v5", 4, "standardDSv5Family"),
        ("STANDARD_D4DS_V5", 4, "standardDDSv5Family"),
        ("Standard_E8-4ds_v5", 4, "standardEDSv5Family"),
        ("Standard_F2s_v2", 2, "standardFSv2Family"),
        ("Standard_NC24ads_A100_v4", 24, "standardNCADSA100v4Family"),
        ("Basic_A1", 1, "basicAFamily"),
        ("own", None, None),
    ],
)
def test_the_name_of_a_size_tells_cores_and_family(size, cores, family):
    assert (cores_of(size), family_of(size) and family_of(size).lower()) == (
        cores,
        family and family.lower(),
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--arm"], "takes --oauth basic"),
        (["--arm", "mine"], "SUBSCRIPTION-ID/RESOURCE-GROUP"),
        (["--arm", f"{SUBSCRIPTION}/"], "SUBSCRIPTION-ID/RESOURCE-GROUP"),
    ],
)
def test_options_that_cannot_be(capsys, options, says):
    try:
        code = main(["serve", "--port=0", *options])
    except SystemExit as stopped:
        code = stopped.code
    assert code
    assert says in capsys.readouterr().err
