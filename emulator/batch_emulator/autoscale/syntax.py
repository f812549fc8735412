"""Formulas as text: tokens and the syntax tree."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LENGTH = 8192
"""Characters of a formula: the service's limit."""
MAX_STATEMENTS = 100
_MAX_DEPTH = 60
"""Deeper nesting is an attack, not a formula."""

_TOKEN = re.compile(
    r"(?P<space>\s+|//[^\n]*|/\*.*?\*/)"
    r"|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<name>\$?[A-Za-z_]\w*)"
    r"|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/<>!?:=(),;.])",
    re.DOTALL,
)
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/"))
"""Binary operators, the loosest first."""


class FormulaError(ValueError):
    """A formula that cannot be read or evaluated.

    Args:
        code: the service's code for it.
        message: where and why.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Literal:
    """A number or a text."""

    value: float | str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `!x`."""

    sign: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """`x + y` and the like."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Choice:
    """`x ? y : z`."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Call:
    """`avg(x)`."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """`x.hour`, or `$x.GetSample(y)` where there are arguments."""

    owner: Node
    name: str
    arguments: tuple[Node, ...] | None


Node = Literal | Name | Unary | Binary | Choice | Call | Member


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name = value;`."""

    name: str
    value: Node


def parse(text: str) -> tuple[Assignment, ...]:
    """Read a formula.

    Raises:
        FormulaError: if it is too long or is no formula.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError("AutoScalingFormulaTooLong", f"Longer than {MAX_LENGTH} characters")
    return _Parser(_split(text)).program()


def _split(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise _syntax(f"{text[at : at + 20]!r} cannot be read")
        if match.lastgroup != "space":
            tokens.append((match.lastgroup or "", match.group()))
        at = match.end()
    return tokens


def _syntax(message: str) -> FormulaError:
    return FormulaError("AutoScalingFormulaSyntaxError", message)


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def program(self) -> tuple[Assignment, ...]:
        statements: list[Assignment] = []
        while self._at < len(self._tokens):
            if self._accept(";"):
                continue
            statements.append(self._statement())
            if self._at < len(self._tokens):
                self._expect(";")
        if not statements:
            raise _syntax("The formula is empty")
        if len(statements) > MAX_STATEMENTS:
            raise _syntax(f"More than {MAX_STATEMENTS} statements")
        return tuple(statements)

    def _statement(self) -> Assignment:
        kind, name = self._next()
        if kind != "name":
            raise _syntax(f"A variable is expected, not {name!r}")
        self._expect("=")
        return Assignment(name, self._expression())

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _syntax("The formula is nested too deeply")
        condition = self._binary(0)
        if self._accept("?"):
            yes = self._expression()
            self._expect(":")
            condition = Choice(condition, yes, self._expression())
        self._depth -= 1
        return condition

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (sign := self._peek()) in _LEVELS[level]:
            self._at += 1
            left = Binary(sign, left, self._binary(level + 1))
        return left

    def _unary(self) -> Node:
        signs: list[str] = []
        while (sign := self._peek()) in ("-", "!"):
            self._at += 1
            signs.append(sign)
        node = self._postfix()
        for sign in reversed(signs):
            node = Unary(sign, node)
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        while self._accept("."):
            kind, name = self._next()
            if kind != "name":
                raise _syntax(f"A member is expected after '.', not {name!r}")
            node = Member(node, name, self._arguments() if self._peek() == "(" else None)
        return node

    def _primary(self) -> Node:
        kind, text = self._next()
        if kind == "number":
            return Literal(float(text))
        if kind == "text":
            return Literal(text[1:-1])
        if kind == "name":
            return Call(text, self._arguments()) if self._peek() == "(" else Name(text)
        if text == "(":
            node = self._expression()
            self._expect(")")
            return node
        raise _syntax(f"{text!r} is not expected here")

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        arguments: list[Node] = []
        while not self._accept(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._expression())
        return tuple(arguments)

    def _peek(self) -> str:
        if self._at == len(self._tokens):
            return ""
        kind, text = self._tokens[self._at]
        return text if kind == "sign" else ""

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise _syntax("The formula ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, sign: str) -> bool:
        found = self._peek() == sign
        self._at += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            found = self._tokens[self._at][1] if self._at < len(self._tokens) else "the end"
            raise _syntax(f"{sign!r} is expected before {found!r}")
