"""Checks of what a pool is to be, or to become, whichever of its two planes asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from batch_emulator.autoscale.evaluate import check_targets as check_assignments
from batch_emulator.autoscale.syntax import FormulaError
from batch_emulator.operations.checks import LONGEST, check_duration, check_range, check_work
from batch_emulator.operations.identities import check_accounts, is_windows
from batch_emulator.operations.networks import check_networks
from batch_emulator.operations.older import check_older_pool
from batch_emulator.operations.sources import check_sources
from batch_emulator.scheduling.packages import check_pool_packages
from batch_emulator.service import Service
from batch_emulator.state.sizes import cores_of
from batch_emulator.wire.errors import BatchError, invalid_property, missing_property

TARGETS = ("targetDedicatedNodes", "targetLowPriorityNodes")
_INTERVAL = (timedelta(minutes=5), timedelta(hours=168))
RESIZE_TIMEOUT = (timedelta(minutes=5), LONGEST)
"""The service's shortest; its models name no longest."""
FIXED = (
    "displayName",
    "enableInterNodeCommunication",
    "mountConfiguration",
    "networkConfiguration",
    "taskSchedulingPolicy",
    "taskSlotsPerNode",
    "upgradePolicy",
    "userAccounts",
    "virtualMachineConfiguration",
    "vmSize",
)
"""What an update may change only while the pool has no nodes."""
_MOST = 2**31 - 1
_IMAGE_IDS = ("virtualMachineImageId", "sharedGalleryImageId", "communityGalleryImageId")
_IMAGE = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute"
    r"/galleries/[^/]+/images/[^/]+(?:/versions/[^/]+)?",
    re.IGNORECASE,
)
"""The forms in the models of azure-batch; managed images are refused, as recorded."""


def check_pool(body: dict[str, Any], *, auto: bool = False) -> None:
    """Checks a pool that is to be made, without an id.

    Args:
        body: what the client sent of it.
        auto: whether it is for a job, which then fails for what no pool can have any more.

    Raises:
        BatchError: if it cannot be.
    """
    if not auto:
        check_older_pool(body)
    if "virtualMachineConfiguration" not in body:
        raise missing_property("virtualMachineConfiguration")
    _check_spec(body)
    check_sizes(body)
    scaled = body.get("enableAutoScale", False)
    if scaled:
        _check_autoscaled(body)
    elif "autoScaleFormula" in body or "autoScaleEvaluationInterval" in body:
        raise BatchError(
            "InvalidAutoScalingSettings", Reason="A formula needs enableAutoScale to be true."
        )


def _check_autoscaled(body: dict[str, Any]) -> None:
    given = [name for name in TARGETS if name in body]
    if given:
        reason = f"{', '.join(given)} must not be given where enableAutoScale is true."
        raise BatchError("InvalidAutoScalingSettings", Reason=reason)
    if "autoScaleFormula" not in body:
        raise missing_property("autoScaleFormula", "enableAutoScale needs it.")
    check_formula(body["autoScaleFormula"])


def check_change(service: Service, spec: dict[str, Any]) -> None:
    """Check what a pool is to become.

    Raises:
        BatchError: if it cannot.
    """
    _check_spec(spec)
    check_pool_packages(service, spec.get("applicationPackageReferences", ()))
    check_sources(service, spec.get("startTask", {}), "startTask.")


def _check_spec(spec: dict[str, Any]) -> None:
    if not spec["vmSize"].lower().startswith(("standard_", "basic_")):
        reason = "A size of machines is expected, such as Standard_D2s_v5."
        raise invalid_property("vmSize", spec["vmSize"], reason)
    check_range("taskSlotsPerNode", spec.get("taskSlotsPerNode", 1), 1, _most_slots(spec["vmSize"]))
    image = spec["virtualMachineConfiguration"]["imageReference"]
    _check_image(image)
    if "startTask" in spec:
        check_work(spec["startTask"], "startTask.")
        retries = spec["startTask"].get("maxTaskRetryCount", 0)
        check_range("startTask.maxTaskRetryCount", retries, -1, 2**31 - 1)
    if "windowsConfiguration" in spec["virtualMachineConfiguration"] and not is_windows(spec):
        raise invalid_property(
            "virtualMachineConfiguration.windowsConfiguration",
            spec["virtualMachineConfiguration"]["windowsConfiguration"],
            "The pool has Linux nodes.",
        )
    check_accounts(spec)
    check_networks(spec)


def _check_image(image: dict[str, Any]) -> None:
    market = all(name in image for name in ("publisher", "offer", "sku"))
    path = "virtualMachineConfiguration.imageReference"
    if not market and not any(name in image for name in _IMAGE_IDS):
        reason = f"publisher, offer and sku are needed, or one of {', '.join(_IMAGE_IDS)}."
        raise missing_property(path, reason)
    own = image.get(_IMAGE_IDS[0])
    if own is not None and not _IMAGE.fullmatch(own):
        reason = (
            "Allowed: /subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.Compute/"
            "galleries/{gallery}/images/{image}, with /versions/{version} or without."
        )
        raise invalid_property(f"{path}.{_IMAGE_IDS[0]}", own, reason)


def _most_slots(vm_size: str) -> int:
    """Returns four times the cores, and 256 at most."""
    cores = cores_of(vm_size)
    return 256 if cores is None else min(4 * cores, 256)


def check_sizes(body: dict[str, Any]) -> None:
    """Check targets of a pool's size, the time to reach them and the interval of autoscale.

    Raises:
        BatchError: if one cannot be.
    """
    for name in TARGETS:
        check_range(name, body.get(name, 0), 0, _MOST)
    resize_timeout(body.get("resizeTimeout"))
    evaluation_interval(dict(body))


def check_formula(formula: str, check: Callable[[str], object] = check_assignments) -> None:
    """Check a formula of autoscale.

    Raises:
        BatchError: with the code and place of its error.
    """
    try:
        check(formula)
    except FormulaError as error:
        raise BatchError(error.code, Reason=str(error)) from None


def resize_timeout(text: str | None) -> timedelta | None:
    """Read how long a resize may take; None where nothing says it."""
    return None if text is None else check_duration("resizeTimeout", text, *RESIZE_TIMEOUT)


def evaluation_interval(body: dict[str, Any]) -> timedelta | None:
    """Take the interval of autoscale out of a body; None where it has none."""
    text = body.pop("autoScaleEvaluationInterval", None)
    return None if text is None else check_duration("autoScaleEvaluationInterval", text, *_INTERVAL)
