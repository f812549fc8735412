"""Every command that a page tells to type is typed here, is run elsewhere, or has a reason why not.

Commands are what stands in blocks of `sh` and, after `$`, of `console`, and what is set as code in
a line and begins like a command. Those of a page run in its order, in a folder of their own, on the
scenes of `scenefleet demo`.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = {
    path.relative_to(REPOSITORY).as_posix(): path.read_text("utf-8")
    for path in (
        *(REPOSITORY / f"{name}.md" for name in ("README", "CONTRIBUTING", "ARCHITECTURE")),
        *(REPOSITORY / name / "README.md" for name in ("pool_templates", "docker")),
        *sorted((REPOSITORY / "docs").glob("*.md")),
    )
}
PROGRAMS = ("scenefleet", "make", "python", "python3", ".venv/bin/python", "az", "docker", "pip",
            "npm", "curl", "jq", "git", "mkdir", "chmod", "kill", "export", ".", "sleep", "base",
            ".ci/run", "$EDITOR", "cd", "eval")  # fmt: skip


CODE = re.compile(r"^```(\w*)\n(.*?)^```$|`([^`\n]+(?:\n[^`\n]+)?)`", re.MULTILINE | re.DOTALL)
"""A block's language and text, or what is code in a line."""


@dataclass(frozen=True)
class Typed:
    """A command of a page."""

    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def commands() -> Iterator[Typed]:
    for page, text in PAGES.items():
        for language, block, inline in CODE.findall(text):
            if inline:
                line = " ".join(inline.split())
                if " " in line and line.partition(" ")[0] in PROGRAMS:  # a word alone names it
                    yield Typed(page, line)
            elif language in ("sh", "console"):
                for line in lines(block, language):
                    yield Typed(page, line)


def lines(block: str, language: str) -> Iterator[str]:
    """Commands of a block: continued lines are one, here-documents and remarks are left out."""
    whole = re.sub(r"\\\n\s*", "", block)
    whole = re.sub(r"<<'?(\w+)'?\n.*?^\1$", "<<HERE", whole, flags=re.MULTILINE | re.DOTALL)
    typed = whole.splitlines()
    if language == "console":
        typed = [line[2:] for line in typed if line.startswith("$ ")]
    bare = (re.sub(r"(^|\s+)#.*", "", line).strip() for line in typed)
    yield from filter(None, bare)


# --- what becomes of each

HERE = "here"
CI = "ci"
RULES: list[tuple[str, str, str]] = [
    # --- a person's own machine, another's account
    (r".*", r"(az|az (login|ad|acr|bicep|group|deployment) .*|az login|\$EDITOR .*)",
     "wants Azure, and the Azure CLI"),
    (r".*", r"scenefleet (doctor --recipe (azure|recipe)\.yaml|run azure\.yaml)", "wants Azure"),
    (r"pool_templates/README\.md", r"terraform .*", "wants Azure, and Terraform's provider"),
    (r".*", r"az batch pool (resize|show|autoscale) .*", "wants Azure"),
    (r"docs/engineer\.md", r"scenefleet (run|retry|status) first\.yaml.*",
     "tests/end_to_end/test_first_day.py"),
    (r"docs/engineer\.md", r"scenefleet (run|plan|watch|--debug run).*", "wants Azure"),
    (r"docs/engineer\.md", r"(az batch job delete|chmod 600)", "wants Azure"),
    (r"docker/.*", r"(docker|base=).*", "wants a registry, and a network"),
    (r".*", r"(git clone|mkdir -p ~|pip install|npm install).*",
     "changes a person's own machine, and wants a network"),
    (r".*", r"cd scenefleet-demo", "where a shell is, which ends with it"),
    (r".*", r"kill -9", "tests/end_to_end/test_survival.py"),
    # --- by others of the tests
    (r"docs/emulator\.md", r"(export AZURE|az batch |sleep ).*", "tests/conformance/cli.py"),
    (r"docs/emulator\.md", r"export KEY=.*", "tests/emulator/test_command.py"),
    (r".*", r"(python -m batch_emulator|scenefleet emulator)( serve.*)?",
     "tests/emulator/test_command.py"),
    (r"docs/emulator\.md", r"curl .*/admin/clock", "tests/emulator/test_clock.py"),
    (r"ARCHITECTURE\.md", r"python3 <sha256>\.pyz run", "tests/task/test_run.py"),
    (r"docs/tools\.md", r"rio .*", "tests/project/test_tools.py"),
    (r"docs/scripts\.md", r"python examples/library\.py .*", "tests/project/test_docs.py"),
    (r"docs/performance\.md", r"python benchmarks/.*", "tests/project/test_benchmarks.py"),
    (r"CONTRIBUTING\.md", r"\.venv/bin/python -m pytest .*", "tests/project/test_need.py"),
    (r"README\.md", r'eval "\$\(scenefleet completion bash\)"',
     "tests/client/cli/test_completion.py"),
    # --- by CI itself
    (r".*", r"make (lock|clean)", "asks registries for what is newest, or deletes what was made"),
    (r".*", r"(make( [a-z-]+)*|make setup && \. \.venv/bin/activate|\.ci/run( \w+)?)", CI),
    (r".*", r"\. \.venv/bin/activate", CI),
    # --- verbs that a page only names: another line of the pages has them run
    (r"ARCHITECTURE\.md", r"scenefleet \w+", "tests/project/test_commands.py"),
    # --- the rest
    (r".*", r"(scenefleet|python -m scenefleet_task|jq) .*", HERE),
]  # fmt: skip
"""Page, command, and what becomes of it: a file of tests that runs it, or why none can."""


def fate(typed: Typed) -> str | None:
    for page, command, becomes in RULES:
        if re.fullmatch(page, typed.page) and re.fullmatch(command, typed.text):
            return becomes
    return None


def test_each_command_is_run_or_has_a_reason() -> None:
    unknown = [str(typed) for typed in commands() if fate(typed) is None]
    assert not unknown, "\n".join(unknown)
    used = {fate(typed) for typed in commands()}
    assert used == {becomes for _, _, becomes in RULES}, "rules that no command needs any more"
    for becomes in used - {HERE, CI}:
        assert not becomes.startswith("tests/") or (REPOSITORY / becomes).is_file(), becomes


TARGETS = re.findall(r"^([a-z-]+):.*##", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
BY_MAKE_TEST = {"help", "setup", "demo", "azurite", "stac-server"}
"""What `make test` and the tests below have done already."""
BY_NOBODY = {"lock", "clean", "fuzz"}
"""`fuzz` is the same tests as `make test` has, on other examples."""


def test_each_target_that_a_page_names_runs_in_ci() -> None:
    script = (REPOSITORY / ".ci/run").read_text()
    run = set(re.findall(r"^\s*make ([a-z-]+)", script, re.MULTILINE))
    named = {
        word
        for typed in commands()
        if typed.text.startswith("make ")
        for word in re.sub(r"&&.*", "", typed.text).split()[1:]
    }
    assert named <= set(TARGETS)
    assert set(TARGETS) == run | BY_MAKE_TEST | BY_NOBODY
    assert not run & BY_NOBODY


# --- typed


@dataclass
class Desk:
    """A folder where a person types."""

    folder: Path

    def type(self, command: str, seconds: float = 170) -> subprocess.CompletedProcess[str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        return subprocess.run(
            ["/bin/sh", "-c", command], cwd=self.folder, capture_output=True, text=True,
            timeout=seconds, check=False, env={**os.environ, "PATH": path, "HOME": str(home)},
        )  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `scenefleet demo` leaves in a folder."""
    desk = Desk(tmp_path_factory.mktemp("demo"))
    done = desk.type("scenefleet demo", seconds=800)
    assert done.returncode == 0, done.stderr
    return desk.folder


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)


@pytest.fixture
def desk(demo: Path, tmp_path: Path) -> Desk:
    """The demo's folder with its scenes, and the recipes that the pages show or tell to write."""
    (tmp_path / "archive").symlink_to(demo / "scenefleet-demo/archive")
    fields = next(b for b in blocks("docs/analyst.md", "yaml") if "name: fields" in b)
    (tmp_path / "fields.yaml").write_text(fields)
    (tmp_path / "cut.yaml").write_text(fields.replace("name: fields", "name: cut"))
    bright = next(b for b in blocks("docs/scripts.md", "yaml") if "bright.py" in b)
    (tmp_path / "bright.yaml").write_text(bright)
    script = next(b for b in blocks("docs/scripts.md", "python") if "def process" in b)
    (tmp_path / "bright.py").write_text(script)
    (tmp_path / "bad.yaml").write_text(fields.replace("cloud_below", "cloud_bellow"))
    # what `scenefleet init` writes asks a server on the web: "edit it"
    (tmp_path / "recipe.yaml").write_text(fields.replace("name: fields", "name: mine"))
    return Desk(tmp_path)


def filled_in(command: str, desk: Desk) -> str:
    """A command with real things in the place of the words that stand for them."""
    if re.search(r"\b(RUN|SCENE)\b", command):
        done = desk.type("scenefleet status --recipe fields.yaml --json")
        told = json.loads(done.stdout)
        command = command.replace("RUN", told["id"])
        command = command.replace("SCENE", told["scenes"][0]["item"])
    if "--item ID" in command:
        found = json.loads(desk.type("scenefleet search bright.yaml --json").stdout)
        command = command.replace("ID", shlex.quote(found["features"][0]["id"]))
    command = re.sub(r"init --azure$", "init --azure another.yaml", command)
    return command.replace("--store NEW", "--store results").replace("FOLDER", "copied-again")


BEFORE = {"docs/runs.md": ("scenefleet run cut.yaml", "scenefleet run recipe.yaml")}
"""What a page takes for done."""
ENDS = {"scenefleet plan bad.yaml": 1, "python -m scenefleet_task run": 2}
"""Exit codes, where they are not 0: a recipe with a wrong key, and no task at all."""


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", sorted({t.page for t in commands() if fate(t) == HERE}))
def test_the_commands_of_a_page_run_in_its_order(page: str, desk: Desk, need) -> None:
    wanted = [typed.text for typed in commands() if typed.page == page and fate(typed) == HERE]
    if any("jq" in command for command in wanted):
        need("jq")
    for command in [*BEFORE.get(page, ()), *dict.fromkeys(wanted)]:
        typed = filled_in(command, desk)
        if command == "scenefleet init" and (desk.folder / "recipe.yaml").exists():
            shutil.move(desk.folder / "recipe.yaml", desk.folder / "edited.yaml")
        done = desk.type(typed)
        said = f"{typed}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert done.returncode == ENDS.get(command, 0), said
        if command == "scenefleet init":
            assert "planetary-computer" in (desk.folder / "recipe.yaml").read_text()
            shutil.move(desk.folder / "edited.yaml", desk.folder / "recipe.yaml")
