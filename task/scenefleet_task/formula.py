"""Formulas over bands: their grammar and syntax tree. Part of the contract; standard library only.

A formula is parsed, never evaluated as Python. It has numbers, names, parentheses, and

| from loosest to tightest | |
|---|---|
| `<  <=  >  >=  ==  !=` | 1 where true, 0 where not; not chained: `(a < b) * (b < c)` |
| `+  -` | |
| `*  /` | |
| `-x  +x` | binds less than a power to its right: `-x ** 2` is `-(x ** 2)` |
| `x ** y` | to the right first: `2 ** 3 ** 2` is 512 |
| `name(...)` | a function of `FUNCTIONS` |

which is Python's meaning of the same text, so that a formula copied from a paper's notebook or from
Awesome Spectral Indices means the same here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scenefleet_task.formula_tokens import FormulaError, Token, tokens

__all__ = [
    "COMPARISONS",
    "DEEPEST",
    "FUNCTIONS",
    "LONGEST",
    "MOST",
    "Call",
    "FormulaError",
    "Name",
    "Node",
    "Number",
    "each_name",
    "names",
    "parse",
    "replace",
    "write",
]

LONGEST = 4000
"""Characters of a formula: the longest published index has 268."""
DEEPEST = 60
"""Nested parentheses, powers and signs: limits recursion when the tree is walked."""
MOST = 300
"""Operators and functions, for the same reason: `a + a + ...` is as deep as it is long."""

FUNCTIONS: Mapping[str, tuple[int, int]] = {
    "abs": (1, 1),
    "arccos": (1, 1),
    "arcsin": (1, 1),
    "arctan": (1, 1),
    "arctan2": (2, 2),
    "clip": (3, 3),
    "cos": (1, 1),
    "exp": (1, 1),
    "log": (1, 1),
    "log10": (1, 1),
    "max": (2, 16),
    "min": (2, 16),
    "sign": (1, 1),
    "sin": (1, 1),
    "sqrt": (1, 1),
    "tan": (1, 1),
    "where": (3, 3),
}
"""Functions and how many arguments they take, at least and at most; as numpy's of the same name
(`clip(x, low, high)`, `where(condition, then, otherwise)`; `min` and `max` pixel by pixel)."""

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A band or constant by its name."""

    name: str
    position: int
    """Of its first character in the text, from 0."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or a function and its operands; `neg` is the sign, `+ - * / **` the others."""

    function: str
    operands: tuple[Node, ...]
    position: int


Node = Number | Name | Call


def parse(text: str) -> Node:
    """The syntax tree of a formula.

    Raises:
        FormulaError: with the position of what is wrong.
    """
    if len(text) > LONGEST:
        raise FormulaError(f"it has {len(text)} characters; at most {LONGEST} are taken", LONGEST)
    return _Parser(text).whole()


def names(node: Node) -> frozenset[str]:
    """The bands and constants that a formula uses."""
    return frozenset(name.name for name in each_name(node))


def each_name(node: Node) -> Iterator[Name]:
    """Every name where it stands, from left to right."""
    if isinstance(node, Name):
        yield node
    elif isinstance(node, Call):
        for operand in node.operands:
            yield from each_name(operand)


def replace(node: Node, values: Mapping[str, Node]) -> Node:
    """The tree with names replaced by other trees; names that `values` lacks stay."""
    if isinstance(node, Name):
        return values.get(node.name, node)
    if isinstance(node, Call):
        operands = tuple(replace(operand, values) for operand in node.operands)
        return Call(node.function, operands, node.position)
    return node


def write(node: Node) -> str:
    """The formula as text, with the fewest parentheses: `parse` gives an equal tree back."""
    return _write(node)[0]


_BINDING = {
    **dict.fromkeys(COMPARISONS, 1), "+": 2, "-": 2, "*": 3, "/": 3, "neg": 4, "**": 5
}  # fmt: skip
_ATOM = 6


def _write(node: Node) -> tuple[str, int]:
    """Text and how tightly its outermost operator binds."""
    if isinstance(node, Number):
        text = repr(node.value).removesuffix(".0")
        return text, _ATOM
    if isinstance(node, Name):
        return node.name, _ATOM
    binding = _BINDING.get(node.function)
    if binding is None:
        return f"{node.function}({', '.join(write(o) for o in node.operands)})", _ATOM
    if node.function == "neg":
        return f"-{_inside(node.operands[0], binding)}", binding
    left, right = node.operands
    if node.function == "**":  # to the right first; a sign may follow it bare
        exponent, loose = _write(right)
        exponent = exponent if loose >= _BINDING["neg"] else f"({exponent})"
        return f"{_inside(left, _ATOM)} ** {exponent}", binding
    # what binds equally stands bare on the left only: a - (b - c)
    low = binding + 1 if node.function in COMPARISONS else binding
    return f"{_inside(left, low)} {node.function} {_inside(right, binding + 1)}", binding


def _inside(node: Node, least: int) -> str:
    text, binding = _write(node)
    return text if binding >= least else f"({text})"


class _Parser:
    """Recursive descent; `_deep` bounds the recursion."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._at = 0
        self._deep = 0
        self._calls = 0

    def whole(self) -> Node:
        node = self._comparison()
        if self._here.kind != "end":
            raise self._unexpected("an operator")
        return node

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _made(self, function: str, operands: tuple[Node, ...], position: int) -> Call:
        self._calls += 1
        if self._calls > MOST:
            raise FormulaError(f"more than {MOST} operators and functions", position)
        return Call(function, operands, position)

    def _take(self) -> Token:
        token = self._here
        self._at += 1
        return token

    def _is(self, *signs: str) -> bool:
        return self._here.kind == "sign" and self._here.text in signs

    def _unexpected(self, wanted: str) -> FormulaError:
        return FormulaError(f"{self._here} stands where {wanted} is wanted", self._here.position)

    def _comparison(self) -> Node:
        left = self._sum()
        if not self._is(*COMPARISONS):
            return left
        sign = self._take()
        node = self._made(sign.text, (left, self._sum()), sign.position)
        if self._is(*COMPARISONS):
            raise FormulaError(
                "comparisons are not chained; write (a < b) * (b < c)", self._here.position
            )
        return node

    def _sum(self) -> Node:
        node = self._product()
        while self._is("+", "-"):
            sign = self._take()
            node = self._made(sign.text, (node, self._product()), sign.position)
        return node

    def _product(self) -> Node:
        node = self._signed()
        while self._is("*", "/"):
            sign = self._take()
            node = self._made(sign.text, (node, self._signed()), sign.position)
        return node

    def _signed(self) -> Node:
        if not self._is("-", "+"):
            return self._power()
        sign = self._take()
        with self._deeper(sign):
            operand = self._signed()
        return operand if sign.text == "+" else self._made("neg", (operand,), sign.position)

    def _power(self) -> Node:
        base = self._atom()
        if not self._is("**"):
            return base
        sign = self._take()
        with self._deeper(sign):
            return self._made("**", (base, self._signed()), sign.position)

    def _atom(self) -> Node:
        token = self._here
        if token.kind == "number":
            number = float(self._take().text)
            if math.isinf(number):
                raise FormulaError(f"{token.text} is beyond what a number can hold", token.position)
            return Number(number)
        if token.kind == "name":
            self._take()
            return self._call(token) if self._is("(") else _name(token)
        if not self._is("("):
            raise self._unexpected("a number, a band or a function")
        self._take()
        with self._deeper(token):
            node = self._comparison()
        self._close(token)
        return node

    def _call(self, name: Token) -> Node:
        if name.text not in FUNCTIONS:
            raise FormulaError(
                f"{name.text!r} is no function; there are {', '.join(FUNCTIONS)}", name.position
            )
        opening = self._take()
        with self._deeper(opening):
            operands = [self._comparison()]
            while self._is(","):
                self._take()
                operands.append(self._comparison())
        self._close(opening)
        least, most = FUNCTIONS[name.text]
        if not least <= len(operands) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise FormulaError(
                f"{name.text} takes {wanted} arguments, not {len(operands)}", name.position
            )
        return self._made(name.text, tuple(operands), name.position)

    def _close(self, opening: Token) -> None:
        if not self._is(")"):
            raise self._unexpected(f"a ) for the ( of column {opening.position + 1}")
        self._take()

    def _deeper(self, token: Token) -> _Depth:
        return _Depth(self, token)

    def enter(self, token: Token) -> None:
        """One level deeper."""
        self._deep += 1
        if self._deep > DEEPEST:
            raise FormulaError(f"nested more than {DEEPEST} deep", token.position)

    def leave(self) -> None:
        """Back up."""
        self._deep -= 1


@dataclass(frozen=True, slots=True)
class _Depth:
    parser: _Parser
    token: Token

    def __enter__(self) -> None:
        self.parser.enter(self.token)

    def __exit__(self, *_: object) -> None:
        self.parser.leave()


def _name(token: Token) -> Name:
    if token.text in FUNCTIONS:
        raise FormulaError(f"{token.text} is a function and wants (...)", token.position)
    return Name(token.text, token.position)
