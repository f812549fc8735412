"""A window tried here is what a task would give; whatever a script does, nothing of it stays."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.lib.stride_tricks import sliding_window_view

from scenefleet.catalog import search
from scenefleet.demo.acquisitions import ACQUISITIONS
from scenefleet.demo.archive import make_archive
from scenefleet.plan import plan
from scenefleet.recipe import Resources, parse
from scenefleet.run.trial import SourceRead, Trial, TrialError, sources_read, try_window

EXAMPLE = (Path(__file__).resolve().parents[3] / "examples/texture.py").read_text()
HEAD = 'BANDS = ("nir",)\nOUTPUTS = ("a",)\nSECONDS = {seconds}\ndef process(scene):\n'
RECIPE = """
version: 1
name: tried
search: {catalog: items.json, collections: [sentinel-2-l2a], limit: 1}
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    make_archive(folder, size=120, acquisitions=ACQUISITIONS[:1])
    return folder


@dataclass(frozen=True)
class Author:
    """Somebody who writes a script and tries it."""

    archive: Path
    folder: Path

    def tries(self, text: str | None, more: str = "", **wanted: Any) -> Trial:
        process = "process: {script: mine.py}" if text is not None else ""
        (self.folder / "mine.py").write_text(text or "")
        recipe = parse(f"{RECIPE}{process}\n{more}", self.folder / "recipe.yaml")
        scenes = search(recipe.search, base=self.archive).items
        document = plan(recipe, scenes).documents[0]
        return try_window(document, self.folder / "out", script=recipe.process.script, **wanted)

    def fails(self, body: str, seconds: float = 60, **wanted: Any) -> str:
        indented = "".join(f"    {line}\n" for line in body.splitlines())
        with pytest.raises(TrialError) as caught:
            self.tries(HEAD.format(seconds=seconds) + indented, **wanted)
        assert not list((self.folder / "out").iterdir()), "something half done was left"
        return str(caught.value)


@pytest.fixture
def author(archive: Path, tmp_path: Path) -> Author:
    return Author(archive, tmp_path)


def pixels(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def texture(archive: Path, valid: np.ndarray) -> np.ndarray:
    """The example's texture, by numpy's own way to pass over NaN."""
    (band,) = sorted(archive.glob("data/*_T31UFT_*/B08.tif"))
    nir = pixels(band).astype(np.float32) * np.float32(1e-4)  # before the offset of 2022
    padded = np.pad(np.where(valid, nir, np.nan), 1, constant_values=np.nan)
    near = sliding_window_view(padded, (3, 3)).reshape(*nir.shape, 9)
    alone = np.isfinite(near).sum(axis=-1) < 2
    found = np.full(nir.shape, np.nan)
    there = valid & ~alone
    found[there] = np.nanmax(near[there], axis=-1) - np.nanmin(near[there], axis=-1)
    return found


def test_the_example_is_numpys_texture(author: Author) -> None:
    trial = author.tries(EXAMPLE, "output: {dtype: float32}")
    (output,) = trial.outputs
    found, reasons = pixels(output.file), pixels(trial.reason)
    masked = (reasons >= 1) & (reasons <= 7)
    wanted = texture(author.archive, ~masked)
    assert 0.5 < (reasons == 0).mean() < 0.99
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert output.minimum == pytest.approx(np.nanmin(wanted), abs=1e-6)
    assert output.mean == pytest.approx(np.nanmean(wanted), abs=1e-6)
    assert output.maximum == pytest.approx(np.nanmax(wanted), abs=1e-6)
    assert output.valid_percent == pytest.approx(100 * np.isfinite(wanted).mean(), abs=1e-3)
    assert trial.reasons["valid"] == pytest.approx(100 * (reasons == 0).mean(), abs=1e-3)
    assert sum(trial.reasons.values()) == pytest.approx(100)
    head = output.picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert struct.unpack(">II", head[16:]) == (120, 120)


def test_a_window_is_cut_from_the_whole_and_replaces_what_was_there(author: Author) -> None:
    whole = pixels(author.tries(EXAMPLE).outputs[0].file)
    trial = author.tries(EXAMPLE, window=(30, 7, 20, 41))
    assert trial.shape == (20, 41)
    np.testing.assert_array_equal(pixels(trial.outputs[0].file), whole[30:50, 7:48])
    there = {path.name for path in (author.folder / "out").iterdir()}
    assert there == {"texture.tif", "texture.png", "reason.tif"}


def test_without_a_script_values_are_those_of_the_formula(author: Author) -> None:
    (output,) = author.tries(None).outputs
    stored = pixels(output.file)
    valid = stored != -32768
    assert output.name == "ndvi"
    assert output.mean == pytest.approx(stored[valid].mean() * 1e-4, abs=1e-5)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x = 1\nreturn {'a': x / 0}", "mine.py: process(scene): line 6: ZeroDivisionError"),
        ("return {'a': scene['nir'][1:]}", "mine.py: output 'a' has shape (119, 120)"),
        ("return {'b': scene['nir']}", "mine.py: process(scene) gave ['b']; OUTPUTS states ['a']"),
        ("import os\nos.kill(os.getpid(), 9)", "ended by SIGKILL"),
        ("import os\nos._exit(7)", "code 7 and without a result"),
    ],
)
def test_what_is_wrong_is_told_with_the_line(author: Author, body: str, said: str) -> None:
    assert said in author.fails(body)


def test_a_script_that_never_ends_is_ended(author: Author) -> None:
    assert "mine.py: process(scene) took longer than 1 s" in author.fails(
        "while True: pass", seconds=1
    )


def test_the_limit_ends_what_the_script_started_too(author: Author) -> None:
    told = author.folder / "child"
    body = f"""import subprocess, time
child = subprocess.Popen(["sleep", "300"])
open({str(told)!r}, "w").write(str(child.pid))
time.sleep(300)"""
    started = time.monotonic()
    assert "longer than 5 s" in author.fails(body, limit=5)
    assert time.monotonic() - started < 60
    assert gone(int(told.read_text()))


def test_a_child_that_outlives_its_script_is_not_waited_for(author: Author) -> None:
    told = author.folder / "child"
    body = f"""import subprocess
child = subprocess.Popen(["sleep", "300"])
open({str(told)!r}, "w").write(str(child.pid))
return {{"a": scene["nir"]}}"""
    text = HEAD.format(seconds=60) + "".join(f"    {line}\n" for line in body.splitlines())
    author.tries(text)
    assert gone(int(told.read_text()))


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_a_script_sees_no_key_and_its_words_are_in_the_log(
    author: Author,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SCENEFLEET_AZURE_STORAGE_KEY", "c2VjcmV0")
    body = """    import os
    print("keys:", [name for name in os.environ if "AZURE" in name])
    os.write(1, b"a library's own words\\n")
    return {"a": scene["nir"]}
"""
    trial = author.tries(HEAD.format(seconds=60) + body)
    assert trial.outputs[0].name == "a"
    said = capfd.readouterr()
    assert "keys: []" in said.err
    assert not said.out


def test_the_task_is_told_what_it_may_take(
    author: Author, capfd: pytest.CaptureFixture[str]
) -> None:
    body = """    import os
    print("told:", os.environ.get("SCENEFLEET_MEMORY"), os.environ.get("SCENEFLEET_THREADS"))
    return {"a": scene["nir"]}
"""
    author.tries(HEAD.format(seconds=60) + body)
    assert "told: 500000000 1" in capfd.readouterr().err
    resources = Resources(memory="300MB", threads=2)
    author.tries(HEAD.format(seconds=60) + body, resources=resources)
    assert "told: 300000000 2" in capfd.readouterr().err


@pytest.mark.parametrize("explain", [False, True])
def test_how_pixels_are_read_is_said_to_those_who_ask(
    author: Author, capfd: pytest.CaptureFixture[str], *, explain: bool
) -> None:
    body = '    print("a script prints")\n    return {"a": scene["nir"]}\n'
    author.tries(HEAD.format(seconds=60) + body, explain=explain)
    said = capfd.readouterr().err
    assert "a script prints" in said
    assert ("read by its tiles" in said) == explain
    assert ("SCL" in said) == explain


def test_how_sources_were_read_is_what_the_task_said() -> None:
    one = {"asset": "B04", "item": "s1", "way": "tiles", "why": "tiles of 512 x 512, deflate"}
    two = {"asset": "SCL", "item": "s1", "way": "gdal", "why": "it is not tiled"}
    assert sources_read({"task": "t", "read": [one, two]}) == (
        SourceRead(asset="B04", item="s1", way="tiles", why="tiles of 512 x 512, deflate"),
        SourceRead(asset="SCL", item="s1", way="gdal", why="it is not tiled"),
    )
    assert sources_read({"task": "t"}) == ()


def test_a_folder_that_cannot_be_made(author: Author) -> None:
    (author.folder / "out").write_text("a file")
    with pytest.raises(OSError, match="out"):
        author.tries(None)
