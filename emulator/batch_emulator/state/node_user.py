"""Accounts that users have on a node, to log in to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LIFETIME = timedelta(days=1)
"""How long an account is good for unless it says otherwise: the service's default."""


@dataclass(frozen=True, slots=True)
class NodeUser:
    """An account on a node. Its password is not kept: nothing here would ever ask for it."""

    name: str
    expires: datetime
    is_admin: bool = False
    has_password: bool = False
    ssh_public_key: str | None = None
