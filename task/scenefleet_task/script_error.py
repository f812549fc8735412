"""Says what a script did wrong: the error, and the script's own calls with their lines of source.

Frames of other packages and of this one are left out: an author can mend only the script.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Sequence
from itertools import islice

_MOST_CALLS = 12
"""Calls of one error that are listed: of an endless recursion the first and the last ones."""
_MOST_CAUSES = 3
"""Errors before the last one that are told: each was handled by raising the next."""
_LONGEST = 1000
"""Characters of an error's own text."""
_LONGEST_LINE = 160
"""Characters of a line of source."""
_LINE_END = re.compile("\r\n|\r|\n")
"""What ends a line to Python, which is less than what ends one to `str.splitlines`."""


class ScriptText:
    """A script's lines, and which frames of a traceback are its own."""

    def __init__(self, file: str, name: str, text: bytes) -> None:
        """Takes the path that frames have, the name that people know, and the source."""
        self._file, self._name = file, name
        self._lines = _LINE_END.split(text.decode(errors="replace"))

    def describe(self, error: BaseException) -> str:
        """Returns the error with the line it came from; below it, a line for each call."""
        if isinstance(error, SyntaxError) and error.filename == self._file:
            return f"line {error.lineno}: {error.msg}{self._syntax(error)}"
        number = self.line_of(error)
        where = f"line {number}: " if number else ""
        parts = [f"{where}{_text_of(error)}{self.calls(error)}"]
        parts += [
            f"  caused by {_text_of(cause)}{self.calls(cause)}"
            for cause in islice(_causes(error), _MOST_CAUSES)
        ]
        return "\n".join(parts)

    def line_of(self, error: BaseException) -> int | None:
        """Returns the number of the script's line that was at work; None where none was."""
        own = self._own(error)
        return own[-1].lineno if own else None

    def calls(self, error: BaseException) -> str:
        """Returns a line for each call within the script, the innermost last; each begins anew."""
        own = self._own(error)
        left_out = len(own) - _MOST_CALLS
        lines = [self._call(frame) for frame in own]
        if left_out > 0:
            half = _MOST_CALLS // 2
            lines[half:-half] = [f"... {left_out:,} more calls ..."]
        return "".join(f"\n    {line}" for line in lines)

    def _own(self, error: BaseException) -> Sequence[traceback.FrameSummary]:
        frames = traceback.walk_tb(error.__traceback__)
        found = traceback.StackSummary.extract(frames, lookup_lines=False)
        return [frame for frame in found if frame.filename == self._file]

    def _call(self, frame: traceback.FrameSummary) -> str:
        where = "" if frame.name == "<module>" else f" in {frame.name}"
        return f"{self._name}, line {frame.lineno}{where}: {self._source(frame.lineno)}"

    def _source(self, number: int | None) -> str:
        if number is None or not 0 < number <= len(self._lines):
            return ""
        line = self._lines[number - 1].strip()
        return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."

    def _syntax(self, error: SyntaxError) -> str:
        source = self._source(error.lineno)
        return f"\n    {self._name}, line {error.lineno}: {source}" if source else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yields the errors that an error was raised from, the nearest first."""
    seen = {id(error)}
    while True:
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is None or id(cause) in seen:
            return
        seen.add(id(cause))
        yield cause
        error = cause


def _text_of(error: BaseException) -> str:
    """Returns an error's kind and text; an author's own error may fail to say anything."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the user's code, not ours
        text = "(it cannot be written as text)"
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    kind = type(error).__name__
    return f"{kind}: {text}" if text else kind
