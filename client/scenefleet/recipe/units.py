"""The unit of a formula's value, or where it adds temperatures to what is none. Pure.

Reflectance has no unit and bands of temperature have kelvin. A number takes the unit of what it
meets, so that `lwir11 - 273.15` is a difference of temperatures. Of a product and a power the
exponents of kelvin add and multiply.

One rule stands for a habit of papers: kelvin divided by the number 10000 has no unit. That is how
the thermal variants of burn and vegetation indices bring a temperature near to reflectances
(Holden et al. 2005, https://doi.org/10.1080/01431160500239008), and it is the way for a user to
say that the same is meant.
"""

from __future__ import annotations

from collections.abc import Callable

from scenefleet.recipe.indices import NamedIndex, with_numbers
from scenefleet_task.formula import COMPARISONS, Call, FormulaError, Name, Node, Number

Kelvin = float | None
"""Exponent of kelvin: 0 of reflectance, 1 of temperature; None of a number, which fits anything."""

THERMAL_SCALE = 10_000.0
"""Kelvin divided by this has no unit."""

AS_PUBLISHED = (
    "As published it does not tell how the temperature is scaled to go with reflectances; write "
    "the formula with a scale of your own, as in {my_index: ... lwir11 / 10000 ...}."
)

_AS_GIVEN = ("neg", "abs")
_ALIKE = ("+", "-", "max", "min", "clip")
_NUMBERS = (*COMPARISONS, "sign", "arctan2")
_PLAIN = ("arccos", "arcsin", "arctan", "cos", "exp", "log", "log10", "sin", "tan")


def kelvin(node: Node, units: Callable[[str], str]) -> Kelvin:
    """The exponent of kelvin in a formula's value.

    Args:
        node: over names of bands and numbers.
        units: a band's unit by its name, `reflectance` or `kelvin`.

    Raises:
        FormulaError: where the units do not go together.
    """
    if isinstance(node, Number):
        return None
    if isinstance(node, Name):
        return 1.0 if units(node.name) == "kelvin" else 0.0
    parts = [kelvin(operand, units) for operand in node.operands]
    return _of_call(node, parts)


def unit_problem(index: NamedIndex) -> str | None:
    """Why a published index is refused wherever its temperature is in kelvin, or None."""
    numbers = dict.fromkeys(index.constants, 1.0)
    try:
        kelvin(with_numbers(index.formula, numbers), _published_unit)
    except FormulaError as error:
        return f"{str(error).partition(': ')[2]}. {AS_PUBLISHED}"
    return None


def _published_unit(band: str) -> str:
    return "kelvin" if band.startswith("lwir") else "reflectance"


def _of_call(call: Call, parts: list[Kelvin]) -> Kelvin:
    function = call.function
    if function in _AS_GIVEN:
        return parts[0]
    if function in _ALIKE:
        return _same(call, parts)
    if function == "where":
        return _same(call, parts[1:])
    if function in _NUMBERS:
        _same(call, parts)
        return None
    return _of_power(call, parts)


def _of_power(call: Call, parts: list[Kelvin]) -> Kelvin:
    function, first = call.function, parts[0]
    if function == "*":
        return _sum(first, parts[1])
    if function == "/":
        if first == 1 and call.operands[1] == Number(THERMAL_SCALE):
            return 0.0
        return _sum(first, -parts[1] if parts[1] else parts[1])
    if function == "sqrt":
        return first and first / 2
    if function == "**":
        return _raised(call, parts)
    if function in _PLAIN:
        if first:
            raise _error(call, f"{function} takes no kelvin; divide by a temperature first")
        return first
    raise AssertionError(function)  # a function of the grammar that this module does not know yet


def _sum(first: Kelvin, second: Kelvin) -> Kelvin:
    if first is None or second is None:
        return first if second is None else second
    return first + second


def _raised(call: Call, parts: list[Kelvin]) -> Kelvin:
    base, exponent = parts
    if exponent:
        raise _error(call, "an exponent has no unit, and this has kelvin")
    if not base:
        return base
    times = _constant(call.operands[1])
    if times is None:
        raise _error(call, "kelvin to a power that is no plain number has no one unit")
    return base * times


def _same(call: Call, parts: list[Kelvin]) -> Kelvin:
    """The one unit of operands that must share it."""
    found = list(dict.fromkeys(part for part in parts if part is not None))
    if len(found) > 1:
        name = f"{call.function} takes" if call.function[0].isalpha() else f"{call.function} joins"
        raise _error(call, f"{name} {_words(found[0])} and {_words(found[1])}")
    return found[0] if found else None


def _words(unit: float) -> str:
    return {0.0: "reflectance (no unit)", 1.0: "kelvin"}.get(unit, f"kelvin ** {unit:g}")


def _constant(node: Node) -> float | None:
    """The value of a formula of numbers, signs and the four operations; None of any other."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Name):
        return None
    values = [_constant(operand) for operand in node.operands]
    first, last = values[0], values[-1]
    if first is None or last is None:
        return None
    if node.function == "/":
        return first / last if last else None
    operations: dict[str, float] = {"neg": -first, "+": first + last, "-": first - last}
    operations["*"] = first * last
    return operations.get(node.function)


def _error(call: Call, what: str) -> FormulaError:
    return FormulaError(what, call.position)
