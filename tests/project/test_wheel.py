"""The wheel: what it holds, and that what it holds can be imported where nothing else is."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TRY = """
import importlib, pkgutil, sys
packages = [importlib.import_module(name)
            for name in ("scenefleet", "scenefleet_task", "batch_emulator")]
for package in packages:
    assert package.__file__.startswith(sys.argv[1]), package.__file__
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
from scenefleet.fleet.template import PACKAGED, load_template
print(*(load_template(name).name for name in PACKAGED))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(REPOSITORY)]
    subprocess.run(command, check=True, timeout=100)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_three_packages_and_the_templates(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, package in (
        ("client", "scenefleet"),
        ("task", "scenefleet_task"),
        ("emulator", "batch_emulator"),
    ):
        sources = {
            path.relative_to(REPOSITORY / folder).as_posix()
            for path in (REPOSITORY / folder / package).rglob("*.py")
        }
        assert f"{package}/__init__.py" in sources
        assert sources <= names
        assert f"{package}/py.typed" in names  # else a user's type checker looks at none of it
    for path in (REPOSITORY / "pool_templates").iterdir():
        assert f"scenefleet/fleet/pool_templates/{path.name}" in names
    assert not [name for name in names if name.startswith(("tests/", "docker/"))]


def test_every_module_of_the_wheel_imports_without_the_checkout(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    # Folders on PYTHONPATH bring their packages and no .pth: the editable install stays out.
    path = os.pathsep.join(
        [str(site), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", TRY, str(site)],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["dedicated", "spot"]
