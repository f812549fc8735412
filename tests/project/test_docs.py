"""What the pages say of recipes, settings, verbs, numbers and files is what the program has."""

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
import yaml
from pydantic import BaseModel

from scenefleet.catalog import radiometry
from scenefleet.catalog.masks import FMASK, QA_PIXEL, QA_RADSAT, REASONS, SCL
from scenefleet.cli.main import VERBS, cli
from scenefleet.demo.acquisitions import ACQUISITIONS
from scenefleet.demo.archive import make_archive
from scenefleet.demo.server import serve_archive
from scenefleet.recipe import MaskKind, Recipe, find_index, parse
from scenefleet.recipe.bands import OFFERS
from scenefleet.settings import AzureSettings
from scenefleet_task import formula
from scenefleet_task.spec import Reason

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = sorted((REPOSITORY / "docs").glob("*.md"))
OTHERS = ("README", "ARCHITECTURE", "CONTRIBUTING", "pool_templates/README", "docker/README")
PAGES = [*DOCS, *(REPOSITORY / f"{name}.md" for name in OTHERS)]
TREE = '{"type": "Polygon", "coordinates": [[[5, 52], [6, 52], [6, 53], [5, 52]]]}'

FENCES = re.MULTILINE | re.DOTALL

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))


def page(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text(encoding="utf-8")


def blocks(text: str, language: str = r"\w*") -> list[str]:
    """Fenced blocks of a language, without the fences."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def section(text: str, title: str) -> str:
    """From a heading to the next."""
    return re.split(r"^#+ ", text.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str, title: str) -> list[list[str]]:
    """The cells of a section's tables, without heads and rules."""
    lines = [line for line in section(text, title).splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines]
    rules = [n for n, row in enumerate(cells) if set("".join(row)) == {"-"}]
    return [row for n, row in enumerate(cells) if n not in rules and n + 1 not in rules]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# --- links and commands


def headings(path: Path) -> set[str]:
    """Anchors of a page, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ +(.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in headings(file), f"{page.name}: {target} has no such heading"


@each_page
def test_tests_and_modules_that_a_page_names_are_there(page: Path) -> None:
    named = r"`((?:tests|benchmarks|task|client|emulator)/[\w/]+\.py)(?:::\w+)?`"
    for path in re.findall(named, page.read_text("utf-8")):
        assert (REPOSITORY / path).is_file(), f"{page.name}: {path}"


def test_the_tasks_modules_that_the_page_names_are_there() -> None:
    modules = {name for row in rows(page("scripts.md"), "How a task is built")
               for name in names(row[1])}  # fmt: skip
    assert len(modules) > 20
    gone = {name for name in modules if not (REPOSITORY / "task/scenefleet_task" / name).is_file()}
    assert not gone


def commands(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Verb and words of every `scenefleet ...` in a page's code."""
    text = path.read_text("utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    code = [*blocks(text), *re.findall(r"`([^`]+)`", prose)]
    said = re.compile(r"(?<![\w/.-])scenefleet(?: --debug)? +([a-z]\w*)([^|&>#;(\n]*)")
    for part in code:
        for verb, rest in said.findall(part):
            yield verb, rest.split()


def options(verb: str) -> set[str]:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return {"-h", "--help", *(name for parameter in command.params for name in parameter.opts)}


@each_page
def test_every_verb_and_option_is_real(page: Path) -> None:
    for verb, words in commands(page):
        assert verb in VERBS, f"{page.name}: scenefleet {verb}"
        given = {word.partition("=")[0] for word in words if word.startswith("-")}
        if verb != "emulator":  # passes its words on
            assert given <= options(verb), f"{page.name}: scenefleet {verb} {' '.join(words)}"


def test_the_pages_name_every_verb() -> None:
    assert {verb for path in PAGES for verb, _ in commands(path)} == set(VERBS)


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)
def test_no_page_names_somebodys_home(path: Path) -> None:
    assert not re.findall(r"(?<![\w.])/(?:root|home|Users)/", path.read_text("utf-8"))


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)
def test_python_in_the_pages_is_python(path: Path) -> None:
    for block in blocks(path.read_text("utf-8"), "python"):
        text = textwrap.dedent(block)
        ast.parse(f"[{text}]" if text.startswith("NamedIndex(") else text)


# --- recipes and settings


def recipes() -> list[tuple[str, str]]:
    """Every recipe in the pages and the examples, with where it stands."""
    shown = [
        (f"{path.name} {number}", block)
        for path in PAGES
        for number, block in enumerate(blocks(path.read_text("utf-8"), "yaml"))
        if block.startswith("version: 1")
    ]
    files = [(f.name, f.read_text("utf-8")) for f in (REPOSITORY / "examples").glob("*.yaml")]
    return shown + files


def test_recipes_are_recipes(tmp_path: Path) -> None:
    assert len(recipes()) >= 2
    for where, text in recipes():
        for name in re.findall(r"area: (\S+json)\b", text):
            (tmp_path / name).write_text(TREE)
        for name in re.findall(r"script: (\S+\.py)", text):
            shown = next(b for b in blocks(page("scripts.md"), "python") if "def process" in b)
            (tmp_path / name).write_text(shown)
        assert parse(text, tmp_path / "recipe.yaml").version == 1, where


def keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{before}{name}.")
        else:
            yield before + name


def test_the_recipe_table_is_the_models() -> None:
    table = rows(page("recipe.md"), "Key by key")
    table = [row for row in table if len(row) == 4]  # beside it a table of dates, of two columns
    assert [names(row[0])[0] for row in table] == list(keys(Recipe))
    plain = Recipe.model_validate({"version": 1, "name": "x", "search": {}}).model_dump(mode="json")
    for key, _, default, _ in table:
        told = re.fullmatch(r"`(.+)`", default)
        name = names(key)[0]
        part = plain
        for word in name.split("."):
            part = part[word]
        if told:
            assert yaml.safe_load(told[1]) == part, name
        elif default != "needed":
            assert part is None or not part, f"{name} has a default: {part}"


def test_the_settings_table_is_the_models() -> None:
    table = rows(page("engineer.md"), "Settings")
    assert [names(row[0])[0] for row in table] == list(AzureSettings.model_fields)
    for key, variable, _ in table:
        assert names(variable) == [f"SCENEFLEET_AZURE_{names(key)[0].upper()}"]
    [block] = blocks(page("engineer.md"), "toml")
    shown = re.findall(r"^(\w+) =", block, re.MULTILINE)
    assert set(shown) <= set(AzureSettings.model_fields)


# --- numbers


def test_the_table_of_indices_is_the_programs() -> None:
    for name, text, _ in rows(page("recipe.md"), "Indices"):
        published = find_index(names(name)[0]).formula
        assert formula.write(formula.parse(text)) == formula.write(published)


def test_the_named_functions_and_bands_are_the_programs() -> None:
    told = re.sub(r"^```.*?^```$", "", section(page("recipe.md"), "Indices"), flags=FENCES)
    assert set(formula.FUNCTIONS) <= {name.partition("(")[0] for name in names(told)}
    offered = {band for bands in OFFERS.values() for band in bands} - {"cirrus"}
    assert offered <= set(names(told))


def test_the_table_of_masks_is_the_programs() -> None:
    table = rows(page("recipe.md"), "Masks")
    told = {name: row for row in table if (name := (names(row[0]) or [""])[0]) in list(MaskKind)}
    assert set(told) == set(MaskKind)

    def numbers(cell: str) -> set[int]:
        return {int(number) for number in re.findall(r"\d+", cell)}

    for kind, row in told.items():
        for cell, raster in zip(row[1:4], (SCL, QA_PIXEL, FMASK), strict=True):
            assert numbers(cell) == set(raster.kinds[MaskKind(kind)]), (kind, cell)
        assert names(row[4]) == [REASONS[MaskKind(kind)]]
    always = table[0]
    assert (numbers(always[1]), numbers(always[2])) == (set(SCL.always), set(QA_PIXEL.always))
    assert numbers(always[3]) == {FMASK.fill}
    saturated = {n for n, reason in QA_RADSAT.always.items() if reason == "saturated"}
    assert saturated == set(range(7))
    assert set(QA_RADSAT.always) - saturated == {9, 11}


def test_the_table_of_reasons_counts_as_the_program() -> None:
    table = [row for row in rows(page("analyst.md"), "What you get") if len(row) == 4]
    halves = [half for row in table for half in (row[:2], row[2:])]
    numbered = {int(number): text for number, text in halves if number.isdigit()}
    assert sorted(numbered) == [reason.value for reason in Reason]
    for word in ("CLOUD", "SHADOW", "SNOW", "WATER", "VALID", "OUTSIDE", "SATURATED"):
        assert word.lower() in numbered[Reason[word].value]


def test_the_rules_of_radiometry_are_all_told() -> None:
    told = [names(row[0])[0] for row in rows(page("recipe.md"), "How numbers become reflectance")]
    assert radiometry.__doc__
    known = [name for line in re.findall(r"^- (.*)$", radiometry.__doc__, re.MULTILINE)
             for name in names(line.partition(":")[0])]  # fmt: skip
    assert sorted(told) == sorted(known)


def test_exit_codes_are_those_of_the_help() -> None:
    table = rows(page("analyst.md"), "When something goes wrong")
    assert cli.help
    help_codes = re.findall(r"\b(\d) \w", cli.help)
    assert [row[0] for row in table] == help_codes


def test_the_estimates_constants_are_the_codes() -> None:
    module = importlib.import_module("scenefleet.plan.estimate")
    for name, value, _ in rows(page("runs.md"), "What a scene costs"):
        if constant := names(name):
            first, _, second = value.partition(" / ")
            assert float(first) / float(second or 1) == getattr(module, constant[0])


# --- what is printed


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenes of 2022 of `scenefleet demo`, where the pages say."""
    folder = tmp_path_factory.mktemp("docs") / "scenefleet-demo/archive"
    make_archive(folder, acquisitions=[one for one in ACQUISITIONS if one.time.year == 2022])
    return folder


@pytest.fixture
def started(archive: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Starts Python with some words, in a folder or else the one that holds `scenefleet-demo`."""

    def start(
        *words: object, folder: Path = archive.parents[1]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=folder,
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return start


MAIN = ("-c", "from scenefleet.cli.main import main; main()")


def test_the_analysts_search_prints_what_the_page_shows(archive: Path, started: Callable) -> None:
    text = page("analyst.md")
    recipe = next(b for b in blocks(text, "yaml") if "name: fields" in b)
    (archive.parent / "fields.yaml").write_text(recipe)
    assert "cd scenefleet-demo" in text.partition("name: fields")[0]
    shown = next(b for b in blocks(text, "console") if b.startswith("$ scenefleet search"))
    done = started(*MAIN, "search", "fields.yaml", folder=archive.parent)
    assert done.stdout + done.stderr == shown.partition("\n")[2]


def test_a_wrong_key_says_what_the_page_shows(archive: Path, started: Callable) -> None:
    head = "version: 1\nname: x\nsearch:\n  catalog: scenefleet-demo/archive/items.json\n"
    (archive.parents[1] / "bad.yaml").write_text(f"{head}  cloud_bellow: 20\n")
    shown = next(b for b in blocks(page("analyst.md"), "console") if "bad.yaml:5" in b)
    assert started(*MAIN, "plan", "bad.yaml").stderr == shown.partition("\n")[2]


def test_the_library_example_runs_and_prints_what_the_page_shows(
    archive: Path, started: Callable, tmp_path: Path
) -> None:
    example = REPOSITORY / "examples/library.py"
    text = page("scripts.md")
    heart = next(b for b in blocks(text, "python") if b.startswith("def compute"))
    assert heart in example.read_text("utf-8")
    shown = next(b for b in blocks(text, "console") if "examples/library.py" in b)
    store = tmp_path / "results"
    with serve_archive(archive) as url:
        done = started("-W", "error", example, url, store)
        assert done.returncode == 0, done.stderr
        assert done.stdout == shown.partition("\n")[2]
        tried = sorted(store.glob("runs/*/logs/*/*"))
        assert started(example, url, store).stdout == done.stdout
    assert len(tried) == 3
    assert sorted(store.glob("runs/*/logs/*/*")) == tried, "the second run computed again"
    assert (store / "products/ndvi-spring/collection.json").is_file()


def test_the_pages_recipe_in_python_runs(archive: Path, started: Callable) -> None:
    text = page("scripts.md")
    folder = archive.parents[1]
    (folder / "spring.py").write_text(
        next(b for b in blocks(text, "python") if "recipe.to_yaml()" in b)
    )
    done = started("-W", "error", "spring.py")
    assert done.returncode == 0, done.stderr
    assert started(*MAIN, "search", "spring.yaml").returncode == 0
    message = next(iter(re.findall(r"`(search\.cloud_below: 101[^`]+)`", text)))
    wrong = "{'version': 1, 'name': 'a', 'search': {'cloud_below': 101}}"
    made = started("-c", f"from scenefleet.recipe import read_recipe; read_recipe({wrong})")
    assert message in made.stderr


def test_the_pages_script_runs(archive: Path, started: Callable) -> None:
    text = page("scripts.md")
    folder = archive.parent
    script = next(b for b in blocks(text, "python") if "def process" in b)
    (folder / "bright.py").write_text(script)
    recipe = next(b for b in blocks(text, "yaml") if "bright.py" in b)
    (folder / "bright.yaml").write_text(recipe)
    done = started(*MAIN, "try", "bright.yaml", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    [output] = json.loads(done.stdout)["outputs"]
    assert output["name"] == "bright"
    assert 0 < output["mean"] < 1
