"""`$filter` and `$select`: the part of OData that Batch has.

A filter compares properties with values, joined by `and`, `or` and brackets. Which properties may
be compared, and how, differs by operation; `operations/filters.py` lists them. Anything else is a
400, as at the service ("OData filters in Batch").
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from batch_emulator.wire.errors import BatchError, invalid_query
from batch_emulator.wire.iso8601 import parse_time

Kind = Literal["text", "choice", "time", "number", "truth"]
Get = Callable[[str], Any]
"""Gives a resource's property by its path, such as `executionInfo/exitCode`."""
Predicate = Callable[[Get], bool]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<text>(?:datetime)?'(?:[^']|'')*')|(?P<bracket>[(),])|(?P<word>[^\s(),']+))",
    re.DOTALL | re.IGNORECASE,
)
_DEPTH = 50
"""Brackets deeper than this are an attack, not a question."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property that an operation can filter by."""

    kind: Kind
    operators: frozenset[str]
    choices: tuple[str, ...] = ()
    """The values that there are; none where they are not held to any."""


def prop(kind: Kind, operators: str, choices: Iterable[str] = ()) -> Property:
    """A property with its operators, separated by spaces."""
    return Property(kind, frozenset(operators.split()), tuple(choices))


def parse_filter(text: str, properties: Mapping[str, Property]) -> Predicate:
    """Read a filter.

    Raises:
        BatchError: if it is none, or asks for what this operation does not have.
    """
    return _Parser(text, properties).parse()


class _Parser:
    """Reads `or` of `and`s of comparisons; each part becomes a predicate at once."""

    def __init__(self, text: str, properties: Mapping[str, Property]) -> None:
        self._text = text
        self._properties = properties
        self._tokens = self._split()
        self._at = 0
        self._depth = 0

    def parse(self) -> Predicate:
        predicate = self._any()
        if self._at < len(self._tokens):
            raise self._error(f"{self._tokens[self._at]!r} is not expected here.")
        return predicate

    def _split(self) -> list[str]:
        tokens: list[str] = []
        at = 0
        text = self._text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match:
                raise self._error(f"{text[at:]!r} cannot be read.")
            tokens.append(match.group().strip())
            at = match.end()
        return tokens

    def _any(self) -> Predicate:
        parts = [self._all()]
        while self._accept("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda get: any(part(get) for part in parts)

    def _all(self) -> Predicate:
        parts = [self._one()]
        while self._accept("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda get: all(part(get) for part in parts)

    def _one(self) -> Predicate:
        if self._accept("("):
            self._depth += 1
            if self._depth > _DEPTH:
                raise self._error("Too many brackets.")
            predicate = self._any()
            self._expect(")")
            self._depth -= 1
            return predicate
        if self._peek().lower() == "startswith":
            return self._startswith()
        return self._comparison()

    def _startswith(self) -> Predicate:
        self._next()
        self._expect("(")
        path = self._path("startswith")
        self._expect(",")
        start = self._literal(path)
        self._expect(")")
        return lambda get: isinstance(value := get(path), str) and value.startswith(start)

    def _comparison(self) -> Predicate:
        self._next()
        symbol = self._next().lower()
        if symbol not in _OPERATORS:
            raise self._error(f"{symbol!r} is no operator; there are {', '.join(_OPERATORS)}.")
        self._at -= 2
        path = self._path(symbol)
        self._at += 1
        wanted = self._literal(path)
        compare = _OPERATORS[symbol]
        absent = symbol == "ne"
        timed = self._properties[path].kind == "time"

        def predicate(get: Get) -> bool:
            value = get(path)
            if timed and isinstance(value, str):
                value = parse_time(value)
            return absent if value is None else compare(value, wanted)

        return predicate

    def _path(self, symbol: str) -> str:
        path = self._next()
        known = self._properties.get(path)
        if known is None:
            allowed = ", ".join(sorted(self._properties)) or "none"
            raise self._error(f"{path!r} cannot be filtered by; allowed: {allowed}.")
        if symbol not in known.operators:
            raise self._error(f"{path} does not take {symbol}, but {sorted(known.operators)}.")
        return path

    def _literal(self, path: str) -> Any:  # noqa: ANN401 - text, number or time
        token = self._next()
        kind = self._properties[path].kind
        if token.lower() == "datetime":
            token = self._next()
        # OData 3 writes a time as DateTime'...', which the service's own examples do
        text = token[len("datetime") :] if kind == "time" and token[-1:] == "'" else token
        token = text if text[:1] == "'" else token
        quoted = token[1:-1].replace("''", "'") if token[:1] == "'" else None
        try:
            value = _value(token, quoted, kind)
        except (ValueError, OverflowError):
            raise self._error(f"{token} is no {kind} to compare {path} with.") from None
        choices = self._properties[path].choices
        if choices and value not in choices:
            raise self._error(f"{token} is no {path}: allowed are {', '.join(choices)}.")
        return value

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise self._error("The filter ends too early.")
        self._at += 1
        return token

    def _accept(self, token: str) -> bool:
        found = self._peek().lower() == token
        self._at += found
        return found

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise self._error(f"{token!r} is expected before {self._peek()!r}.")

    def _error(self, reason: str) -> BatchError:
        return invalid_query("$filter", self._text, reason)


def _value(token: str, quoted: str | None, kind: Kind) -> str | float | bool | datetime:
    if kind == "time":
        return parse_time(token if quoted is None else quoted)
    if kind == "number" and quoted is None:
        return float(token)
    if kind == "truth" and quoted is None and token.lower() in ("true", "false"):
        return token.lower() == "true"
    if kind in ("text", "choice") and quoted is not None:
        return quoted.lower() if kind == "choice" else quoted
    raise ValueError(token)


def parse_select(text: str | None, names: Iterable[str]) -> frozenset[str] | None:
    """The members to send, or None for all. `a/b` selects all of `a`.

    Raises:
        BatchError: for a name that the resource does not have.
    """
    if not text:
        return None
    known = frozenset(names)
    chosen = frozenset(part.strip().split("/")[0] for part in text.split(","))
    unknown = chosen - known
    if unknown:
        raise invalid_query("$select", text, f"Not properties here: {', '.join(sorted(unknown))}.")
    return chosen
