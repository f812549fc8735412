"""Answers what the computing process asks for: signed addresses, and the script.

The keys that addresses are signed with stay with the supervisor. It signs what the task document
names and nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scenefleet_task.errand import Errand
from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError
from scenefleet_task.line import Json, Line, LineError

if TYPE_CHECKING:
    from scenefleet_task.access import Access


class Broker:
    """The supervisor's end of the line for questions."""

    def __init__(
        self, line: Line, errand: Errand, script: Path | None, adopt: Callable[[], None]
    ) -> None:
        """Answers nothing yet.

        Args:
            line: questions come by it.
            errand: names what may be signed.
            script: the processing script's file, where the task has one.
            adopt: called before a package is used that logs.
        """
        self._line, self._errand, self._script, self._adopt = line, errand, script, adopt
        self._access: Access | None = None

    def serve(self, ready: threading.Event) -> None:
        """Answers until the line ends.

        Args:
            ready: the script is not given away before. What the supervisor has yet to import, a
                script could put something else in the place of: the code lies in a folder that
                the task may write.

        Raises:
            LineError: if something else is asked for.
        """
        while message := self._line.receive():
            words, _ = message
            try:
                answer = self._answer(words, ready)
            except TaskError as error:
                answer = Json(exit=error.exit.name, message=error.message), b""
            self._line.send(*answer)

    def _answer(self, words: Json, ready: threading.Event) -> tuple[Json, bytes]:
        href = words.get("sign")
        if isinstance(href, str) and self._errand.access == "planetary-computer":
            if href not in self._errand.hrefs:
                raise LineError("it asked for an address that is no source of its task")
            signed = self._signer().sign(href, fresh=words.get("fresh") is True)
            return Json(url=signed.url, renew_at=signed.renew_at), b""
        if "script" in words:
            ready.wait()
            return Json(), self._text()
        raise LineError("it asked for something that nobody may have")

    def _signer(self) -> Access:
        if self._access is None:
            from scenefleet_task.access import access_for

            self._adopt()
            self._access = access_for("planetary-computer")
        return self._access

    def _text(self) -> bytes:
        if self._script is None:
            raise TaskError(Exit.DOCUMENT, "the task wants a script, and none came with it")
        try:
            return self._script.read_bytes()
        except OSError as error:
            said = f"{self._script.name}: it cannot be read: {error.strerror}"
            raise TaskError(Exit.SCRIPT, said) from None
