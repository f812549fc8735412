"""Azure Resource Manager, which alone tells a Batch account's quotas; it is only ever read here."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scenefleet.errors import FleetError, NotAuthorisedError
from scenefleet.inputs import cut, parse_json
from scenefleet.settings import Settings
from scenefleet_task.reach import is_local_name

if TYPE_CHECKING:
    from azure.core import PipelineClient

PUBLIC = "https://management.azure.com"
"""Its address in Azure's public cloud."""
_SUBSCRIPTIONS, _ACCOUNTS = "2022-12-01", "2024-07-01"
"""api-versions."""
_SECONDS = 60.0
"""For all that is asked: a sign-in may see hundreds of subscriptions."""
_MOST_BYTES = 10_000_000
"""Of one answer."""
_MOST_PAGES = 500
_CODE = re.compile(r"[A-Za-z0-9_]{1,80}")


def find_account(settings: Settings, endpoint: str) -> dict[str, Any]:
    """Returns the Batch account that has an endpoint, as Azure Resource Manager describes it.

    Args:
        settings: where to ask, and in which subscription if it names one.
        endpoint: of the account, with its scheme.

    Raises:
        NotAuthorisedError: if no sign-in is found, or it may not read the account.
        FleetError: if there is no answer, or none that can be read.
    """
    azure = settings.azure
    address = _address(azure.resource_manager or PUBLIC)
    wanted = urlsplit(endpoint).netloc.casefold()
    seen = 0
    with _client(address) as client:
        deadline = time.monotonic() + _SECONDS
        for subscription in _subscriptions(client, address, azure.subscription_id, deadline):
            seen += 1
            path = f"/subscriptions/{subscription}/providers/Microsoft.Batch/batchAccounts"
            for account in _listed(client, address, path, _ACCOUNTS, deadline):
                told = _object(account.get("properties")).get("accountEndpoint")
                if str(told).casefold() == wanted:
                    return account
    raise NotAuthorisedError(
        f"no Batch account with the endpoint {wanted} is in the {seen} subscriptions that this "
        "sign-in sees. It takes the role Reader on the account"
        + ("" if azure.subscription_id else "; the setting `subscription_id` says where to look")
    )


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or "@" in text:
        raise FleetError(
            f"the setting `resource_manager` is {cut(text)!r}; it must be an address that begins "
            f"with https:// and has no path, as {PUBLIC} or https://management.usgovcloudapi.net"
        )
    return f"https://{parts.netloc}"


def _client(address: str) -> PipelineClient[Any, Any]:
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
    from azure.identity import DefaultAzureCredential

    # an emulator on this machine takes the tokens of the public cloud
    resource = PUBLIC if is_local_name(urlsplit(address).hostname or "") else address
    sign: BearerTokenCredentialPolicy[Any, Any] = BearerTokenCredentialPolicy(
        DefaultAzureCredential(), f"{resource}/.default"
    )
    # no redirects: a token goes to the address in the settings and nowhere else
    retry: RetryPolicy[Any, Any] = RetryPolicy(retry_total=2, retry_backoff_max=5)
    return PipelineClient(address, policies=[retry, sign])


def _subscriptions(
    client: PipelineClient[Any, Any], address: str, given: str | None, deadline: float
) -> Iterator[str]:
    if given is not None:
        yield given
        return
    for one in _listed(client, address, "/subscriptions", _SUBSCRIPTIONS, deadline):
        name = str(one.get("subscriptionId", ""))
        if re.fullmatch(r"[0-9A-Fa-f-]{36}", name):
            yield name


def _listed(
    client: PipelineClient[Any, Any], address: str, path: str, version: str, deadline: float
) -> Iterator[dict[str, Any]]:
    """All members of a list, page after page, as long as the pages are of the same server."""
    page: str | None = f"{address}{path}?api-version={version}"
    for _ in range(_MOST_PAGES):
        if page is None:
            return
        answer = _get(client, page, deadline)
        for member in answer.get("value") or ():
            yield _object(member)
        after = answer.get("nextLink")
        page = str(after) if after else None
        if page is not None and not page.startswith(f"{address}/"):
            raise FleetError("Azure Resource Manager: the next page of a list is on another server")


def _get(client: PipelineClient[Any, Any], address: str, deadline: float) -> dict[str, Any]:
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        ServiceRequestError,
        ServiceResponseError,
    )
    from azure.core.rest import HttpRequest

    left = deadline - time.monotonic()
    if left <= 0:
        raise FleetError(
            f"Azure Resource Manager: nothing was found within {_SECONDS:g} seconds; the setting "
            "`subscription_id` says where to look"
        )
    try:
        with client.send_request(
            HttpRequest("GET", address), stream=True, connection_timeout=15, read_timeout=left
        ) as response:
            status, body = response.status_code, _read(response)
    except ClientAuthenticationError:
        raise NotAuthorisedError(
            "no sign-in to Microsoft Entra ID was found, and it takes no shared key: `az login` or "
            "a managed identity"
        ) from None
    except (ServiceRequestError, ServiceResponseError) as error:
        raise FleetError(
            f"Azure Resource Manager at {urlsplit(address).netloc} cannot be reached "
            f"({type(error).__name__})"
        ) from None
    except AzureError as error:
        raise FleetError(f"Azure Resource Manager: {type(error).__name__}") from None
    return _understand(status, body)


def _read(response: Any) -> bytes:  # noqa: ANN401 - azure-core's response
    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if len(body) > _MOST_BYTES:
            raise FleetError("Azure Resource Manager: the answer is too long")
    return bytes(body)


def _understand(status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = _object(parse_json(body))
    except (ValueError, RecursionError):
        answer = {}
    if status == 200 and answer:
        return answer
    code = str(_object(answer.get("error")).get("code", ""))
    what = f"it answered {status} {code if _CODE.fullmatch(code) else ''}".rstrip()
    if status in (401, 403):
        raise NotAuthorisedError(f"{what}: this sign-in takes the role Reader on the account")
    raise FleetError(f"Azure Resource Manager: {what}")


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON
