"""Each way in which Azure Storage refuses a node has its own remedy."""

from __future__ import annotations

import pytest

from scenefleet_task.denied import remedy


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AuthorizationPermissionMismatch", "Storage Blob Data Contributor"),
        ("AuthorizationFailure", "firewall"),
        ("PublicAccessNotPermitted", "no credential"),
        ("KeyBasedAuthenticationNotPermitted", "Entra ID"),
        ("AuthenticationFailed", "expired"),
        ("SomethingNew", "firewall"),
    ],
)
def test_a_refusal_has_a_remedy(code: str, words: str) -> None:
    assert words in remedy(code)
