"""The page at `/` with a key of one's own: who is let in, and where the key does not stay."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
expect = sync_api.expect
KEYS = [
    "b3duIGtleSBvZiB0aGUgdGVzdCwgMzIgYnl0ZXMgbG9uZyE=",
    base64.b64encode(b"\xfb\xff\xfe" * 13 + b"x").decode(),  # + and / and = in plenty
]
HELD = "JSON.stringify([location.href, document.cookie, {...localStorage}, {...sessionStorage}])"


@pytest.fixture(scope="module")
def browser(need) -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(need("chromium")), headless=True, args=FLAGS
        )
        yield started
        started.close()


def login(batch, key):
    return {"username": batch.running.account, "password": key}


def ask(batch, path, **rest):
    with httpx.Client(trust_env=False, verify=batch.running.trust) as client:
        return client.get(batch.running.endpoint + path, **rest)


@pytest.mark.parametrize("key", KEYS)
def test_the_page_asks_for_the_key_and_is_live_with_it(emulator, browser, key):
    batch = emulator(key=key)
    answer = ask(batch, "/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Basic realm="')
    assert "The page wants a key." in answer.text
    assert ask(batch, "/page/state.json").json()["code"] == "AuthenticationFailed"
    assert ask(batch, "/", auth=(batch.running.account, key)).status_code == 200
    page = browser.new_page(http_credentials=login(batch, key))
    page.goto(batch.running.endpoint + "/")
    expect(page.locator("#live")).to_have_text("live")
    assert key not in page.evaluate(HELD)
    page.close()


@pytest.mark.parametrize("key", KEYS)
def test_it_is_live_where_the_key_was_typed_into_the_address(emulator, browser, key):
    batch = emulator(key=key)
    user = f"{batch.running.account}:{quote(key, safe='')}@"
    page = browser.new_page()
    page.goto(batch.running.endpoint.replace("//", f"//{user}") + "/")
    expect(page.locator("#live")).to_have_text("live")
    held = page.evaluate(HELD)
    assert key not in held
    assert quote(key, safe="") not in held
    page.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 375)])
def test_a_wrong_key_is_told_in_words(emulator, browser, scheme, width):
    batch = emulator(key=KEYS[1])
    page = browser.new_page(
        http_credentials=login(batch, KEYS[0]),
        color_scheme=scheme,
        viewport={"width": width, "height": 700},
    )
    page.goto(batch.running.endpoint + "/")
    expect(page.locator("h1")).to_have_text("That account or key is not this emulator's.")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert KEYS[1] not in page.content()
    page.close()


def test_it_is_live_over_tls(emulator, browser, certificate):
    batch = emulator(*certificate.options, key=KEYS[1], trust=str(certificate.ca))
    page = browser.new_page(http_credentials=login(batch, KEYS[1]), ignore_https_errors=True)
    page.goto(batch.running.endpoint + "/")
    expect(page.locator("#live")).to_have_text("live")
    page.close()
