"""A run over items full of secrets: none is in any file it leaves, nor in what is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CANARY = "CANARY7Q"
WEB = "https://files.example/x"
FORMS = (
    f"{WEB}?sas={CANARY}",
    f"{WEB}?code={CANARY}",
    f"{WEB}?key={CANARY}",
    f"{WEB}?api-key={CANARY}",
    f"{WEB}?subscription_key={CANARY}",
    f"{WEB}?password={CANARY}",
    f"{WEB}?jwt={CANARY}",
    f"{WEB}?session_token={CANARY}",
    f"{WEB}?X-Amz-Signature={CANARY}&X-Amz-Credential={CANARY}",
    f"{WEB}?q={CANARY}",
    f"{WEB}?{CANARY}",
    f"{WEB};sig={CANARY}",
    f"{WEB}#sig={CANARY}",
    f"{WEB}?a=1&amp;sig={CANARY}",
    f"{WEB}%3Fsig%3D{CANARY}",
    f"{WEB}%253Fsig%253D{CANARY}",
    f"{WEB}%u003Fsig={CANARY}",
    f"https://me:{CANARY}@files.example/x",
    f"//me:{CANARY}@files.example/x",
    f"file:///x?sig={CANARY}",
    f"s3://bucket/x?X-Amz-Security-Token={CANARY}",
)


def laden(item: dict[str, Any]) -> dict[str, Any]:
    """The item with a secret in every place that a task does not read."""
    for number, form in enumerate(FORMS):
        item["assets"][f"other{number}"] = {"href": form, "storage:headers": {"k": CANARY}}
        item["links"].append({"rel": "related", "href": form, "title": form})
        item["properties"][f"x:{number}"] = [{"a": form}, json.dumps({"u": form})]
    item["links"].append({"rel": "self", "href": f"https://files.example/i.json?token={CANARY}"})
    item["assets"]["preview"] = {"href": f"data:image/png;base64,{CANARY}"}
    item["properties"] |= {
        "auth:schemes": {"a": {"token": CANARY}},
        "storage:schemes": {"a": {"type": "azure", "key": CANARY, "code": [CANARY]}},
        "requestHeaders": {"X-Any": CANARY},
        "platform": f"{WEB}?sig={CANARY}",
        "s2:product_uri": f"{WEB}?key={CANARY}",
        "api_key": CANARY,
        "note": f"Authorization: Bearer {CANARY}",
    }
    item["headers"] = {"x-api-key": CANARY}
    return item


def test_no_file_and_no_word_of_a_run_holds_a_secret(archive: Path, desk: Any) -> None:
    items = json.loads((archive / "items.json").read_text())["features"][: len(FORMS) + 2]
    for number, item in enumerate(items):
        for asset in item["assets"].values():
            asset["href"] = str(archive / asset["href"])
        laden(item)
        if number:  # all but the first need what has a secret in its address
            item["assets"]["B04"]["href"] = FORMS[number % len(FORMS)]
    items[0]["properties"]["x:<script>"] = "</script><script>alert(1)</script>"
    kept = desk.folder.parent / "given.json"
    kept.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    desk.write("secrets", f"{{catalog: '{kept}', collections: [sentinel-2-l2a]}}")
    run = desk.json("run")
    assert run["state"] == "done"
    assert run["counts"]["done"] == 1
    for verb in (["search"], ["search", "--json"], ["plan"], ["plan", "--json"], ["logs"]):
        desk.run(*verb)
    desk.run("logs", items[0]["id"])
    desk.run("try", items[0]["id"], code=None)
    assert "left out" in desk.said
    assert not [line[:300] for line in desk.said.splitlines() if CANARY in line]
    files = [path for path in desk.folder.rglob("*") if path.is_file()]
    assert {"items.jsonl", "plan.jsonl", "report.html"} <= {path.name for path in files}
    for path in files:
        assert CANARY.encode() not in path.read_bytes(), path


def test_ids_that_steer_a_terminal_or_a_page(archive: Path, desk: Any) -> None:
    """An id that cannot be printed is no id; markup is an id, and stays text in the report."""
    items = json.loads((archive / "items.json").read_text())["features"][:2]
    items[0]["id"] = "<img src=x onerror=alert(1)>"
    items[1]["id"] = "a\x1b[2Jb\u202egnp"
    for item in items:
        for asset in item["assets"].values():
            asset["href"] = str(archive / asset["href"])
    (desk.folder / "items.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": items[:1]})
    )
    desk.write("ids", "{catalog: items.json, collections: [sentinel-2-l2a]}")
    run = desk.json("run")
    assert run["counts"]["done"] == 1
    report = next(desk.folder.rglob("report.html")).read_text()
    assert "<img src=x" not in report
    assert "&lt;img src=x" in report
    (desk.folder / "items.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": items})
    )
    desk.run("search", code=None)
    assert "\x1b" not in desk.said
    assert "\u202e" not in desk.said
