"""An account's quotas beside what a recipe's pool wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenefleet.fleet.choice import choose_pool
from scenefleet.fleet.machine import family_key, vm_family
from scenefleet.fleet.quota import describe, judge, measure, read_quota, want
from scenefleet.recipe.read import RecipeFile, parse
from scenefleet.settings import AzureSettings, Settings

SIZE = "STANDARD_D4DS_V5"


def account(**properties: Any) -> dict[str, Any]:
    told = {
        "dedicatedCoreQuota": 100,
        "lowPriorityCoreQuota": 100,
        "dedicatedCoreQuotaPerVMFamilyEnforced": False,
        "dedicatedCoreQuotaPerVMFamily": [],
        "poolQuota": 10,
        "activeJobAndJobScheduleQuota": 20,
        "poolAllocationMode": "BatchService",
    }
    return {"properties": {**told, **properties}}


def pool(name: str = "one", size: str = SIZE, dedicated: int = 0, spot: int = 0) -> dict[str, Any]:
    return {
        "id": name,
        "vmSize": size,
        "currentDedicatedNodes": dedicated,
        "currentLowPriorityNodes": spot,
    }


def body(template: str = "spot", nodes: int = 20) -> dict[str, Any]:
    text = "version: 1\nname: a\nsearch: {catalog: n.json}\n"
    text += f"compute: {{backend: azure, pool: {template}, max_nodes: {nodes}}}\n"
    path = Path("recipe.yaml")
    settings = Settings(azure=AzureSettings(image="i"), path=Path("settings.toml"))
    return choose_pool(RecipeFile(parse(text, path), path, text), settings).body


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (body("spot"), (0, 20)),
        (body("spot", 3), (0, 3)),
        (body("dedicated", 7), (7, 0)),
        ({"vmSize": SIZE, "targetDedicatedNodes": 2, "targetLowPriorityNodes": 5}, (2, 5)),
        ({"vmSize": SIZE}, (0, 0)),
        ({"vmSize": SIZE, "autoScaleFormula": "$TargetDedicated=$PendingTasks;"}, (9, 0)),
        (
            {
                "vmSize": SIZE,
                "autoScaleFormula": body()["autoScaleFormula"].replace(
                    "minDedicated = 0;", "minDedicated = 2;"
                ),
            },
            (2, 20),
        ),
    ],
)
def test_what_a_pool_comes_to_have_at_most(made: dict[str, Any], wanted: tuple[int, int]) -> None:
    found = want(made, None, max_nodes=9)
    assert (found.dedicated, found.spot) == wanted


def verdict(
    told: dict[str, Any], pools: list[dict[str, Any]], made: dict[str, Any], jobs: int = 0
) -> Any:
    found = next((one for one in pools if one["id"] == made.get("id")), None)
    return judge(read_quota(told), measure(pools, jobs), want(made, found, max_nodes=20))


def test_enough_fits() -> None:
    found = verdict(account(), [pool(spot=5)], body())
    assert (found.fits, found.possible) == (True, True)
    assert found.text == (
        "at most 80 Spot cores (20 nodes) of STANDARD_D4DS_V5: cores a node 4; a pool that is yet "
        "to be made; one job; that fits"
    )


def test_too_few_cores_say_how_many_nodes_and_where_to_ask() -> None:
    found = verdict(account(), [pool(spot=6)], body())
    assert (found.fits, found.possible) == (False, True)
    assert "the quota of Spot cores allows 19 of 20 nodes" in found.text
    assert "ask for more in the Azure portal" in found.text


def test_what_the_pool_has_already_counts_once() -> None:
    own = pool(body()["id"], spot=20)
    assert verdict(account(lowPriorityCoreQuota=80), [own], body()).fits
    assert not verdict(account(lowPriorityCoreQuota=80), [own, pool(spot=1)], body()).fits


def test_no_cores_at_all_is_no_run() -> None:
    found = verdict(account(lowPriorityCoreQuota=0), [], body())
    assert (found.fits, found.possible) == (False, False)
    assert verdict(account(lowPriorityCoreQuota=0), [], body("dedicated")).fits


def test_a_floor_of_dedicated_nodes_goes_on_without_spot() -> None:
    made = {"id": "a", "vmSize": SIZE, "targetDedicatedNodes": 1, "targetLowPriorityNodes": 5}
    found = verdict(account(lowPriorityCoreQuota=0), [], made)
    assert (found.fits, found.possible) == (False, True)


def test_a_family_of_its_own_counts_for_dedicated_cores_only() -> None:
    told = account(
        dedicatedCoreQuotaPerVMFamilyEnforced=True,
        dedicatedCoreQuotaPerVMFamily=[{"name": "standardDDSv5Family", "coreQuota": 8}],
    )
    found = verdict(told, [pool(dedicated=1)], body("dedicated", 2))
    assert "dedicated cores of standardDDSv5Family allows 1 of 2 nodes" in found.text
    assert verdict(told, [pool(dedicated=1)], body("spot", 2)).fits
    other = {"id": "a", "vmSize": "Standard_F4s_v2", "targetDedicatedNodes": 1}
    assert not verdict(told, [], other).possible
    text = describe(read_quota(told), measure([pool(dedicated=1)], 3), SIZE)
    assert text == (
        "dedicated cores: 4 of 100 in use; dedicated cores of standardDDSv5Family: 4 of 8; Spot "
        "cores: 0 of 100; pools: 1 of 10; active jobs: 3 of 20"
    )


def test_pools_and_jobs_that_are_taken() -> None:
    full = account(poolQuota=1)
    found = verdict(full, [pool()], body())
    assert (found.possible, "all 1 pools of the account are taken" in found.text) == (False, True)
    assert verdict(full, [pool(body()["id"])], body()).fits  # it is there already
    found = verdict(account(), [], body(), jobs=20)
    assert (found.fits, found.possible) == (False, True)
    assert "a run waits for one to end" in found.text


def test_cores_of_the_users_own_subscription_are_not_the_account_s() -> None:
    told = account(
        poolAllocationMode="UserSubscription", dedicatedCoreQuota=None, lowPriorityCoreQuota=None
    )
    assert verdict(told, [pool(dedicated=3)], body()).fits
    text = describe(read_quota(told), measure([pool(dedicated=3)], 0), SIZE)
    assert text.startswith("12 cores in use, which count against the quotas of the subscription")


def test_sizes_that_are_not_known_are_said() -> None:
    usage = measure([pool(size="own-size", dedicated=2)], 0)
    assert "cores of own-size are not known here and count as 1" in describe(
        read_quota(account()), usage, SIZE
    )
    odd = {"id": "a", "vmSize": "own-size", "targetDedicatedNodes": 2}
    assert "cores a node 1 (not known here, so 1 is assumed)" in verdict(account(), [], odd).text


def test_an_account_that_tells_nothing_is_not_made_up() -> None:
    quota = read_quota({"properties": {"dedicatedCoreQuota": "many", "poolQuota": True}})
    text = describe(quota, measure([], 0), SIZE)
    assert text.startswith("dedicated cores: 0 of a number that is not told in use")
    assert judge(quota, measure([], 0), want(body(), None, max_nodes=20)).fits


@pytest.mark.parametrize(
    ("size", "family"),
    [
        ("Standard_D4s_v5", "standardDSv5Family"),
        ("STANDARD_D4DS_V5", "standardDDSv5Family"),
        ("Standard_E8-4ds_v5", "standardEDSv5Family"),
        ("Standard_F2s_v2", "standardFSv2Family"),
        ("Standard_A2m_v2", "standardAMv2Family"),
        ("Standard_NC4as_T4_v3", "Standard NCASv3_T4 Family"),
        ("Standard_NC24ads_A100_v4", "standardNCADSA100v4Family"),
    ],
)
def test_families_are_those_of_the_service(size: str, family: str) -> None:
    found = vm_family(size)
    assert found is not None
    assert family_key(found) == family_key(family)
    assert vm_family("own") is None
