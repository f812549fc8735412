"""A pool's properties in the words of both planes: Resource Manager's and the data plane's.

`shapes.json` holds Resource Manager's shapes, derived from the models of azure-mgmt-batch 19.0.0,
and what 17.3.0 and 18.0.0 have beside. Both planes name most things alike; a table says where not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, cast

from batch_emulator.wire.errors import BatchError, invalid_property

Json = dict[str, Any]

_NAMES: Mapping[tuple[str, str], str] = {
    ("ApplicationPackageReference", "id"): "applicationId",
    ("AutoScaleRun", "evaluationTime"): "timestamp",
    ("AutoScaleRunError", "details"): "values",
    ("CIFSMountConfiguration", "userName"): "username",
    ("ImageReference", "id"): "virtualMachineImageId",
    ("NetworkConfiguration", "dynamicVnetAssignmentScope"): "dynamicVNetAssignmentScope",
    ("PoolEndpointConfiguration", "inboundNatPools"): "inboundNATPools",
    ("PoolProperties", "applicationPackages"): "applicationPackageReferences",
    ("PoolProperties", "certificates"): "certificateReferences",
    ("PoolProperties", "maxTasksPerNode"): "taskSlotsPerNode",
    ("UserIdentity", "userName"): "username",
    ("VirtualMachineConfiguration", "nodeAgentSkuId"): "nodeAgentSKUId",
}
"""What the data plane calls a member of a shape, where it has another name there."""
_APART = ("deploymentConfiguration", "interNodeCommunication", "scaleSettings")
"""Properties that the data plane has in other places."""


@cache
def _shapes() -> Mapping[str, Json]:
    text = files("batch_emulator.arm").joinpath("shapes.json").read_text("utf-8")
    return cast("Mapping[str, Json]", json.loads(text))


def to_batch(properties: object) -> Json:
    """A pool's `properties` as the data plane would have them, unchecked but for their names.

    `scaleSettings` stay apart, as they stand in a request. What only the service writes is dropped.

    Raises:
        BatchError: for a property that there is not, or an object or a list that is none.
    """
    spec = cast("Json", _from_arm(properties, {"ref": "PoolProperties"}, "properties"))
    deployment: Json = spec.pop("deploymentConfiguration", {})
    spec |= deployment
    if "interNodeCommunication" in spec:
        spec["enableInterNodeCommunication"] = _truth(spec.pop("interNodeCommunication"))
    for package in spec.get("applicationPackageReferences", ()):
        package["applicationId"] = str(package.get("applicationId", "")).rpartition("/")[2]
    for certificate in spec.get("certificateReferences", ()):
        kind, _, thumbprint = str(certificate.pop("id", "")).rpartition("/")[2].partition("-")
        certificate |= {"thumbprintAlgorithm": kind, "thumbprint": thumbprint}
    return spec


def to_arm(document: Mapping[str, Any]) -> Json:
    """What of a pool's data-plane JSON has the same place in `properties` of Resource Manager."""
    told = cast("Json", _to_arm(document, {"ref": "PoolProperties"}))
    machine = document.get("virtualMachineConfiguration")
    if machine is not None:
        kind = {"ref": "VirtualMachineConfiguration"}
        told["deploymentConfiguration"] = {"virtualMachineConfiguration": _to_arm(machine, kind)}
    joined = document.get("enableInterNodeCommunication")
    told["interNodeCommunication"] = "Enabled" if joined else "Disabled"
    return told


def spelt(shape: str, name: str, value: str) -> str:
    """A value of an enumeration as Resource Manager writes it."""
    return str(_to_arm(value, _shapes()[shape]["properties"][name]))


def _truth(value: object) -> object:
    known = {"enabled": True, "disabled": False}
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    raise invalid_property("enableInterNodeCommunication", value, "Allowed: Enabled, Disabled.")


def _from_arm(value: object, kind: Mapping[str, Any], path: str) -> object:
    if "ref" in kind:
        if not isinstance(value, dict):
            raise invalid_property(path, value, "An object is expected.")
        return _members(cast("Json", value), kind["ref"], path)
    if "list" in kind:
        if not isinstance(value, list):
            raise invalid_property(path, value, "An array is expected.")
        members = cast("list[object]", value)
        return [_from_arm(one, kind["list"], f"{path}[{at}]") for at, one in enumerate(members)]
    return value


def _members(value: Json, shape: str, path: str) -> Json:
    """An object's members by the data plane's names; names are taken in any case."""
    known = _shapes()[shape]
    names = {name.lower(): name for name in known["properties"]}
    result: Json = {}
    for given, member in value.items():
        name = names.get(given.lower())
        if name is None:
            reason = f"Could not find member '{given}' on object of type '{shape}'."
            raise BatchError("InvalidRequestBody", PropertyName=f"{path}.{given}", Reason=reason)
        if member is not None and name not in known.get("readonly", ()):
            there = _NAMES.get((shape, name), name)
            result[there] = _from_arm(member, known["properties"][name], f"{path}.{name}")
    return result


def _to_arm(value: Any, kind: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if "ref" in kind and isinstance(value, Mapping):
        return _told(cast("Mapping[str, Any]", value), kind["ref"])
    if "list" in kind and isinstance(value, list):
        return [_to_arm(one, kind["list"]) for one in cast("list[Any]", value)]
    if "enum" in kind and isinstance(value, str):
        return next((one for one in kind["enum"] if one.lower() == value.lower()), value)
    return value


def _told(value: Mapping[str, Any], shape: str) -> Json:
    if shape == "AutoScaleRunError" and "name" in value:  # of a name and a value, there
        return {"code": value["name"], "message": value.get("value", "")}
    result: Json = {}
    for name, kind in _shapes()[shape]["properties"].items():
        there = _NAMES.get((shape, name), name)
        if there in value and name not in _APART:
            result[name] = _to_arm(value[there], kind)
    return result
