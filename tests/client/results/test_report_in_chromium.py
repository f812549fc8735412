"""The report in a real browser: it draws, works, holds its policy and asks for nothing."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scenefleet.recipe import PublishedPart
from scenefleet.results.report import render_report, write_report
from scenefleet.run.model import BandRead, OffsetFound, PartRead

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Opened:
    """A page with all that it asked for and complained about."""

    page: Any
    address: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        assert self.complaints == []
        assert {url for url in self.requests if not url.startswith("data:")} == {self.address}


@pytest.fixture(scope="module")
def browser(need) -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(need("chromium")), headless=True, args=FLAGS
        )
        yield started
        started.close()


@pytest.fixture
def visit(browser, tmp_path: Path) -> Iterator[Any]:
    """`visit(html)` opens a text, or a file, as a page; options are those of a new page."""
    pages: list[Any] = []

    def opened(source: str | Path, **options: Any) -> Opened:
        path = source if isinstance(source, Path) else tmp_path / "report.html"
        if isinstance(source, str):
            path.write_text(source, encoding="utf-8")
        page = browser.new_page(**options)
        page.set_default_timeout(20_000)
        pages.append(page)
        seen = Opened(page, path.as_uri())
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.complaints.append(message.text))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (seen.complaints.append(dialog.message), dialog.dismiss()))
        page.goto(seen.address)
        return seen

    yield opened
    for page in pages:
        page.close()


@pytest.fixture
def report(fleet) -> str:
    return render_report(fleet.run, fleet.outcomes, thumbnails=fleet.thumbnails)


def boxes(page: Any, selector: str) -> list[tuple[float, float]]:
    found = page.locator(selector).evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"
    )
    return [(width, height) for width, height in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_draws_and_asks_for_nothing(visit, report, scheme, width):
    seen = visit(report, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = seen.page
    shapes = boxes(page, "#map a.shape path")
    assert len(shapes) == 30
    assert all(wide > 20 and high > 20 for wide, high in shapes)
    assert all(wide > 0 and high > 0 for wide, high in boxes(page, "svg.chart"))
    assert page.locator("#table tbody tr").count() == 30
    images = page.locator("#sheet img").evaluate_all(
        "all => Promise.all(all.map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert images == [96] * 24
    # nothing is wider than the window
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#labels text").count() >= 4
    seen.assert_quiet()


def test_colours_follow_the_scheme(visit, report):
    def ground(scheme: str) -> str:
        page = visit(report, color_scheme=scheme).page
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert ground("light") != ground("dark")


def test_it_reads_well_without_javascript(visit, report):
    seen = visit(report, java_script_enabled=False)
    page = seen.page
    assert len(boxes(page, "#map a.shape path")) == 30
    assert page.locator("#table tbody tr").count() == 30
    assert page.locator("input, button").count() == 0
    assert page.get_by_text("scenefleet retry").count() == 1
    assert {url for url in seen.requests if not url.startswith("data:")} == {seen.address}


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """The address of a server on loopback, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_the_policy_stops_what_is_not_the_reports_own(visit, report, listener):
    address, asked = listener
    injected = (
        f"<main><script>document.title='owned'</script><img src='{address}/image.png'>"
        f"<link rel=stylesheet href='{address}/style.css'><script src='{address}/x.js'></script>"
        "<p style='color:red' onclick='alert(1)'>x</p>"
    )
    seen = visit(report.replace("<main>", injected))
    assert seen.page.title() != "owned"
    assert len([text for text in seen.complaints if "Content Security Policy" in text]) >= 5
    assert asked == []
    # without the policy the same page would have asked: the listener does hear
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", report)
    visit(bare.replace("<main>", injected)).page.wait_for_load_state("networkidle")
    assert sorted(asked) == ["/image.png", "/style.css", "/x.js"]


@pytest.mark.parametrize(
    "bad",
    [
        "<script>document.title='owned'</script>",
        '"><img src=x onerror="document.title=\'owned\'">',
        "</script><script>document.title='owned'</script>",
        "<svg/onload=document.title='owned'>",
        "javascript:document.title='owned'",
    ],
)
def test_hostile_ids_are_inert(visit, fleet, bad):
    update = {"item": bad, "message": bad, "exit": bad, "outputs": {bad: bad}, "item_path": bad}
    outcomes = [outcome.model_copy(update=update) for outcome in fleet.outcomes[:6]]
    seen = visit(render_report(fleet.run, outcomes, plan_notes=[bad]))
    page = seen.page
    page.locator("#map").hover()
    assert page.locator("#here a").count() > 0
    assert page.locator("#s0 .id").inner_text() == bad
    assert "owned" not in page.title()
    assert page.locator("script").count() == 1
    page.locator("#s0 td.files a").first.evaluate(
        "a => { if (!a.href.startsWith('file:')) throw new Error(a.href) }"
    )
    seen.assert_quiet()


def test_sorting(visit, report):
    seen = visit(report)
    page = seen.page

    def column(n: int) -> list[str]:
        return page.locator("#table tbody tr").evaluate_all(
            "(rows, n) => rows.map(row => row.cells[n].dataset.v)", n
        )

    for heading, n in (("Cloud", 3), ("Time", 6)):
        button = page.get_by_role("button", name=heading, exact=True)
        for sign, order in ((1, "ascending"), (-1, "descending")):
            button.click()
            cells = column(n)
            values = [sign * float(text) for text in cells if text]
            assert values == sorted(values)
            assert all(text == "" for text in cells[len(values) :])
            assert page.locator(f"th[aria-sort={order}]").inner_text() == heading
    page.get_by_role("button", name="Scene", exact=True).click()
    ids = page.locator("#table tbody .id").all_inner_texts()
    assert ids == sorted(ids)
    seen.assert_quiet()


def test_filtering_rows_filters_the_map(visit, report):
    seen = visit(report)
    page = seen.page
    rows, shapes = page.locator("#table tbody tr:visible"), page.locator("#map a.shape:visible")
    page.locator("input[name=done]").uncheck()
    sync_api.expect(rows).to_have_count(6)
    sync_api.expect(shapes).to_have_count(6)
    page.get_by_role("searchbox").fill("t31ugt failed")
    sync_api.expect(rows).to_have_count(2)
    assert page.locator("output").inner_text() == "2 of 30 shown"
    page.get_by_role("searchbox").fill("")
    page.locator("input[name=done]").check()
    sync_api.expect(rows).to_have_count(30)
    sync_api.expect(shapes).to_have_count(30)
    seen.assert_quiet()


def test_a_click_on_a_lone_footprint_leads_to_its_row(visit, fleet):
    west, east = fleet.outcomes[0], fleet.outcomes[1]
    seen = visit(render_report(fleet.run, [west, east]))
    page = seen.page
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator('#map a[data-s="1"] path').bounding_box()
    x, y = box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5
    page.mouse.move(x, y)
    assert east.item in page.locator("#here").inner_text()
    page.mouse.click(x, y)
    page.wait_for_url("**#s1")
    assert page.locator("tr:target .id").inner_text() == east.item
    seen.assert_quiet()


def test_a_click_on_a_pile_holds_the_list_of_its_scenes(visit, report):
    page = visit(report).page
    page.locator("#map").evaluate("map => map.scrollIntoView({behavior: 'instant'})")
    box = page.locator("#map").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.3)
    page.mouse.move(5, 5)
    texts = page.locator("#here li").all_inner_texts()
    assert len(texts) == 13
    assert texts[-1] == "and 3 more here"
    assert "#" not in page.url
    page.keyboard.press("Escape")
    assert page.locator("#here li").all_inner_texts()[0].startswith("Point at the map")


def test_a_footprint_can_be_reached_by_keyboard(visit, report):
    page = visit(report).page
    first = page.locator("#map a.shape").first
    first.focus()
    number = first.get_attribute("data-s")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**#s{number}")


def test_a_link_to_a_filtered_row_shows_it_again(visit, report):
    page = visit(report).page
    page.locator("input[name=failed]").uncheck()
    page.locator("#failures li a").first.click()
    sync_api.expect(page.locator("tr:target")).to_be_visible()


def test_the_script_draws_the_same_map_as_python(visit, report):
    options = {"viewport": {"width": 1280, "height": 900}}

    def drawn(**more: Any) -> list[str]:
        page = visit(report, **options, **more).page
        return page.locator("#labels text").all_text_contents()

    assert drawn() == drawn(java_script_enabled=False)


def test_zooming_keeps_the_scale_bar_true(visit, report):
    page = visit(report, viewport={"width": 1280, "height": 900}).page

    def ground() -> float:
        """Metres a screen pixel by the bar and its label."""
        text = page.locator("#scale-label").text_content()
        amount, unit = re.fullmatch(r"([\d,.]+)\s(k?m)", text).groups()
        length = page.locator("#labels .scale").bounding_box()["width"]
        return float(amount.replace(",", "")) * (1000 if unit == "km" else 1) / length

    before = ground()
    wide = boxes(page, '#map a[data-s="0"] path')[0][0]
    # tile T31UFT is 109.8 km wide
    assert before * wide == pytest.approx(109_800, rel=0.05)
    for _ in range(3):
        page.get_by_label("Zoom in").click()
    assert ground() == pytest.approx(before / 8, rel=0.03)
    page.get_by_label("Whole map").click()
    assert ground() == pytest.approx(before, rel=0.001)


def test_caveats_and_radiometry_are_seen_and_lead_to_their_rows(visit, fleet):
    bands = {"red": BandRead(scale=0.0001, offset=-0.1, rule="s2-baseline>=04.00")}
    check = OffsetFound(metadata="disputed", pixels="carried", settled_by="pixels")
    clouded = {"valid_percent": 0.0, "reasons": {"valid": 0, "cloud": 1000}}
    outcomes = [
        outcome.model_copy(
            update={"radiometry": (PartRead(item=outcome.item, bands=bands, check=check),)}
            | (clouded if n == 3 else {})
        )
        for n, outcome in enumerate(fleet.outcomes)
    ]
    for width in (1280, 390):
        seen = visit(render_report(fleet.run, outcomes), viewport={"width": width, "height": 900})
        page = seen.page
        # the rule stands on one line, and the table stays a table on a phone
        assert all(high < 60 for _, high in boxes(page, "#radiometry tbody tr"))
        assert page.locator("#radiometry td").first.evaluate(
            "e => getComputedStyle(e).display"
        ) == ("table-cell")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("#caveats a[href='#s3']").click()
        row = page.locator("#s3")
        assert row.evaluate("e => e.matches(':target')")
        assert "no valid pixel: cloud 100.0 %" in row.inner_text()
        colours = [
            page.locator(place).first.evaluate("e => getComputedStyle(e).color")
            for place in ("#s3 .why", "tr[data-state=failed] .why")
        ]
        assert colours[0] != colours[1]
        seen.assert_quiet()


def test_ten_thousand_scenes_stay_usable(visit, fleet, large):
    run = fleet.run.model_copy(update={"tasks": 10_000})
    seen = visit(render_report(run, large(10_000)))
    page = seen.page
    assert page.locator("#table tbody tr").count() == 2000
    before = page.locator("#table tbody tr").first.inner_text()
    page.locator("thead button").nth(4).click()  # Playwright waits so long, and no longer
    page.locator("thead button").nth(4).click()
    assert page.locator("th[aria-sort=descending]").count() == 1
    assert page.locator("#table tbody tr").count() == 2000
    assert page.locator("#table tbody tr").first.inner_text() != before
    seen.assert_quiet()


def test_a_report_in_its_store_links_to_files_that_are_there(visit, fleet, root: Path, store, png):
    done = [outcome for outcome in fleet.outcomes if outcome.state == "done"][:4]
    for n, outcome in enumerate(done):
        store.write(outcome.item_path, b"{}")
        for name, path in outcome.outputs.items():
            store.write(path, png(n, 0.3, 300) if name == "thumbnail" else b"pixels")
    for name in ("run.json", "recipe.yaml", "plan.jsonl"):
        store.write(f"runs/{fleet.run.id}/{name}", b"{}")
    store.write(f"products/{fleet.run.name}/collection.json", b"{}")
    seen = visit(root / write_report(store, fleet.run, done))
    others = seen.page.locator("a[href]:not([href^='#'])")
    links = others.evaluate_all("all => all.map(a => a.href)")
    assert len(links) == 4 * 4 + 4
    for link in links:
        assert Path(link.removeprefix("file://")).is_file()
    sizes = seen.page.locator("#sheet img").evaluate_all(
        "all => Promise.all(all.map(i => i.decode().then(() => [i.naturalWidth, i.naturalHeight])))"
    )
    assert sizes == [[192, 192]] * 4
    seen.assert_quiet()


def test_what_the_recipe_says_of_the_product_is_shown(visit, fleet):
    about = PublishedPart.model_validate(
        {
            "title": "<b>NDVI</b> of Gelderland",
            "description": "First.\n\n<script>alert(1)</script>" + "long" * 60,
            "license": "CC-BY-4.0",
            "license_url": "https://example.org/terms?a=1&amp=2",
            "providers": [{"name": "Us & them", "url": "https://example.org"}],
            "keywords": ["ndvi"],
        }
    )
    html = render_report(fleet.run, fleet.outcomes, about=about)
    for options in ({}, {"color_scheme": "dark"}, {"viewport": {"width": 375, "height": 800}}):
        seen = visit(html, **options)
        assert seen.page.inner_text("h1").startswith("<b>NDVI</b> of Gelderland")
        told = seen.page.inner_text("#about")
        assert "First.\n\n<script>alert(1)</script>" in told
        links = seen.page.eval_on_selector_all("#about a", "all => all.map(one => one.href)")
        assert links == ["https://example.org/terms?a=1&amp=2", "https://example.org/"]
        wide = seen.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        seen.assert_quiet()


def test_a_recipe_that_says_nothing_of_the_product_has_no_section(visit, report):
    assert visit(report).page.query_selector("#about") is None
