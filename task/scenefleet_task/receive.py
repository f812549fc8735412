"""Takes files from the computing process, and puts them into the store: the supervisor's end.

The computing process names files of its own task's folder, each once and the STAC item last. Where
that is, and how it is reached, it never learns. What else it sends ends it.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scenefleet_task.exits import Exit
from scenefleet_task.failure import TaskError
from scenefleet_task.line import Json, Line, LineError
from scenefleet_task.put import Digest, Target, Upload

if TYPE_CHECKING:
    from scenefleet_task.errand import Errand

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,131}\.(tif|png|json)")
_MOST_FILES = 1000
_MOST_STREAMS = 64
"""Of one file: a raster has one a level, and a level has half the pixels of the one before."""


@dataclass(slots=True)
class _File:
    """A file under way."""

    name: str
    upload: Upload | None = None
    """None until its first byte."""
    failure: TaskError | None = None
    finishing: bool = False


@dataclass(slots=True)
class Receiver:
    """The supervisor's end of the line for files."""

    line: Line
    errand: Errand
    folder: Path
    """For what must wait on disk."""
    make_target: Callable[[], Target] | None
    """Reaches the store; None where nothing may be put."""
    ready: threading.Event = field(default_factory=threading.Event)
    """Set once the store's client is loaded, or could not be."""
    digests: dict[str, Digest] = field(default_factory=dict[str, Digest])
    """The files that are in the store, by name."""
    result: Json | None = None
    """What the computing process said last."""
    _target: Target | None = None
    _failure: TaskError | None = None
    _files: dict[int, _File] = field(default_factory=dict[int, _File])
    _names: set[str] = field(default_factory=set[str])

    def serve(self) -> None:
        """Takes files until the line ends.

        Raises:
            LineError: if something comes that has no place here.
        """
        self._load()
        while message := self.line.receive():
            self._take(*message)

    def target(self) -> Target:
        """The store.

        Raises:
            TaskError: if there is none, or it cannot be reached.
        """
        self.ready.wait()
        if self._target is None:
            raise self._failure or TaskError(Exit.INTERNAL, "this task has no store")
        return self._target

    @property
    def complete(self) -> bool:
        """Tells whether all files are there."""
        return self.errand.last in self.digests

    def _load(self) -> None:
        """Loads the store's client while the computing process works."""
        try:
            if self.make_target:
                self._target = self.make_target()
        except Exception as error:  # noqa: BLE001 - told when the first file comes
            self._failure = _failure_of(error)
        finally:
            self.ready.set()

    def _take(self, words: Json, data: bytes) -> None:
        if "write" in words:
            self._write(self._file(words["write"]), words.get("stream"), data)
        elif "begin" in words:
            self._begin(words["begin"], words.get("name"))
        elif "finish" in words:
            self._finish(self._file(words["finish"]), words, data)
        elif "close" in words:
            self._close(words["close"])
        elif "put" in words:
            self._put(words, data)
        elif "result" in words:
            self._end(data)
        else:
            raise LineError("it sent something that has no place here")

    def _begin(self, number: object, name: object) -> None:
        if not isinstance(number, int) or number in self._files:
            raise LineError("it began a file without a number of its own")
        self._files[number] = _File(self._claim(name))

    def _claim(self, name: object) -> str:
        """A file's name, if this task may have a file of that name now."""
        if self.make_target is None:
            raise LineError("it wanted to put a file, and has no store")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise LineError("it wanted to put a file under a name that no output has")
        last = self.errand.last
        if self.complete or last in self._names or (name.endswith(".json") and name != last):
            raise LineError(f"it wanted to put {name} beside or after the item")
        if name == last and self._files:
            raise LineError("it wanted to put the item before all other files were there")
        if name in self._names or len(self._names) >= _MOST_FILES:
            raise LineError(f"it wanted to put {name} twice, or too many files")
        self._names.add(name)
        return name

    def _file(self, number: object) -> _File:
        file = self._files.get(number) if isinstance(number, int) else None
        if file is None or file.finishing:
            raise LineError("it wrote to a file that is not open")
        return file

    def _write(self, file: _File, stream: object, data: bytes) -> None:
        if not isinstance(stream, int) or not 0 <= stream < _MOST_STREAMS:
            raise LineError("it wrote to a stream that no file has")
        if file.failure:
            return
        try:
            self._upload(file).write(stream, data)
        except Exception as error:  # noqa: BLE001 - told to whom it concerns
            file.failure = _failure_of(error)
            number = next(n for n, one in self._files.items() if one is file)
            self._tell({"failed": number}, file.failure)

    def _finish(self, file: _File, words: Json, head: bytes) -> None:
        order = cast("Any", words.get("order"))
        if not isinstance(order, list) or not all(isinstance(n, int) for n in cast("Any", order)):
            raise LineError("it named no order of streams")
        streams = cast("list[int]", order)

        # where one file cannot be put, none is: there will be no item that names it
        failure = next((one.failure for one in self._files.values() if one.failure), None)

        def finish() -> Digest:
            if failure:
                raise failure
            return self._upload(file).finish(head, streams)

        file.finishing = True
        work = (file.name, words.get("call"), finish)
        # all files end at once, and most of it is waiting
        threading.Thread(target=self._answer, args=work, name="finish", daemon=True).start()

    def _put(self, words: Json, data: bytes) -> None:
        name = self._claim(words.get("put"))
        path = f"{self.errand.root}/{name}"
        self._answer(name, words.get("call"), lambda: self.target().put(data, path))

    def _answer(self, name: str, call: object, work: Callable[[], Digest]) -> None:
        try:
            digest = self.digests[name] = work()
        except Exception as error:  # noqa: BLE001 - told to whom it concerns
            self._tell({"call": call}, _failure_of(error))
            return
        self._send({"call": call, "size": digest.size, "sha256": digest.sha256})

    def _close(self, number: object) -> None:
        file = self._files.pop(number, None) if isinstance(number, int) else None
        if file and file.upload:
            file.upload.close()

    def _end(self, data: bytes) -> None:
        try:
            value: object = json.loads(data)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or self.result is not None:
            raise LineError("it sent something else than one result")
        self.result = cast("Json", value)

    def _upload(self, file: _File) -> Upload:
        if file.upload is None:
            path = f"{self.errand.root}/{file.name}"
            file.upload = self.target().begin(path, self.folder)
        return file.upload

    def _tell(self, words: Json, failure: TaskError) -> None:
        self._send({**words, "exit": failure.exit.name, "message": failure.message})

    def _send(self, words: Json) -> None:
        with contextlib.suppress(OSError):  # it has ended, and its end is told otherwise
            self.line.send(words)


def _failure_of(error: Exception) -> TaskError:
    if isinstance(error, TaskError):
        return error
    if isinstance(error, ImportError):
        text = f"the node's image lacks a package: {error}. Use the project's task image."
        return TaskError(Exit.INTERNAL, text)
    import traceback

    from scenefleet_task.log import log

    log.error("%s", "".join(traceback.format_exception(error)))
    text = f"{type(error).__name__}: {error}. This is a bug; please report the log."
    return TaskError(Exit.INTERNAL, text)
