"""Where the account is in Azure Resource Manager: subscription, resource group, region."""

from __future__ import annotations

import re
from dataclasses import dataclass

LOCATION = "eastus"
"""A region's name, and no more than a name here."""
TENANT = "00000000-0000-0000-0000-000000000000"
PROVIDER = "Microsoft.Batch"
ACCOUNTS = f"{PROVIDER}/batchAccounts"
POOLS = f"{ACCOUNTS}/pools"
_SUBSCRIPTION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_GROUP = re.compile(r"[\w().-]{0,89}[\w()-]")
"""The rule of the page "Naming rules and restrictions for Azure resources"."""


@dataclass(frozen=True, slots=True)
class Place:
    """A subscription and a resource group in it."""

    subscription: str
    group: str

    def account_id(self, account: str) -> str:
        """The account's resource id."""
        return f"{self.group_id}/providers/{ACCOUNTS}/{account}"

    @property
    def group_id(self) -> str:
        """The resource group's id."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"


DEFAULT = "00000000-0000-0000-0000-000000000000/batch-emulator"


def is_subscription(text: str) -> bool:
    """Tell whether a text has the form of a subscription's id."""
    return _SUBSCRIPTION.fullmatch(text) is not None


def read_place(text: str) -> Place:
    """Read `SUBSCRIPTION/GROUP`.

    Raises:
        ValueError: saying what is allowed.
    """
    subscription, slash, group = text.partition("/")
    if not slash or not is_subscription(subscription) or not _GROUP.fullmatch(group):
        raise ValueError(f"expected SUBSCRIPTION-ID/RESOURCE-GROUP, such as {DEFAULT}")
    return Place(subscription.lower(), group)
