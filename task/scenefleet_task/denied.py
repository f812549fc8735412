"""What helps where Azure Storage refuses a node, by its error code. Standard library only."""

from __future__ import annotations

_ROLE = (
    "Give the role Storage Blob Data Contributor on the storage account to the identity that is "
    "used: the pool's managed identity, or the person or program that signed the SAS"
)
_FIREWALL = (
    "Most often the storage account's firewall does not admit the nodes: under Networking, allow "
    "the pool's subnet, or all networks"
)
_RENEW = "The SAS has expired, or the key that signed it was renewed: run again for a new one"
_SAS = "The SAS lacks a right: it needs read, create and write on the container"
_REMEDIES = {
    "AuthorizationPermissionMismatch": f"{_ROLE}. A SAS also needs the right to create and write",
    "AuthorizationFailure": f"{_FIREWALL}. If it does, {_ROLE[0].lower()}{_ROLE[1:]}",
    "AuthorizationSourceIPMismatch": "The SAS is for other IP addresses than the node's: make one "
    "that names none",
    "AuthorizationProtocolMismatch": "The SAS allows HTTPS only: use an https:// address",
    "AuthorizationResourceTypeMismatch": _SAS,
    "AuthorizationServiceMismatch": "The SAS is for another service: make one for blobs",
    "InsufficientAccountPermissions": _SAS,
    "AuthenticationFailed": _RENEW,
    "InvalidAuthenticationInfo": _RENEW,
    "PublicAccessNotPermitted": "The request carried no credential, and the account allows no "
    f"anonymous access. {_ROLE}, or name a SAS",
    "NoAuthenticationInformation": f"The request carried no credential. {_ROLE}, or name a SAS",
    "KeyBasedAuthenticationNotPermitted": "The storage account allows no account keys, and so no "
    f"SAS that a key signed: sign in with Microsoft Entra ID. {_ROLE}",
    "AccountIsDisabled": "The storage account is disabled: enable it, or use another",
}
_UNKNOWN = f"The SAS may have expired or lack write permission. Otherwise: {_ROLE}. {_FIREWALL}"


def remedy(code: str) -> str:
    """Returns what to do about a refusal, as whole sentences.

    Args:
        code: the storage service's own error code; any text.
    """
    return _REMEDIES.get(code, _UNKNOWN) + "."
