"""GDAL's complaints become one sentence that a person reads: no function, no path twice, no cut."""

import pytest

from scenefleet_task.complaints import plain
from scenefleet_task.probe import judge

SEE = "Read failed. See previous exception for details."
BLOCK = "IReadBlock failed at X offset 1, Y offset 2: TIFFReadEncodedTile() failed."
TIFF = b"II*\0" + bytes(12)


@pytest.mark.parametrize(
    "place", ["", "band 1: ", "/vsi/a b, c/S2B_T31UFT/B08.tif, band 1: ", "/d/x.tif, band 12: "]
)
def test_a_broken_block_is_told_without_the_file(place: str) -> None:
    said = plain(f"{SEE}; {place}{BLOCK}; TIFFFillTile:Read error at row 768, col 768")
    assert said.startswith("the block in column 1, row 2 is broken: it cannot be decoded; ")
    assert said.endswith("Read error at row 768, col 768")
    assert "B08" not in said
    assert "previous exception" not in said


def test_a_long_complaint_ends_between_words() -> None:
    words = " ".join(f"word{n}" for n in range(100))
    text = judge(TIFF, 10_000, words, 0).text
    assert text.startswith("truncated or corrupt (word0 word1 ")
    assert text.endswith(" ...).")
    last = text.removesuffix(" ...).").split()[-1]
    assert f" {last} " in words, "no word is cut"
    assert len(text) < 280
    assert judge(TIFF, 10_000, "short", 0).text == "truncated or corrupt (short)."
