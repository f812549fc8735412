"""A job that the service ended or holds is explained, and an ordinary end is not."""

from __future__ import annotations

import re

import pytest

from scenefleet.fleet import CANCELLED, JobStatus
from scenefleet.run.job_end import explain_end, explain_hold


@pytest.mark.parametrize("reason", [None, "AllTasksComplete", CANCELLED])
def test_an_ordinary_end_needs_no_words(reason: str | None) -> None:
    status = JobStatus(open=False, state="completed", reason=reason)
    assert explain_end("j", status) is None


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("MaxWallClockTimeExpiry", r"compute\.max_hours"),
        ("UserTerminate", "somebody terminated"),
        ("SomethingNew", "SomethingNew"),
    ],
)
def test_an_early_end_is_named_with_what_to_do(reason: str, words: str) -> None:
    text = explain_end("j", JobStatus(open=False, state="completed", reason=reason))
    assert text is not None
    assert re.search(words, text)
    assert "scenefleet run" in text


def test_a_deleted_job_is_named() -> None:
    assert "deleted" in (explain_end("j", None) or "")


def test_a_disabled_job_is_named() -> None:
    hold = explain_hold("j", JobStatus(open=False, state="disabled", reason=None))
    assert hold is not None
    assert "enable it" in hold
    assert explain_hold("j", JobStatus(open=False, state="active", reason=None)) is None
