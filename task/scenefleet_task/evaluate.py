"""Formulas evaluated over arrays, in float32: what several formulas share is computed once.

Formulas become one list of steps, each an operator over earlier steps, so that a pixel's way
through `ndvi` and `evi` subtracts red from nir once. Arithmetic is numpy's own in float32; what
stands between constants is computed once, in float64, as Python would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from scenefleet_task.compute import Values, settled
from scenefleet_task.formula import Name, Node, Number, parse

Float32 = NDArray[np.float32]
Value = Float32 | float
"""An array of shape (height, width), or a constant."""


def _fold(two: Callable[..., Any]) -> Callable[..., Any]:
    """`min` and `max` take two or more."""

    def many(first: Any, *others: Any) -> Any:  # noqa: ANN401 - arrays and numbers
        for other in others:
            first = two(first, other)
        return first

    return many


def _clip(x: Any, low: Any, high: Any) -> Any:  # noqa: ANN401 - arrays and numbers
    return np.minimum(np.maximum(x, low), high)


def _where(condition: Any, then: Any, otherwise: Any) -> Any:  # noqa: ANN401 - arrays and numbers
    # a condition without a value gives none, rather than the second choice
    chosen = cast("Any", np.where(np.not_equal(condition, 0), then, otherwise))
    return np.where(np.isnan(condition), np.nan, chosen)


def _comparison(compare: Callable[..., Any]) -> Callable[..., Any]:
    """1 or 0; NaN where either side is, so that no value never becomes one."""

    def compared(left: Any, right: Any) -> Any:  # noqa: ANN401 - arrays and numbers
        unknown = np.isnan(left) | np.isnan(right)
        return np.where(unknown, np.nan, compare(left, right))

    return compared


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "**": np.power,
    "neg": np.negative,
    "<": _comparison(np.less),
    "<=": _comparison(np.less_equal),
    ">": _comparison(np.greater),
    ">=": _comparison(np.greater_equal),
    "==": _comparison(np.equal),
    "!=": _comparison(np.not_equal),
    "abs": np.abs,
    "arccos": np.arccos,
    "arcsin": np.arcsin,
    "arctan": np.arctan,
    "arctan2": np.arctan2,
    "clip": _clip,
    "cos": np.cos,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "max": _fold(np.maximum),
    "min": _fold(np.minimum),
    "sign": np.sign,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "where": _where,
}


@dataclass(frozen=True, slots=True)
class _Step:
    """One operation; operands are numbers of earlier steps, or constants."""

    function: str
    operands: tuple[int | float, ...]
    """A step's number is an int, a constant a float."""


class Program:
    """Several formulas over the same bands."""

    def __init__(self, formulas: Mapping[str, str]) -> None:
        """Compiles formulas, by name.

        Raises:
            FormulaError: if one is no formula.
        """
        self.bands: list[str] = []
        """Names that the formulas use; the first steps of the program."""
        self._steps: list[_Step] = []
        self._numbers: dict[str, int] = {}
        trees = {name: parse(text) for name, text in formulas.items()}
        for tree in trees.values():
            _collect(tree, self.bands)
        self._outputs = {name: self._compile(tree) for name, tree in trees.items()}
        self._last = self._last_uses()

    @property
    def steps(self) -> int:
        """Operations that a pixel goes through."""
        return len(self._steps)

    def run(self, bands: Mapping[str, Float32], *, spend: bool = False) -> dict[str, Values]:
        """Each formula's values; their array may be a band's own.

        Args:
            bands: arrays of one shape (height, width).
            spend: whether these may be overwritten.
        """
        shape = next(iter(bands.values())).shape
        values: list[Any] = [bands[name] for name in self.bands]
        count = len(values)
        spare: list[Float32] = []  # temporaries stay few, and in cache
        with np.errstate(all="ignore"):
            for number, step in enumerate(self._steps, count):
                operands = [values[o] if type(o) is int else o for o in step.operands]
                for done in self._last.get(number, ()):
                    if spend or done >= count:
                        spare.append(values[done])
                    values[done] = None
                values.append(_applied(_OPERATIONS[step.function], operands, spare))
            return {
                name: settled(self._value(o, values, shape)) for name, o in self._outputs.items()
            }

    def _value(self, place: float, values: Sequence[Any], shape: tuple[int, ...]) -> Float32:
        return values[place] if type(place) is int else np.full(shape, place, np.float32)

    def _compile(self, node: Node) -> int | float:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Name):
            return self.bands.index(node.name)
        operands = tuple(self._compile(operand) for operand in node.operands)
        if all(type(operand) is float for operand in operands):
            return _constant(node.function, operands)
        step = _Step(node.function, operands)
        key = repr(step)  # steps themselves will not do: step 1 equals the constant 1.0
        if key not in self._numbers:
            self._numbers[key] = len(self.bands) + len(self._steps)
            self._steps.append(step)
        return self._numbers[key]

    def _last_uses(self) -> dict[int, list[int]]:
        """By step: the values that nobody needs after it."""
        kept = {place for place in self._outputs.values() if type(place) is int}
        last: dict[int, int] = {}
        for number, step in enumerate(self._steps, len(self.bands)):
            for operand in step.operands:
                if type(operand) is int and operand not in kept:
                    last[operand] = number
        ends: dict[int, list[int]] = {}
        for value, number in last.items():
            ends.setdefault(number, []).append(value)
        return ends


def _collect(node: Node, bands: list[str]) -> None:
    if isinstance(node, Name):
        if node.name not in bands:
            bands.append(node.name)
    elif not isinstance(node, Number):
        for operand in node.operands:
            _collect(operand, bands)


def _constant(function: str, operands: tuple[float, ...]) -> float:
    with np.errstate(all="ignore"):
        value = _OPERATIONS[function](*(np.float64(operand) for operand in operands))
    return float(value)


def _applied(function: Callable[..., Any], operands: list[Any], spare: list[Float32]) -> Float32:
    """A step's values; numpy's own functions put them into one of the spare arrays."""
    if spare and isinstance(function, np.ufunc):
        return function(*operands, out=spare.pop())
    # a choice between two constants would be float64
    return function(*operands).astype(np.float32, copy=False)
