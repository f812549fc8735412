"""`report.html`: one file about a run that opens anywhere and asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources

from scenefleet.recipe import PublishedPart
from scenefleet.results.about import draw_about
from scenefleet.results.caveats import EMPTY_MARK, draw_caveats
from scenefleet.results.charts import draw_dates, draw_durations
from scenefleet.results.failures import draw_failures
from scenefleet.results.map import draw_map
from scenefleet.results.radiometry import draw_radiometry
from scenefleet.results.reading import read_all
from scenefleet.results.report_copy import LINKS_NOTE
from scenefleet.results.shrink import shrink
from scenefleet.results.summary import REASONS, STATES, Summary, summarise
from scenefleet.results.table import badge, choose_rows, draw_table, link
from scenefleet.results.text import count, duration, elapsed, escape, number, percent, when
from scenefleet.results.thumbnails import choose_thumbnails, draw_thumbnails
from scenefleet.run.model import Run, TaskOutcome
from scenefleet.store.base import Store

MOST_NOTES = 500
OPEN_NOTES = 4
"""More notes than this wait behind a click, so that the map stays near the top."""


def write_report(
    store: Store,
    run: Run,
    outcomes: Sequence[TaskOutcome],
    *,
    plan_notes: Sequence[str] = (),
    about: PublishedPart | None = None,
) -> str:
    """Writes the report beside the run's record, with thumbnails from the store, made small.

    Returns:
        The report's path in the store.

    Raises:
        StoreError: if a thumbnail cannot be read, or the report not written.
    """
    chosen = [outcomes[n] for n in choose_thumbnails(outcomes)]
    images = read_all(store, [outcome.outputs["thumbnail"] for outcome in chosen])
    small = zip(chosen, map(shrink, images), strict=True)
    thumbnails = {outcome.task: data for outcome, data in small if data}
    path = f"runs/{run.id}/report.html"
    page = render_report(run, outcomes, plan_notes=plan_notes, thumbnails=thumbnails, about=about)
    store.write(path, page.encode())
    return path


def render_report(
    run: Run,
    outcomes: Sequence[TaskOutcome],
    *,
    plan_notes: Sequence[str] = (),
    thumbnails: Mapping[str, bytes] | None = None,
    about: PublishedPart | None = None,
) -> str:
    """The report as HTML; the same for the same arguments.

    Args:
        run: The run's record.
        outcomes: One a task, in any order.
        plan_notes: Sentences about what was planned, such as scenes left out and why.
        thumbnails: PNG, JPEG or WebP by task id; some are left out where they are many or large.
        about: What the recipe says of the product (`output.collection`).
    """
    about = about or PublishedPart()
    title = about.title or run.name
    summary = summarise(outcomes)
    rows = choose_rows(outcomes)
    listed = frozenset(rows)
    style, script = _asset("report.css"), _asset("map.js") + _asset("table.js")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{escape(title)} - {escape(run.state)} - scenefleet</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#scenes">Skip to the table</a>
{_head(run, title, summary, len(outcomes))}
<main>
{draw_about(about)}
{_notes(run, len(outcomes), plan_notes)}
{draw_failures(run.id, outcomes, listed)}
{draw_caveats(outcomes, listed)}
<section aria-labelledby="map-head"><h2 id="map-head">Map</h2>
{_legend_of_states(summary)}
{draw_map(outcomes, listed)}
</section>
<section class="charts" aria-label="Charts">
<div><h2>Pixels by acquisition date</h2>{_legend_of_reasons(outcomes)}{draw_dates(outcomes)}</div>
<div><h2>Durations</h2>{draw_durations(outcomes)}</div>
</section>
{draw_thumbnails(outcomes, thumbnails or {}, listed)}
<section id="scenes" aria-labelledby="scenes-head"><h2 id="scenes-head">Scenes</h2>
{draw_table(run.id, outcomes, rows)}
</section>
{draw_radiometry(outcomes, listed)}
</main>
{_foot(run, summary)}
<script>{script}</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    return resources.files("scenefleet.results").joinpath("page", name).read_text("utf-8")


def _hash(text: str) -> str:
    """The source expression by which a content security policy lets one inline text through."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _head(run: Run, title: str, summary: Summary, tasks: int) -> str:
    done = f"{number(summary.counts['done'])} of {number(tasks)}"
    took = duration(elapsed(run.started, run.ended))
    facts = [
        ("Scenes done", done),
        ("Failed", number(summary.counts["failed"])),
        *([("No valid pixel", f"{EMPTY_MARK} {number(summary.empty)}")] if summary.empty else []),
        ("Valid share", percent(summary.valid_percent)),
        ("Median a scene", duration(summary.seconds_median)),
        ("Task time in all", duration(summary.seconds_total)),
        ("From start to end", took),
    ]
    tiles = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    times = [("created", run.created), ("started", run.started), ("ended", run.ended)]
    told = [f"{name} <time>{escape(when(time))}</time>" for name, time in times if time]
    where = {"azure": "on Azure Batch", "local": "on this machine"}[run.backend]
    return f"""<header>
<p class="brand">scenefleet</p>
<h1>{escape(title)} <span class="pill {escape(run.state)}">{escape(run.state)}</span></h1>
<p class="meta">Run <code>{escape(run.id)}</code> {where}\
{f", pool <code>{escape(run.pool)}</code>" if run.pool else ""}<br>{" &middot; ".join(told)}</p>
{_progress(summary, tasks)}
<dl class="facts">{tiles}</dl>
</header>"""


def _progress(summary: Summary, tasks: int) -> str:
    start, rects = 0.0, ""
    for state in STATES:
        length = 1000 * summary.counts[state] / tasks if tasks else 0.0
        rects += f'<rect class="bar {state}" x="{start:.1f}" width="{length:.1f}" height="10"/>'
        start += length
    told = ", ".join(f"{number(summary.counts[s])} {s}" for s in STATES if summary.counts[s])
    return (
        '<svg class="progress" role="img" viewBox="0 0 1000 10" preserveAspectRatio="none">'
        f"<title>{escape(told or 'no scenes')}</title>{rects}</svg>"
    )


def _notes(run: Run, shown: int, plan_notes: Sequence[str]) -> str:
    notes = [*plan_notes]
    if shown != run.tasks:
        notes.append(
            f"The plan has {count(run.tasks, 'task')}; this report knows of {number(shown)}."
        )
    if not notes:
        return ""
    told = "".join(f"<li>{escape(note)}</li>" for note in notes[:MOST_NOTES])
    left = len(notes) - MOST_NOTES
    more = f"<li>and {number(left)} more</li>" if left > 0 else ""
    listed = f'<ul class="notes">{told}{more}</ul>'
    if len(notes) <= OPEN_NOTES:
        return listed
    return f"<details><summary>{count(len(notes), 'note')} on the plan</summary>{listed}</details>"


def _legend_of_states(summary: Summary) -> str:
    parts = [
        f"<li>{badge(state)} {number(summary.counts[state])}</li>"
        for state in STATES
        if summary.counts[state]
    ]
    return f'<ul class="legend">{"".join(parts)}</ul>'


def _legend_of_reasons(outcomes: Sequence[TaskOutcome]) -> str:
    met = {reason for outcome in outcomes for reason, n in outcome.reasons.items() if n}
    parts = [
        f'<li><svg class="key" viewBox="0 0 12 12" aria-hidden="true"><rect class="r-{reason}" '
        f'width="12" height="12"/></svg> {reason.replace("_", " ")}</li>'
        for reason in REASONS
        if reason in met
    ]
    return f'<ul class="legend">{"".join(parts)}</ul>'


def _foot(run: Run, summary: Summary) -> str:
    product = ""
    if summary.counts["done"]:  # with the first scene comes the collection
        file = link(f"products/{run.name}/collection.json", "collection.json")
        product = f"The product's STAC collection: {file} &middot; "
    return f"""<footer><p>{product}This run: \
<a href="run.json">run.json</a>, <a href="recipe.yaml">recipe.yaml</a>, \
<a href="plan.jsonl">plan.jsonl</a></p>
<p>As of {escape(when(run.updated))}. Made by scenefleet {escape(run.version)}. This file loads \
nothing from the network; {LINKS_NOTE}</p></footer>"""
