"""Files that others wrote: bombs, pipes, devices, and values too long to repeat."""

import json
import os
from pathlib import Path

import pytest

from scenefleet.cli.show import put_json, put_table, safe, say
from scenefleet.errors import FleetError, RecipeError
from scenefleet.fleet.template import load_template
from scenefleet.inputs import cut, is_deeper, parse_json, read_file, read_text
from scenefleet.recipe import parse, read_recipe
from scenefleet.settings import read_settings

HEAD = "version: 1\nname: test\n"


def too_long(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def pipe(path: Path, _: int) -> Path:
    os.mkfifo(path)
    return path


def device(path: Path, _: int) -> Path:
    path.symlink_to("/dev/zero")
    return path


def folder(path: Path, _: int) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("make", [too_long, pipe, device, folder])
def test_files_are_regular_and_not_too_large(make, tmp_path: Path) -> None:
    words = "larger than|regular file|is a folder"
    with pytest.raises(OSError, match=words):
        read_file(make(tmp_path / "a", 2000), 1000)
    with pytest.raises(RecipeError, match=words):
        read_recipe(make(tmp_path / "recipe.yaml", 30_000_000))
    with pytest.raises(RecipeError, match=words):
        read_settings(make(tmp_path / "settings.toml", 2_000_000), {})
    with pytest.raises(FleetError, match=words):
        load_template(make(tmp_path / "a.pool.json", 2_000_000))
    for key, name, size in (
        ("search: {area: %s}", "area.geojson", 300_000_000),
        ("search: {}\nprocess: {script: %s}", "script.py", 2_000_000),
    ):
        make(tmp_path / name, size)
        with pytest.raises(RecipeError, match=words):
            parse(HEAD + key % name, tmp_path / "recipe.yaml")


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (bomb(12), "aliases of this YAML .* more than 10000 values"),
        ("a: &a [*a]", "refers to itself"),
        ("a: &a {b: *a}", "refers to itself"),
        ("[" * 5000, "nested too deeply|no YAML"),
        ("a: " + "[" * 200 + "]" * 200, "nested deeper than 100"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("limit: " + "9" * 10_000, "no YAML"),
        ("a: !!int x", "no YAML"),
        ("a: !!timestamp 2023-99-99", "no YAML"),
        ("a: !!python/object/apply:os.system [ls]", "no YAML"),
        ("? [a]\n: b", "no YAML"),
    ],
)
def test_yaml_that_is_a_bomb(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        parse(HEAD + text, tmp_path / "recipe.yaml")
    assert len(str(caught.value)) < 1000


def test_aliases_are_for_variables() -> None:
    text = "search: {collections: &c [sentinel-2-l2a]}\nprocess: {indices: [ndvi]}\n"
    assert parse(HEAD + text, Path("recipe.yaml")).search.collections == ("sentinel-2-l2a",)
    text = "search: {bbox: &b [1, 2, 3, 4]}\nbudget: &m {max_cost: 1, node_price: 1}\n"
    assert parse(HEAD + text, Path("recipe.yaml")).budget.max_cost == 1


@pytest.mark.parametrize(
    "text",
    [
        "search: {limit: %s}",
        "search: {%s: 1}",
        "%s: 1",
        "search: {dates: %s}",
        "search: {collections: [%s], limit: x}",
        "search: {}\nprocess: {indices: [%s]}",
        "search: {}\nprocess: {indices: [{a: %s}]}",
        "search: {}\noutput: {store: 's3://%s'}",
        "search: {allow_private: ['%s/']}",
    ],
)
def test_a_long_value_is_cut_in_messages(text: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        parse(HEAD + text % ("x" * 1_000_000), tmp_path / "recipe.yaml")
    assert len(str(caught.value)) < 10_000


@pytest.mark.parametrize(
    "text", ['{"type": ' * 500 + "1" + "}" * 500, "[" * 100_000, "{", "", "\ufeff{"]
)
def test_an_area_that_is_a_bomb(text: str, tmp_path: Path) -> None:
    (tmp_path / "area.geojson").write_text(text)
    with pytest.raises(RecipeError, match=r"area\.geojson.* is no GeoJSON"):
        parse(HEAD + "search: {area: area.geojson}", tmp_path / "recipe.yaml")


def test_settings_that_are_a_bomb(tmp_path: Path) -> None:
    for text in ("a = " + "[" * 5000, "a = " + "9" * 10_000, "[azure]\n" + "x" * 10_000 + " = 1"):
        (tmp_path / "settings.toml").write_text(text)
        with pytest.raises(RecipeError) as caught:
            read_settings(tmp_path / "settings.toml", {})
        assert len(str(caught.value)) < 2000


def test_a_pool_template_that_is_a_bomb(tmp_path: Path) -> None:
    (tmp_path / "a.pool.json").write_text('{"a":' * 500 + "1" + "}" * 500)
    with pytest.raises(FleetError, match="nested deeper"):
        load_template(tmp_path / "a.pool.json")


def test_a_script_that_is_a_bomb(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("BANDS = " + "-" * 200_000 + "1")
    with pytest.raises(RecipeError, match=r"script\.py"):
        parse(HEAD + "search: {}\nprocess: {script: script.py}", tmp_path / "recipe.yaml")


def test_text_and_json(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbf{}")
    assert read_text(tmp_path / "a", 10) == "{}"
    (tmp_path / "a").write_bytes(b"a\xff")
    with pytest.raises(OSError, match=r"not UTF-8 text .at byte 1"):
        read_text(tmp_path / "a", 10)
    with pytest.raises(OSError, match="null"):
        read_file(Path("a\0b"), 10)
    assert parse_json(b"\xef\xbb\xbf[NaN, 1e5, 12]") == [None, 1e5, 12]
    assert parse_json('["\\ud83d\\ude00", "\\ud83d"]') == ["\U0001f600", "\ufffd"]
    assert not is_deeper([[1]], 2)
    assert is_deeper([{"a": []}], 2)
    assert cut("a" * 300).endswith("(300 characters)")


STEERS = "a\x1b[31mb\x07\x9b2J\u202egnp.exe\x7f\ud800\rc"


def test_nothing_steers_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    say(f"error: {STEERS}\n{'x' * 10_000}")
    put_table(("id",), [[f"{STEERS}\nnext"]])
    put_json({"id": STEERS})
    out, err = capfd.readouterr()
    for text in (out, err):
        assert text.replace("\n", "").isprintable()
        assert "b" in text
    assert len(err) < 5000
    assert len(out.splitlines()) == 3
    assert json.loads(out.splitlines()[2]) == {"id": STEERS}
    assert safe("plain\ttext\n") == "plain\ttext\n"


def test_a_message_shows_no_secret(capfd: pytest.CaptureFixture[str]) -> None:
    say("error: https://a/b?sig=CANARY failed; Authorization: Bearer CANARY; api_key=CANARY")
    assert "CANARY" not in capfd.readouterr().err
