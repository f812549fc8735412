"""What the service writes back in place of what a client left out, as its recorded answers show."""

from __future__ import annotations

from typing import Any

UNLIMITED = "P10675199DT2H48M5.4775807S"
"""The service's word for no limit of time: the longest that .NET has."""
_USER = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}


def complete_pool(spec: dict[str, Any]) -> dict[str, Any]:
    """A pool's specification with the defaults of its scheduling, image, users and start task."""
    policy = {"nodeFillType": "spread", "jobDefaultOrder": "none"}
    given = spec.get("taskSchedulingPolicy", {})
    full = {**spec, "taskSchedulingPolicy": {**policy, **given}}
    if "virtualMachineConfiguration" in spec:
        machine = spec["virtualMachineConfiguration"]
        image = complete_image(machine["imageReference"])
        full["virtualMachineConfiguration"] = {**machine, "imageReference": image}
    if "userAccounts" in spec:
        nobody = {"elevationLevel": "nonadmin"}
        full["userAccounts"] = [{**nobody, **account} for account in spec["userAccounts"]]
    if "startTask" in spec:
        full["startTask"] = complete_start_task(spec["startTask"])
    return full


def complete_auto_pool(pool: dict[str, Any]) -> dict[str, Any]:
    """A job's pool with the defaults of what is to be made for it."""
    auto = pool["autoPoolSpecification"]
    if "pool" not in auto:
        return pool
    return {**pool, "autoPoolSpecification": {**auto, "pool": complete_pool(auto["pool"])}}


def complete_image(image: dict[str, Any]) -> dict[str, Any]:
    """An image of the marketplace is the latest unless it says which."""
    return {**image, "version": image.get("version", "latest")} if "publisher" in image else image


def complete_start_task(spec: dict[str, Any]) -> dict[str, Any]:
    """A start task is tried once, and waited for."""
    return {"maxTaskRetryCount": 0, "waitForSuccess": True, **spec}


def complete_user(spec: dict[str, Any]) -> dict[str, Any]:
    """Who a task runs as: a user of the node's that is no administrator, unless it says more."""
    given = spec.get("userIdentity", _USER)
    if "autoUser" not in given:
        return given
    return {**given, "autoUser": {**_USER["autoUser"], **given["autoUser"]}}
