"""Who may ask Azure Resource Manager, and in which api-version: tokens, never the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from batch_emulator.arm.errors import ArmError
from batch_emulator.arm.place import LOCATION, TENANT
from batch_emulator.wire.errors import BatchError
from batch_emulator.wire.tokens import read_audience

_AUDIENCES = (
    "https://management.core.windows.net",
    "https://management.azure.com",
    "https://management.core.usgovcloudapi.net",
    "https://management.usgovcloudapi.net",
    "https://management.core.chinacloudapi.cn",
    "https://management.chinacloudapi.cn",
    "797f4846-ba00-4fd7-ba43-dac1f8f63013",  # the service's id, in tokens of version 2.0
)
VERSIONS = (
    *("2018-12-01", "2019-04-01", "2019-08-01", "2020-03-01", "2020-05-01", "2020-09-01"),
    *("2021-01-01", "2021-06-01", "2022-01-01", "2022-06-01", "2022-10-01", "2023-05-01"),
    *("2023-11-01", "2024-02-01", "2024-07-01", "2025-06-01"),
)
"""Of Microsoft.Batch. azure-mgmt-batch 17, 18 and 19 send the last three."""
SLOTS_SINCE = "2021-01-01"
"""The first that says `taskSlotsPerNode`; earlier ones say `maxTasksPerNode`."""
CLASSIC_UNTIL = "2024-07-01"
"""The last that has communication modes, certificates and resource tags."""
_FORM = re.compile(r"\d{4}-\d\d-\d\d(?:-[a-z]+)?")
_FAULTS = {"missing": "missing 'Authorization' header.", "invalid": "an invalid token."}


def check_access(headers: Mapping[str, str], now: datetime) -> None:
    """Check the token of a request.

    Args:
        headers: names in lower case.
        now: the real time.

    Raises:
        ArmError: with status 401.
    """
    given = headers.get("authorization")
    if not given:
        raise _refuse("AuthenticationFailed", "The 'Authorization' header is missing.", "missing")
    scheme, _, token = given.partition(" ")
    if scheme.lower() != "bearer":
        text = "The 'Authorization' header is provided in an invalid format."
        raise _refuse("AuthenticationFailedInvalidHeader", text, "invalid")
    try:
        audience = read_audience(token.strip(), now)
    except BatchError as error:
        detail = error.details["AuthenticationErrorDetail"]
        code = "InvalidAuthenticationToken"
        raise _refuse(code, f"The access token is invalid. {detail}", "invalid") from None
    if audience not in _AUDIENCES:
        allowed = ",".join(f"'{one}/'" for one in _AUDIENCES[:2])
        text = (
            "The access token has been obtained for wrong audience or resource. It should exactly "
            f"match with one of the allowed audiences {allowed}."
        )
        raise _refuse("InvalidAuthenticationTokenAudience", text, "invalid")


def check_version(given: str | None, kind: str | None) -> None:
    """Hold a request to an api-version.

    Args:
        given: what the query says.
        kind: the type of Microsoft.Batch that is asked about, such as `batchAccounts`; None for
            what is Resource Manager's own, where any date will do.

    Raises:
        ArmError: with status 400.
    """
    if not given:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise ArmError(400, "MissingApiVersionParameter", text)
    if not _FORM.fullmatch(given):
        text = f"The api-version '{given[:100]}' is invalid. The supported versions are dates."
        raise ArmError(400, "InvalidApiVersionParameter", text)
    if kind is not None and given not in VERSIONS:
        text = (
            f"No registered resource provider found for location '{LOCATION}' and API version "
            f"'{given}' for type '{kind}'. The supported api-versions are "
            f"'{', '.join(VERSIONS)}'. The supported locations are '{LOCATION}'."
        )
        raise ArmError(400, "NoRegisteredProviderFound", text)


def _refuse(code: str, text: str, fault: str) -> ArmError:
    message = f"Authentication failed. {text}" if code.startswith("AuthenticationFailed") else text
    error = ArmError(401, code, message)
    kind = "" if fault == "missing" else 'error="invalid_token", '
    error.headers["WWW-Authenticate"] = (
        f'Bearer authorization_uri="https://login.windows.net/{TENANT}", {kind}'
        f'error_description="The authentication failed because of {_FAULTS[fault]}"'
    )
    return error
