import itertools

import numpy as np
import pytest

from scenefleet_task import mask
from scenefleet_task.failure import TaskError
from scenefleet_task.spec import Exit, Mask, Reason


def masking(*classes: tuple[int, str]) -> Mask:
    return Mask(asset="SCL", href="/scl.tif", classes=classes)


def test_the_lowest_reason_wins_whatever_the_order() -> None:
    both = [r for r in Reason if r is not Reason.VALID]
    for first, second in itertools.permutations(both, 2):
        reasons = np.full((1, 1), mask.FREE, np.uint8)
        mask.add(reasons, np.ones((1, 1), bool), first)
        mask.add(reasons, np.ones((1, 1), bool), second)
        mask.settle(reasons)
        assert reasons[0, 0] == min(first, second)


def test_what_nothing_marks_is_valid() -> None:
    reasons = np.full((2, 2), mask.FREE, np.uint8)
    mask.add(reasons, None, Reason.NODATA)
    mask.add(reasons, np.array([[True, False], [False, False]]), Reason.CLOUD)
    mask.settle(reasons)
    assert reasons.tolist() == [[Reason.CLOUD, 0], [0, 0]]


def test_classes_become_reasons_and_others_are_valid() -> None:
    table = mask.lookup_table(masking((9, "cloud"), (3, "shadow"), (4, "valid")), np.dtype("u1"), 0)
    reasons = np.full((1, 5), mask.FREE, np.uint8)
    mask.add_classes(reasons, np.array([[9, 3, 4, 200, 0]], np.uint8), table)
    mask.settle(reasons)
    assert reasons.tolist() == [[Reason.CLOUD, Reason.SHADOW, 0, 0, Reason.NODATA]]


def test_a_class_goes_before_the_headers_nodata() -> None:
    table = mask.lookup_table(masking((0, "snow")), np.dtype("u2"), 0)
    assert table[0] == Reason.SNOW
    assert table.size == 65536


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint32"])
def test_what_is_no_classification_is_refused(dtype: str) -> None:
    with pytest.raises(TaskError, match=dtype) as caught:
        mask.lookup_table(masking((9, "cloud")), np.dtype(dtype), None)
    assert caught.value.exit is Exit.INPUT_MISMATCH
