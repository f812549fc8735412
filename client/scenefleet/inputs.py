"""Files and JSON that others wrote, read within limits: no devices, no pipes, no bombs."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, cast

MOST_NESTED = 400
"""Levels of lists and objects: Python's own functions give up at about a thousand."""
_LONG_INTEGER = re.compile(r"[0-9]{300}")
_LARGE_EXPONENT = re.compile(r"[eE]\+?[0-9]{3}")
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a regular file.

    Args:
        path: of the file; links are followed.
        most: bytes that it may have.

    Raises:
        OSError: if it cannot be read, is no regular file, or is larger; `strerror` says so.
    """
    with open_file(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {in_bytes(most)}, the most that is read")
    return data


def read_text(path: Path, most: int) -> str:
    """The text of a regular file in UTF-8; a mark of the byte order before it is passed over.

    Raises:
        OSError: as `read_file`; also if it is no such text.
    """
    try:
        return read_file(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, f"it is not UTF-8 text (at byte {error.start})") from None


def open_file(path: Path) -> Any:  # noqa: ANN401 - a buffered reader
    """The file open for reading bytes, if it is a regular one.

    A pipe would be waited for without end, and a device read so.

    Raises:
        OSError: if it cannot be read, or is no regular file; `strerror` says so.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a path with a zero byte
        raise OSError(errno.EINVAL, str(error)) from None
    if stat.S_ISREG(os.fstat(number).st_mode):
        return os.fdopen(number, "rb")
    os.close(number)
    kind = "a folder" if path.is_dir() else "a pipe, a device or a socket"
    raise OSError(errno.EINVAL, f"it is {kind}, not a regular file")


def parse_json(data: bytes | str) -> Any:  # noqa: ANN401 - any JSON value
    """The value of JSON that a stranger wrote.

    What JSON or a float cannot hold counts as not given, as `null`: NaN, infinities, numbers
    beyond a float. Half of a surrogate pair becomes U+FFFD.

    Raises:
        ValueError: if it is no JSON in UTF-8, or nested too deeply; says what is wrong.
    """
    text = data if isinstance(data, str) else _decoded(data)
    hooks: dict[str, Any] = {}
    if _LONG_INTEGER.search(text):
        hooks["parse_int"] = _integer
    if _LARGE_EXPONENT.search(text) or hooks:
        hooks["parse_float"] = _float
    try:
        value = json.loads(text, parse_constant=_nothing, **hooks)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {MOST_NESTED} levels") from None
    except json.JSONDecodeError as error:
        raise ValueError(_broken(text, error)) from None
    if text.count("[") + text.count("{") > MOST_NESTED and is_deeper(value, MOST_NESTED):
        raise ValueError(f"it is nested deeper than {MOST_NESTED} levels")
    return _whole(value) if _HALF_PAIR.search(text) else value


def is_deeper(value: Any, most: int) -> bool:  # noqa: ANN401 - any JSON value
    """Tells whether lists and objects in a value are nested deeper than a number of levels."""
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        if not level:
            return False
        parts: Iterator[Any] = chain.from_iterable(
            cast("Any", whole.values() if isinstance(whole, dict) else whole) for whole in level
        )
        level = [part for part in parts if isinstance(part, dict | list)]
    return bool(level)


def cut(text: str, most: int = 200) -> str:
    """The text as a message repeats it: not longer than so many characters, and told if so."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def in_bytes(number: int) -> str:
    """A limit in words."""
    return f"{number / 1e6:g} MB" if number >= 1e6 else f"{number} bytes"


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 text (at byte {error.start})") from None


_MISSING = {
    "Expecting value": "a value is missing",
    "Expecting ',' delimiter": "a comma is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Expecting property name enclosed in double quotes": "a name in double quotes is missing",
    "Extra data": "it goes on after its end",
    "Invalid control character at": "a text holds a line's end or another control character",
}
"""What is wrong with JSON, by the words that Python's module has for it."""


def _broken(text: str, error: json.JSONDecodeError) -> str:
    whole = text.rstrip()
    if not whole:
        return "it is empty"
    if error.pos >= len(whole) or error.msg.startswith("Unterminated string"):
        return f"it breaks off after {len(whole):,} character{'' if len(whole) == 1 else 's'}"
    what = _MISSING.get(error.msg, "it cannot be read")
    return f"{what} (line {error.lineno}, character {error.colno})"


def _integer(text: str) -> int | None:
    return int(text) if len(text) <= 300 else None


def _float(text: str) -> float | None:
    number = float(text)
    return number if abs(number) != float("inf") else None


def _nothing(_: str) -> None:
    """NaN, Infinity and -Infinity, which Python writes and JSON has not."""


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value).items()
        return {_whole(key): _whole(part) for key, part in entries}
    if isinstance(value, list):
        return [_whole(part) for part in cast("list[Any]", value)]
    return value
