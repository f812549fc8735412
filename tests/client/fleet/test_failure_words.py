"""A failure in the service's words names what helps, and holds no signature."""

from __future__ import annotations

import pytest

from scenefleet.fleet.failure_words import describe_failure

SIGNED = "https://a.blob.core.windows.net/c/x.pyz?sv=2024-01-01&sp=r&sig=c2VjcmV0c2lnbmF0dXJl"


def test_a_refused_resource_file_names_role_and_firewall_and_no_signature() -> None:
    text = describe_failure("BlobAccessDenied", "Access is denied", [("BlobSource", SIGNED)])
    assert "Storage Blob Data Contributor" in text
    assert "firewall" in text
    assert "c2VjcmV0c2lnbmF0dXJl" not in text


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        ("TaskEnded", "Max wall clock time expired", "compute.task_minutes"),
        ("TaskEnded", "The maximum execution time was exceeded", "compute.task_minutes"),
        ("DiskFull", "no space", "larger disk"),
        ("BlobNotFound", "gone", "run again"),
    ],
)
def test_what_helps_is_named(code: str, message: str, words: str) -> None:
    assert words in describe_failure(code, message, [])


def test_an_unknown_failure_keeps_its_own_words() -> None:
    assert describe_failure("New", "thing", [("A", "b")]) == "New: thing A: b"
