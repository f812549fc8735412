"""Who imports what, where import-linter cannot tell: parts of azure.*, and the standard library."""

import ast
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CLIENT = REPOSITORY / "client"
TASK = REPOSITORY / "task"


def _imported(path):
    """Every module that a file imports, late imports too, as absolute dotted names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _importers(folder, module):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if any(name == module or name.startswith(f"{module}.") for name in _imported(path))
    }


def test_only_the_fleet_imports_azure_batch():
    importers = _importers(CLIENT, "azure.batch")
    assert importers, "nobody does: this test looks at the wrong folder"
    assert {path.rsplit("/", 1)[0] for path in importers} == {"scenefleet/fleet"}


def test_nobody_imports_azure_mgmt():
    assert _importers(CLIENT, "azure.mgmt") | _importers(TASK, "azure.mgmt") == set()


def test_the_contract_needs_the_standard_library_only():
    for name in ("spec", "result"):
        path = TASK / "scenefleet_task" / f"{name}.py"
        tops = {module.split(".")[0] for module in _imported(path)}
        assert tops
        assert tops <= sys.stdlib_module_names | {"scenefleet_task"}


def test_the_task_needs_no_more_than_its_image_holds():
    held = {
        "azure", "certifi", "imagecodecs", "numpy", "planetary_computer", "rasterio",
        "scenefleet_task",
    }  # fmt: skip
    for path in TASK.rglob("*.py"):
        tops = {module.split(".")[0] for module in _imported(path)}
        assert tops <= sys.stdlib_module_names | held, path
