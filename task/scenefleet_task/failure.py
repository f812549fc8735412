"""The one exception of the task: why it ends, and what a person should know about it."""

from __future__ import annotations

from scenefleet_task.exits import Exit
from scenefleet_task.redact import redact


class TaskError(Exception):
    """Ends a task with an `Exit` and a message that names the item, the asset and the address.

    The message is redacted at birth, so that no token gets out through it.
    """

    def __init__(self, exit_: Exit, message: str) -> None:
        super().__init__(redact(message))
        self.exit = exit_

    @property
    def message(self) -> str:
        """The text for a person, without secrets."""
        return str(self.args[0])
