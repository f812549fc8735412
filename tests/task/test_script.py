"""A user's script in place of formulas: what it sees, and what becomes of one that is wrong."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.grid import Window
from scenefleet_task.spec import NODATA, Exit, Reason, Script, seal
from to_folder import process

TEXTURE = '''
import numpy as np

def process(scene):
    """Range of a 3 x 3 neighbourhood; NaN where one of it has no data."""
    padded = np.pad(scene["red"], 1, mode="edge")
    rows, cols = scene.shape
    near = np.stack([padded[i : i + rows, j : j + cols] for i in range(3) for j in range(3)])
    return {"texture": near.max(axis=0) - near.min(axis=0)}
'''


def scripted(
    kit: Any,
    scene: Any,
    folder: Path,
    text: str,
    names: tuple[str, ...] = ("texture",),
    **more: Any,
) -> tuple[Any, Path]:
    """A document with a script, and the script's file."""
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    file = folder / f"{sha256}.py"
    file.write_text(text)
    values: dict[str, Any] = {"bands": ("red",), "overlap": 1, "seconds": 5.0, **more}
    red, _, scl = scene.files
    document = kit.document((kit.band("red", red),), scl)
    outputs = tuple(replace(kit.NDVI, name=name, formula=None) for name in names)
    script = Script(name="mine.py", sha256=sha256, **values)
    return seal(replace(document, outputs=outputs, script=script, dtype="float32")), file


def run(document: Any, file: Path, folder: Path, only: Window | None = None) -> dict[str, Any]:
    folder.mkdir(parents=True)
    rasters = process(document, Unsigned(), folder, script=file, only=only)
    found = {}
    for name, path in {**rasters.files, "reason": rasters.reason}.items():
        with rasterio.open(path) as dataset:
            found[name] = dataset.read(1)
    return found


def oracle(scene: Any) -> np.ndarray:
    red = scene.red.astype(np.float32) * np.float32(1e-4)
    red[scene.red == 0] = np.nan
    padded = np.pad(red, 1, mode="edge")
    rows, cols = red.shape
    near = np.stack([padded[i : i + rows, j : j + cols] for i in range(3) for j in range(3)])
    return near.max(axis=0) - near.min(axis=0)


def test_a_texture_is_the_whole_images(scene: Any, kit: Any, tmp_path: Path) -> None:
    found = run(*scripted(kit, scene, tmp_path, TEXTURE), tmp_path / "out")
    wanted = oracle(scene)
    valid = found["reason"] == 0
    assert 0.3 < valid.mean() < 0.9
    assert (np.isnan(found["texture"]) == ~valid).all()
    np.testing.assert_array_equal(found["texture"][valid], wanted[valid])
    beside = np.isnan(wanted) & (scene.red != 0) & ~np.isin(found["reason"], (2, 3, 4, 5, 6))
    assert beside.any()
    assert (found["reason"][beside] == Reason.NO_SIGNAL).all()


@pytest.mark.parametrize("window", [(0, 0, 7, 9), (3, 8, 20, 11), (290, 190, 11, 17)])
def test_a_window_is_cut_from_the_whole(
    scene: Any, kit: Any, tmp_path: Path, window: tuple[int, int, int, int]
) -> None:
    document, file = scripted(kit, scene, tmp_path, TEXTURE)
    whole = run(document, file, tmp_path / "whole")
    part = run(document, file, tmp_path / "part", Window(*window))
    row, col, height, width = window
    for name, values in part.items():
        here = whole[name][row : row + height, col : col + width]
        np.testing.assert_array_equal(values, here)


def test_a_script_sees_what_it_should(scene: Any, kit: Any, tmp_path: Path) -> None:
    text = """
import numpy as np

def process(scene):
    assert scene.crs == "EPSG:32631", scene.crs
    assert scene.datetime.startswith("2024-08-01")
    assert scene.properties["platform"] == "sentinel-2a"
    assert scene.transform[0] == 10
    assert scene["red"].dtype == np.float32
    assert scene.valid.shape == scene.shape == scene["red"].shape
    assert (scene.valid == (scene.reasons == 0)).all()
    assert np.isnan(scene["red"][scene.reasons == 2]).any()
    assert np.isfinite(scene["red"][scene.reasons == 4]).all()
    print("words of a script go to the log")
    return {"a": scene["red"].astype("f8"), "b": (scene["red"] > 0.12)}
"""
    found = run(*scripted(kit, scene, tmp_path, text, ("a", "b"), overlap=0), tmp_path / "out")
    valid = found["reason"] == 0
    np.testing.assert_allclose(found["a"][valid], scene.red[valid] * 1e-4, rtol=1e-6)
    assert (found["b"][valid] == (scene.red[valid] > 1200)).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def process(scene):\n    return {'texture': 1 / 0}\n", "line 2: ZeroDivisionError"),
        ("def process(scene):\n    return {'texture': scene['red'][1:]}\n", "shape (300, 207)"),
        (
            "def process(scene):\n    return {'texture': scene['nir']}\n",
            "line 2: KeyError: 'nir: BANDS states red'",
        ),
        ("def process(scene):\n    return {'other': scene['red']}\n", "OUTPUTS states"),
        ("def process(scene):\n    return scene['red']\n", "gave a ndarray"),
        (
            "def process(scene):\n    return {'texture': 'words'}\n",
            "array of <U5; it must be of real numbers",
        ),
        (
            "def process(scene):\n    return {'texture': scene['red'] + 1j}\n",
            "array of complex64",
        ),
        ("def process(scene):\n    raise SystemExit(0)\n", "SystemExit"),
        ("def process(scene):\n    while True:\n        pass\n", "longer than 1 s"),
        (
            "def process(scene):\n    while True:\n        try:\n            x = 1\n"
            "        except Exception:\n            pass\n",
            "longer than 1 s",
        ),
        ("import nothing_of_that_name\n", "line 1: ModuleNotFoundError"),
        ("x = 1\n", "no function `process(scene)`"),
        ("def process(scene)\n", "line 1: expected ':'"),
    ],
)
def test_a_script_that_is_wrong_says_where(
    scene: Any, kit: Any, tmp_path: Path, text: str, said: str
) -> None:
    document, file = scripted(kit, scene, tmp_path, text, seconds=1.0)
    with pytest.raises(TaskError) as caught:
        run(document, file, tmp_path / "out")
    assert caught.value.exit is Exit.SCRIPT
    assert said in caught.value.message


FAR_DOWN = """
import numpy as np

def share(values):
    return (
        values / {}["none"]
    )

def process(scene):
    return {"texture": share(scene["red"])}
"""
CAUSED = """
import numpy as np

def share(values):
    try:
        return np.zeros(3) + np.zeros(4)
    except ValueError as error:
        raise RuntimeError("no share") from error

def process(scene):
    return {"texture": share(scene["red"])}
"""
MUTE = """
class Mute(Exception):
    def __str__(self):
        raise KeyError("no words")

def process(scene):
    raise Mute
"""
ENDLESS = """
def again(number):
    return again(number + 1)

def process(scene):
    return again(0)
"""
LATE = """
def wait():
    while True:
        pass

def process(scene):
    wait()
"""
LARGE = """
import numpy as np

def process(scene):
    return {"texture": np.zeros((10**7, 10**7))}
"""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            FAR_DOWN,
            [
                "mine.py: process(scene): line 6: KeyError: 'none'",
                '    mine.py, line 10 in process: return {"texture": share(scene["red"])}',
                '    mine.py, line 6 in share: values / {}["none"]',
            ],
        ),
        (
            CAUSED,
            [
                "mine.py: process(scene): line 8: RuntimeError: no share",
                '    mine.py, line 11 in process: return {"texture": share(scene["red"])}',
                '    mine.py, line 8 in share: raise RuntimeError("no share") from error',
                "  caused by ValueError: operands could not be broadcast together with shapes "
                "(3,) (4,) ",
                "    mine.py, line 6 in share: return np.zeros(3) + np.zeros(4)",
            ],
        ),
        ("nothing\n", [
            "mine.py: loading it: line 1: NameError: name 'nothing' is not defined",
            "    mine.py, line 1: nothing",
        ]),
        ("def process(scene)\n", [
            "mine.py: loading it: line 1: expected ':'",
            "    mine.py, line 1: def process(scene)",
        ]),
        (MUTE, [
            "mine.py: process(scene): line 7: Mute: (it cannot be written as text)",
            "    mine.py, line 7 in process: raise Mute",
            "  caused by KeyError: 'no words'",
        ][:2]),
        (LATE, [
            "mine.py: process(scene) took longer than 1 s; make it faster, or state more by "
            "SECONDS",
            "    mine.py, line 7 in process: wait()",
        ]),
    ],
    ids=["calls", "cause", "loading", "syntax", "mute", "late"],
)  # fmt: skip
def test_the_scripts_own_calls_are_told_with_their_lines(
    scene: Any, kit: Any, tmp_path: Path, text: str, lines: list[str]
) -> None:
    document, file = scripted(kit, scene, tmp_path, text, seconds=1.0)
    with pytest.raises(TaskError) as caught:
        run(document, file, tmp_path / "out")
    assert caught.value.exit is Exit.SCRIPT
    assert caught.value.message.split("\n")[: len(lines)] == lines
    assert "scenefleet_task" not in caught.value.message
    assert "numpy/" not in caught.value.message


def test_an_endless_recursion_is_told_in_a_few_lines(scene: Any, kit: Any, tmp_path: Path) -> None:
    document, file = scripted(kit, scene, tmp_path, ENDLESS)
    with pytest.raises(TaskError, match="line 3: RecursionError") as caught:
        run(document, file, tmp_path / "out")
    lines = caught.value.message.split("\n")
    assert len(lines) < 20
    assert "mine.py, line 6 in process: return again(0)" in lines[1]
    assert any("more calls" in line for line in lines)


def test_a_script_that_wants_too_much_memory_is_told_where(
    scene: Any, kit: Any, tmp_path: Path
) -> None:
    document, file = scripted(kit, scene, tmp_path, LARGE)
    with pytest.raises(TaskError, match=r"mine\.py: out of memory.*Unable to allocate") as caught:
        run(document, file, tmp_path / "out")
    assert caught.value.exit is Exit.KILLED  # a node with more memory may do it
    assert "line 5 in process: return {" in caught.value.message


def test_another_file_than_the_documents_is_refused(scene: Any, kit: Any, tmp_path: Path) -> None:
    document, file = scripted(kit, scene, tmp_path, TEXTURE)
    file.write_text(TEXTURE + "# changed\n")
    with pytest.raises(TaskError, match="SHA-256"):
        run(document, file, tmp_path / "out")


def test_a_task_runs_its_script_and_its_item_says_so(scene: Any, kit: Any, tmp_path: Path) -> None:
    document, file = scripted(kit, scene, tmp_path, TEXTURE)
    ran = kit.run(document, tmp_path / "store", tmp_path / "work", SCENEFLEET_SCRIPT=str(file))
    assert ran.code == 0, ran.stderr
    item = kit.item(tmp_path / "store", document)
    assert item["assets"]["texture"]["scenefleet:formula"] == "script"
    assert item["assets"]["texture"]["data_type"] == "float32"
    assert item["properties"]["scenefleet:script"] == document.script.sha256
    kit.validate(item)
    assert NODATA not in kit.read(tmp_path / "store/products/ndvi-test/scene-1/texture.tif")


def test_what_a_script_prints_is_kept_in_the_log(scene: Any, kit: Any, tmp_path: Path) -> None:
    text = (
        "def process(scene):\n    print('words', end='')\n    print(' and more\\nlast', end='')\n"
    )
    document, file = scripted(kit, scene, tmp_path, text + "    return {'texture': 1 / 0}\n")
    ran = kit.run(document, tmp_path / "store", tmp_path / "work", SCENEFLEET_SCRIPT=str(file))
    assert ran.code == Exit.SCRIPT
    [log] = (tmp_path / "store").glob("runs/run-1/logs/*/*/log.txt")
    assert "script: words and more\n" in log.read_text()
    assert "script: last\n" in log.read_text()
    assert "mine.py: process(scene): line 4: ZeroDivisionError" in log.read_text()
