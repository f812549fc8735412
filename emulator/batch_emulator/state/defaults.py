"""What the service writes back in place of what a client left out, as its recorded answers show."""

from __future__ import annotations

from typing import Any

UNLIMITED = "P10675199DT2H48M5.4775807S"
"""The service's word for no limit of time: the longest that .NET has."""
_USER = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}


def complete_pool(spec: dict[str, Any]) -> dict[str, Any]:
    """A pool's specification with the defaults of all its parts that a client may leave out."""
    policy = {"nodeFillType": "spread", "jobDefaultOrder": "none"}
    given = spec.get("taskSchedulingPolicy", {})
    full = {**spec, "taskSchedulingPolicy": {**policy, **given}}
    if "virtualMachineConfiguration" in spec:
        full["virtualMachineConfiguration"] = _machine(spec["virtualMachineConfiguration"])
    if "networkConfiguration" in spec:
        full["networkConfiguration"] = _network(spec["networkConfiguration"])
    if "userAccounts" in spec:
        full["userAccounts"] = [_account(spec, account) for account in spec["userAccounts"]]
    if "startTask" in spec:
        full["startTask"] = complete_start_task(spec["startTask"])
    return full


def _machine(machine: dict[str, Any]) -> dict[str, Any]:
    full = {**machine, "imageReference": complete_image(machine["imageReference"])}
    if "dataDisks" in machine:
        full["dataDisks"] = [_disk(disk) for disk in machine["dataDisks"]]
    return full


def _disk(disk: dict[str, Any]) -> dict[str, Any]:
    """A data disk with its cache and kind; older api-versions have its kind beside its size."""
    full = {"caching": "readwrite", **disk}
    if "storageAccountType" not in disk:
        full["managedDisk"] = {"storageAccountType": "standard_lrs", **disk.get("managedDisk", {})}
    return full


def _network(network: dict[str, Any]) -> dict[str, Any]:
    full = {"dynamicVNetAssignmentScope": "none", "enableAcceleratedNetworking": False, **network}
    endpoints = network.get("endpointConfiguration")
    if endpoints is not None:
        pools = [_nat(pool) for pool in endpoints.get("inboundNATPools", ())]
        full["endpointConfiguration"] = {**endpoints, "inboundNATPools": pools}
    return full


def _nat(pool: dict[str, Any]) -> dict[str, Any]:
    if "networkSecurityGroupRules" not in pool:
        return pool
    rules = [{"sourcePortRanges": ["*"], **rule} for rule in pool["networkSecurityGroupRules"]]
    return {**pool, "networkSecurityGroupRules": rules}


def _account(spec: dict[str, Any], account: dict[str, Any]) -> dict[str, Any]:
    full = {"elevationLevel": "nonadmin", **account}
    agent = spec.get("virtualMachineConfiguration", {}).get("nodeAgentSKUId", "")
    if "windows" in agent.lower():
        given = account.get("windowsUserConfiguration", {})
        full["windowsUserConfiguration"] = {"loginMode": "batch", **given}
    return full


def complete_auto_pool(pool: dict[str, Any]) -> dict[str, Any]:
    """A job's pool with the defaults of what is to be made for it."""
    auto: dict[str, Any] = {"keepAlive": False, **pool["autoPoolSpecification"]}
    if "pool" in auto:
        auto["pool"] = _pool_to_be(auto["pool"])
    return {**pool, "autoPoolSpecification": auto}


def _pool_to_be(spec: dict[str, Any]) -> dict[str, Any]:
    plain = {"enableAutoScale": False, "enableInterNodeCommunication": False, "taskSlotsPerNode": 1}
    full = {**plain, **complete_pool(spec)}
    if full["enableAutoScale"]:
        return {"autoScaleEvaluationInterval": "PT15M", **full}
    sizes = {"resizeTimeout": "PT15M", "targetDedicatedNodes": 0, "targetLowPriorityNodes": 0}
    return {**sizes, **full}


def complete_image(image: dict[str, Any]) -> dict[str, Any]:
    """An image of the marketplace is the latest unless it says which.

    Images are names only here, so the exact version is the one that was asked for.
    """
    if "publisher" not in image:
        return image
    version = image.get("version", "latest")
    return {**image, "version": version, "exactVersion": version}


def complete_start_task(spec: dict[str, Any]) -> dict[str, Any]:
    """A start task is tried once, and waited for; its user is no administrator."""
    user = complete_user(spec)
    return {"maxTaskRetryCount": 0, "waitForSuccess": True, **spec, "userIdentity": user}


def complete_constraints(given: dict[str, Any], retries: int = 0) -> dict[str, Any]:
    """A task's limits: without end, its files kept for a week, tried again as its job says."""
    return {
        "maxWallClockTime": UNLIMITED,
        "retentionTime": "P7D",
        "maxTaskRetryCount": retries,
        **given,
    }


def complete_user(spec: dict[str, Any]) -> dict[str, Any]:
    """Who a task runs as: a user of the node's that is no administrator, unless it says more."""
    given = spec.get("userIdentity", _USER)
    if "autoUser" not in given:
        return given
    return {**given, "autoUser": {**_USER["autoUser"], **given["autoUser"]}}
