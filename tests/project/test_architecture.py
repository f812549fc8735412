"""ARCHITECTURE.md has one line a module: the module's own first words, so that it stays true."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("client/scenefleet", "task/scenefleet_task", "emulator/batch_emulator")


def first_words(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


def test_every_module_has_its_line() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = {part.partition("\n")[0]: part for part in text.split("\n### ")}
    wrong: list[str] = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            room = rooms.get(f"`{path.parent.relative_to(ROOT)}/`", "")
            line = f"- `{path.stem}`: {first_words(path)}\n"
            if path.stem == "__init__":
                line = first_words(path)
            if line not in room:
                wrong.append(f"{path.relative_to(ROOT)}: {line.strip()}")
    assert not wrong, "ARCHITECTURE.md lacks, below the heading of the room:\n" + "\n".join(wrong)


def test_no_line_is_of_a_module_that_is_gone() -> None:
    room = Path()
    for line in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("### `"):
            room = ROOT / line[5:-1]
        elif line.startswith("- `") and room != Path():
            name = line.split("`")[1]
            assert (room / f"{name}.py").is_file(), line
