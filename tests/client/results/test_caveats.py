"""Outputs without a valid pixel, values cut short, radiometry: told, marked, escaped, bounded."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from scenefleet.results.caveats import (
    caveat_lines,
    draw_caveats,
    main_reason,
    much_cut,
    much_negative,
    much_outside,
)
from scenefleet.results.radiometry import MOST_SCENES, MOST_WAYS, ways
from scenefleet.results.report import render_report
from scenefleet.results.summary import summarise
from scenefleet.results.table import choose_rows
from scenefleet.run.model import BandRead, OffsetFound, PartRead, TaskOutcome

Made = Callable[..., TaskOutcome]
SHARES = {"below": 0.0, "green": 0.312, "water": 0.041}


@pytest.fixture
def done(fleet) -> Made:
    """`done("a", valid_percent=0.0)`: a finished scene with some values changed."""
    base = next(outcome for outcome in fleet.outcomes if outcome.state == "done")

    def made(item: str, **update: Any) -> TaskOutcome:
        return base.model_copy(update={"item": item, **update})

    return made


def empty(**reasons: int) -> dict[str, Any]:
    return {"valid_percent": 0.0, "reasons": {"valid": 0, **reasons}}


def check(metadata: str, pixels: str, settled_by: str, *evidence: str) -> OffsetFound:
    return OffsetFound(
        metadata=metadata, pixels=pixels, settled_by=settled_by, evidence=evidence, shares=SHARES
    )


def part(item: str, found: OffsetFound | None = None, **changes: Any) -> PartRead:
    told = {"scale": 0.0001, "offset": -0.1, "rule": "s2-baseline>=04.00"} | changes
    bands = {name: BandRead(**told) for name in ("red", "nir")}
    return PartRead(item=item, bands=bands, check=found)


def section(text: str, name: str) -> str:
    start = text.index(f'<section id="{name}"')
    return text[start : text.index("</section>", start)]


def test_the_main_reason_leaves_out_what_lies_outside():
    assert main_reason({"valid": 0, "outside": 900, "cloud": 60, "nodata": 40}) == ("cloud", 60.0)
    assert main_reason({"valid": 0, "outside": 9, "cloud": 0}) == ("outside", 100.0)
    assert main_reason({"no_signal": 3}) == ("no signal", 100.0)
    assert main_reason({}) is None


def test_a_terminal_names_empty_scenes_and_why(done: Made):
    outcomes = [
        done("a", **empty(cloud=75, shadow=25)),
        done("b"),
        done("c", **empty(nodata=100)),
        done("d", state="failed", **empty()),
    ]
    assert caveat_lines(outcomes) == [
        "2 of 3 scenes have no valid pixel, mostly nodata",
        "  a: no valid pixel: cloud 75.0 %",
        "  c: no valid pixel: nodata 100.0 %",
    ]
    assert caveat_lines(outcomes[1:2]) == []
    assert caveat_lines(outcomes[:1])[0] == "The only scene done has no valid pixel, mostly cloud"
    assert summarise(outcomes).empty == 2
    many = caveat_lines([done(str(n), **empty(cloud=9)) for n in range(40)])
    assert many[0] == "40 of 40 scenes have no valid pixel, mostly cloud"
    assert (len(many), many[-1]) == (7, "  ... and 35 more; the report marks them all")


def test_numbers_whose_scale_nothing_tells_are_told_of(done: Made):
    outcomes = [
        done("a", radiometry=(part("a", rule="no-scale-told", scale=1, offset=0),)),
        done("b", radiometry=(part("b"),)),
    ]
    (line,) = caveat_lines(outcomes)
    assert line.startswith("Nothing tells the scale of the whole numbers of 1 scene: they were")
    assert "give each band its `scale`" in line
    drawn = draw_caveats(outcomes, frozenset([0]))
    assert "Nothing tells the scale" in drawn
    assert "nir, red" in drawn
    assert caveat_lines(outcomes[1:]) == []


def test_a_terminal_names_outputs_that_int16_cut(done: Made):
    outcomes = [
        done("a", cut_percent={"evi": 2.5, "ndvi": 0.1}),
        done("b", cut_percent={"evi": 0.11}),
    ]
    assert much_cut(outcomes) == [(0, "evi", 2.5), (1, "evi", 0.11)]
    (line,) = caveat_lines(outcomes)
    assert "evi of 2 scenes" in line
    assert "ndvi" not in line
    assert "`dtype: float32`" in line


def test_a_terminal_tells_of_reflectance_below_zero_and_of_values_outside(done: Made):
    outcomes = [
        done("a", negative="keep", negative_percent=7.5, outside_percent={"ndvi": 2.5, "evi": 1.0}),
        done("b", negative="keep", negative_percent=1.0, outside_percent={"ndvi": 1.01}),
        done("c", negative="clip", negative_percent=30.0),
        done("d"),
    ]
    assert much_negative(outcomes) == [(0, 7.5)]
    assert much_outside(outcomes) == [(0, "ndvi", 2.5), (1, "ndvi", 1.01)]
    below, outside = caveat_lines(outcomes)
    assert below.startswith("1 scene has a reflectance at or below zero in more than 1 %")
    assert "ndvi of 2 scenes" in outside
    assert "evi" not in outside
    assert "`negative: mask`" in outside
    assert "`negative: clip`" in outside
    assert caveat_lines(outcomes[2:]) == []


def test_the_report_tells_of_reflectance_below_zero(fleet, done: Made):
    outcomes = [done("a", negative="keep", negative_percent=7.5, outside_percent={"ndvi": 2.5})]
    text = render_report(fleet.run.model_copy(update={"tasks": 1}), outcomes)
    told = section(text, "caveats")
    assert '<span class="id">a</span></a>: 7.5\u202f% of the valid pixels' in told
    assert "ndvi, 2.5\u202f% outside" in told
    assert "negative: mask" in told


def test_masked_pixels_have_a_colour_in_the_legend(fleet, done: Made):
    outcomes = [done("a", reasons={"valid": 90, "negative": 10})]
    text = render_report(fleet.run.model_copy(update={"tasks": 1}), outcomes)
    assert 'class="r-negative"' in text
    assert ".r-negative { fill: var(--negative); }" in text


def test_the_report_marks_rows_by_word_and_sign(fleet, done: Made):
    outcomes = [done("a", **empty(cloud=98, shadow=2)), done("b", cut_percent={"evi": 2.5})]
    text = render_report(fleet.run.model_copy(update={"tasks": 2}), outcomes)
    rows = re.findall(r'<tr id="s\d"[^>]*>.*?</tr>', text)
    assert 'class="empty"' in rows[0]
    assert "\N{EMPTY SET} no valid pixel: cloud 98.0 %" in rows[0]
    assert "no valid pixel" not in rows[1]
    assert "<dt>No valid pixel</dt><dd>\N{EMPTY SET} 1</dd>" in text
    told = section(text, "caveats")
    assert "1 of 2 scenes has no valid pixel, mostly cloud" in told
    assert '<a href="#s1"><span class="id">b</span></a>: evi, 2.5' in told
    assert "dtype: float32" in told


def test_a_report_without_caveats_has_no_section_on_them(fleet):
    text = render_report(fleet.run, [o for o in fleet.outcomes if not o.is_empty])
    assert 'id="caveats"' not in text
    assert 'id="radiometry"' not in text
    assert "No valid pixel" not in text


def test_rows_of_empty_scenes_survive_the_cut(done: Made):
    outcomes = [done(str(n), datetime=f"2023-01-{n + 1:02}T00:00:00Z") for n in range(9)]
    outcomes[7] = done("7", **empty(cloud=1), datetime="2023-01-08T00:00:00Z")
    outcomes[8] = outcomes[8].model_copy(update={"state": "failed"})
    assert choose_rows(outcomes, most=3) == [0, 7, 8]


def test_radiometry_is_told_by_rule(fleet, done: Made):
    agreed = check("carried", "carried", "both")
    outcomes = [
        *(done(item, radiometry=(part(item, agreed),)) for item in "abc"),
        done("d", radiometry=(part("d", None, scale=2.75e-5, offset=-0.2, rule="landsat-c2-l2"),)),
        done("e", state="failed"),
    ]
    assert [(way.rule, way.bands, n) for way, n in ways(outcomes).items()] == [
        ("s2-baseline>=04.00", ("nir", "red"), 3),
        ("landsat-c2-l2", ("nir", "red"), 1),
    ]
    told = section(render_report(fleet.run, outcomes), "radiometry")
    rows = re.findall(r"<tr>(.*?)</tr>", told)[1:]
    cells = [re.sub(r"(<[^>]+>)+", "|", row).strip("|") for row in rows]
    assert cells == [
        "s2-baseline&gt;=04.00|3|nir, red|0.0001|-0.1|offset in the numbers|"
        "offset in the numbers|both agree",
        "landsat-c2-l2|1|nir, red|2.75e-05|-0.2|\N{EN DASH}|not looked at|rule alone",
    ]
    assert "disputed" not in told
    assert "stations" not in told


def test_disputed_scenes_are_listed_with_their_evidence(fleet, done: Made):
    found = check("disputed", "carried", "pixels", "baseline <05.11>", "raster:bands offset 0")
    outcomes = [done("a", radiometry=(part("a", found, rule="pixels"),)), done("b")]
    told = section(render_report(fleet.run, outcomes), "radiometry")
    assert "1 scene with disputed metadata" in told
    assert '<a href="#s0"><span class="id">a</span></a>' in told
    assert "Metadata: baseline &lt;05.11&gt;; raster:bands offset 0." in told
    assert "31.2\u202f% lush plants, 4.1\u202f% water" in told
    read = "number \N{MULTIPLICATION SIGN} 0.0001 \N{MINUS SIGN} 0.1."
    assert f"Settled by pixels: read as {read}" in told


def test_united_scenes_are_named(fleet, done: Made):
    outcomes = [done("a", radiometry=(part("a"), part("a_SGS")))]
    told = section(render_report(fleet.run, outcomes), "radiometry")
    assert "1 scene received by two stations, united" in told
    assert '</a> and <span class="id">a_SGS</span>' in told
    assert ways(outcomes).popitem()[1] == 1


def test_hostile_radiometry_is_only_text(fleet, done: Made):
    bad = '"><script>alert(1)</script>\u202e'
    found = check("disputed", bad, bad, bad)
    parts = (part(bad, found, rule=bad), part(bad))
    outcome = done("a", radiometry=parts, cut_percent={bad: 9.0})
    text = render_report(fleet.run, [outcome])
    assert text.count("<script") == 1
    assert "\u202e" not in text


def test_lists_of_radiometry_are_bounded(fleet, done: Made):
    found = check("disputed", "removed", "pixels", "x")
    outcomes = [
        done(f"i{n}", radiometry=(part(f"i{n}", found, scale=0.001 * (n + 1)), part("other")))
        for n in range(60)
    ]
    told = section(render_report(fleet.run, outcomes), "radiometry")
    assert len(re.findall("<tr>", told)) == MOST_WAYS + 1
    assert "and 31 ways more" in told
    assert told.count("<li>") == 2 * MOST_SCENES
