"""Packed texts come back as they were, whatever they are like."""

import json
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from scenefleet.catalog.packed import Packed


@given(st.lists(st.tuples(st.binary(max_size=3000), st.sampled_from("abc"))))
def test_texts_of_any_kind_come_back(texts: list[tuple[bytes, str]]) -> None:
    packed = Packed()
    assert [packed.add(text, kind) for text, kind in texts] == list(range(len(texts)))
    assert list(packed) == [text for text, _ in texts]
    assert len(packed) == len(texts)


def test_a_first_text_longer_than_deflates_window() -> None:
    packed = Packed()
    for number in range(3):
        packed.add(bytes(range(256)) * 400 + str(number).encode())
    assert [text[-1:] for text in packed] == [b"0", b"1", b"2"]


def test_items_of_one_collection_take_a_tenth(need) -> None:
    path = need("shared") / "data/stac/pc_search_s2l2a_b0212_33.json"
    texts = [json.dumps(item).encode() for item in json.loads(path.read_text())["features"]]
    packed = Packed()
    for text in texts:
        packed.add(text)
    kept = sum(len(text) for text in packed._texts[1:])
    assert kept < 0.1 * sum(map(len, texts[1:]))


def test_many_threads_read_at_once() -> None:
    packed = Packed()
    texts = [f"{n} ".encode() * 500 for n in range(200)]
    for text in texts:
        packed.add(text)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(packed.__getitem__, range(200))) == texts
