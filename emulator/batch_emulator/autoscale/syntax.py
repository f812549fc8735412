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
        reason: what is wrong.
        at: where in the formula, in characters from its beginning.
    """

    def __init__(self, code: str, reason: str, at: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.at = at
        self.results = ""
        """The variables that had a value by then, as evaluations report them."""

    @property
    def sentence(self) -> str:
        """The service's message for the code."""
        return _SENTENCES[self.code]

    def detail(self, formula: str) -> str:
        """Where and why, as the service words it."""
        before = formula[: self.at or 0]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        return f"Line {line}, Col {column}: {self}"


_SENTENCES = {
    "AutoScalingFormulaTooLong": "The specified auto-scaling formula exceeds lengths limit.",
    "AutoScalingFormulaSyntaxError": "The specified auto-scaling formula has a syntax error.",
    "AutoScalingFormulaEvaluationError": "Autoscale evaluation failed",
    "InsufficientSampleData": "Autoscale evaluation failed due to insufficient sample data",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A number, text, name or sign, and where it stands."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A number or a text."""

    value: float | str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `!x`."""

    sign: str
    operand: Node
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`x + y` and the like."""

    sign: str
    left: Node
    right: Node
    at: int


@dataclass(frozen=True, slots=True)
class Choice:
    """`x ? y : z`."""

    condition: Node
    yes: Node
    no: Node
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """`avg(x)`."""

    function: str
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Member:
    """`x.hour`, or `$x.GetSample(y)` where there are arguments.

    It stands at its opening parenthesis, which is where the service's errors point to.
    """

    owner: Node
    name: str
    arguments: tuple[Node, ...] | None
    at: int


Node = Literal | Name | Unary | Binary | Choice | Call | Member


@dataclass(frozen=True, slots=True)
class Statement:
    """`name = value;`, or without a name a value that is computed for its effect: `stop();`."""

    name: str | None
    value: Node
    at: int


def parse(text: str) -> tuple[Statement, ...]:
    """Read a formula.

    Raises:
        FormulaError: if it is too long or is no formula.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError("AutoScalingFormulaTooLong", f"Longer than {MAX_LENGTH} characters")
    return _Parser(_split(text), len(text)).program()


def _split(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise _syntax(f"{text[at : at + 20]!r} cannot be read", at)
        if match.lastgroup != "space":
            tokens.append(Token(match.lastgroup or "", match.group(), at))
        at = match.end()
    return tokens


def _syntax(reason: str, at: int) -> FormulaError:
    return FormulaError("AutoScalingFormulaSyntaxError", reason, at)


class _Parser:
    def __init__(self, tokens: list[Token], end: int) -> None:
        self._tokens = tokens
        self._end = end
        self._place = 0
        self._depth = 0

    def program(self) -> tuple[Statement, ...]:
        statements: list[Statement] = []
        while self._place < len(self._tokens):
            if self._accept(";"):
                continue
            statements.append(self._statement())
            if self._place < len(self._tokens):
                self._expect(";")
        if not statements:
            raise _syntax("The formula is empty", 0)
        if len(statements) > MAX_STATEMENTS:
            raise _syntax(f"More than {MAX_STATEMENTS} statements", statements[MAX_STATEMENTS].at)
        return tuple(statements)

    def _statement(self) -> Statement:
        at, start = self._at(), self._place
        token = self._next()
        if token.kind == "name" and self._accept("="):
            return Statement(token.text, self._expression(), at)
        self._place = start
        return Statement(None, self._expression(), at)

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _syntax("The formula is nested too deeply", self._at())
        node = self._binary(0)
        at = self._at()
        if self._accept("?"):
            yes = self._expression()
            self._expect(":")
            node = Choice(node, yes, self._expression(), at)
        self._depth -= 1
        return node

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (sign := self._peek()) in _LEVELS[level]:
            at = self._next().at
            left = Binary(sign, left, self._binary(level + 1), at)
        return left

    def _unary(self) -> Node:
        signs: list[Token] = []
        while self._peek() in ("-", "!"):
            signs.append(self._next())
        node = self._postfix()
        for sign in reversed(signs):
            node = Unary(sign.text, node, sign.at)
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        while self._accept("."):
            token = self._next()
            if token.kind != "name":
                raise _syntax(f"A member is expected after '.', not {token.text!r}", token.at)
            at = self._at()
            node = Member(node, token.text, self._arguments() if self._peek() == "(" else None, at)
        return node

    def _primary(self) -> Node:
        token = self._next()
        if token.kind == "number":
            return Literal(float(token.text))
        if token.kind == "text":
            return Literal(token.text[1:-1])
        if token.kind == "name":
            at = self._at()
            calls = self._peek() == "("
            return Call(token.text, self._arguments(), at) if calls else Name(token.text, token.at)
        if token.text == "(":
            node = self._expression()
            self._expect(")")
            return node
        raise _syntax(f"{token.text!r} is not expected here", token.at)

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        arguments: list[Node] = []
        while not self._accept(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._expression())
        return tuple(arguments)

    def _at(self) -> int:
        """Where the next token stands."""
        return self._tokens[self._place].at if self._place < len(self._tokens) else self._end

    def _peek(self) -> str:
        if self._place == len(self._tokens):
            return ""
        token = self._tokens[self._place]
        return token.text if token.kind == "sign" else ""

    def _next(self) -> Token:
        if self._place == len(self._tokens):
            raise _syntax("The formula ends too early", self._end)
        self._place += 1
        return self._tokens[self._place - 1]

    def _accept(self, sign: str) -> bool:
        found = self._peek() == sign
        self._place += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            place = self._place
            found = self._tokens[place].text if place < len(self._tokens) else "the end"
            raise _syntax(f"{sign!r} is expected before {found!r}", self._at())
