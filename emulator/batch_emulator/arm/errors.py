"""Errors in the forms of Azure Resource Manager: its own, and those of the Batch service behind it.

Sources: Microsoft's "Troubleshoot common Azure deployment errors", and answers of the service that
users published (github.com/Azure/Batch, issues 85 and 153).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from batch_emulator.arm.place import POOLS
from batch_emulator.wire.errors import ERRORS, BatchError
from batch_emulator.wire.iso8601 import format_time

_DEPLOYMENT = "deploymentConfiguration."
_FIXED = "scaleSettings.fixedScale."
_SCALED = "scaleSettings.autoScale."
_PATHS = {
    "applicationPackageReferences": "applicationPackages",
    "autoScaleEvaluationInterval": f"{_SCALED}evaluationInterval",
    "autoScaleFormula": f"{_SCALED}formula",
    "certificateReferences": "certificates",
    "cloudServiceConfiguration": f"{_DEPLOYMENT}cloudServiceConfiguration",
    "enableInterNodeCommunication": "interNodeCommunication",
    "nodeDeallocationOption": f"{_FIXED}nodeDeallocationOption",
    "resizeTimeout": f"{_FIXED}resizeTimeout",
    "targetDedicatedNodes": f"{_FIXED}targetDedicatedNodes",
    "targetLowPriorityNodes": f"{_FIXED}targetLowPriorityNodes",
    "virtualMachineConfiguration": f"{_DEPLOYMENT}virtualMachineConfiguration",
}
"""Where a property of the data plane stands in a pool of Resource Manager, below `properties`."""
_WHOLE = ("properties", "identity", "tags", "id")
_TARGET = "BatchAccount"


class ArmError(BatchError):
    """An error of Resource Manager itself, which has no request id and no details."""

    def __init__(self, status: int, code: str, message: str) -> None:
        Exception.__init__(self, f"{code}: {message}")
        self.code, self.status, self.sentence = code, status, message
        self.details: dict[str, str] = {}
        self.headers: dict[str, str] = {}


def arm_body(error: BatchError, request_id: str, now: datetime) -> dict[str, Any]:
    """The JSON of an error."""
    if isinstance(error, ArmError):
        return {"error": {"code": error.code, "message": error.sentence}}
    text = f"{error.sentence}\nRequestId:{request_id}\nTime:{format_time(now)}"
    body: dict[str, Any] = {"code": error.code, "message": text, "target": _TARGET}
    if error.details:
        body["details"] = [{"code": code, "message": message} for code, message in _details(error)]
    return {"error": body}


def arm_path(name: str) -> str:
    """The path of a property in a pool of Resource Manager, from its path on the data plane."""
    first = name.partition(".")[0].partition("[")[0]
    if first in _WHOLE:
        return name
    return "properties." + _PATHS.get(first, first) + name[len(first) :]


def cannot_change(names: list[str]) -> BatchError:
    """The error for properties that a pool with nodes keeps as they are."""
    code = "PropertyCannotBeUpdated"
    return BatchError(code, Reason=ERRORS[code][1], PropertyName=names[0])


def no_pool(group: str, account: str, pool: str) -> ArmError:
    """The error for a pool that is not there."""
    name = POOLS.replace("/pools", f"/{account}/pools/{pool}")
    return not_found(name, group)


def not_found(name: str, group: str) -> ArmError:
    """The error for a resource that is not there."""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{name}' under resource group '{group}' was not found. For more details "
        "please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def _details(error: BatchError) -> Iterator[tuple[str, str]]:
    for name, value in error.details.items():
        if name != "PropertyName":
            yield name, value
            continue
        path = arm_path(value)
        yield name, path.rpartition(".")[2]
        yield "PropertyPath", path
