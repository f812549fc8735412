"""Operations of Azure Resource Manager on the account, its subscription and its resource group."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.arm.answers import answer, find_account, find_place
from batch_emulator.arm.errors import ArmError
from batch_emulator.arm.place import ACCOUNTS, LOCATION, PROVIDER, TENANT
from batch_emulator.service import Service

Json = dict[str, Any]

CORES = 500
"""Of each kind, where nobody set a quota: what recorded answers have. Nothing holds pools to it."""
_DONE = {"provisioningState": "Succeeded"}


async def list_subscriptions(service: Service, request: Request) -> Response:
    """List the one subscription."""
    find_place(service, request)
    told = _subscription(service)
    return answer({"value": [told], "count": {"type": "Total", "value": 1}})


async def get_subscription(service: Service, request: Request) -> Response:
    """Tell of the subscription."""
    find_place(service, request)
    return answer(_subscription(service))


async def list_groups(service: Service, request: Request) -> Response:
    """List the one resource group."""
    find_place(service, request)
    return answer({"value": [_group(service)]})


async def get_group(service: Service, request: Request) -> Response:
    """Tell of the resource group."""
    find_place(service, request)
    return answer(_group(service))


async def list_accounts(service: Service, request: Request) -> Response:
    """List the one account, of the subscription or of the group."""
    place = find_place(service, request)
    return answer({"value": [_account(service, place.account_id(service.options.account))]})


async def get_account(service: Service, request: Request) -> Response:
    """Tell of the account, with its quotas."""
    return answer(_account(service, find_account(service, request)))


async def list_keys(service: Service, request: Request) -> Response:
    """Give the account's key out: the emulator has one, which stands for both."""
    find_account(service, request)
    if not service.options.shared_key:
        text = "The account does not take shared keys."
        raise ArmError(409, "OperationNotAllowed", text)
    key = service.options.key
    name = service.options.account
    return answer({"accountName": name, "primary": key, "secondary": key})


def _subscription(service: Service) -> Json:
    assert service.options.arm is not None
    subscription = service.options.arm.subscription
    return {
        "id": f"/subscriptions/{subscription}",
        "subscriptionId": subscription,
        "tenantId": TENANT,
        "displayName": "Batch emulator",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
    }


def _group(service: Service) -> Json:
    place = service.options.arm
    assert place is not None
    return {
        "id": place.group_id,
        "name": place.group,
        "type": "Microsoft.Resources/resourceGroups",
        "location": LOCATION,
        "properties": _DONE,
    }


def _account(service: Service, account_id: str) -> Json:
    options = service.options
    return {
        "id": account_id,
        "name": options.account,
        "type": ACCOUNTS,
        "location": LOCATION,
        "identity": {"type": "None"},
        "properties": {
            "accountEndpoint": service.endpoint.partition("://")[2],
            **_DONE,
            **_quotas(service),
            "poolAllocationMode": "BatchService",
            "publicNetworkAccess": "Enabled",
            "privateEndpointConnections": [],
            "encryption": {"keySource": PROVIDER},
            "allowedAuthenticationModes": ["SharedKey", "AAD"] if options.shared_key else ["AAD"],
        },
    }


def _quotas(service: Service) -> Json:
    quotas = service.account.quotas
    dedicated = quotas.dedicated_cores if quotas else None
    spot = quotas.low_priority_cores if quotas else None
    families = quotas.family_cores if quotas else None
    return {
        "dedicatedCoreQuota": CORES if dedicated is None else dedicated,
        "dedicatedCoreQuotaPerVMFamily": [
            {"name": name, "coreQuota": cores} for name, cores in families or ()
        ],
        "dedicatedCoreQuotaPerVMFamilyEnforced": families is not None,
        "lowPriorityCoreQuota": CORES if spot is None else spot,
        "poolQuota": service.options.pools,
        "activeJobAndJobScheduleQuota": service.active_jobs,
    }
