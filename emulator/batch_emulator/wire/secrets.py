"""Keeps the secrets of requests out of answers: passwords, keys, and signatures in addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

WITHHELD = "(withheld: it may hold a secret)"
_NAMES = frozenset({"accountkey", "password", "protectedsettings", "saskey", "sshprivatekey"})
"""What a client sends and the service never gives back, in lower case."""
_HOLDERS = frozenset(
    {
        *("azureblobfilesystemconfiguration", "azurefileshareconfiguration"),
        *("cifsmountconfiguration", "containerregistries", "containersettings"),
        *("environmentsettings", "linuxuserconfiguration", "mountconfiguration"),
        *("registry", "settings", "useraccounts", "vmextension", "extensions"),
    }
)
"""Properties with a secret inside; one that has another type may be the secret itself."""
_PRIVATE = frozenset({"commandline", "coordinationcommandline", "sshpublickey", "value"})
"""What may hold a secret whatever its type; a private key is easily taken for the public one."""
_SHARES = frozenset({"azureFileUrl", "source"})
MARKS = ('"password":', '"accountKey":', '"sasKey":', '"protectedSettings":')
"""How JSON that may hold a secret is told from other JSON, in little time."""
_QUERY = re.compile(r"(://[^\s?\"']*)\?[^\s\"']*")
_LOGIN = re.compile(r"://[^\s/@\"']*@")
_DEEPEST = 16
"""Levels of a value that an error repeats."""
_INDEX = re.compile(r"\[\d+\]")


def public(value: Any) -> Any:  # noqa: ANN401 - JSON is anything
    """JSON without the secrets in it: nodes need them, and no client gets them back.

    The models of file shares want a key: it is empty.
    """
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        if not _SHARES.isdisjoint(members):
            members = {k: "" if k.lower() in _NAMES else v for k, v in members.items()}
        return {k: public(v) for k, v in members.items() if k.lower() not in _NAMES or not v}
    if isinstance(value, list):
        return [public(member) for member in cast("list[Any]", value)]
    return value


def tellable(path: str, value: object) -> object:
    """A property's value as an error may repeat it.

    Args:
        path: where it stands in the body, such as `startTask.containerSettings`.
        value: what the client gave.
    """
    names = _INDEX.sub("", path).lower().split(".")
    # what stands in the place of a variable's name may be its value too
    within = not _NAMES.isdisjoint(names) or names[-2:] == ["environmentsettings", "name"]
    # "value" by itself is the list of a collection of tasks
    if within or (_is_secret(names[-1], value) and names != ["value"]):
        return WITHHELD
    return _redact(value)


def _redact(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - JSON is anything
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, str):
        return _LOGIN.sub("://...@", _QUERY.sub(r"\1?...", value))
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value).items()
        return {k: WITHHELD if _is_secret(k, v) else _redact(v, depth + 1) for k, v in members}
    if isinstance(value, list):
        return [_redact(member, depth + 1) for member in cast("list[Any]", value)]
    return value


def _is_secret(name: str, value: object) -> bool:
    """Whether a member is a secret, or is not the object or array that would hold one."""
    plain = not isinstance(value, Mapping | list)
    lower = name.lower()
    return lower in _NAMES or lower in _PRIVATE or (plain and lower in _HOLDERS)
