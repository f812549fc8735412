"""Why the service ended a job, or holds it, in words with a remedy. Pure."""

from __future__ import annotations

from scenefleet.fleet import CANCELLED, JobStatus, stop_reason

_AGAIN = "the same `scenefleet run` goes on with the scenes that are left"
_USUAL = frozenset({"alltaskscomplete", CANCELLED})
_REASONS = {
    "maxwallclocktimeexpiry": (
        f"its time limit has passed: raise compute.max_hours in the recipe; {_AGAIN}"
    ),
    "userterminate": f"somebody terminated it in Azure Batch; {_AGAIN}",
}


def explain_end(job: str, status: JobStatus | None) -> str | None:
    """Returns why a job ended, or None where it ended as it should, by `cancel` or by a rule.

    A rule of the run's own is told by `run.json`.

    Args:
        job: the job's id.
        status: None where the job was deleted.
    """
    if status is None or status.state == "deleting":
        return f"the job {job} was deleted in Azure Batch; {_AGAIN}"
    reason = status.reason or ""
    if not reason or reason.lower() in _USUAL or stop_reason(status):
        return None
    words = _REASONS.get(reason.lower(), f"Azure Batch gives the reason {reason}; {_AGAIN}")
    return f"the job {job} has ended: {words}"


def explain_hold(job: str, status: JobStatus) -> str | None:
    """Returns what holds a job that has not ended, or None where nothing does."""
    if status.state not in ("disabling", "disabled"):
        return None
    return (
        f"the job {job} is {status.state}: enable it in Azure Batch and it goes on, "
        "or end it by `scenefleet cancel`"
    )
