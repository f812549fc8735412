"""Errors of pools and nodes in the service's words, each with what helps against it. Pure.

Sources of the codes, read in 2026:

- resize errors: https://learn.microsoft.com/dotnet/api/microsoft.azure.batch.common.poolresizeerrorcodes
  (`AllocationTimedout` is how the service spells it: https://github.com/Azure/Batch/issues/40);
  `AccountVMSeriesCoreQuotaReached` and the reasons of `AllocationFailed`:
  https://learn.microsoft.com/troubleshoot/azure/hpc/batch/azure-batch-pool-resizing-failure
- what the provider of machines says inside `AllocationFailed`:
  https://learn.microsoft.com/azure/batch/batch-pool-node-error-checking and
  https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
- errors of nodes: https://learn.microsoft.com/troubleshoot/azure/hpc/batch/azure-batch-node-unusable-state;
  a node whose image cannot be pulled says `ContainerInvalidImage`:
  https://github.com/microsoft/ProjectAcoustics/issues/76
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from scenefleet.inputs import parse_json
from scenefleet_task.redact import redact

Values = Sequence[tuple[str, str]]
"""Names and values that the service gives beside an error."""

_LONGEST = 400
"""Characters of one error that are kept: docker repeats itself, and so does Azure Compute."""
_PORTAL = "ask for more under Quotas of the account in the Azure portal"
_SMALLER = f"lower compute.max_nodes, or {_PORTAL}"
_SPOT = f"the Batch account's Spot core quota is used up: {_SMALLER}"
_NONE_FREE = "Azure has no such machines free: wait, or take another vmSize or region"
_SUBSCRIPTION = (
    "the subscription's own quota is used up, which counts where the account makes pools in it: "
    "ask for more under Usage + quotas of the subscription, or lower compute.max_nodes"
)
_SUBNET = "the subnet has too few free addresses: take a larger one, or lower compute.max_nodes"
_ADDRESSES = (
    "the subscription's quota of public IP addresses is used up: ask for more, or make the pool "
    "without public addresses"
)
_OTHER_SIZE = "the region or the subscription does not offer this vmSize: take another one"
_GONE_IMAGE = (
    "the image of the operating system is not there any more: see `az batch pool supported-images "
    "list`, and make the pool again with one of those"
)
_RELAX = (
    "no machine meets all that the pool asks for at once (zone, ephemeral disk, network, size): "
    "wait, or make a pool that asks for less"
)
_PULL = (
    "the node could not pull it: check name and tag or digest, that the registry lets the nodes "
    "pull (AcrPull for their identity) and can be reached, and that the image is for linux/amd64"
)

_BY_CODE = {
    "AccountCoreQuotaReached": f"the Batch account's core quota is used up: {_SMALLER}",
    "AccountLowPriorityCoreQuotaReached": _SPOT,
    "AccountSpotCoreQuotaReached": _SPOT,
    "AccountVMSeriesCoreQuotaReached": "the Batch account's quota for this VM family is used up: "
    f"take another vmSize, or {_PORTAL}",
    "AllocationFailed": _NONE_FREE,
    "AllocationTimedOut": "Azure found no machines in time: wait, or take another vmSize or region",
    "CommunicationEnabledPoolReachedMaxVMCount": "pools whose nodes talk to one another are "
    "limited in size, and scenefleet needs no such pool",
    "DependentResourceNotFound": "something that the pool names (subnet, identity, image, disk) "
    "was deleted or moved: its owner must make the pool anew",
    "FailedIdentityOperation": "the pool's managed identity was deleted, or Batch may not assign "
    "it: its owner must deploy the pool again",
    "IncompatibleVMSize": "the vmSize does not fit the pool's image or disks: take another one",
    "MissingPublisherPropertyInMarketPlacePlan": "the terms of the Marketplace image were not "
    "accepted: az vm image terms accept",
    "ResizeStopped": "somebody stopped the resize: it goes on when the pool is resized again",
    "UnsupportedVMSize": _OTHER_SIZE,
    # Azure Compute and Network, relayed by Batch
    "AzureSpotFeatureNotEnabledForSubscription": "the subscription cannot have Spot machines: use "
    "dedicated ones",
    "ImageNotFound": _GONE_IMAGE,
    "MarketplacePurchaseEligibilityFailed": "the terms of the Marketplace image were not "
    "accepted: az vm image terms accept",
    "NotAvailableForSubscription": _OTHER_SIZE,
    "OverconstrainedAllocationRequest": _RELAX,
    "OverconstrainedZonalAllocationRequest": _RELAX,
    "PlatformImageNotFound": _GONE_IMAGE,
    "PublicIPCountLimitReached": _ADDRESSES,
    "QuotaExceeded": _SUBSCRIPTION,
    "RequestDisallowedByPolicy": "a policy of the subscription forbids it: ask who keeps it",
    "ScopeLocked": "a lock on the subscription or resource group forbids it: ask who set it",
    "SkuNotAvailable": "Azure has none of this vmSize for you in this region now: wait, or take "
    "another vmSize or region",
    "StaticPublicIPCountLimitReached": _ADDRESSES,
    "SubnetIsFull": _SUBNET,
    "ZonalAllocationFailed": "the zone has no such machines free: wait, or let the pool use others",
    # of nodes
    "ApplicationPackageError": "the node could not get the pool's application packages, which "
    "scenefleet does not need: its owner must mend or drop them",
    "BatchAgentInstallationFailure": "Batch could not set the node up: its image does not fit the "
    "node agent or the vmSize, or its network blocks Batch",
    "ContainerInvalidImage": _PULL,
    "ContainerInvalidRegistry": _PULL,
    "DiskFull": "the node's disk is full: reimage it (az batch node reimage), and use nodes with "
    "more temporary disk or fewer slots",
}
_BY_WORDS = (
    ("insufficient capacity", _NONE_FREE),
    ("internal error", "a passing fault of Azure: wait, it is tried again"),
    ("delegation", "the subnet is delegated to another service: use one that is not"),
    ("desired permissions", "Batch lacks the right to make machines in the subscription: its "
     "owner gives `Microsoft Azure Batch` the role Contributor"),
    ("key vault", "Batch may not read the account's key vault: its owner gives `Microsoft Azure "
     "Batch` access"),
    ("image is not found", _GONE_IMAGE),
    ("hypervisor generation", "the image and the vmSize are of different generations: take "
     "another vmSize or image"),
    ("enough capacity for", _SUBNET),  # SubnetIsFull, as the network says it
    ("quota", _SUBSCRIPTION),  # OperationNotAllowed: exceeding approved Total Regional Cores quota
)  # fmt: skip
"""Parts of the reasons that the service gives beside `AllocationFailed`, in lower case."""

NO_ERROR = (
    "unusable, and no error is given: Azure Batch cannot reach the node's agent (its subnet must "
    "let it out to BatchNodeManagement.<region>, or the image does not fit the vmSize)"
)


def _key(code: str) -> str:
    """The code without what spellings differ in: `...RequestError` of Batch is Compute's too."""
    return code.casefold().removesuffix("error")


_REMEDIES = {_key(code): remedy for code, remedy in _BY_CODE.items()}


def describe_resize_error(code: str, message: str, values: Values = ()) -> str:
    """Returns a resize error as one line, with what helps against it where that is known.

    Args:
        code: the service's code.
        message: its sentence.
        values: what it gives beside, of which `Reason` and `Provider Error Json` tell most.
    """
    inner, reason = _told_by(values)
    helps = [_REMEDIES.get(_key(one)) for one in inner]
    if _key(code) not in _REMEDIES or _key(code) == "allocationfailed":
        helps += [remedy for part, remedy in _BY_WORDS if part in reason.lower()]
    helps.append(_REMEDIES.get(_key(code)))
    return _line(code, f"{message} {reason}", next(filter(None, helps), None))


def describe_node_error(code: str | None, message: str | None, values: Values = ()) -> str:
    """Returns an error of a node as one line, with what helps against it where that is known."""
    said = " ".join((message or "", *(value for _, value in values)))
    return _line(code or "error", said, _REMEDIES.get(_key(code or "")))


def _told_by(values: Values) -> tuple[list[str], str]:
    """The codes and the words that stand in the values of a resize error, the innermost first."""
    codes: list[str] = []
    words: list[str] = []
    for name, value in values:
        key = name.casefold()
        if key == "provider error json":
            found = list(_nested(value))
            codes += [code for code, _ in reversed(found) if code]
            words += [": ".join(filter(None, one)) for one in found] or [value]
        elif key != "provider error json truncated":
            words.append(value if key == "reason" else f"{name}: {value}")
    return codes, " ".join(words)


def _nested(text: str) -> Iterable[tuple[str, str]]:
    """Yields code and message of an Azure error in JSON, and of those in its `details`."""
    try:
        error: Any = parse_json(text)
    except ValueError:  # cut off, too deep, or no JSON at all
        return
    waiting, seen = [error], 0
    while waiting and (seen := seen + 1) < 20:  # a bound: the text is another's
        one = waiting.pop(0)
        if isinstance(one, dict):
            given = cast("dict[str, Any]", one)
            if isinstance(given.get("code"), str):
                yield given["code"], str(given.get("message") or "")
            details = given.get("details")
            waiting += [given.get("error"), *(details if isinstance(details, list) else [])]


def _line(code: str, said: str, remedy: str | None) -> str:
    text = redact(" ".join(f"{code}: {said}".split()))
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    return f"{text} ({remedy})" if remedy else text
