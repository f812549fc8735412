"""The exit codes of a task. Standard library only.

`spec` has it as well, for all who read documents; the supervisor needs no more of the contract.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit code of a task. Everything but DONE leaves no STAC item behind."""

    DONE = 0
    INTERNAL = 1
    DOCUMENT = 2
    SOURCE_MISSING = 10
    """404: the asset is not there."""
    SOURCE_DENIED = 11
    """401 or 403: not allowed to read the asset, or throttled by its account."""
    SOURCE_UNREADABLE = 12
    """There, but truncated, corrupt, or not a raster."""
    SOURCE_UNREACHABLE = 13
    """No connection, a timeout, or 5xx after all retries."""
    INPUT_MISMATCH = 20
    """Bands or mask of one scene disagree in CRS or alignment."""
    NO_OVERLAP = 21
    """The area to clip to does not touch the scene's pixels."""
    RADIOMETRY = 22
    """Metadata and pixels do not tell together what the digital numbers mean."""
    SCRIPT = 23
    """The processing script raised, never ended, or gave something else than it states."""
    STORE_FULL = 30
    STORE_DENIED = 31
    STORE_UNREACHABLE = 32
    KILLED = 40
    """The computing process was killed by a signal, most often for want of memory."""
    STOPPED = 41
    """Ended from outside by SIGTERM: a cancel, a lost node, a time limit. Not the scene's fault."""


MAY_PASS = frozenset(
    {
        Exit.SOURCE_DENIED,  # throttled by its account, or a signature that ran out on the way
        Exit.SOURCE_UNREADABLE,  # cut off by a proxy, or replaced while it was read
        Exit.SOURCE_UNREACHABLE,
        Exit.STORE_UNREACHABLE,
        Exit.KILLED,  # its neighbours on the node may have taken the memory
    }
)
"""Failures that a further attempt on the same node may not meet again.

All others must fail again (the document, the scene, the script, a missing role), or need somebody
first (a full store), or were ended on purpose.
"""
