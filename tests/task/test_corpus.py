"""200 files that are broken, made up or hostile: each ends right, or in its failure class.

The files and the rules are those of `fuzz_sources`; `make fuzz-sources` runs 2,000, made at random.
That the rules see what is wrong is tested here too: a judge that is blind would find nothing.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile

from fuzz_sources.corpus import WAYS, Case, cases
from fuzz_sources.hostile import Lure, hostile, lure_in
from fuzz_sources.judge import Ended, Verdict, judge
from fuzz_sources.mutate import MUTATIONS
from fuzz_sources.oracle import reading_of
from fuzz_sources.run import with_requests
from fuzz_sources.seeds import CRS, SEEDS, TRANSFORM, made, seed_of, values_of
from fuzz_sources.tiff import COUNTS, OFFSETS, Tiff
from scenefleet_task.result import Result

TESTS = Path(__file__).resolve().parents[1]
CANARY = b"CANARY-0123456789"


@pytest.mark.timeout(900)
def test_200_files_end_right(tmp_path: Path) -> None:
    told = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, "-m", "fuzz_sources.run", "--files", "200", "--seed", "1", "--real", "12",
         "--workers", "2", "--json", str(told)],
        env={**os.environ, "PYTHONPATH": str(TESTS), "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=870,
    )  # fmt: skip
    found = json.loads(told.read_text()) if told.exists() else None
    assert (done.returncode, found) == (0, []), done.stdout + done.stderr[-3000:]
    assert done.stdout.startswith("200 of 200 files, seed 1")


# --- the corpus


@pytest.fixture
def lure(tmp_path: Path) -> Lure:
    return lure_in(tmp_path, "http://127.0.0.1:9/NUMBERED")


def test_the_same_seed_makes_the_same_files(lure: Lure) -> None:
    first, again = (list(cases(5, 300, lure)) for _ in range(2))
    assert first == again
    assert [case.number for case in first] == list(range(300))
    assert first != list(cases(6, 300, lure))


def test_200_files_are_of_every_kind(lure: Lure) -> None:
    those = list(cases(1, 200, lure))
    families = {case.family for case in those}
    assert families >= {one.name for one in hostile(lure)} | {one.name for one in MUTATIONS}
    assert {case.way for case in those} == set(WAYS)
    assert len({case.seed for case in those} & set(SEEDS)) > 0.8 * len(SEEDS)


def test_2000_files_have_each_hostile_one_by_each_way(lure: Lure) -> None:
    ways: dict[str, set[str]] = {}
    for case in cases(1, 2000, lure):
        ways.setdefault(case.family, set()).add(case.way)
    assert all(those == set(WAYS) for those in ways.values())


@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_is_what_it_was_made_of(name: str, tmp_path: Path) -> None:
    file = tmp_path / "seed.tif"
    file.write_bytes(made(name))
    reading = reading_of(file)
    assert reading.silent
    seed = seed_of(name)
    if "jpeg" in name:  # loses something
        assert np.abs(reading.pixels.values.astype(int) - values_of(seed)).max() < 60
    else:
        assert (reading.pixels.values == values_of(seed)).all()
    if seed.tiff:  # another reader of headers finds tiles and tables where we do
        with tifffile.TiffFile(file) as other:
            page = other.pages[0]
            tiff = Tiff(made(name))
            assert tiff.tiles == list(zip(page.dataoffsets, page.databytecounts, strict=True))
            assert set(tiff.image) == {tag.code for tag in page.tags}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_a_mutation_changes_something(mutation: Any) -> None:
    rng, changed = Random(3), 0
    for name, seed in SEEDS.items():
        tiff = Tiff(made(name)) if seed.tiff else None
        data = mutation.change(rng, made(name), tiff)
        changed += data is not None and data != made(name)
        if mutation.contradicts and data:
            whole = Tiff(data)
            places = whole.read(whole.table(OFFSETS)), whole.read(whole.table(COUNTS))
            odd = [
                bool(place) != bool(size)
                or place + size > len(data)
                or any(start < place + size and place < start + n for start, n in tiff.headers)
                for place, size in zip(*places, strict=True)
                if place or size
            ]
            assert any(odd), name
    assert changed or mutation.name == "nothing"


# --- the rules


@pytest.fixture
def ended(tmp_path: Path) -> Any:
    """How a task ended that wrote these values."""

    def end(exit_: str = "done", values: np.ndarray | None = None, **more: Any) -> Ended:
        folder = tmp_path / "products"
        folder.mkdir(exist_ok=True)
        files = []
        if values is not None:
            for name, numbers in (
                ("red", values.astype(np.float32)), ("reason", np.zeros(values.shape, np.uint8)),
            ):  # fmt: skip
                with rasterio.open(
                    folder / f"{name}.tif", "w", driver="GTiff", dtype=numbers.dtype, count=1,
                    height=values.shape[0], width=values.shape[1], crs=CRS, transform=TRANSFORM,
                ) as dataset:  # fmt: skip
                    dataset.write(numbers, 1)
                files.append(folder / f"{name}.tif")
        result = Result(
            task="t", item="i", attempt="a", exit=exit_, code=0, message="said", started="now",
            seconds=1, cpu_seconds=1, peak_memory_mb=100,
        )  # fmt: skip
        return replace(Ended(result, 0, 100.0, tuple(files)), **more)

    return end


@pytest.fixture
def verdict(tmp_path: Path) -> Any:
    """The outcome of a case."""

    def of(case: Case, ended: Ended) -> str:
        source, original = tmp_path / case.name, None
        source.write_bytes(case.content)
        if case.seed:
            original = tmp_path / "original.tif"
            original.write_bytes(made(case.seed))
        return judge(case, source, original, ended, CANARY, 500.0).outcome

    return of


PLAIN = Case(0, "test", "strips-none", "file", made("strips-none"))
VALUES = values_of(seed_of("strips-none"))


def test_right_pixels_are_right(ended: Any, verdict: Any) -> None:
    assert verdict(PLAIN, ended(values=VALUES)) == "right"
    assert verdict(replace(PLAIN, harmless=True), ended(values=VALUES)) == "right"


def test_wrong_pixels_are_wrong(ended: Any, verdict: Any) -> None:
    other = VALUES.copy()
    other[7, 9] += 1
    assert verdict(PLAIN, ended(values=other)).startswith("WRONG: neither")
    assert verdict(replace(PLAIN, harmless=True), ended(values=other)).startswith("WRONG")
    assert verdict(replace(PLAIN, contradicts=True), ended(values=other)).startswith("WRONG")
    assert verdict(PLAIN, ended(values=VALUES[:-1])).startswith("WRONG: neither")


def test_numbers_without_a_checksum_are_taken_as_they_are(ended: Any, verdict: Any) -> None:
    place, _ = Tiff(PLAIN.content).tiles[2]
    content = bytearray(PLAIN.content)
    content[place] ^= 1
    other = VALUES.copy()
    other[46, 0] ^= 1
    case = replace(PLAIN, content=bytes(content))
    assert verdict(case, ended(values=other)) == "right"
    assert verdict(case, ended("source_unreadable")) == "refused"


@pytest.mark.parametrize("name", ["strips-deflate", "strips-jpeg", "strips-packbits",
                                  "strips-ccittfax4"])  # fmt: skip
def test_what_a_reader_can_see_is_not_taken(
    name: str, ended: Any, verdict: Any, tmp_path: Path
) -> None:
    """A tile is half zeros, of which each of these codecs says that it is odd, or cannot be."""
    place, size = Tiff(made(name)).tiles[1]
    content = made(name)[: place + size // 2] + bytes(size - size // 2)
    content += made(name)[place + size :]
    case = Case(0, "test", name, "file", content)
    (tmp_path / case.name).write_bytes(content)
    reading = reading_of(tmp_path / case.name)
    assert not reading.silent
    values = values_of(seed_of(name)) if reading.pixels is None else reading.pixels.values.copy()
    values[23:30] = 0
    assert verdict(case, ended(values=values)).startswith("WRONG")


def test_what_is_to_be_refused_is(ended: Any, verdict: Any) -> None:
    case = Case(0, "VRT", None, "file", b"<VRTDataset/>")
    assert verdict(case, ended(values=VALUES)) == "done, though it is to be refused"
    assert verdict(case, ended("source_unreadable")) == "refused"
    assert verdict(case, ended("source_unreachable")) == "refused as source_unreachable"
    assert verdict(case, ended("internal")) == "ended as internal"
    assert verdict(case, ended("killed")) == "ended as killed"
    sound = replace(PLAIN, harmless=True)
    assert verdict(sound, ended("source_unreadable")) == "refused though nothing is wrong"


def test_ends_that_are_none(ended: Any, verdict: Any, tmp_path: Path) -> None:
    assert verdict(PLAIN, ended(result=None, signal=14)) == "hung"
    assert verdict(PLAIN, ended(result=None, signal=11)) == "ended by signal 11"
    assert verdict(PLAIN, ended(result=None)) == "ended without a result"
    assert verdict(PLAIN, ended(values=VALUES, megabytes=501.0)) == "took too much memory"
    item = tmp_path / "products" / "scene.json"
    item.parent.mkdir(exist_ok=True)
    item.write_text("{}")
    assert verdict(PLAIN, ended("source_unreadable", files=(item,))).startswith("failed, and left")


@pytest.mark.parametrize("kind", ["u1", "<u2"])
def test_local_content_is_seen_in_pixels_and_in_logs(
    kind: str, ended: Any, verdict: Any, tmp_path: Path
) -> None:
    letters = np.frombuffer((CANARY * 400)[:4000], kind)
    height = letters.size // 50
    leak = ended(values=letters[: height * 50].reshape(height, 50))
    assert verdict(PLAIN, leak).startswith("LEAK: local")
    log = tmp_path / "log.txt"
    log.write_bytes(b"cannot open " + CANARY)
    assert verdict(PLAIN, ended("source_unreadable", files=(log,))).startswith("LEAK: local")


def test_requests_beside_the_source_are_seen() -> None:
    every = {7: replace(PLAIN, number=7)}
    fine = [Verdict(7, "right")]
    asked = ["/7/00007.tif", "/7/00007.tif.msk", "/7/00007.aux.xml"]
    assert with_requests(fine, every, asked, []) == fine
    for beside in ("/secret.txt", "/7/other.tif", "/8/00007.tif"):
        assert any(one.wrong for one in with_requests(fine, every, [beside], [])), beside
    [seen] = with_requests(fine, every, [], ["/00000007/wms?x"])
    assert seen.outcome == "LEAK: a request to an address inside"
