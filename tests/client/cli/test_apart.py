"""Names of a table are shortened so that those that differ still do."""

import pytest

from scenefleet.cli.apart import shorten_apart
from scenefleet.cli.cells import cells
from scenefleet.cli.narrow import put_rows

TILES = [
    "S2B_MSIL2A_20220209T105149_R051_T31UFT_20220209T131942",
    "S2B_MSIL2A_20220209T105149_R051_T31UGT_20220209T131942",
    "S2A_MSIL2A_20220325T105031_R051_T31UFT_20220325T141833",
]
NAMES = {
    "one tile apart": TILES[:2],
    "scenes": TILES,
    "many scenes": [f"LC08_L2SP_{n:06}_20230601_20230607_02_T1_with_a_long_end" for n in range(30)],
    "beginnings and ends alike": [f"{'x' * 40}{n}{'y' * 40}" for n in range(3)],
    "other numbers of fields": ["aaaa_" * 9 + "b_1", "aaaa_" * 9 + "b_2", "aaaa_" * 10 + "c"],
    "wide letters": [f"場面_2024年08月25日_オランダ_{n}_ゼーラントゼーラント" for n in (1, 2)],
    "runs": [f"monthly-vegetation-of-the-netherlands-{n:010x}" for n in (1, 2)],
    "one is short": ["a", *TILES],
}


@pytest.mark.parametrize("most", [12, 16, 20, 30, 40])
@pytest.mark.parametrize("kind", NAMES)
def test_what_differs_stays(kind: str, most: int) -> None:
    short = shorten_apart(NAMES[kind], most)
    assert max(map(cells, short)) <= most
    assert len(set(short)) == len(NAMES[kind]), short
    assert not any("……" in name for name in short)


def test_the_tile_stays_where_it_is_all_that_differs() -> None:
    assert shorten_apart(TILES[:2], 35) == ["S2B_MSIL2A…R051_T31UFT…", "S2B_MSIL2A…R051_T31UGT…"]


def test_what_fits_is_left_as_it_is_and_equal_names_stay_equal() -> None:
    assert shorten_apart(TILES, 60) == TILES
    assert shorten_apart([], 10) == []
    same = shorten_apart([TILES[0], TILES[0], TILES[1]], 20)
    assert same[0] == same[1] != same[2]


@pytest.mark.parametrize("most", [40, 80])
def test_rows_of_a_table_differ(capsys: pytest.CaptureFixture[str], most: int) -> None:
    rows = [(("done", "2022-02-09", "12.3", "97.1", 1, name), "") for name in TILES[:2]]
    headers = ("state", "date", "seconds", "valid %", "tries", "scene")
    put_rows(headers, rows, name=5, spare=(4, 2, 3), most=most)
    lines = capsys.readouterr().out.splitlines()
    assert "T31UFT" in lines[1]
    assert "T31UGT" in lines[2]
    assert max(map(len, lines)) <= most
