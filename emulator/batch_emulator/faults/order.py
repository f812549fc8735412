"""What is ordered to go wrong, with which requests and how often."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from batch_emulator.wire.errors import ERRORS, BatchError, invalid_property

Kind = Literal["error", "drop", "delay", "task"]
When = Literal["before", "body", "after"]

_CODES = {429: "TooManyRequests", 500: "InternalError", 503: "ServerBusy"}
"""What the service says with a status, unless the order says something else."""
_OTHER = "This fault was ordered of the emulator."
_LONGEST = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Something that is to go wrong.

    `error` answers with an error, `drop` closes the connection, `delay` keeps the client waiting,
    and `task` is the `servererror` of one task in an answer to several.

    Raises:
        BatchError: `InvalidPropertyValue`, if it makes no sense.
    """

    kind: Kind
    when: When = "before"
    """Before the operation, after it was done, or, for `drop`, in the middle of its answer."""
    status: int = 503
    """Of `error`."""
    code: str | None = None
    """The service's error code; the usual one of the status where there is none."""
    message: str | None = None
    retry_after: float | None = None
    """Seconds that `error` asks the client to wait."""
    seconds: float = 1.0
    """Of `delay`, by the emulator's clock."""
    method: str | None = None
    """The requests it is for; None is any."""
    path: str = "*"
    """Likewise: a pattern in which `*` stands for anything, slashes too."""
    task: str = "*"
    """For `task`, a pattern of task ids."""
    skip: int = 0
    """Requests, or tasks, that it is for and yet lets pass first."""
    times: int | None = 1
    """How often it happens; None is without end."""
    probability: float = 1.0
    seed: int = 0
    """Of the chance: the same seed and the same requests give the same faults."""

    def __post_init__(self) -> None:
        """Check what a caller may get wrong."""
        whens = get_args(When) if self.kind == "drop" else ("before", "after")
        for name, value, allowed in (
            ("kind", self.kind, get_args(Kind)),
            ("when", self.when, whens),
        ):
            if value not in allowed:
                raise invalid_property(name, value, f"Allowed: {', '.join(allowed)}.")
        for name, number, least, most in (
            ("status", self.status, 400, 599),
            ("retryAfter", self.retry_after, 0, _LONGEST),
            ("seconds", self.seconds, 0, _LONGEST),
            ("skip", self.skip, 0, 2**31),
            ("times", self.times, 1, 2**31),
            ("probability", self.probability, 0, 1),
        ):
            if number is not None and not least <= number <= most:
                raise invalid_property(name, number, f"From {least} to {most} is allowed.")

    def matches(self, method: str, path: str) -> bool:
        """Whether it is for a request."""
        return self.method in (None, method) and fnmatchcase(path, self.path)

    def error(self) -> BatchError:
        """The error that the client is told."""
        status = 500 if self.kind == "task" else self.status
        code = self.code or _CODES.get(status, "InternalError")
        error = BatchError("InternalError", status=status)
        error.code = code
        error.sentence = self.message or (ERRORS[code][1] if code in ERRORS else _OTHER)
        if self.retry_after is not None:
            error.headers["Retry-After"] = f"{self.retry_after:g}"
        return error

    def __str__(self) -> str:
        """What happens, in a few words, for those who look at the last requests."""
        late = "" if self.when == "before" else f" {self.when}"
        if self.kind == "delay":
            return f"delay{late} {self.seconds:g} s"
        if self.kind == "drop":
            return f"drop {self.when}"
        told = self.error()
        return f"{self.kind}{late} {told.code if self.kind == 'task' else told.status}"

    def document(self) -> dict[str, Any]:
        """The admin interface's JSON."""
        common = {
            "kind": self.kind,
            "when": self.when,
            "method": self.method,
            "path": self.path,
            "skip": self.skip,
            "times": self.times,
            "probability": self.probability,
            "seed": self.seed,
        }
        told = self.error()
        if self.kind == "delay":
            return {**common, "seconds": self.seconds}
        if self.kind == "drop":
            return common
        common |= {"code": told.code, "message": told.sentence}
        if self.kind == "task":
            return {**common, "task": self.task}
        return {**common, "status": self.status, "retryAfter": self.retry_after}
