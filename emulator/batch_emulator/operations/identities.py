"""Users: those that a pool has, and those that tasks ask to run as.

Everything here runs as the emulator's own user: a name or a level is checked and told, no more.
"""

from __future__ import annotations

from typing import Any

from batch_emulator.wire.errors import invalid_property, missing_property

_LONGEST = 20


def check_accounts(spec: dict[str, Any]) -> None:
    """Check a pool's user accounts, and its start task's user.

    Raises:
        BatchError: if one cannot be.
    """
    accounts: list[dict[str, Any]] = spec.get("userAccounts", [])
    for at, account in enumerate(accounts):
        path = f"userAccounts[{at}]"
        if len(account["name"]) > _LONGEST:
            reason = f"Allowed: up to {_LONGEST} characters."
            raise invalid_property(f"{path}.name", account["name"], reason)
        linux = account.get("linuxUserConfiguration", {})
        if ("uid" in linux) != ("gid" in linux):
            reason = "uid and gid must be given together or not at all."
            raise invalid_property(f"{path}.linuxUserConfiguration", linux, reason)
        if "windowsUserConfiguration" in account and not is_windows(spec):
            given = account["windowsUserConfiguration"]
            reason = "The pool has Linux nodes."
            raise invalid_property(f"{path}.windowsUserConfiguration", given, reason)
    check_identity(spec.get("startTask", {}), "startTask.")


def check_identity(spec: dict[str, Any], path: str = "") -> None:
    """Check the user that a task of any kind is to run as.

    A name that the pool does not know is accepted: recordings of the service show it so.

    Raises:
        BatchError: if it is not exactly one of a name and an auto user.
    """
    identity = spec.get("userIdentity")
    if identity is None:
        return
    if not identity:
        raise missing_property(f"{path}userIdentity", "username or autoUser is needed.")
    if len(identity) > 1:
        reason = "Either username or autoUser is allowed, not both."
        raise invalid_property(f"{path}userIdentity", sorted(identity), reason)


def is_windows(pool: dict[str, Any]) -> bool:
    """Whether a pool is to have Windows nodes, by its node agent."""
    machine = pool.get("virtualMachineConfiguration", {})
    return "windows" in machine.get("nodeAgentSKUId", "").lower()
