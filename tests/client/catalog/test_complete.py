"""Searches that careless and hostile servers answer: all of it comes, or it is an error."""

import json
import random
from datetime import datetime, timedelta

import pytest

from scenefleet.catalog import Paging, Patience, search
from scenefleet.errors import CatalogError

SEARCHED = {"searches_dates": True, "counts": None, "links": False}
"""A server that looks for dates, neither counts nor names a next page."""


@pytest.fixture
def look(query, tmp_path):
    """`look(api, page=10, dates=...)` searches with pages of that size."""

    def find(api, page=10, paging=None, **keys):
        patience = Patience(
            retries=0, backoff=0, timeout=(5, 20), page=page, paging=paging or Paging()
        )
        return search(query(api.url, **keys), base=tmp_path, patience=patience)

    return find


@pytest.fixture
def season(item):
    """`season(25)`: items an hour from each other, the oldest first."""

    def make(count, step=1, **keys):
        first = datetime.fromisoformat("2023-06-01T00:00:00Z")
        times = ((first + timedelta(hours=n // step)).isoformat() for n in range(count))
        return [item(f"i{n:03}", datetime=time, **keys) for n, time in enumerate(times)]

    return make


def ids(result):
    return [scene.id for scene in result.items]


def named(items):
    return [item["id"] for item in items]


@pytest.mark.parametrize("order", ["falling", "rising", ""])
@pytest.mark.parametrize("methods", [("GET", "POST"), ("GET",)])
@pytest.mark.parametrize("dates", [None, "2023", "2023-06-01/.."])
@pytest.mark.parametrize("step", [1, 3])
def test_a_full_page_without_next_or_count_is_asked_on(
    stac_api, season, look, order, methods, dates, step
):
    items = season(47, step)
    random.Random(3).shuffle(items)
    api = stac_api(items, order=order, methods=methods, **SEARCHED)
    result = look(api, dates=dates)
    assert sorted(ids(result)) == sorted(named(items))
    assert result.dropped == ()
    assert result.notes == (
        "The server named no further page after 10 items; 37 more were found by asking on by "
        "dates.",
    )


@pytest.mark.parametrize("order", ["falling", "rising", ""])
@pytest.mark.parametrize("count", [10, 20, 30])
def test_as_many_items_as_a_page_has_are_all(stac_api, season, look, order, count):
    """Nothing tells that there is no more but that asking on brings nothing new."""
    items = season(count)
    result = look(stac_api(items, order=order, **SEARCHED))
    assert ids(result) == named(items)
    assert bool(result.notes) == (count > 10)


def test_a_server_with_smaller_pages_than_asked_for_is_asked_on(stac_api, season, look):
    items = season(23)
    assert ids(look(stac_api(items, order="falling", page=3, **SEARCHED))) == named(items)


@pytest.mark.parametrize("null", [{"rel": "next", "href": None}, {"rel": "next"}, None, "next"])
def test_a_next_link_that_leads_nowhere_is_none(stac_api, season, look, null):
    items = season(25)
    api = stac_api(items, order="falling", **SEARCHED)
    api.answers = lambda given, _: api._page("POST", given) | {"links": [null]}
    assert ids(look(api)) == named(items)


@pytest.mark.parametrize("links", [None, {"next": "x"}, "next", 5])
def test_links_that_are_no_list_name_no_page(stac_api, season, look, links):
    items = season(15)
    api = stac_api(items, order="falling", **SEARCHED)
    api.answers = lambda given, _: api._page("POST", given) | {"links": links}
    assert ids(look(api)) == named(items)


def test_a_full_page_where_dates_do_not_help_is_an_error(stac_api, season, look):
    api = stac_api(season(25), page=10, counts=None, links=False)
    with pytest.raises(CatalogError, match="Nothing tells whether there is more"):
        look(api)


def test_more_items_of_one_moment_than_a_page_has_come_by_a_larger_page(stac_api, season, look):
    items = season(40, step=35)
    assert sorted(ids(look(stac_api(items, order="falling", **SEARCHED)))) == named(items)


def test_more_items_of_one_moment_than_the_server_ever_gives_are_an_error(stac_api, season, look):
    api = stac_api(season(40, step=35), order="falling", page=10, **SEARCHED)
    with pytest.raises(CatalogError, match="Nothing tells whether there is more"):
        look(api)


def test_items_with_intervals_are_asked_on(stac_api, item, look):
    spans = [(f"2023-{m:02}-01T00:00:00Z", f"2023-{m:02}-28T00:00:00Z") for m in range(1, 13)]
    keys = ("start_datetime", "end_datetime")
    items = [
        item(f"i{n:02}", datetime=None, **dict(zip(keys, span, strict=True)))
        for n, span in enumerate(spans)
    ]
    assert ids(look(stac_api(items, order="falling", **SEARCHED), page=5)) == named(items)


def test_a_truncated_search_that_is_counted_is_completed(stac_api, season, look):
    items = season(25)
    api = stac_api(items, order="falling", searches_dates=True, links=False)
    result = look(api)
    assert ids(result) == named(items)
    assert "15 more were found" in result.notes[0]


def test_a_count_that_is_only_that_of_the_page_does_not_end_a_search(stac_api, season, look):
    items = season(25)
    api = stac_api(items, order="falling", searches_dates=True, links=False)
    api.count = lambda found: min(found, 10)
    assert ids(look(api)) == named(items)


@pytest.mark.parametrize(
    "count",
    [
        lambda found: found + 7,
        lambda found: found * 2,
        lambda found: round(found * 1.2),
        lambda found: max(found, 12) if found > 3 else found,
        lambda found: found // 2,
        lambda found: min(found, 10_000),
    ],
)
@pytest.mark.parametrize("size", [5, 100])
def test_an_estimate_does_not_make_a_complete_answer_an_error(stac_api, season, look, count, size):
    items = season(11)
    api = stac_api(items, order="falling", searches_dates=True, count=count)
    result = look(api, page=size)
    assert ids(result) == named(items)
    assert any("is an estimate" in note for note in result.notes) == (count(11) > 11)


@pytest.mark.parametrize(("says", "estimate"), [(23, False), (40, True)])
def test_a_number_that_asking_on_reaches_is_no_estimate(stac_api, season, look, says, estimate):
    """The server says the same of whatever it is asked, and names no further page."""
    items = season(23)
    api = stac_api(items, order="falling", searches_dates=True, count=lambda _: says, links=False)
    result = look(api)
    assert ids(result) == named(items)
    found = "named no further page after 10 items; 13 more were found"
    assert any(found in note for note in result.notes)
    told = f"The server says {says} items match, 23 came; asking in parts"
    assert any(note.startswith(told) for note in result.notes) == estimate


def test_pages_that_end_well_are_believed_where_the_server_does_not_look_for_dates(
    stac_api, season, look
):
    items = season(25)
    result = look(stac_api(items, page=10, lost=5))
    assert ids(result) == named(items)
    assert result.notes == (
        "The server says 30 items match, 25 came; its pages came to a proper end, so that its "
        "number is an estimate.",
    )
    with pytest.raises(CatalogError, match="says 25 items match, but only 20 came"):
        look(stac_api(items[:20], page=10, lost=5))


@pytest.mark.parametrize("lost", [1, 3])
def test_items_that_are_counted_but_never_come_are_an_error(stac_api, season, look, lost):
    items = season(30)
    api = stac_api(items, order="falling", searches_dates=True)
    hidden = set(named(items)[7 : 7 + lost])

    def without(given, _):
        page = api._page("POST", given)
        return page | {"features": [one for one in page["features"] if one["id"] not in hidden]}

    api.answers = without
    with pytest.raises(CatalogError, match=f"says 30 items match, but only {30 - lost} came"):
        look(api)


@pytest.mark.parametrize("counts", ["numberMatched", "context"])
@pytest.mark.parametrize("goes_on", [False, True])
def test_a_last_page_that_comes_again_after_the_end(stac_api, season, look, counts, goes_on):
    items = season(13)
    api = stac_api(items, counts=counts, page=10, order="rising")

    def answer(given, number):
        page = api._page("POST", given if number < 2 else given | {"token": "10"})
        if number == 1 or (number > 1 and goes_on):
            page["links"].append(api._next("POST", given | {"token": f"more-{number}"}))
        return page

    api.answers = answer
    result = look(api)
    assert ids(result) == named(items)
    assert len(api.searches) == 3


def test_a_short_last_page_that_comes_again_uncounted_is_asked_on(stac_api, season, look):
    items = season(13)
    api = stac_api(items, order="falling", searches_dates=True, counts=None)

    def answer(given, number):
        if number != 2:
            page = api._page("POST", given)
        else:
            page = api._page("POST", given | {"token": "10"})
        if number in (1, 2):
            page["links"].append(api._next("POST", given | {"token": f"more-{number}"}))
        return page

    api.answers = answer
    assert ids(look(api)) == named(items)
    assert len(api.searches) == 4


@pytest.mark.parametrize("step", [1, 3])
def test_a_last_page_that_always_comes_again_uncounted_ends_each_search(
    stac_api, season, look, step
):
    items = season(13, step)
    api = stac_api(items, order="falling", searches_dates=True, counts=None, page=5)

    def answer(given, _):
        page = api._page("POST", given)
        if not page["links"]:
            page["links"].append(api._next("POST", given))
        return page

    api.answers = answer
    assert sorted(ids(look(api, page=100))) == named(items)


ROUNDS = {
    "A, B, A, B": lambda pages, n: (pages[n % 2], f"token-{n}"),
    "A, B, B": lambda pages, n: (pages[min(n, 1)], f"token-{n}"),
    "A, A": lambda pages, n: (pages[0], f"token-{n}"),
    "the same token": lambda pages, _: (pages[0], "token"),
    "A, B, C, B, C": lambda pages, n: (pages[n if n < 3 else 1 + (n - 1) % 2], f"token-{n}"),
    "shuffled": lambda pages, n: (pages[0][n % 10 :] + pages[0][: n % 10], f"token-{n}"),
    "changing": lambda pages, n: ([one | {"n": n} for one in pages[0]], f"token-{n}"),
}


@pytest.mark.parametrize("form", ROUNDS)
@pytest.mark.parametrize("link", ["post", "merge", "get"])
@pytest.mark.parametrize("matched", [None, 500])
def test_paging_that_goes_round_is_an_error(stac_api, season, look, form, link, matched):
    items = season(30)
    pages = [items[:10], items[10:20], items[20:]]
    api = stac_api(items)

    def answer(given, number):
        features, token = ROUNDS[form](pages, number)
        following = {
            "post": {"method": "POST", "body": given | {"token": token}},
            "merge": {"method": "POST", "body": {"token": token}, "merge": True},
            "get": {"method": "GET"},
        }[link]
        href = f"{api.url}search?token={token}" if link == "get" else f"{api.url}search"
        page = {
            "type": "FeatureCollection",
            "features": features,
            "links": [{"rel": "next", "href": href, **following}],
        }
        return page if matched is None else page | {"numberMatched": matched}

    api.answers = answer
    with pytest.raises(CatalogError, match="paging goes round"):
        look(api)
    assert len(api.searches) <= 5


def test_one_token_for_all_pages_is_fine_while_items_come(stac_api, season, look):
    """As scrolling in Elasticsearch works."""
    items = season(30)
    api = stac_api(items)

    def answer(given, number):
        links = [api._next("POST", given | {"token": "scroll"})] if number < 3 else []
        features = items[number * 10 : number * 10 + 10]
        return {"type": "FeatureCollection", "features": features, "links": links}

    api.answers = answer
    assert ids(look(api)) == named(items)


def test_an_empty_page_among_others_ends_nothing(stac_api, season, look):
    items = season(20)
    pages = [items[:10], [], items[10:], []]
    api = stac_api(items)

    def answer(given, number):
        links = [api._next("POST", given | {"token": str(number)})]
        return {"type": "FeatureCollection", "features": pages[min(number, 3)], "links": links}

    api.answers = answer
    assert ids(look(api)) == named(items)


def endless(api, item):
    def answer(given, number):
        made = [item(f"{number}-{n}") for n in range(3)]
        links = [api._next("POST", given | {"token": str(number)})]
        return {"type": "FeatureCollection", "features": made, "links": links}

    return answer


def test_pages_without_an_end_are_an_error_that_tells_the_limit(stac_api, item, look):
    api = stac_api([item("a")])
    api.answers = endless(api, item)
    with pytest.raises(CatalogError, match=r"more than 7 pages without .* scenefleet's limit"):
        look(api, paging=Paging(pages=7))
    assert len(api.searches) == 7
    with pytest.raises(CatalogError, match="pages for more than 0 minutes"):
        look(api, paging=Paging(seconds=0))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"message": "database is asleep"}, "no type, and it says 'database is asleep'"),
        ({"type": "FeatureCollection", "features": None}, "it has no features"),
        ({"type": "FeatureCollection"}, "it has no features"),
        ({"type": "FeatureCollection", "features": {"a": 1}}, "its features are no list"),
        ({"type": "FeatureCollection", "features": "x", "detail": "late"}, "says 'late'"),
        ({"code": "Timeout", "description": "too slow"}, "says 'too slow'"),
        ({"error": {"message": "quota"}}, "says 'quota'"),
        ({"errors": ["quota"], "type": "FeatureCollection", "features": []}, "'errors'.*quota"),
        ({"type": "Catalog", "id": "c"}, "its type is 'Catalog'"),
        ({"type": "Feature", "id": "a"}, "its type is 'Feature'"),
        ({"message": "see https://a.example/?sig=SECRET"}, "it has no type"),
        ([], "no STAC object"),
        ("[" * 100_000, "no JSON"),
        (None, "no STAC object"),
        ("<html><h1>Sign in</h1></html>", "no JSON"),
        ('{"type": "FeatureCollection", "features": [{"id"', "no JSON"),
        ("", "no JSON"),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_answer_that_is_no_page_is_an_error(stac_api, season, look, answer, words, at):
    api = stac_api(season(25), searches_dates=True)
    api.answers = lambda given, n: answer if n == at else api._page("POST", given)
    with pytest.raises(CatalogError, match=words) as caught:
        look(api)
    assert "SECRET" not in str(caught.value)


def test_a_next_page_by_post_without_a_body_keeps_what_was_asked(stac_api, season, look):
    items = season(25)
    api = stac_api(items, searches_dates=True)

    def answer(given, number):
        page = api._page("POST", given | {"token": str(number * 10)})
        for link in page["links"]:
            del link["body"]
        return page

    api.answers = answer
    assert ids(look(api, dates="2023")) == named(items)
    assert [body for _, body in api.searches] == [api.searches[0][1]] * 3


def test_a_next_page_that_is_a_file_is_not_read(stac_api, season, look, tmp_path):
    api = stac_api(season(25))
    for href in ("file:///etc/passwd", "ftp://files.example/x"):
        links = {"links": [{"rel": "next", "href": href}]}
        api.answers = lambda given, _, links=links: api._page("POST", given) | links
        with pytest.raises(CatalogError, match="names a next page that scenefleet does not ask"):
            look(api)


@pytest.mark.parametrize("told", ["missing", None, [], "none", {"a": 1}, [5]])
def test_a_landing_page_without_conformance_is_searched_with_a_note(stac_api, season, look, told):
    items = season(15)
    api = stac_api(items, searches_dates=True)
    api.landing = api._landing() | {"conformsTo": told}
    if told == "missing":
        del api.landing["conformsTo"]
    result = look(api, cloud_below=50)
    assert ids(result) == named(items)
    (note,) = result.notes
    assert "no conformsTo" in note


@pytest.mark.parametrize("told", [True, False])
def test_a_search_link_without_a_media_type_is_followed(stac_api, season, look, told):
    items = season(15)
    api = stac_api(items, searches_dates=True)
    landing = api._landing()
    page = {"rel": "search", "href": f"{api.url}for-people", "type": "text/html"}
    links = [page, *landing["links"]]
    api.landing = landing | {
        "links": [{k: v for k, v in link.items() if k != "type" or link is page} for link in links]
    }
    if not told:
        del api.landing["conformsTo"]
    assert ids(look(api)) == named(items)


def test_a_saved_landing_page_is_no_static_catalogue(stac_api, season, query, tmp_path):
    api = stac_api(season(1))
    path = tmp_path / "landing.json"
    path.write_text(json.dumps(api._landing()))
    with pytest.raises(CatalogError, match=f"saved landing page .*{api.url}"):
        search(query(path), base=tmp_path)


def paged(api, items, size=10, **page):
    """The items of a collection at `/items`, `/items/1` ... as a static server has them."""
    pages = [items[n : n + size] for n in range(0, len(items), size)]
    for number, features in enumerate(pages):
        links = [] if number == len(pages) - 1 else [{"rel": "next", "href": f"items-{number + 1}"}]
        text = {"type": "FeatureCollection", "features": features, "links": links, **page}
        api.raw["/items" if not number else f"/items-{number}"] = (
            200,
            "application/geo+json",
            json.dumps(text),
        )
    return f"{api.url}items"


def test_the_items_of_a_collection_are_read_through_all_pages(
    stac_api, season, query, patience, tmp_path
):
    items = season(25)
    api = stac_api(items)
    found = search(query(paged(api, items)), base=tmp_path, patience=patience)
    assert ids(found) == named(items)


def test_the_items_of_a_collection_that_are_not_all_are_an_error(
    stac_api, season, query, patience, tmp_path
):
    items = season(25)
    api = stac_api(items)
    asked = query(paged(api, items, numberMatched=30))
    with pytest.raises(CatalogError, match="says 30 items match, but only 25 came"):
        search(asked, base=tmp_path, patience=patience)
    api.raw["/items-1"] = (200, "application/json", '{"message": "not now"}')
    with pytest.raises(CatalogError, match="it says 'not now'"):
        search(asked, base=tmp_path, patience=patience)
    api.raw["/items-1"] = api.raw["/items"]
    with pytest.raises(CatalogError, match="paging goes round"):
        search(asked, base=tmp_path, patience=patience)


def test_a_saved_page_of_a_search_is_told(season, query, collection_file):
    items = season(5)
    path = collection_file(items)
    page = json.loads(path.read_text())
    for more in ({"links": [{"rel": "next", "href": "x"}]}, {"numberMatched": 12}):
        path.write_text(json.dumps(page | more))
        (note,) = search(query(path), base=path.parent).notes
        assert "is one page of a search, with 5" in note


@pytest.mark.parametrize("features", [None, {}, "x", 5])
def test_a_file_without_features_is_an_error(query, tmp_path, features):
    path = tmp_path / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    with pytest.raises(CatalogError, match="features"):
        search(query(path), base=tmp_path)


@pytest.mark.parametrize("rel", ["child", "item", "items"])
def test_a_message_in_place_of_a_static_catalogues_document_is_an_error(
    stac_api, item, query, patience, tmp_path, rel
):
    api = stac_api([])
    links = [{"rel": "item", "href": "a.json"}, {"rel": rel, "href": "b.json"}]
    catalog = {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "links": links}
    for name, document in (("catalog", catalog), ("a", item("a")), ("b", {"message": "gone"})):
        api.raw[f"/{name}.json"] = (200, "application/json", json.dumps(document))
    with pytest.raises(CatalogError, match="it says 'gone'"):
        search(query(f"{api.url}catalog.json"), base=tmp_path, patience=patience)
