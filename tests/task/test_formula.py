"""A formula means what Python means by the same text, or is refused where it goes wrong."""

import importlib.util
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenefleet_task.formula import (
    COMPARISONS,
    DEEPEST,
    FUNCTIONS,
    LONGEST,
    MOST,
    Call,
    FormulaError,
    Name,
    Node,
    Number,
    each_name,
    names,
    parse,
    replace,
    write,
)

PYTHON: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "clip": lambda x, low, high: min(max(x, low), high),
    "max": max,
    "min": min,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "where": lambda condition, then, otherwise: then if condition else otherwise,
    "arccos": math.acos,
    "arcsin": math.asin,
    "arctan": math.atan,
    "arctan2": math.atan2,
    **{name: getattr(math, name) for name in ("cos", "exp", "log", "log10", "sin", "sqrt", "tan")},
}

BANDS = {"red": 0.25, "nir": 0.5, "x_1": 3.0}


def value(node: Node) -> float:
    """The tree's value by Python's operators, one node at a time."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Name):
        return BANDS[node.name]
    operands = [value(operand) for operand in node.operands]
    if node.function == "neg":
        return -operands[0]
    if node.function in PYTHON:
        return float(PYTHON[node.function](*operands))
    scope = {"a": operands[0], "b": operands[1]}
    # a comparison's value stays a bool: its negative is a whole number, without -0, to both
    return eval(f"a {node.function} b", {}, scope)  # noqa: S307 - our own text


def shape(node: Node) -> object:
    """The tree without positions."""
    if isinstance(node, Call):
        return (node.function, *(shape(operand) for operand in node.operands))
    return node.value if isinstance(node, Number) else node.name


def parsed(text: str) -> Node | FormulaError:
    try:
        return parse(text)
    except FormulaError as error:
        return error


numbers = st.floats(min_value=0, allow_infinity=False, allow_nan=False).map(Number)
leaves = st.one_of(numbers, st.sampled_from(sorted(BANDS)).map(lambda name: Name(name, 0)))


def calls(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    signs = st.sampled_from(("+", "-", "*", "/", "**", *COMPARISONS))
    two = st.builds(lambda sign, a, b: Call(sign, (a, b), 0), signs, inner, inner)
    negative = st.builds(lambda a: Call("neg", (a,), 0), inner)
    functions = st.sampled_from(sorted(FUNCTIONS)).flatmap(
        lambda name: st.builds(
            lambda operands: Call(name, tuple(operands), 0),
            st.lists(inner, min_size=FUNCTIONS[name][0], max_size=min(4, FUNCTIONS[name][1])),
        )
    )
    return st.one_of(two, negative, functions)


trees: st.SearchStrategy[Node] = st.recursive(leaves, calls, max_leaves=25)


@given(trees)
@settings(max_examples=400, deadline=None)
def test_what_is_written_reads_back_as_the_same_tree(node: Node) -> None:
    assert shape(parse(write(node))) == shape(node)


@given(trees)
@settings(max_examples=200, deadline=None)
def test_what_is_written_means_to_python_what_the_tree_means(node: Node) -> None:
    try:
        expected = value(node)
    except (ArithmeticError, ValueError, TypeError):  # TypeError: a complex power, then compared
        return
    # numbers are floats in a formula: as whole numbers, Python has no -0
    floats = re.sub(r"(?<![\w.])(?<!e[-+])(\d+)(?![\w.])", r"\1.0", write(node))
    found = eval(floats, {"__builtins__": {}}, PYTHON | BANDS)  # noqa: S307 - our own text
    assert found == expected or (math.isnan(found) and math.isnan(expected))


@given(st.text(max_size=60) | st.text(alphabet="ab1.e+-*/<>=!(), \n\t", max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_formula_or_is_refused_at_a_place_in_it(text: str) -> None:
    node = parsed(text)
    if isinstance(node, FormulaError):
        assert 0 <= node.position <= len(text)
        assert str(node).startswith(f"column {node.position + 1}: ")
    else:
        assert shape(parse(write(node))) == shape(node)
        assert names(node) <= set(re.findall(r"[A-Za-z_]\w*", text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("(-2) ** 2", 4),
        ("2 ** -1", 0.5),
        ("8 / 4 / 2", 1),
        ("8 - 4 - 2", 2),
        ("--1", 1),
        ("+-+1", -1),
        ("1 + 2 < 4 * 1", 1),
        ("(1 < 2) * (2 < 1)", 0),
        (".5 + 1. + 1e2 + 1E-1", 101.6),
        ("where(nir > red, max(nir, red, 3), 9)", 3),
        ("clip(nir * 10, 0, 1)", 1),
        ("\t( nir\n- red ) / (nir+red) ", 1 / 3),
    ],
)
def test_precedence_is_pythons(text: str, expected: float) -> None:
    assert value(parse(text)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, ["the formula's end"]),
        ("nir red", 5, ["'red'", "an operator"]),
        ("nir -", 6, ["the formula's end"]),
        ("(nir - red", 11, ["( of column 1"]),
        ("nir - red)", 10, ["')'"]),
        ("nir ^ 2", 5, ["'^'", "**"]),
        ("nir = red", 5, ["=="]),
        ("nir % 2", 5, ["remainder"]),
        ("nir & red", 5, ["product"]),
        ("nir | red", 5, ["max("]),
        ("nir[0]", 4, ["parentheses"]),
        ("red.real", 4, ["no parts"]),
        ("a < b < c", 7, ["not chained"]),
        ("exp", 1, ["is a function"]),
        ("exp()", 5, ["')'"]),
        ("exp(1, 2)", 1, ["takes 1 arguments, not 2"]),
        ("where(1, 2)", 1, ["takes 3"]),
        ("max(1)", 1, ["2 to 16"]),
        ("eval(1)", 1, ["'eval' is no function", "exp"]),
        ("__import__('os')", 12, ["has no place"]),
        ("()", 2, ["a number, a band or a function"]),
        ("().__class__", 3, ["no parts"]),
        ("lambda: 1", 7, ["has no place"]),
        ("1e999", 1, ["beyond what a number can hold"]),
        ("2x", 1, ["has no place"]),
        ("1_000", 1, ["has no place"]),
        ("0x10", 1, ["has no place"]),
        ("nir * ²", 7, ["has no place"]),
        ("nír - red", 2, ["has no place"]),
        ("nir - \x00", 7, ["has no place"]),
    ],
)
def test_refusals_name_the_column(text: str, column: int, words: list[str]) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert caught.value.position == column - 1, str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "(" * (DEEPEST + 1) + "1" + ")" * (DEEPEST + 1),
        "-" * (DEEPEST + 1) + "1",
        "1" + "**1" * (DEEPEST + 1),
        "exp(" * (DEEPEST + 1) + "1" + ")" * (DEEPEST + 1),
        "1" + "+1" * (MOST + 1),
        " " * (LONGEST + 1),
        "9" * LONGEST,
    ],
    ids=["unclosed", "deep", "signs", "powers", "functions", "operators", "long", "digits"],
)
def test_what_would_exhaust_who_walks_the_tree_is_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        parse(text)


def test_the_bounds_themselves_are_taken() -> None:
    assert value(parse("(" * DEEPEST + "1" + ")" * DEEPEST)) == 1
    many = parse("1" + "+1" * MOST)
    assert value(many) == MOST + 1
    assert shape(parse(write(many))) == shape(many)


def test_names_stand_where_they_stand_and_can_be_replaced() -> None:
    node = parse("(nir - red) / max(nir, L)")
    assert [(name.name, name.position) for name in each_name(node)] == [
        ("nir", 1), ("red", 7), ("nir", 18), ("L", 23),
    ]  # fmt: skip
    assert names(node) == {"nir", "red", "L"}
    put = replace(node, {"L": Number(0.5), "nir": parse("a + b")})
    assert write(put) == "(a + b - red) / max(a + b, 0.5)"


def published() -> dict[str, dict[str, Any]]:
    found = importlib.util.find_spec("spyndex")
    assert found
    assert found.origin
    table = Path(found.origin).with_name("data") / "spectral-indices-dict.json"
    return json.loads(table.read_text(encoding="utf-8"))["SpectralIndices"]


def test_every_published_index_is_a_formula_that_means_what_python_means() -> None:
    table = published()
    assert len(table) >= 280
    rng = np.random.default_rng(3)
    for name, index in table.items():
        node = parse(index["formula"])
        assert names(node) == set(index["bands"]), name
        scope = {band: rng.uniform(0.1, 0.6, 40) for band in index["bands"]}
        with np.errstate(all="ignore"):
            theirs = eval(index["formula"], {}, scope)  # noqa: S307 - the package's own
            ours = eval(write(node), {}, scope)  # noqa: S307
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, err_msg=name)
