"""The report as text: what it says, what it escapes, what it cuts, and that it is repeatable."""

import html
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from scenefleet.errors import NotInStoreError
from scenefleet.results.failures import ADVICE
from scenefleet.results.mercator import bar, degrees, fit, step, ticks
from scenefleet.results.piles import pile_up
from scenefleet.results.report import render_report, write_report
from scenefleet.results.shrink import shrink
from scenefleet.results.summary import REASONS, STATES, summarise
from scenefleet.results.table import choose_rows
from scenefleet.results.text import duration, escape, percent, when
from scenefleet.results.thumbnails import LARGEST, MOST_THUMBNAILS, choose_thumbnails
from scenefleet.run.model import TaskOutcome
from scenefleet_task.spec import Exit, Reason

Large = Callable[[int], list[TaskOutcome]]

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></script><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "&lt;b&gt;",
    "a\u202eb\x00\x1f\ud800\u2028",
    "../../../etc/passwd",
    "javascript:alert(1)",
    "x" * 5000,
    "日本語 and spaces",
]


class Tags(HTMLParser):
    """Every tag with its attributes, and whether tags that must close do."""

    VOID = frozenset({"meta", "img", "br", "link", "base", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser.found


def names(text: str) -> list[str]:
    return [name for name, _ in tags(text)]


def test_it_says_what_the_run_did(fleet):
    text = render_report(fleet.run, fleet.outcomes, plan_notes=["3 duplicates left out."])
    assert "ndvi-gelderland-4fd1c09a7e" in text
    assert "<dt>Scenes done</dt><dd>24 of 30</dd>" in text
    assert "2026-11-20 08:01:15 UTC" in text
    assert "<dd>31 min 25 s</dd>" in text
    assert "3 duplicates left out." in text
    summary = summarise(fleet.outcomes)
    assert f"<dd>{percent(summary.valid_percent)}</dd>" in text
    assert f"<dd>{duration(summary.seconds_median)}</dd>" in text


def test_the_valid_share_weighs_pixels_and_leaves_out_what_was_never_there(fleet):
    base = fleet.outcomes[0]
    outcomes = [
        base.model_copy(update={"reasons": {"valid": 10, "cloud": 30, "outside": 1000}}),
        base.model_copy(update={"reasons": {"valid": 50, "cloud": 10, "nodata": 500}}),
        base.model_copy(update={"state": "failed", "reasons": {"valid": 999}}),
    ]
    assert summarise(outcomes).valid_percent == pytest.approx(60.0)


def test_it_is_well_formed_and_repeatable(fleet):
    text = render_report(fleet.run, fleet.outcomes, thumbnails=fleet.thumbnails)
    found = names(text)
    assert found.count("tr") == 31
    assert found.count("img") == 24
    assert text == render_report(fleet.run, fleet.outcomes, thumbnails=fleet.thumbnails)


def test_fifty_scenes_stay_small(large: Large, fleet):
    assert len(render_report(fleet.run, large(50)).encode()) < 400_000


def test_it_asks_for_nothing_outside_itself(fleet):
    text = render_report(fleet.run, fleet.outcomes, thumbnails=fleet.thumbnails)
    for name, attributes in tags(text):
        assert name not in {"link", "iframe", "object", "embed", "base", "form"}
        for key in ("src", "srcset", "poster", "data", "action", "xlink:href"):
            assert (attributes.get(key) or "data:image/").startswith("data:image/")
        href = attributes.get("href") or "#"
        assert href.startswith(("#", "../../products/", "run.json", "recipe.yaml", "plan.jsonl"))
        # inline handlers and styles would need a weaker content security policy
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
    assert "@import" not in text
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\';' in text
    assert "unsafe" not in text


def test_failures_are_grouped_with_what_to_do(fleet):
    text = render_report(fleet.run, fleet.outcomes)
    section = text[text.index('id="failures"') : text.index('id="map-head"')]
    assert section.index("source unreadable") < section.index("killed")
    assert ADVICE["killed"] in section
    assert "scenefleet retry ndvi-gelderland-4fd1c09a7e" in section
    for outcome in fleet.outcomes:
        shown = f"scenefleet logs {fleet.run.id} {outcome.task}" in section
        assert shown == (outcome.state == "failed")


def test_many_notes_wait_behind_a_click_and_are_bounded(fleet):
    few = render_report(fleet.run, fleet.outcomes, plan_notes=["one", "two"])
    assert "on the plan" not in few
    many = render_report(fleet.run, fleet.outcomes, plan_notes=[f"left {n}" for n in range(700)])
    assert "<summary>700 notes on the plan</summary>" in many
    assert "<li>left 499</li><li>and 200 more</li>" in many


def test_there_is_advice_for_every_exit_and_a_bar_for_every_reason():
    assert set(ADVICE) == {code.name.lower() for code in Exit} - {"done"}
    assert set(REASONS) == {reason.name.lower() for reason in Reason} - {"outside"}


def test_a_run_without_failures_has_no_section_on_them(fleet):
    done = [outcome for outcome in fleet.outcomes if outcome.state == "done"]
    text = render_report(fleet.run.model_copy(update={"tasks": len(done)}), done)
    assert 'id="failures"' not in text
    assert "this report knows of" not in text


def test_a_task_that_left_no_result_is_told_too(fleet):
    lost = fleet.outcomes[0].model_copy(
        update={"state": "failed", "exit": None, "message": None, "outputs": {}}
    )
    text = render_report(fleet.run, [lost])
    assert "no result" in text
    assert "its node was lost" in text


@pytest.mark.parametrize("bad", HOSTILE)
def test_hostile_text_is_only_text(fleet, bad: str):
    update = {
        "item": bad,
        "collection": bad,
        "datetime": bad,
        "state": "failed",
        "exit": bad,
        "message": bad,
        "task": bad,
        "outputs": {bad: bad, "thumbnail": bad},
        "item_path": bad,
        "reasons": {bad: 5, "valid": 3},
    }
    outcome = fleet.outcomes[0].model_copy(update=update)
    run = fleet.run.model_copy(update={"id": bad, "name": bad, "pool": bad, "version": bad})
    images = {bad: next(iter(fleet.thumbnails.values()))}
    plain = render_report(fleet.run, [fleet.outcomes[5]], plan_notes=["x"])
    text = render_report(run, [outcome], plan_notes=[bad], thumbnails=images)
    text.encode()
    found = tags(text)
    allowed = set(names(plain)) | {"img", "figure", "figcaption"}
    assert {name for name, _ in found} <= allowed
    assert [name for name, _ in found].count("script") == 1
    for _, attributes in found:
        assert not [key for key in attributes if key.startswith("on")]
        href = attributes.get("href") or "#"
        assert href.startswith(("#", "../../", "run.json", "recipe.yaml", "plan.jsonl"))
    assert "\x00" not in text
    assert "\u202e" not in text


def test_commands_quote_what_a_shell_would_read(fleet):
    run = fleet.run.model_copy(update={"id": "a; rm -rf ~"})
    text = html.unescape(render_report(run, fleet.outcomes))
    assert "scenefleet retry 'a; rm -rf ~'" in text


def test_links_lead_from_the_report_to_the_stores_files(fleet, root: Path, store):
    path = write_report(store, fleet.run, [o for o in fleet.outcomes if o.state != "done"])
    report = root / path
    assert report == root / "runs/ndvi-gelderland-4fd1c09a7e/report.html"
    outcome = fleet.outcomes[0].model_copy(update={"outputs": {"ndvi": "products/p/50%/a b.tif"}})
    text = render_report(fleet.run, [outcome])
    assert 'href="../../products/p/50%25/a%20b.tif"' in text


def test_thumbnails_come_from_the_store_and_are_made_small(fleet, root: Path, store, png):
    done = [outcome for outcome in fleet.outcomes if outcome.state == "done"]
    for n, outcome in enumerate(done[:3]):
        store.write(outcome.outputs["thumbnail"], png(n, 0.4))
    store.write(done[3].outputs["thumbnail"], b"\x89PNG\r\n\x1a\n and then nothing")
    store.write(done[4].outputs["thumbnail"], b"<svg onload='alert(1)'/>")
    path = write_report(store, fleet.run, done[:5])
    images = [a["src"] or "" for name, a in tags((root / path).read_text()) if name == "img"]
    assert len(images) == 3
    assert all(image.startswith("data:image/webp;base64,") for image in images)
    assert "3 thumbnails of 5" in (root / path).read_text()


def test_a_thumbnail_that_is_gone_is_an_error(fleet, store):
    with pytest.raises(NotInStoreError, match=r"thumbnail\.png"):
        write_report(store, fleet.run, fleet.outcomes)


def test_shrinking_makes_webp_of_pictures_only(png):
    small = shrink(png(1, 0.5, 400))
    assert small is not None
    assert (small[:4], small[8:12]) == (b"RIFF", b"WEBP")
    assert shrink(b"GIF89a") is None
    assert shrink(b"") is None
    assert shrink(png(1, 0.5)[:20]) is None


def test_thumbnails_are_bounded_and_spread_over_time(large: Large, fleet):
    outcomes = large(1000)
    chosen = choose_thumbnails(outcomes)
    assert len(chosen) == MOST_THUMBNAILS
    dates = sorted(outcome.datetime for outcome in outcomes)
    shown = [outcomes[n].datetime for n in chosen]
    assert shown == sorted(shown)
    assert shown[0] == dates[0]
    assert shown[-1] >= dates[-30]


def test_a_thumbnail_that_is_too_large_is_left_out_and_counted(fleet):
    images = dict(fleet.thumbnails)
    images[next(iter(images))] += b"\0" * LARGEST
    text = render_report(fleet.run, fleet.outcomes, thumbnails=images)
    assert names(text).count("img") == 23
    assert "23 thumbnails of 24" in text


def test_ten_thousand_scenes_render_in_seconds_and_are_cut(large: Large, fleet):
    outcomes = large(10_000)
    start = time.perf_counter()
    text = render_report(fleet.run.model_copy(update={"tasks": 10_000}), outcomes)
    assert time.perf_counter() - start < 15
    assert len(text) < 6_000_000
    rows = re.findall(r'<tr id="s(\d+)" data-state="(\w+)"', text)
    assert len(rows) == 2000
    failed = {n for n, outcome in enumerate(outcomes) if outcome.state == "failed"}
    assert failed == {int(n) for n, state in rows if state == "failed"}
    assert len(failed) == 51
    assert "The table shows 2\u202f000 of 10\u202f000 scenes: all 51 that failed" in text
    assert text.count('class="shape ') < 300
    assert "10\u202f000 scenes drawn as" in text


def test_failures_are_always_shown_even_past_the_cut(large: Large):
    outcomes = large(400)
    assert len(choose_rows(outcomes, most=1)) == 3
    assert {outcomes[n].state for n in choose_rows(outcomes, most=1)} == {"failed"}


def test_every_footprint_is_drawn_below_the_cut(fleet):
    text = render_report(fleet.run, fleet.outcomes)
    assert text.count('class="shape ') == 30
    order = re.findall(r'class="shape (\w+)"', text)
    assert order == sorted(order, key=[*STATES].index)
    assert text.count('class="ring"') == 2


def test_a_map_over_the_antimeridian_is_narrow(fleet):
    def at(west: float) -> dict[str, Any]:
        ring = [[west, -18.0], [west + 1, -18.0], [west + 1, -17.0], [west, -17.0], [west, -18.0]]
        return {"type": "Polygon", "coordinates": [ring]}

    outcomes = [
        fleet.outcomes[0].model_copy(update={"geometry": at(west)}) for west in (178.5, -179.5)
    ]
    text = render_report(fleet.run, outcomes)
    paths = re.findall(r'd="M([\d.]+) [\d.]+L([\d.]+)', text)
    (a, b), (c, d) = [(float(x), float(y)) for x, y in paths[-2:]]
    assert b - a == pytest.approx(d - c, abs=0.2)
    assert c - a == pytest.approx(2 * (b - a), abs=0.2)
    assert "180.0\N{DEGREE SIGN}" in text


def test_scenes_without_a_footprint_are_counted_not_drawn(fleet):
    lost = fleet.outcomes[0].model_copy(update={"geometry": {}})
    text = render_report(fleet.run, [lost, *fleet.outcomes[1:]])
    assert text.count('class="shape ') == 29
    assert "1 scene without a usable footprint" in text
    assert "there is no map" in render_report(fleet.run, [lost])


def test_a_run_that_has_just_begun_renders(fleet):
    run = fleet.run.model_copy(update={"state": "created", "started": None, "ended": None})
    waiting = [o.model_copy(update={"state": "waiting"}) for o in fleet.outcomes[28:]]
    assert names(render_report(run, waiting)).count("tr") == 3
    assert "No scene has ended yet" in render_report(run, [])


def test_piles_gather_partial_swaths_but_not_neighbours():
    full, half, neighbour = (
        (0.0, 0.0, 100.0, 100.0),
        (0.0, 0.0, 45.0, 100.0),
        (90.0, 0.0, 190.0, 100.0),
    )
    assert pile_up([half, full, neighbour]) == [[1, 0], [2]]
    assert pile_up([(5.0, 5.0, 5.0, 5.0)] * 2) == [[0, 1]]
    assert pile_up([]) == []


def test_mercator_agrees_with_closed_forms():
    sheet = fit((0.0, -60.0, 90.0, 60.0), 1000.0, 100.0, 5000.0)
    assert sheet.x(90.0) - sheet.x(0.0) == pytest.approx(860.0)
    # ln(2 + sqrt 3): the ordinate of 60 degrees (Snyder 7-2)
    assert sheet.y(0.0) - sheet.y(60.0) == pytest.approx(1.3169578969 * sheet.scale)
    assert sheet.latitude(sheet.y(51.5)) == pytest.approx(51.5)
    assert sheet.longitude(sheet.x(5.25)) == pytest.approx(5.25)
    assert sheet.metres(60.0) == pytest.approx(sheet.metres(0.0) / 2)
    assert sheet.y(0.0) == pytest.approx(sheet.height / 2)


def test_ticks_labels_and_bar():
    assert ticks(-0.31, 0.5, 0.2) == [-0.2, 0.0, 0.2, 0.4]
    assert degrees(-4.5, 0.5, latitude=False) == "4.5\u00b0\u00a0W"
    assert degrees(185.0, 5.0, latitude=False) == "175\u00b0\u00a0W"
    assert degrees(51.25, 0.05, latitude=True) == "51.25\u00b0\u00a0N"
    assert bar(100.0, 140.0) == (100.0, "10\u00a0km")
    assert bar(1.0, 140.0) == (100.0, "100\u00a0m")
    sheet = fit((4.4, 51.2, 7.6, 52.3), 960.0, 400.0, 700.0)
    assert step(sheet) == 0.5


def test_words():
    assert duration(None) == "\u2013"
    assert [duration(s) for s in (0.44, 9.96, 60, 119.6, 3600, 100_000)] == [
        "0.4 s",
        "10.0 s",
        "60 s",
        "2 min",
        "1 h",
        "1 d 3 h",
    ]
    assert when("2026-11-20T08:01:15+01:00") == "2026-11-20 07:01:15 UTC"
    assert when("soon") == "soon"
    assert escape("\ud800\x00") == "?\ufffd"
