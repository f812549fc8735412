"""CQL2 as scenefleet applies it, and one acquisition as one scene."""

import pytest

from scenefleet.catalog import from_json
from scenefleet.catalog.cql2 import UnsupportedFilterError, matches, supported
from scenefleet.catalog.duplicates import without_duplicates
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


@pytest.fixture
def product(item):
    """A Sentinel-2 product of tile 31UFT, by datastrip start and time of processing."""

    def make(name, processed, *, strip="S20230601T100005", baseline="05.09", tile="31UFT"):
        told = {
            "platform": "Sentinel-2A",
            "s2:mgrs_tile": tile,
            "s2:datatake_id": f"GS2A_20230601T100031_041470_N{baseline}",
            "s2:datastrip_id": f"S2A_OPER_MSI_L2A_DS_2APS_{processed}_{strip}_N{baseline}",
            "s2:generation_time": f"{processed[:4]}-{processed[4:6]}-{processed[6:8]}T12:00:00Z",
        }
        return from_json(item(name, **told))

    return make


def test_the_newest_processing_of_an_acquisition_is_kept(product):
    old = product("old", "20230601T140000", baseline="05.09")
    new = product("new", "20240501T140000", baseline="05.10")
    for order in ([old, new], [new, old]):
        kept, dropped = without_duplicates(order)
        assert kept == [new]
        assert [(d.item, d.reason) for d in dropped] == [
            ("old", "duplicate: new is the same, processed later")
        ]


def test_other_tiles_and_datastrips_are_no_duplicates(product):
    scenes = [
        product("a", "20230601T140000"),
        product("b", "20230601T150000", strip="S20230601T100431"),
        product("c", "20230601T140000", tile="31UGT"),
    ]
    assert without_duplicates(scenes) == (scenes, [])


def test_one_id_with_two_contents_is_told(product):
    first, other = product("a", "20230601T140000"), product("a", "20230601T150000")
    kept, dropped = without_duplicates([first, other])
    assert kept == [first]
    assert "different content" in dropped[0].reason
