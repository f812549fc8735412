"""JSON values as dataclasses: the quick readers take what the slow walk takes, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenefleet_task.typed import DocumentError, _walk, build, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    only: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    name: str
    count: int
    size: float
    on: bool
    kind: Literal["a", "b"]
    maybe: float | None
    pair: tuple[float, float]
    leaves: tuple[Leaf, ...]
    leaf: Leaf | None
    told: dict[str, Any]


GOOD: dict[str, Any] = {
    "name": "x",
    "count": 1,
    "size": 2,
    "on": True,
    "kind": "a",
    "maybe": None,
    "pair": [1, 2.5],
    "leaves": [{"only": "y"}, {"only": "z"}],
    "leaf": {"only": "w"},
    "told": {"free": [1, {"x": None}]},
}


def test_a_good_value_is_built_and_told_again() -> None:
    tree = build(Tree, GOOD, "tree")
    assert tree == Tree(
        name="x",
        count=1,
        size=2.0,
        on=True,
        kind="a",
        maybe=None,
        pair=(1.0, 2.5),
        leaves=(Leaf(only="y"), Leaf(only="z")),
        leaf=Leaf(only="w"),
        told={"free": [1, {"x": None}]},
    )
    assert type(tree.size) is type(tree.pair[0]) is float
    assert plain(tree) == GOOD
    assert plain(tree)["told"] is tree.told


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("name", 1, "tree.name: 1 is no str"),
        ("count", True, "tree.count: True is no int"),
        ("count", 1.0, "tree.count: 1.0 is no int"),
        ("size", "1", "tree.size: '1' is no float"),
        ("size", False, "tree.size: False is no float"),
        ("on", 1, "tree.on: 1 is no bool"),
        ("kind", "c", "tree.kind: 'c'; one of ['a', 'b']"),
        ("maybe", "x", "tree.maybe: 'x' is no float"),
        ("pair", [1], "tree.pair: 1 values; 2 are needed"),
        ("pair", [1, "x"], "tree.pair[1]: 'x' is no float"),
        ("leaves", {"only": "x"}, "tree.leaves: {'only': 'x'} is no list"),
        ("leaves", [{"only": "x"}, {"only": 3}], "tree.leaves[1].only: 3 is no str"),
        ("leaves", [None], "tree.leaves[0]: None is no object"),
        ("leaf", {"only": "x", "b": 1}, "tree.leaf: unknown key 'b'; allowed are ['only']"),
        ("leaf", {}, "tree.leaf: key 'only' is missing"),
        ("told", [], "tree.told: [] is no dict"),
    ],
)
def test_a_bad_value_is_told_with_its_place(key: str, value: Any, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        build(Tree, GOOD | {key: value}, "tree")
    assert str(caught.value) == words


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from("abx"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["only", "x"]), inner)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(GOOD)), JSON, st.booleans())
def test_the_readers_agree_with_the_walk(key: str, value: Any, gone: bool) -> None:
    changed = json.loads(json.dumps(GOOD)) | {key: value}
    if gone:
        del changed[key]
    assert outcome(build, changed) == outcome(_walk, changed)


def outcome(read: Callable[[Any, Any, str], Any], value: Any) -> str:
    """What was built, its types included (1 and 1.0 differ), or the error's text."""
    try:
        return repr(read(Tree, value, "tree"))
    except DocumentError as error:
        return str(error)
