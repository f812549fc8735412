"""What is asked for by dates is what is kept by dates, to the last microsecond."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenefleet.catalog import search
from scenefleet.catalog.haul import Span
from scenefleet.catalog.select import interval
from scenefleet.recipe import Search

DAY = "2023-06-30"
TIMES = {
    "midnight": f"{DAY}T00:00:00Z",
    "before": "2023-06-29T23:59:59.999999Z",
    "ten": f"{DAY}T10:00:00Z",
    "ten-and-half": f"{DAY}T10:00:00.5Z",
    "ten-zoned": f"{DAY}T12:00:00.25+02:00",
    "last": f"{DAY}T23:59:59Z",
    "last-fraction": f"{DAY}T23:59:59.9995Z",
    "last-nano": f"{DAY}T23:59:59.999999999Z",
    "leap": f"{DAY}T23:59:60Z",
    "next": "2023-07-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("dates", "kept"),
    [
        (DAY, set(TIMES) - {"before", "next"}),
        ("2023-06", set(TIMES) - {"next"}),
        (f"{DAY}/..", set(TIMES) - {"before"}),
        (f"../{DAY}", set(TIMES) - {"next"}),
        ("../2023-06-29", {"before"}),
        ("2023-07", {"next"}),
        (f"{DAY}T10:00:00Z", {"ten", "ten-and-half", "ten-zoned"}),
        (f"{DAY}T10:00:00.5Z", {"ten-and-half"}),
        (f"{DAY}T10:00:00.000Z/{DAY}T10:00:00.250Z", {"ten", "ten-zoned"}),
        (f"{DAY}T10:00:00.000Z/{DAY}T10:00:00.000Z", {"ten"}),
        (f"{DAY}T10:00:00.000001Z/{DAY}T12:00:00Z", {"ten-and-half", "ten-zoned"}),
        (f"{DAY}T12:00:00+02:00/{DAY}T12:00:00+02:00", {"ten", "ten-and-half", "ten-zoned"}),
        (f"{DAY}T23:59:59Z/..", {"last", "last-fraction", "last-nano", "leap", "next"}),
    ],
)
def test_a_server_and_a_file_give_the_same(
    stac_api, item, query, patience, collection_file, dates, kept
):
    items = [item(name, datetime=time) for name, time in TIMES.items()]
    path = collection_file(items)
    found = search(query(path, dates=dates), base=path.parent)
    assert {scene.id for scene in found.items} == kept
    exact = [item(name, datetime=plain(time)) for name, time in TIMES.items()]
    api = stac_api(exact, searches_dates=True)
    served = search(query(api.url, dates=dates), base=path.parent, patience=patience)
    assert {scene.id for scene in served.items} == kept
    assert served.notes == ()  # nothing came that was not wanted


def plain(time):
    """A time without a leap second, as a server's database has it."""
    return time.replace("23:59:60Z", "23:59:59.999999Z")


def test_the_last_second_is_asked_for(stac_api, item, query, patience, tmp_path):
    api = stac_api([item("a")], searches_dates=True)
    for dates, sent in (
        ("2023", "2023-01-01T00:00:00Z/2023-12-31T23:59:59.999999Z"),
        ("2023-06/..", "2023-06-01T00:00:00Z/.."),
        ("2023-06-01T10:00:00.25Z", "2023-06-01T10:00:00.250000Z/2023-06-01T10:00:00.250000Z"),
    ):
        search(query(api.url, dates=dates), base=tmp_path, patience=patience)
        assert api.searches[-1][1]["datetime"] == sent


def test_intervals_that_overlap_are_kept(item, query, collection_file):
    spans = {
        "ends-with-it": ("2023-05-01T00:00:00Z", "2023-06-01T00:00:00Z"),
        "ends-before": ("2023-05-01T00:00:00Z", "2023-05-31T23:59:59.999999Z"),
        "begins-with-its-end": ("2023-06-30T23:59:59.9995Z", "2023-08-01T00:00:00Z"),
        "begins-after": ("2023-07-01T00:00:00Z", "2023-08-01T00:00:00Z"),
        "holds-it": ("2022-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        "zoned": ("2023-07-01T01:00:00+02:00", "2023-07-02T00:00:00Z"),
    }
    items = [
        item(name, datetime=None, start_datetime=start, end_datetime=end)
        for name, (start, end) in spans.items()
    ]
    path = collection_file(items)
    found = search(query(path, dates="2023-06"), base=path.parent)
    assert {scene.id for scene in found.items} == {
        "ends-with-it",
        "begins-with-its-end",
        "holds-it",
        "zoned",
    }


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1))  # noqa: DTZ001 - made UTC below


@given(first=MOMENTS, more=st.timedeltas(timedelta(0), timedelta(days=400)), whole=st.booleans())
def test_what_is_sent_is_what_is_checked(first, more, whole):
    texts = [when.replace(microsecond=0) if whole else when for when in (first, first + more)]
    digits = "seconds" if whole else "microseconds"
    dates = "/".join(f"{when.isoformat(timespec=digits)}Z" for when in texts)
    read = Search.model_validate({"dates": dates}).dates
    start, end = interval(read)
    assert interval(Span(start, end).text) == (start, end)
    assert end == texts[1].replace(tzinfo=UTC, **({"microsecond": 999_999} if whole else {}))
