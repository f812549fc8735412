"""A task's failure in the service's words, without secrets, and what helps against it. Pure.

Source of the codes, read in 2026:
https://learn.microsoft.com/dotnet/api/microsoft.azure.batch.common.taskfailureinformationcodes.
A full disk can say `ContainerInvalidImage` as well: https://github.com/Azure/Batch/issues/49.
`ContainerTaskSettingsNotFound` is of recorded answers of the service.
"""

from __future__ import annotations

from collections.abc import Iterable

from scenefleet_task.redact import redact

_STORAGE = (
    "The node may not read the run's files in the store. Give the role Storage Blob Data "
    "Contributor on the storage account to whoever runs scenefleet, and let the account's firewall "
    "admit the nodes: under Networking, allow the pool's subnet, or all networks."
)
_TIME_LIMIT = ("maximum execution time", "wall clock")
_IMAGE = (
    "The node cannot have the task's image (compute.image): check its name and tag or digest, that "
    "the registry lets the nodes pull (AcrPull for their identity) and can be reached, that it is "
    "for linux/amd64, and that the node's disk has room."
)
_REMEDIES = {
    "BlobAccessDenied": _STORAGE,
    "BlobNotFound": "A file of the run is not in the store any more: run again, which sends it.",
    "BlobDownloadTimedOut": "Retry; if it fails again, see whether the nodes reach the store.",
    "BlobDownloadMiscError": "Retry; if it fails again, see whether the nodes reach the store.",
    "CommandProgramNotFound": "The image or the node has no python3 on its PATH: name an image "
    "made from docker/Dockerfile as compute.image.",
    "ContainerInvalidImage": _IMAGE,
    "ContainerInvalidRegistry": _IMAGE,
    "ContainerMiscError": "Docker failed on the node: retry; if it fails again, reimage the node "
    "(az batch node reimage).",
    "ContainerTaskSettingsNotFound": "The pool runs tasks in containers: write `image:` under "
    "compute in the recipe.",
    "DiskFull": "The node's disk is full: use nodes with a larger disk, or fewer slots a node.",
}


def tells_of_time_limit(said: str) -> bool:
    """Tells whether the service's words say that a task's own time limit ended it."""
    return any(words in said.lower() for words in _TIME_LIMIT)


def describe_failure(
    code: str, message: str, details: Iterable[tuple[str, str]], *, out_of_time: bool = False
) -> str:
    """Returns one line: the service's code, words and details, then the remedy where one is known.

    Args:
        code: the service's code.
        message: its sentence.
        details: its names and values, which may hold signed addresses: these are redacted.
        out_of_time: whether the task's own time limit ended it.
    """
    said = " ".join([f"{code}: {message}", *(f"{name}: {value}" for name, value in details)])
    if out_of_time or tells_of_time_limit(said):
        help_ = "It ran out of time: raise compute.task_minutes, or use faster nodes."
    else:
        help_ = _REMEDIES.get(code, "")
    return " ".join(filter(None, [redact(said), help_]))
