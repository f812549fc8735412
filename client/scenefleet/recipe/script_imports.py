"""Modules that a processing script imports, read from its syntax tree: it is never run. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, slots=True)
class Import:
    """A module that a script cannot do without."""

    name: str
    """As it is written, such as `skimage.filters`; begins with a dot where it is relative."""
    line: int


def imports(text: str) -> tuple[Import, ...]:
    """Returns the modules that a script imports wherever it does, in the order of its lines.

    Left out is what a script looks out for itself: an import whose failure it catches, one for type
    checkers alone, one of a version of Python or a platform, one of `if __name__ == "__main__"`.

    Args:
        text: of a script that can be parsed.
    """
    reader = _Reader()
    with suppress(RecursionError):  # an expression that is nested very deeply imports nothing
        reader.visit(ast.parse(text))
    first: dict[str, Import] = {}
    for found in sorted(reader.found, key=lambda one: one.line):
        first.setdefault(found.name, found)
    return tuple(first.values())


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[Import] = []

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [Import(alias.name, node.lineno) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module:
            self.found.append(Import("." * node.level + node.module, node.lineno))
        else:
            self.found += [
                Import("." * node.level + alias.name, node.lineno) for alias in node.names
            ]

    def visit_Call(self, node: ast.Call) -> None:
        named = _last_name(node.func) in ("import_module", "__import__")
        first = node.args[0] if named and node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value:
            self.found.append(Import(first.value, node.lineno))
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        caught = any(_catches_import(handler.type) for handler in node.handlers)
        self._visit_all([*([] if caught else [*node.body, *node.handlers]), *node.orelse])
        self._visit_all(node.finalbody)

    def visit_With(self, node: ast.With) -> None:
        if not any(_suppresses_import(item.context_expr) for item in node.items):
            self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        test, turned = node.test, False
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, turned = test.operand, True
        names = set(_names(test))
        if names & _OWN_CHECKS:
            return
        never = "TYPE_CHECKING" in names or "__name__" in names
        kept = (node.orelse, node.body)[turned] if never else [*node.body, *node.orelse]
        self.visit(node.test)
        self._visit_all(kept)

    def _visit_all(self, nodes: list[ast.AST] | list[ast.stmt]) -> None:
        for node in nodes:
            self.visit(node)


_OWN_CHECKS = frozenset(("version_info", "platform", "find_spec", "implementation"))
"""Names in a condition by which a script chooses what it imports."""
_IMPORT_ERRORS = frozenset(("ImportError", "ModuleNotFoundError", "Exception", "BaseException"))


def _last_name(node: ast.expr) -> str:
    """`c` of `a.b.c`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _names(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name | ast.Attribute):
            yield _last_name(cast("ast.expr", part))


def _suppresses_import(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and _last_name(node.func) == "suppress"
        and any(map(_catches_import, node.args))
    )


def _catches_import(kind: ast.expr | None) -> bool:
    """Tells whether a handler takes the error of an import; one without a type takes any."""
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(_last_name(one) in _IMPORT_ERRORS for one in kinds)
