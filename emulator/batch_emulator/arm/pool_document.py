"""A pool as Azure Resource Manager tells it."""

from __future__ import annotations

import uuid
from typing import Any

from batch_emulator.arm.access import CLASSIC_UNTIL, SLOTS_SINCE
from batch_emulator.arm.place import POOLS
from batch_emulator.arm.translate import spelt, to_arm
from batch_emulator.service import Service
from batch_emulator.state.pool import Pool
from batch_emulator.state.resource import without_none
from batch_emulator.wire.iso8601 import format_duration, format_time
from batch_emulator.wire.secrets import public

Json = dict[str, Any]

_CLASSIC = (
    *("applicationLicenses", "certificates", "currentNodeCommunicationMode", "resourceTags"),
    "targetNodeCommunicationMode",
)
"""Properties that the newest version has no more."""
_STATES = {"active": "Succeeded", "deleting": "Deleting"}


def etag_of(pool: Pool) -> str:
    """A pool's version, as a weak tag."""
    return f'W/"{pool.etag}"'


def tell_pool(service: Service, pool: Pool, version: str) -> Json:
    """A pool's JSON in an api-version."""
    place = service.options.arm
    assert place is not None
    account = place.account_id(service.options.account)
    return without_none(
        {
            "id": f"{account}/pools/{pool.id}",
            "name": pool.id,
            "type": POOLS,
            "etag": etag_of(pool),
            "properties": _properties(pool, account, version),
            "identity": tell_identity(pool.spec.get("identity")),
            "tags": pool.spec.get("tags"),
        }
    )


def tell_identity(identity: Json | None) -> Json | None:
    """A pool's identity, which is a list on the data plane and an object here."""
    if identity is None:
        return None
    users = {
        one["resourceId"]: {"principalId": one["principalId"], "clientId": one["clientId"]}
        for one in identity.get("userAssignedIdentities", ())
    }
    return {"type": identity["type"], **({"userAssignedIdentities": users} if users else {})}


def identity_of(resource_id: str) -> Json:
    """A user-assigned identity: its ids are made up, and the same for the same name."""
    ids = (str(uuid.uuid5(uuid.NAMESPACE_URL, f"{k}:{resource_id.lower()}")) for k in "cp")
    return {"resourceId": resource_id, "clientId": next(ids), "principalId": next(ids)}


def _properties(pool: Pool, account: str, version: str) -> Json:
    document = pool.document("")
    if pool.nodes and version <= CLASSIC_UNTIL:
        target = document.get("targetNodeCommunicationMode", "default")
        document["currentNodeCommunicationMode"] = "simplified" if target == "default" else target
    told: Json = public(to_arm(document))
    told |= {
        "provisioningState": _STATES[pool.state],
        "provisioningStateTransitionTime": format_time(pool.state_since),
        "scaleSettings": _scale(pool),
        "resizeOperationStatus": _resize(pool),
    }
    for package in told.get("applicationPackages", ()):
        package["id"] = f"{account}/applications/{package['id']}"
    slots, former = ("taskSlotsPerNode", "maxTasksPerNode")
    if version < SLOTS_SINCE:
        slots, former = former, slots
    left_out = {former, *(_CLASSIC if version > CLASSIC_UNTIL else ())}
    return without_none({name: value for name, value in told.items() if name not in left_out})


def _scale(pool: Pool) -> Json:
    if pool.formula is not None:
        every = format_duration(pool.interval)
        return {"autoScale": {"formula": pool.formula, "evaluationInterval": every}}
    return {"fixedScale": _targets(pool)}


def _targets(pool: Pool) -> Json:
    return {
        "targetDedicatedNodes": pool.dedicated,
        "targetLowPriorityNodes": pool.spot,
        "resizeTimeout": format_duration(pool.resize_timeout),
    }


def _resize(pool: Pool) -> Json | None:
    """The resize that is under way, or what went wrong with the last one."""
    if pool.allocation == "steady" and not pool.resize_errors:
        return None
    status = {
        **_targets(pool),
        "nodeDeallocationOption": spelt(
            "FixedScaleSettings", "nodeDeallocationOption", pool.deallocation
        ),
        "startTime": format_time(pool.allocation_since),
    }
    if pool.resize_errors:
        status["errors"] = [{"code": c, "message": m} for c, m in pool.resize_errors]
    return status
