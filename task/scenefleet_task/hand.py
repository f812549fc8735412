"""Hands files to the supervisor, which puts them into the store: the computing process's end.

Bytes go while more is computed, and nothing waits for the store until a file is finished. What the
store says comes back as the same errors as where it was said.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from scenefleet_task.failure import TaskError
from scenefleet_task.line import PIECE, Json, Line
from scenefleet_task.put import Digest
from scenefleet_task.spec import Exit


class Files:
    """The files of a task, on their way to the supervisor."""

    def __init__(self, line: Line) -> None:
        """Listens to what the supervisor says of them."""
        self._line = line
        self._numbers = itertools.count()
        self._calls: dict[int, Future[Digest]] = {}
        self._failures: dict[int, TaskError] = {}
        threading.Thread(target=self._listen, name="files", daemon=True).start()

    def put(self, data: bytes, name: str) -> Digest:
        """Puts a small file, and waits until it is there.

        Raises:
            TaskError: `STORE_FULL`, `STORE_DENIED` or `STORE_UNREACHABLE`.
        """
        return self.call({"put": name}, data)

    def begin(self, name: str) -> HandedUpload:
        """Begins a large file."""
        number = next(self._numbers)
        self._line.send({"begin": number, "name": name})
        return HandedUpload(self, number)

    def end(self, result: Json) -> None:
        """Says how the task ended; the last of all."""
        self._line.send({"result": True}, json.dumps(result).encode())

    def send(self, words: Json, data: bytes | memoryview = b"") -> None:
        """Sends what has no answer."""
        self._line.send(words, data)

    def call(self, words: Json, data: bytes) -> Digest:
        """Sends what has an answer, and waits for it."""
        number = next(self._numbers)
        coming = self._calls[number] = Future[Digest]()
        self._line.send({**words, "call": number}, data)
        return coming.result()

    def failure(self, number: int) -> TaskError | None:
        """Why a file cannot be put, if that is known already."""
        return self._failures.get(number)

    def _listen(self) -> None:
        while message := self._line.receive():
            words, _ = message
            error = error_of(words)
            if "failed" in words and error:
                self._failures[words["failed"]] = error
                continue
            coming = self._calls.pop(words["call"])
            if error:
                coming.set_exception(error)
            else:
                coming.set_result(Digest(words["size"], words["sha256"]))
        for coming in self._calls.values():
            coming.set_exception(TaskError(Exit.INTERNAL, "the supervisor has ended"))


class HandedUpload:
    """A file under way to the supervisor; a `put.Upload`."""

    def __init__(self, files: Files, number: int) -> None:
        self._files, self._number = files, number

    def write(self, stream: int, data: bytes) -> None:
        """Adds to a stream's end."""
        if failure := self._files.failure(self._number):
            raise failure
        rest = memoryview(data)
        while rest:
            self._files.send({"write": self._number, "stream": stream}, rest[:PIECE])
            rest = rest[PIECE:]

    def finish(self, head: bytes, order: Sequence[int]) -> Digest:
        """Puts the file in its place, and waits until it is there."""
        return self._files.call({"finish": self._number, "order": list(order)}, head)

    def close(self) -> None:
        """Lets go of it; a file that was not finished leaves nothing behind."""
        self._files.send({"close": self._number})


class Asks:
    """Asks the supervisor, one question at a time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._asking = threading.Lock()

    def ask(self, words: Json) -> tuple[Json, bytes]:
        """The answer.

        Raises:
            TaskError: as the supervisor says.
        """
        with self._asking:
            self._line.send(words)
            answer = self._line.receive()
        if answer is None:
            raise TaskError(Exit.INTERNAL, "the supervisor has ended")
        if error := error_of(answer[0]):
            raise error
        return answer


def error_of(words: Json) -> TaskError | None:
    """The error in an answer."""
    name: Any = words.get("exit")
    return TaskError(Exit[name], str(words.get("message"))) if name else None
