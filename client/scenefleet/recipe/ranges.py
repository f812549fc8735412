"""The range that a formula's own structure gives it, as -1 to 1 of a normalised difference. Pure.

Bands are reflectances or kelvin, which are not below 0. From that each step of a formula has a
least and a greatest value by interval arithmetic. A quotient of two sums of the same terms is known
better: of `(a1 x1 + a2 x2 + ...) / (b1 x1 + b2 x2 + ...)`, where no `x` and no `b` is below 0, the
value lies between the least and the greatest of the `a / b`, since it is their weighted mean. That
holds for NDVI and the like, for SAVI with its constant, and for kernel indices. Nothing is looked
up or guessed: a formula whose structure does not bound it, as EVI's, has no range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scenefleet_task import formula
from scenefleet_task.formula import COMPARISONS, Call, Name, Node, Number

_ONE = ""
"""The term that a number without a band is of."""
_TURN = math.pi / 2
_FIXED: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(COMPARISONS, (0.0, 1.0)),
    **dict.fromkeys(("sign", "sin", "cos"), (-1.0, 1.0)),
    "arctan": (-_TURN, _TURN),
    "arcsin": (-_TURN, _TURN),
    "arccos": (0.0, math.pi),
    "arctan2": (-math.pi, math.pi),
}
"""Functions whose values are bounded, whatever they are of."""


@dataclass(frozen=True, slots=True)
class _Span:
    """The least and the greatest value; infinite where there is none."""

    low: float
    high: float


_ALL = _Span(-math.inf, math.inf)


def own_range(node: Node) -> tuple[float, float] | None:
    """The least and greatest value of a formula over bands above 0; None where it is not bounded.

    Args:
        node: over names of bands and numbers.
    """
    span = _span(node)
    if isinstance(node, Number) or not (math.isfinite(span.low) and math.isfinite(span.high)):
        return None
    return span.low, span.high


def _span(node: Node) -> _Span:
    if isinstance(node, Number):
        return _Span(node.value, node.value)
    if isinstance(node, Name):
        return _Span(0.0, math.inf)
    if node.function in _FIXED:
        return _Span(*_FIXED[node.function])
    return _of_call(node, [_span(operand) for operand in node.operands])


def _of_call(node: Call, spans: list[_Span]) -> _Span:
    if node.function == "/":
        return _within(_quotient(*spans), _weighted_mean(*node.operands))
    return _RULES.get(node.function, _unbounded)(spans)


def _unbounded(spans: list[_Span]) -> _Span:
    del spans
    return _ALL


def _plus(spans: list[_Span]) -> _Span:
    one, other = spans
    return _Span(one.low + other.low, one.high + other.high)


def _negated(spans: list[_Span]) -> _Span:
    return _Span(-spans[0].high, -spans[0].low)


def _minus(spans: list[_Span]) -> _Span:
    return _plus([spans[0], _negated(spans[1:])])


def _least(spans: list[_Span]) -> _Span:
    return _Span(min(s.low for s in spans), min(s.high for s in spans))


def _greatest(spans: list[_Span]) -> _Span:
    return _Span(max(s.low for s in spans), max(s.high for s in spans))


def _clipped(spans: list[_Span]) -> _Span:
    return _least([_greatest(spans[:2]), spans[2]])


def _either(spans: list[_Span]) -> _Span:
    return _Span(min(s.low for s in spans[1:]), max(s.high for s in spans[1:]))


def _absolute(spans: list[_Span]) -> _Span:
    ends = sorted((abs(spans[0].low), abs(spans[0].high)))
    return _Span(0.0 if spans[0].low <= 0 <= spans[0].high else ends[0], ends[1])


def _root(spans: list[_Span]) -> _Span:
    return _Span(*(math.sqrt(max(0.0, end)) for end in (spans[0].low, spans[0].high)))


def _exponential(spans: list[_Span]) -> _Span:
    return _Span(_exp(spans[0].low), _exp(spans[0].high))


def _exp(value: float) -> float:
    return math.inf if value > 700 else math.exp(value)  # beyond a float's largest


def _times(one: float, other: float) -> float:
    return 0.0 if 0.0 in (one, other) else one * other


def _corners(one: _Span, other: _Span, of: Callable[[float, float], float]) -> _Span:
    found = [of(a, b) for a in (one.low, one.high) for b in (other.low, other.high)]
    return _Span(min(found), max(found))


def _product(spans: list[_Span]) -> _Span:
    one, other = spans
    return _corners(one, other, _times)


def _quotient(above: _Span, below: _Span) -> _Span:
    if below.low > 0:
        return _corners(above, _Span(1 / below.high, 1 / below.low), _times)
    if below.low == 0:
        return _Span(0.0 if above.low >= 0 else -math.inf, 0.0 if above.high <= 0 else math.inf)
    return _ALL


def _power(spans: list[_Span]) -> _Span:
    base, exponent = spans
    power = exponent.low
    if exponent.high != power or not math.isfinite(power):
        return _ALL
    if base.low < 0:
        return _Span(0.0, math.inf) if power % 2 == 0 else _ALL
    ends = sorted((_raised(base.low, power), _raised(base.high, power)))
    return _Span(*ends)


def _raised(base: float, power: float) -> float:
    if base == 0 and power < 0:
        return math.inf
    try:
        return base**power
    except OverflowError:
        return math.inf


def _within(one: _Span, other: _Span) -> _Span:
    return _Span(max(one.low, other.low), min(one.high, other.high))


def _weighted_mean(above: Node, below: Node) -> _Span:
    """The range of a quotient of sums of the same terms, none of them below 0."""
    parts, weights = _terms(above), _terms(below)
    if parts is None or weights is None or min(weights.values(), default=-1) < 0:
        return _ALL
    means = [parts.get(term, 0.0) / weight for term, weight in weights.items() if weight]
    if not means:
        return _ALL
    low, high = min(means), max(means)
    for term, part in parts.items():
        if part and not weights.get(term):  # grows while the weights stay
            low, high = (-math.inf, high) if part < 0 else (low, math.inf)
    return _Span(low, high)


def _terms(node: Node) -> dict[str, float] | None:
    """A sum's coefficients by term, none of which is below 0; None where a term may be."""
    if isinstance(node, Number):
        return {_ONE: node.value}
    if isinstance(node, Call) and node.function in ("+", "-"):
        one, other = (_terms(operand) for operand in node.operands)
        return None if one is None or other is None else _added(one, other, node.function)
    if isinstance(node, Call) and node.function == "neg":
        one = _terms(node.operands[0])
        return None if one is None else _scaled(one, -1.0)
    if isinstance(node, Call) and node.function in ("*", "/"):
        left, right = node.operands
        if (factor := _number(right)) is not None and (factor or node.function == "*"):
            one = _terms(left)
            return one and _scaled(one, factor if node.function == "*" else 1 / factor)
        if node.function == "*" and (factor := _number(left)) is not None:
            one = _terms(right)
            return one and _scaled(one, factor)
    return {formula.write(node): 1.0} if _span(node).low >= 0 else None


def _number(node: Node) -> float | None:
    span = _span(node)
    return span.low if span.low == span.high and math.isfinite(span.low) else None


def _added(one: dict[str, float], other: dict[str, float], sign: str) -> dict[str, float]:
    more = 1.0 if sign == "+" else -1.0
    return {t: one.get(t, 0.0) + more * other.get(t, 0.0) for t in {**one, **other}}


def _scaled(one: dict[str, float], factor: float) -> dict[str, float]:
    return {term: factor * part for term, part in one.items()}


_RULES: Mapping[str, Callable[[list[_Span]], _Span]] = {
    "+": _plus,
    "-": _minus,
    "*": _product,
    "**": _power,
    "neg": _negated,
    "abs": _absolute,
    "clip": _clipped,
    "exp": _exponential,
    "max": _greatest,
    "min": _least,
    "sqrt": _root,
    "where": _either,
}
"""The range of a step by those of its operands; others are not bounded."""
