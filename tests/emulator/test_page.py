"""The page at `/`, in a real browser and by its requests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from azure.batch import models

from batch_emulator.page import view
from batch_emulator.state.account import Account
from batch_emulator.state.job import Job
from batch_emulator.state.ledger import Forgetful
from batch_emulator.state.task import Task

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
expect = sync_api.expect
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\"'><svg onload=alert(1)>",
]


@pytest.fixture(scope="module")
def browser(need) -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(need("chromium")), headless=True, args=FLAGS
        )
        yield started
        started.close()


@pytest.fixture
def visit(browser) -> Iterator[Any]:
    """Opens an emulator's page; whatever the browser complains of fails the test."""
    pages: list[tuple[Any, list[str]]] = []

    def opened(batch, path="/", **options: Any) -> Any:
        page = browser.new_page(**options)
        complaints: list[str] = []
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda box: (complaints.append(box.message), box.dismiss()))
        pages.append((page, complaints))
        page.goto(batch.running.endpoint + path)
        expect(page.locator("#live")).to_have_text("live")
        return page

    yield opened
    for page, complaints in pages:
        page.close()
        assert complaints == []


def ask(batch, path="/page/state.json", method="GET", **rest):
    with httpx.Client(trust_env=False) as client:
        return client.request(method, batch.running.endpoint + path, **rest)


def row(page, section, name):
    return page.locator(f"#{section} tbody tr").filter(has_text=name)


def add(batch, job, ids, command="/bin/true"):
    """In this order: the client would add them in reverse."""
    for at in range(0, len(ids), 100):
        group = models.BatchTaskGroup(
            task_values=[
                models.BatchTaskCreateOptions({"id": i, "commandLine": command})
                for i in ids[at : at + 100]
            ]
        )
        batch.client.create_task_collection(job, group)


def test_a_task_goes_from_active_to_completed_without_reload(batch, visit):
    pool = batch.pool(nodes=0)
    job = batch.job(pool)
    page = visit(batch)
    loads = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    task = batch.task(job, "/bin/sh -c 'exit 3'")
    expect(row(page, "tasks", task).locator(".state")).to_have_text("active")
    expect(row(page, "jobs", job).locator("td").nth(4)).to_have_text("1")
    batch.raw("POST", f"/pools/{pool}/resize", json={"targetDedicatedNodes": 1})
    expect(row(page, "tasks", task).locator(".state")).to_have_text("completed")
    expect(row(page, "tasks", task).locator("td").nth(3)).to_have_text("exit 3, FailureExitCode")
    expect(row(page, "jobs", job).locator("td").last).to_have_text("1")
    article = page.locator("#pools article").filter(has_text=pool)
    expect(article).to_contain_text("1 of 1 dedicated")
    expect(article.locator("tbody .state")).to_have_text("idle")
    expect(page.locator("#requests")).to_contain_text(f"/pools/{pool}/resize")
    assert loads == []


def test_slots_in_use_and_faults_are_shown(batch, visit):
    pool = batch.pool(taskSlotsPerNode=4)
    batch.ready(pool, 1)
    job = batch.job(pool)
    add(batch, job, ["a", "b", "c"], "/bin/sleep 60")
    batch.running.admin.fail_requests(503, path=f"/jobs/{job}", method="GET")
    batch.raw("GET", f"/jobs/{job}")
    page = visit(batch)
    article = page.locator("#pools article").filter(has_text=pool)
    expect(article.locator("tbody td").nth(3)).to_have_text("3 of 4")
    expect(row(page, "requests", "error 503")).to_contain_text("ServerBusy")
    batch.raw("DELETE", f"/jobs/{job}")


def test_tasks_are_found_by_job_and_state_a_page_at_a_time(batch, visit):
    pool = batch.pool(nodes=0)
    one, two = batch.job(pool), batch.job(pool)
    add(batch, one, [f"first-{n:03d}" for n in range(120)])
    add(batch, two, ["second"])
    page = visit(batch)
    rows = page.locator("#tasks tbody tr")
    expect(rows.first).to_contain_text("second")
    page.get_by_role("button", name=one, exact=True).click()
    expect(rows.first).to_contain_text("first-119")
    expect(page.locator("#tasks .count")).to_have_text("1 to 50 of 120")
    expect(rows).to_have_count(50)
    expect(page.get_by_role("button", name="Newer")).to_be_disabled()
    page.get_by_role("button", name="Older").click()
    expect(rows.first).to_contain_text("first-069")
    page.get_by_role("button", name="Older").click()
    expect(page.locator("#tasks .count")).to_have_text("101 to 120 of 120")
    expect(page.get_by_role("button", name="Older")).to_be_disabled()
    page.locator("#state").select_option("failed")
    expect(page.locator("#tasks")).to_contain_text("There is no such task.")
    batch.client.terminate_task(one, "first-007")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("TaskEnded")
    # an address leads back to what was looked for
    again = visit(batch, "/" + page.evaluate("location.hash"))
    expect(again.locator("#tasks tbody tr")).to_have_count(1)
    page.locator("#job").fill("nothing")
    page.locator("#state").select_option("")
    expect(page.locator("#tasks")).to_contain_text("There is no such task.")


def test_hostile_text_stays_text(batch, visit):
    # ids are checked by the service; requests, and what is looked for, may hold anything
    job = batch.job(displayName=HOSTILE[0])
    command = f"/bin/echo {json.dumps(HOSTILE[0])}"
    batch.completed(job, batch.task(job, command, displayName=HOSTILE[0]))
    page = visit(batch)
    for text in HOSTILE:
        batch.raw("GET", "/jobs/" + "".join(f"%{byte:02x}" for byte in text.encode()))
        page.locator("#job").fill(text)
        expect(page.locator("#tasks")).to_contain_text("There is no such task.")
        expect(row(page, "requests", f"/jobs/{text}").first).to_be_visible()
    assert page.locator("img, svg").count() == 0
    assert page.locator("script").count() == 1


def test_even_a_server_s_whole_answer_is_only_text(batch, visit, browser):
    """Every string that the emulator could send, replaced by markup."""

    def poison(value):
        if isinstance(value, dict):
            return {name: poison(part) for name, part in value.items()}
        if isinstance(value, list):
            return [poison(part) for part in value]
        return HOSTILE[0] if isinstance(value, str) else value

    job = batch.job()
    batch.completed(job, batch.task(job))

    def answer(route):
        found = ask(batch)
        headers = {"emulator-time": found.headers["emulator-time"]}
        route.fulfill(json=poison(found.json()), headers=headers)

    page = visit(batch)
    page.route("**/page/state.json*", answer)
    expect(page.locator("#account")).to_have_text(HOSTILE[0])
    for section in ("pools", "jobs", "tasks", "requests"):
        expect(page.locator(f"#{section} .scroll")).to_contain_text(HOSTILE[0])
    assert page.locator("img, svg").count() == 0


def test_it_offers_nothing_that_changes_anything(emulator, visit):
    batch = emulator("--boot-time=0.05")
    job = batch.job()
    batch.completed(job, batch.task(job))
    page = visit(batch)
    asked: list[tuple[str, str]] = []
    page.on("request", lambda one: asked.append((one.method, one.url.partition("?")[0])))
    assert page.locator("form, a, iframe").count() == 0
    before = [task.as_dict() for task in batch.client.list_tasks(job)]
    buttons = page.get_by_role("button")
    assert [button.inner_text() for button in buttons.all()] == [job, "Newer", "Older"]
    for button in buttons.all():
        if button.is_enabled():
            button.click()
    page.locator("#state").select_option("completed")
    page.locator("#job").press("Enter")
    expect(row(page, "tasks", "exit 0").first).to_be_visible()
    assert [task.as_dict() for task in batch.client.list_tasks(job)] == before
    assert set(asked) == {("GET", f"{batch.running.endpoint}/page/state.json")}


@pytest.mark.parametrize("path", ["/", "/page/state.json"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_verbs_are_refused(batch, path, method):
    answer = ask(batch, path, method)
    assert (answer.status_code, answer.json()["code"]) == (405, "UnsupportedHttpVerb")


def test_nothing_secret_is_told(batch):
    pool = batch.pool()
    job = batch.job(pool, commonEnvironmentSettings=[{"name": "A", "value": "SECRET-1"}])
    batch.run(
        "/bin/echo SECRET-2 https://x.example/y?sig=SECRET-3",
        job,
        environmentSettings=[{"name": "B", "value": "SECRET-4"}],
    )
    batch.raw("GET", f"/jobs/{job}?sig=SECRET-5")
    told = ask(batch).text
    assert job in told
    assert "SECRET" not in told
    assert batch.running.key not in told


def test_the_policy_lets_no_other_script_run(batch, browser):
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(batch.running.endpoint + "/")
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            const text = 'document.title = "owned"';
            try { script.textContent = text; } catch { script.append(text); }
            document.body.append(script);
        }"""
    )
    with pytest.raises(sync_api.Error, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<img src=x>'")
    assert page.title() == "Azure Batch emulator"
    assert complaints
    page.close()
    policy = ask(batch, "/").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""])
@pytest.mark.parametrize("path", ["/", "/page/state.json"])
def test_a_name_that_was_made_to_lead_here_is_refused(batch, path, host):
    answer = ask(batch, path, headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidHeaderValue")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "[::1]:9"])
def test_names_of_this_machine_are_let_in(batch, host):
    assert ask(batch, "/", headers={"host": host}).status_code == 200


def test_what_has_not_changed_is_not_sent_again(batch):
    pool = batch.pool(nodes=0)
    job = batch.job(pool)
    batch.until(lambda: batch.client.get_pool(pool).allocation_state == "steady")
    first = ask(batch)
    tag = {"If-None-Match": first.headers["etag"]}
    again = ask(batch, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["emulator-time"]
    batch.task(job)
    assert ask(batch, headers=tag).status_code == 200


@pytest.mark.parametrize("query", ["state=odd", "page=-1", "page=x", "page=1e9", "page=9999999999"])
def test_questions_that_make_no_sense_are_refused(batch, query):
    answer = ask(batch, f"/page/state.json?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidQueryParameterValue")


def test_it_says_when_the_emulator_is_gone(emulator, browser):
    batch = emulator()
    page = browser.new_page()
    page.goto(batch.running.endpoint + "/")
    expect(page.locator("#live")).to_have_text("live")
    batch.running.process.kill()
    batch.running.process.wait()
    expect(page.locator("#live")).to_have_text("no answer")
    page.close()


def test_nothing_is_wider_than_the_window_and_colours_follow_the_scheme(batch, visit):
    job = batch.job(batch.pool(nodes=2))
    batch.completed(job, batch.task(job, name="t" + "o" * 63))
    colours = set()
    for scheme in ("light", "dark"):
        page = visit(batch, color_scheme=scheme)
        expect(row(page, "tasks", "toooo").first).to_be_visible()
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        for width in (1280, 800, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            tables = page.locator("#pools .scroll, #jobs .scroll, #tasks .scroll").evaluate_all(
                "all => all.map(e => e.scrollWidth - e.clientWidth)"
            )
            assert width < 800 or tables == [0, 0, 0]
    assert len(colours) == 2


def crowd(tasks: int) -> Account:
    """A job with so many tasks, every third of which failed."""
    now, ledger = datetime.now(UTC), Forgetful()
    spec = {"poolInfo": {"poolId": "p"}}
    job = Job(id="crowd", created=now, ledger=ledger, spec=spec)
    for n in range(tasks):
        task = Task(id=f"t-{n}", created=now, ledger=ledger, job=job, body=b"{}")
        job.add(task)
        if n % 3 == 0:
            task.result = "failure"
            job.move(task, "completed", now)
    return Account(jobs={"crowd": job})


def test_a_hundred_thousand_tasks_cost_what_a_thousand_do():
    service = SimpleNamespace(
        options=SimpleNamespace(account="a"), endpoint="", clock=SimpleNamespace(scale=1), recent=[]
    )

    def cost(account: Account) -> float:
        service.account = account
        took = []
        for state in ("", "active", "failed"):
            request = SimpleNamespace(query_params={"state": state})
            start = time.perf_counter()
            found = view.tell(service, request)["tasks"]
            took.append(time.perf_counter() - start)
            assert len(found["shown"]) == 50
        return max(took)

    few, many = crowd(1_000), crowd(100_000)
    assert min(cost(many) for _ in range(20)) < 5 * min(cost(few) for _ in range(20))
    service.account = many
    deep = view.tell(service, SimpleNamespace(query_params={"state": "failed", "page": "600"}))
    assert deep["tasks"]["total"] == 33_334
    assert deep["tasks"]["shown"][0]["id"] == "t-9999"
