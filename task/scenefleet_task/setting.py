"""Where a task runs and where its outputs go: read from the environment once, at the start.

Standard library only, as the supervisor reads it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scenefleet_task import environment as names
from scenefleet_task.budget import Budget
from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError

_DIGITS = 18
"""More than any number here has; Python refuses to read one of thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What comes beside a task document. Its text never shows a secret."""

    store: str
    """A folder, or the `http(s)://` address of a container and prefix, without query."""
    sas: str | None = field(repr=False)
    identity: str | None
    """Client id of a managed identity."""
    run: str | None
    """The run's id; None (a script author's try) keeps no log in the store."""
    script: Path | None = None
    """The processing script's file, where the task has one."""
    budget: Budget = field(default_factory=Budget)
    retries: int = 0
    """Further attempts at a failure that may pass."""

    def log_folder(self, task: str, attempt: str) -> str | None:
        """Where an attempt's `log.txt` and `result.json` go, below the store's root."""
        return f"runs/{self.run}/logs/{task}/{attempt}" if self.run else None


def read_setting(environment: Mapping[str, str], store: str | None = None) -> Setting:
    """The setting of this process; `store` goes before the environment's.

    Raises:
        TaskError: if no store is named, or it is named together with a secret, or a number is none.
    """
    place = store or environment.get(names.ENV_STORE)
    if not place:
        raise TaskError(
            Exit.DOCUMENT,
            f"no store is named: set {names.ENV_STORE}, or give --store FOLDER",
        )
    if place.startswith(("http://", "https://")) and "?" in place:
        raise TaskError(
            Exit.DOCUMENT,
            f"{names.ENV_STORE} holds an address with a query; its SAS belongs in "
            f"{names.ENV_STORE_SAS}",
        )
    script = environment.get(names.ENV_SCRIPT)
    return Setting(
        store=place,
        sas=environment.get(names.ENV_STORE_SAS) or None,
        identity=environment.get(names.ENV_STORE_IDENTITY) or None,
        run=environment.get(names.ENV_RUN) or None,
        script=Path(script).absolute() if script else None,
        budget=read_budget(environment),
        retries=_count(environment, names.ENV_RETRIES, 0, least=0),
    )


def read_budget(environment: Mapping[str, str]) -> Budget:
    """What the computing process may use.

    Raises:
        TaskError: if memory or threads are no whole number above 0.
    """
    usual = Budget()
    return Budget(
        memory=_count(environment, names.ENV_MEMORY, usual.memory),
        threads=_count(environment, names.ENV_THREADS, usual.threads),
    )


def _count(environment: Mapping[str, str], name: str, usual: int, *, least: int = 1) -> int:
    text = environment.get(name)
    if not text:
        return usual
    if not text.isdecimal() or len(text) > _DIGITS or int(text) < least:
        said = f"{name} is {text[:50]!r}; it must be a whole number of {least} or more"
        raise TaskError(Exit.DOCUMENT, said)
    return int(text)
