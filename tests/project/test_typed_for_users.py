"""The wheel type checks for a user: recipes in Python are typed, and no private name is needed."""

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = """
from pathlib import Path

from scenefleet.catalog import search
from scenefleet.plan import plan
from scenefleet.recipe import (
    Budget,
    Compute,
    GridPart,
    IndexWish,
    Masking,
    MaskKind,
    OutputPart,
    PoolId,
    Process,
    Recipe,
    RecipeFile,
    Resources,
    Search,
    read_recipe,
)

recipe = Recipe(
    version=1,
    name="season",
    search=Search(collections=("sentinel-2-l2a",), dates="2023", bbox=(5, 52, 6, 53)),
    process=Process(
        indices=(IndexWish("ndvi"),),
        mask=Masking(kinds=(MaskKind.CLOUDS,), dilate=60),
        grid=GridPart(crs="EPSG:32631", resolution=10),
    ),
    output=OutputPart(dtype="float32"),
    compute=Compute(backend="azure", pool=PoolId(id="mine")),
    resources=Resources(memory="1GB"),
    budget=Budget(max_cost=5, node_price=0.1),
)
source: RecipeFile = read_recipe({"version": 1, "name": "a", "search": {}}, base=Path())
for one in (recipe, "recipe.yaml", Path("recipe.yaml"), "version: 1"):
    source = read_recipe(one)
text: str = recipe.to_yaml()
found = search(source.recipe.search, base=source.base)
planned = plan(recipe, found.items)
reveal_type(recipe.search.collections)
reveal_type(recipe.process.mask.kinds)
reveal_type(source.path)
reveal_type(planned.documents[0].id)
"""
WRONG = """
from scenefleet.recipe import Compute, Recipe, Search, read_recipe

Search(colections=("a",))
Compute(backend="cloud")
Recipe(version=1, name="a")
Recipe(version=1, name="a", search=Search(), proces=None)
read_recipe(5)
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel installed, and what it depends on."""
    folder = tmp_path_factory.mktemp("user")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(REPOSITORY)]
    subprocess.run(command, check=True, timeout=100)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    # behind the wheel: its dependencies, in place of a download
    (site / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "env/bin/python"


def checked(python: Path, folder: Path, program: str) -> list[dict[str, str]]:
    (folder / "program.py").write_text(program)
    (folder / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))
    pyright = Path(sys.executable).with_name("pyright")
    done = subprocess.run(
        [str(pyright), "--pythonpath", str(python), "--outputjson", "program.py"],
        cwd=folder, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)["generalDiagnostics"]
    return [{key: one.get(key, "") for key in ("severity", "message", "rule")} for one in found]


def test_a_program_of_public_names_has_types(python: Path, tmp_path: Path) -> None:
    found = checked(python, tmp_path, PROGRAM)
    assert [one for one in found if one["severity"] == "error"] == []
    told = [one["message"].partition(" is ")[2] for one in found]
    assert told == ['"tuple[str, ...]"', '"tuple[MaskKind, ...]"', '"Path | None"', '"str"']


def test_wrong_keys_and_values_are_told_before_it_runs(python: Path, tmp_path: Path) -> None:
    found = checked(python, tmp_path, WRONG)
    rules = [one["rule"] for one in found if one["severity"] == "error"]
    assert rules.count("reportCallIssue") == 3
    assert rules.count("reportArgumentType") == 2
