"""Imports of a script that tasks will not find are told before anything runs."""

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

from scenefleet.fleet import script_notes
from scenefleet.fleet.script_needs import IMAGE
from scenefleet.recipe import RecipeFile, read_recipe
from scenefleet.recipe.script_imports import imports
from scenefleet.settings import Settings, read_settings

REPOSITORY = Path(__file__).resolve().parents[3]
REST = """
BANDS = ("red",)
OUTPUTS = ("a",)

def process(scene):
    return {"a": scene["red"]}
"""
OURS = "mine.azurecr.io/scenefleet-task@sha256:" + "0" * 64
AZURE = {"backend": "azure", "image": OURS}


@pytest.fixture
def settings() -> Settings:
    return read_settings(None, {})


def recipe(folder: Path, text: str, compute: dict[str, object]) -> RecipeFile:
    (folder / "own.py").write_text(text + REST)
    values = {"version": 1, "name": "a", "search": {}, "process": {"script": "own.py"}}
    return read_recipe({**values, "compute": compute}, base=folder)


def names(text: str) -> list[str]:
    return [one.name for one in imports(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a", ["a"]),
        ("import a.b as c, d", ["a.b", "d"]),
        ("from a.b import c\nfrom d import *", ["a.b", "d"]),
        ("def f():\n    import a\n    class C:\n        import b", ["a", "b"]),
        ("async def f():\n    with x:\n        import a\n    for y in z:\n        import b",
         ["a", "b"]),
        ("match 1:\n    case _:\n        import a", ["a"]),
        ("from . import a\nfrom .b import c\nfrom ..d import e", [".a", ".b", "..d"]),
        ("import importlib\nimportlib.import_module('a.b')", ["importlib", "a.b"]),
        ("from importlib import import_module as i, import_module\nimport_module('a')",
         ["importlib", "a"]),
        ("x = __import__('a').b", ["a"]),
        ("importlib.import_module(name)", []),
        ("try:\n    import a\nexcept ImportError:\n    import b", []),
        ("try:\n    import a\nexcept (KeyError, ModuleNotFoundError):\n    pass", []),
        ("try:\n    import a\nexcept:\n    a = None\nelse:\n    import c\nfinally:\n    import d",
         ["c", "d"]),
        ("try:\n    import a\nexcept KeyError:\n    import b", ["a", "b"]),
        ("with contextlib.suppress(KeyError, ImportError):\n    import a", []),
        ("with suppress(KeyError), open(x):\n    import a", ["a"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b",
         ["typing", "b"]),
        ("import typing as t\nif not t.TYPE_CHECKING:\n    import a\nelse:\n    import b",
         ["typing", "a"]),
        ("if __name__ == '__main__':\n    import matplotlib", []),
        ("import sys\nif sys.version_info >= (3, 11):\n    import a\nelse:\n    import b", ["sys"]),
        ("if importlib.util.find_spec('a'):\n    import a", []),
        ("if x:\n    import a\nelif y:\n    import b", ["a", "b"]),
        ("'''import a'''\n# import b\nx = 'import c'", []),
        ("import a\nimport a", ["a"]),
        ("x = " + "(" * 80 + "1" + ")" * 80, []),
        ("x = " + "+".join(["1"] * 3000), []),
    ],
)  # fmt: skip
def test_imports_are_read_from_the_syntax_tree(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_the_table_of_the_image_is_what_its_requirements_bring() -> None:
    """By what the packages that are pinned for it bring where they are installed."""
    text = (REPOSITORY / "requirements/task.txt").read_text()
    plain = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
    }
    brought = {
        top
        for top, packages in importlib.metadata.packages_distributions().items()
        if any(re.sub(r"[-_.]+", "-", one).lower() in plain for one in packages)
        and top.isidentifier() and not top.startswith("_") and top != "images"
    }  # fmt: skip
    told = {name.partition(".")[0] for name in IMAGE} - {"pip", "scenefleet_task"}
    assert told == brought
    assert "python:3.13-" in (REPOSITORY / "docker/Dockerfile").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as np\nimport rasterio.warp, math, tomllib, json\nfrom azure import storage",
        "from scenefleet_task.script import Scene\nfrom __future__ import annotations",
        "import azure.storage.blob\nimport certifi\nimport concurrent.futures",
    ],
)
def test_what_the_image_has_is_not_mentioned(tmp_path: Path, settings: Settings, text: str) -> None:
    lines = sorted(text.splitlines(), key=lambda line: "__future__" not in line)
    assert script_notes(recipe(tmp_path, "\n".join(lines), AZURE), settings) == ()


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("import skimage.filters", "scikit-image"),
        ("from sklearn.svm import SVC", "scikit-learn"),
        ("import cv2", "opencv-python-headless"),
        ("from PIL import Image", "pillow"),
        ("import yaml", "PyYAML"),
        ("from osgeo import gdal", "GDAL"),
        ("import scipy.ndimage", "scipy"),
        ("import my_own_thing", "my-own-thing"),
        ("import azure.batch", "azure-batch"),
        ("import shapely", "shapely"),
        ("def process2():\n    import torch", "torch"),
    ],
)
def test_what_the_image_lacks_is_named_with_its_package(
    tmp_path: Path, settings: Settings, text: str, package: str
) -> None:
    (note,) = script_notes(recipe(tmp_path, text, AZURE), settings)
    assert note.startswith("own.py imports `")
    assert f"(line {1 + ('def' in text)})" in note
    assert "every task would fail" in note
    assert f"has {package} (docker/README.md" in note
    assert "`compute.image`" in note


@pytest.mark.parametrize("module", ["imp", "distutils.util", "telnetlib", "tkinter", "winreg"])
def test_what_left_the_standard_library_is_not_to_be_installed(
    tmp_path: Path, settings: Settings, module: str
) -> None:
    (note,) = script_notes(recipe(tmp_path, f"import {module}", AZURE), settings)
    assert "which the standard library of the tasks' Python does not have" in note
    assert "pip" not in note
    assert "docker" not in note


def test_one_note_for_all_of_them(tmp_path: Path, settings: Settings) -> None:
    text = "\n".join(f"import thing{n}" for n in range(9))
    (note,) = script_notes(recipe(tmp_path, text, AZURE), settings)
    assert "`thing4` (line 5) and 4 more" in note


@pytest.mark.parametrize(
    "image", ["mine.azurecr.io/forest:2", "python", "docker.io/me/scenefleet-task-plus:1"]
)
def test_of_an_image_of_ones_own_it_cannot_be_told(
    tmp_path: Path, settings: Settings, image: str
) -> None:
    compute = {"backend": "azure", "image": image}
    (note,) = script_notes(recipe(tmp_path, "import skimage.io, cv2", compute), settings)
    assert f"whether the image {image} has it cannot be told" in note
    assert f'docker run --rm {image} python3 -c "import skimage.io, cv2"' in note
    assert script_notes(recipe(tmp_path, "import numpy", compute), settings) == ()


def test_the_image_of_the_settings_counts(tmp_path: Path) -> None:
    told = read_settings(None, {"SCENEFLEET_AZURE_IMAGE": "mine.azurecr.io/forest:2"})
    (note,) = script_notes(recipe(tmp_path, "import cv2", {"backend": "azure"}), told)
    assert "cannot be told" in note
    compute = {"backend": "azure", "pool": {"id": "theirs"}}
    (note,) = script_notes(recipe(tmp_path, "import cv2", compute), read_settings(None, {}))
    assert "whether the nodes of theirs have it cannot be told" in note


def test_here_it_is_held_against_this_python(tmp_path: Path, settings: Settings) -> None:
    local = {"backend": "local"}
    assert script_notes(recipe(tmp_path, "import shapely, hypothesis", local), settings) == ()
    (note,) = script_notes(recipe(tmp_path, "import no_such_thing", local), settings)
    assert f"{sys.executable} -m pip install no-such-thing" in note


@pytest.mark.parametrize("compute", [AZURE, {"backend": "local"}])
def test_a_module_beside_the_script_does_not_go_with_it(
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    compute: dict[str, object],
) -> None:
    (tmp_path / "helper.py").write_text("raise SystemExit('it was run')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (note,) = script_notes(recipe(tmp_path, "import helper", compute), settings)
    assert "`helper` (line 1), which lies beside it" in note
    assert "Write what it needs into the script" in note
    (note,) = script_notes(recipe(tmp_path, "from .helper import x", compute), settings)
    assert "as one file" in note
    (tmp_path / "numpy.py").write_text("")
    assert script_notes(recipe(tmp_path, "import json", compute), settings) == ()


def test_a_recipe_without_a_script_has_no_notes(settings: Settings) -> None:
    values = {"version": 1, "name": "a", "search": {}}
    assert script_notes(read_recipe(values), settings) == ()
