"""Splits the text of a formula into tokens. Part of the contract; standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![A-Za-z_\d.])"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|[-+*/<>(),]))",
    re.ASCII,
)
_HINTS = {
    "^": "a power is written **",
    "=": "equality is written ==",
    "%": "there is no remainder",
    "&": "both are true where the product (a > 1) * (b > 1) is 1",
    "|": "one is true where max(a > 1, b > 1) is 1",
    "[": "only parentheses group",
    ".": "names have no parts",
}


class FormulaError(ValueError):
    """A text that is no formula: says where, what stands there and what may."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(f"column {position + 1}: {what}")
        self.position = position
        """Index of the character in the text, from 0."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a formula, and where it stands."""

    kind: str
    """`number`, `name`, `sign` or `end`."""
    text: str
    position: int

    def __str__(self) -> str:
        return "the formula's end" if self.kind == "end" else repr(self.text)


def tokens(text: str) -> Iterator[Token]:
    """Yields the tokens of a text, the last of kind `end`.

    Raises:
        FormulaError: at the first character that has no place in a formula.
    """
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            hint = _HINTS.get(text[place])
            more = f": {hint}" if hint else "; allowed are numbers, bands, + - * / ** and functions"
            raise FormulaError(f"{text[place]!r} has no place in a formula{more}", place)
        kind = str(match.lastgroup)
        yield Token(kind, match.group(kind), match.start(kind))
        at = match.end()
    yield Token("end", "", len(text))
