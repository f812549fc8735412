"""CQL2 as scenefleet applies it."""

import pytest

from scenefleet.catalog.cql2 import UnsupportedFilterError, matches, supported
from scenefleet.errors import CatalogError

A = {"property": "a"}
YES = {"op": "=", "args": [A, 5]}
UNKNOWN = {"op": "<", "args": [{"property": "none"}, 5]}


def op(name, *arguments):
    return {"op": name, "args": list(arguments)}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (YES, True),
        (op("<>", A, 5), False),
        (op("<=", A, 5), True),
        (op(">", A, 5), False),
        (op("between", A, 4, 6), True),
        (op("in", A, [1, 5]), True),
        (op("in", A, [1]), False),
        (op("and", YES, op("not", YES)), False),
        (op("or", UNKNOWN, YES), True),
        (op("and", UNKNOWN, YES), False),
        (op("not", UNKNOWN), False),
        (op("isNull", {"property": "none"}), True),
        (op("isNull", A), False),
        (op("like", {"property": "t"}, "31U%"), True),
        (op("like", {"property": "t"}, "31U_T"), True),
        (op("like", {"property": "t"}, "31U"), False),
        (op("like", {"property": "t"}, "31U\\%"), False),
        (op("=", {"property": "collection"}, "c"), True),
        (op("<", {"property": "datetime"}, {"timestamp": "2024-01-01T00:00:00Z"}), True),
        (True, True),
    ],
)
def test_cql2(expression, expected):
    properties = {"a": 5, "t": "31UFT", "datetime": "2023-01-01T00:00:00Z"}
    item = {"id": "i", "collection": "c", "properties": properties}
    assert matches(expression, item) is expected
    assert supported(expression)


@pytest.mark.parametrize(
    "expression",
    [op("s_within", A, 1), op("=", A, op("casei", A)), op("and", YES, op("t_after", A))],
)
def test_operators_only_servers_know(expression):
    assert not supported(expression)
    with pytest.raises(UnsupportedFilterError):
        matches(expression, {"properties": {"a": 5}})


@pytest.mark.parametrize("expression", ["a < 5", {"a": 5}, {"op": "=", "args": []}])
def test_no_cql2_json(expression):
    with pytest.raises(CatalogError, match="no CQL2 JSON; write"):
        matches(expression, {})


def test_a_comparison_of_text_and_number():
    with pytest.raises(CatalogError, match="cannot be applied: '<'"):
        matches(op("<", A, "x"), {"properties": {"a": 5}})
