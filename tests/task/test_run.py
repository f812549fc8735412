"""Whole tasks as processes of their own, as a node starts them."""

import base64
import contextlib
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import zipapp
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from azure.storage.blob import ContainerClient, generate_container_sas
from rasterio.transform import Affine

from scenefleet_task.result import from_line
from scenefleet_task.spec import dump, identify, to_json, trusted


@pytest.fixture
def document(scene: Any, kit: Any) -> Any:
    red, nir, scl = scene.files
    return kit.document((kit.band("red", red), kit.band("nir", nir)), scl)


def files_of(store: Path) -> dict[str, bytes]:
    return {str(p.relative_to(store)): p.read_bytes() for p in store.rglob("*") if p.is_file()}


def test_a_task_leaves_outputs_log_and_result(document: Any, kit: Any, tmp_path: Path) -> None:
    store, work = tmp_path / "store", tmp_path / "work"
    ran = kit.run(document, store, work)
    assert (ran.code, ran.result.exit, ran.result.message) == (0, "done", "")
    files = files_of(store)
    product, logs = "products/ndvi-test/scene-1", f"runs/run-1/logs/{document.id}"
    attempt = f"{logs}/{ran.result.attempt}"
    assert set(files) == {
        f"{product}/ndvi.tif", f"{product}/reason.tif", f"{product}/thumbnail.png",
        f"{product}/scene-1.json", f"{attempt}/log.txt", f"{attempt}/result.json",
    }  # fmt: skip
    assert from_line(files[f"{attempt}/result.json"]) == ran.result
    log = files[f"{attempt}/log.txt"].decode()
    assert log in ran.stderr
    assert log.splitlines()[-1].endswith(" MB")
    for output in ran.result.outputs:
        data = files[output.path]
        assert (output.size, output.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert sum(ran.result.reasons.values()) == 301 * 207
    assert 0 < ran.result.valid_percent < 100
    assert ran.result.cpu_seconds > 0
    assert ran.result.peak_memory_mb > 20
    assert not list(work.iterdir()), "nothing stays in the working folder"


def test_the_item_is_stac_and_true(document: Any, kit: Any, tmp_path: Path) -> None:
    store = tmp_path / "store"
    ran = kit.run(document, store, tmp_path / "work")
    item = kit.item(store, document)
    kit.validate(item)
    assert item["stac_version"] == "1.1.0"
    assert (item["id"], item["collection"]) == ("scene-1", "ndvi-test")
    assert item["properties"]["scenefleet:task"] == document.id
    assert item["properties"]["scenefleet:valid_percent"] == ran.result.valid_percent
    assert item["properties"]["scenefleet:reasons"] == ran.result.reasons
    assert item["properties"]["proj:code"] == "EPSG:32631"
    assert item["properties"]["proj:shape"] == [301, 207]
    assert item["properties"]["proj:transform"] == [10, 0, 600_000, 0, -10, 5_700_000]
    assert item["properties"]["scenefleet:radiometry"][0]["bands"]["red"] == {
        "asset": "RED", "scale": 1e-4, "offset": 0.0, "nodata": 0.0, "rule": "test",
    }  # fmt: skip
    assert item["properties"]["eo:cloud_cover"] == 12.5
    assert "proj:epsg" not in item["properties"], "the projection extension 2.0 has no such field"
    assert item["bbox"] == list(document.source.bbox)
    folder = store / "products/ndvi-test/scene-1"
    for asset in item["assets"].values():
        data = (folder / asset["href"]).read_bytes()
        assert asset["file:size"] == len(data)
        assert asset["file:checksum"] == "1220" + hashlib.sha256(data).hexdigest()
    ndvi = kit.read(folder / "ndvi.tif")
    valid = ndvi[ndvi != -32768]
    statistics = item["assets"]["ndvi"]["statistics"]
    assert statistics["mean"] == pytest.approx(valid.mean(), rel=1e-12)
    assert (statistics["minimum"], statistics["maximum"]) == (valid.min(), valid.max())
    names = [c["name"] for c in item["assets"]["reason"]["classification:classes"]]
    assert names[4] == "cloud"
    links = {link["rel"]: link["href"] for link in item["links"]}
    assert links == dict.fromkeys(("root", "parent", "collection"), "../collection.json")


def test_equal_tasks_give_equal_bytes_anywhere(scene: Any, kit: Any, tmp_path: Path) -> None:
    """Another store, another working folder, another place of the sources: one task, same bytes."""
    found = []
    for n in range(2):
        folder = scene.folder if n == 0 else tmp_path / "elsewhere"
        if n:
            folder.mkdir()
            for file in scene.files:
                (folder / file.name).write_bytes(file.read_bytes())
        bands = (kit.band("red", folder / "red.tif"), kit.band("nir", folder / "nir.tif"))
        store = tmp_path / f"store-{n}"
        assert kit.run(kit.document(bands, folder / "scl.tif"), store, tmp_path / f"w{n}").code == 0
        found.append({p: d for p, d in files_of(store).items() if p.startswith("products/")})
    assert found[0].keys() == found[1].keys()
    # Paths are content where they name the source (`identify`), so the task id differs in the item.
    items = [json.loads(f.pop("products/ndvi-test/scene-1/scene-1.json")) for f in found]
    for item in items:
        del item["properties"]["scenefleet:task"]
    assert items[0] == items[1]
    assert found[0] == found[1]


def test_running_twice_gives_the_same_files(document: Any, kit: Any, tmp_path: Path) -> None:
    before = kit.run(document, tmp_path / "store", tmp_path / "work")
    files = files_of(tmp_path / "store")
    after = kit.run(document, tmp_path / "store", tmp_path / "work")
    again = files_of(tmp_path / "store")
    assert {p: again[p] for p in files} == files
    assert before.result.attempt != after.result.attempt


def test_a_zipapp_runs_as_the_package_does(document: Any, kit: Any, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    (staged / "scenefleet_task").mkdir(parents=True)
    for file in (kit.TASK / "scenefleet_task").glob("*.py"):
        (staged / "scenefleet_task" / file.name).write_bytes(file.read_bytes())
    (staged / "__main__.py").write_text(
        "from scenefleet_task.__main__ import main\nraise SystemExit(main())\n"
    )
    archive = tmp_path / "code.pyz"
    zipapp.create_archive(staged, archive)
    ran = kit.run(
        document, tmp_path / "store", tmp_path / "work", (str(archive), "run"), PYTHONPATH=""
    )
    assert ran.code == 0, ran.stderr
    assert (tmp_path / "store/products/ndvi-test/scene-1/scene-1.json").exists()


def test_a_script_author_runs_one_document(document: Any, kit: Any, tmp_path: Path) -> None:
    file = tmp_path / "task.json"
    file.write_bytes(dump(to_json(document)))
    words = ("-m", "scenefleet_task", "run", "--document", str(file), "--store", "out")
    ran = kit.run(None, "", tmp_path / "work", words, SCENEFLEET_RUN="")
    assert ran.code == 0, ran.stderr
    assert (tmp_path / "work/out/products/ndvi-test/scene-1/scene-1.json").exists()
    assert not (tmp_path / "work/out/runs").exists()


def test_a_clipped_scene_has_its_own_footprint(kit: Any, scene: Any, tmp_path: Path) -> None:
    area = {
        "type": "Polygon",
        "coordinates": [
            [[4.44, 51.43], [4.446, 51.43], [4.446, 51.436], [4.44, 51.436], [4.44, 51.43]]
        ],
    }
    red, nir, scl = scene.files
    document = kit.document((kit.band("red", red), kit.band("nir", nir)), scl, clip=area)
    ran = kit.run(document, tmp_path / "store", tmp_path / "work")
    assert ran.code == 0, ran.stderr
    item = kit.item(tmp_path / "store", document)
    kit.validate(item)
    assert ran.result.reasons["outside"] > 0
    assert item["bbox"] == pytest.approx([4.44, 51.43, 4.446, 51.436], abs=4e-4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"SCENEFLEET_TASK": "nonsense"}, "SCENEFLEET_TASK does not hold"),
        ({"SCENEFLEET_TASK": ""}, "no task"),
        ({"SCENEFLEET_STORE": ""}, "no store is named"),
        ({"SCENEFLEET_STORE": "https://a.blob.core.windows.net/c?sig=TOPSECRET"}, "a query"),
    ],
)
def test_what_cannot_start_says_why(
    document: Any, kit: Any, tmp_path: Path, change: dict[str, str], said: str
) -> None:
    ran = kit.run(
        document, tmp_path / "store", tmp_path / "work",
        **{"AZ_BATCH_TASK_ID": "task-7", **change},
    )  # fmt: skip
    assert (ran.code, ran.result.exit) == (2, "document")
    assert said in ran.result.message
    assert "Traceback" not in ran.stderr
    assert "TOPSECRET" not in ran.stdout + ran.stderr
    if "SCENEFLEET_TASK" in change:
        assert list((tmp_path / "store/runs/run-1/logs/task-7").glob("*/result.json"))


def test_a_broken_document_file(kit: Any, document: Any, tmp_path: Path) -> None:
    words = ("-m", "scenefleet_task", "run", "--document")
    for text, said in (
        ("{", "Expecting"),
        (json.dumps({**to_json(document), "product": "other"}), "was changed after"),
        ("[]", "is no object"),
    ):
        file = tmp_path / "task.json"
        file.write_text(text)
        ran = kit.run(None, tmp_path / "store", tmp_path / "work", (*words, str(file)))
        assert ran.code == 2
        assert said in ran.result.message
    ran = kit.run(None, tmp_path / "store", tmp_path / "work", (*words, "missing.json"))
    assert (ran.code, ran.result.message) == (2, "missing.json: No such file or directory")


def test_a_missing_source_fails_and_leaves_no_item(
    scene: Any, kit: Any, range_server: Any, tmp_path: Path
) -> None:
    red, nir, _ = scene.files
    (range_server.root / "red.tif").write_bytes(red.read_bytes())
    range_server.faults["red.tif"] = kit.Fault(status=404, after=1)
    bands = (kit.band("red", range_server.url("red.tif")), kit.band("nir", nir))
    document = kit.document(bands)
    ran = kit.run(document, tmp_path / "store", tmp_path / "work")
    assert (ran.code, ran.result.exit) == (10, "source_missing")
    assert f"item scene-1, asset RED, {range_server.url('red.tif')}" in ran.result.message
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "store/products").exists()
    [log] = (tmp_path / "store").glob("runs/run-1/logs/*/*/log.txt")
    assert ran.result.message in log.read_text()


def test_a_store_without_permission(document: Any, kit: Any, tmp_path: Path) -> None:
    ran = kit.run(document, "/sys/scenefleet-test", tmp_path / "work")
    assert (ran.code, ran.result.exit) == (31, "store_denied")
    assert "log and result are not in the store" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_full_disk(kit: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    bands = tuple(
        kit.band(name, kit.write(tmp_path / f"{name}.tif", values.astype(np.uint16)))
        for name, values in zip(("red", "nir"), rng.integers(1, 9000, (2, 600, 600)), strict=True)
    )
    (tmp_path / "work").mkdir()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    done = subprocess.run(
        [sys.executable, "-m", "scenefleet_task", "run"], cwd=tmp_path / "work",
        env=kit.environment(kit.document(bands), tmp_path / "store"),
        capture_output=True, text=True, timeout=60, check=False, preexec_fn=limit,
    )  # fmt: skip
    result = from_line(done.stdout)
    assert (done.returncode, result.exit) == (30, "store_full")
    assert "MB free" in result.message
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store/products").exists()


def rewritten(value: dict[str, Any]) -> str:
    """A document as another program would encode it, its id set anew."""
    value["id"] = identify(trusted(value))
    return base64.urlsafe_b64encode(zlib.compress(dump(value))).decode()


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("(nir - swir16) / red", "outputs.ndvi: uses band 'swir16'; there are ['nir', 'red']"),
        ("nir ^ red", "outputs.ndvi: column 5: '^' has no place in a formula: a power is"),
        ("__import__('os')", 'outputs.ndvi: column 12: "\'" has no place in a formula'),
    ],
)
def test_a_formula_that_the_node_cannot_take_is_a_document_error(
    document: Any, kit: Any, tmp_path: Path, formula: str, said: str
) -> None:
    value = to_json(document)
    value["outputs"][0]["formula"] = formula
    ran = kit.run(
        document, tmp_path / "store", tmp_path / "work",
        SCENEFLEET_TASK=rewritten(value), AZ_BATCH_TASK_ID="task-7",
    )  # fmt: skip
    assert (ran.code, ran.result.exit) == (2, "document")
    assert said in ran.result.message
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("what", ["float mask", "area elsewhere", "band elsewhere"])
def test_input_that_does_not_fit_leaves_a_result_and_no_item(
    scene: Any, kit: Any, tmp_path: Path, what: str
) -> None:
    red, nir, scl = scene.files
    changes: dict[str, Any] = {}
    if what == "float mask":
        coarse = Affine(20, 0, 600_000, 0, -20, 5_700_000)
        scl = kit.write(tmp_path / "float.tif", scene.scl.astype(np.float32), coarse)
    elif what == "area elsewhere":
        ring = [[9.0, 51.0], [9.1, 51.0], [9.1, 51.1], [9.0, 51.0]]
        changes["clip"] = {"type": "Polygon", "coordinates": [ring]}
    else:
        there = Affine(10, 0, 700_000, 0, -10, 5_700_000)
        nir = kit.write(tmp_path / "elsewhere.tif", scene.nir, there, nodata=0)
    document = kit.document((kit.band("red", red), kit.band("nir", nir)), scl, **changes)
    ran = kit.run(document, tmp_path / "store", tmp_path / "work")
    code, exit_, said = {
        "float mask": (20, "input_mismatch", "asset SCL is float32; a mask has 8 or 16 bits"),
        "area elsewhere": (21, "no_overlap", "does not touch the scene's pixels, which span 4.4"),
        "band elsewhere": (20, "input_mismatch", "share no ground"),
    }[what]
    assert (ran.code, ran.result.exit) == (code, exit_)
    assert said in ran.result.message
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "store/products").exists()
    assert not list((tmp_path / "work").iterdir())


# --- ends that the computing process cannot tell of itself


@contextlib.contextmanager
def hanging(kit: Any, range_server: Any, scene: Any, tmp_path: Path) -> Any:
    """A task that waits for a source's answer; gives the process and its child's id."""
    red, nir, _ = scene.files
    (range_server.root / "red.tif").write_bytes(red.read_bytes())
    range_server.faults["red.tif"] = kit.Fault(hang=30)
    bands = (kit.band("red", range_server.url("red.tif")), kit.band("nir", nir))
    work = tmp_path / "work"
    work.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "scenefleet_task", "run"], cwd=work,
        env=kit.environment(kit.document(bands), tmp_path / "store"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            deadline = time.monotonic() + 20
            while not range_server.requests:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            yield process, int(children.split()[0])
        finally:
            if process.poll() is None:
                process.kill()


def test_a_child_killed_for_memory_leaves_log_and_result(
    kit: Any, range_server: Any, scene: Any, tmp_path: Path
) -> None:
    with hanging(kit, range_server, scene, tmp_path) as (process, child):
        os.kill(child, signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=20)
    result = from_line(stdout)
    assert (process.returncode, result.code, result.exit) == (40, 40, "killed")
    assert "SIGKILL" in result.message
    assert "memory" in result.message
    assert result.peak_memory_mb > 20
    [folder] = (tmp_path / "store/runs/run-1/logs").glob("*/*")
    assert from_line((folder / "result.json").read_text()) == result
    assert (folder / "log.txt").read_text() in stderr
    assert "task " in (folder / "log.txt").read_text()
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_child(
    kit: Any, range_server: Any, scene: Any, tmp_path: Path, number: signal.Signals
) -> None:
    with hanging(kit, range_server, scene, tmp_path) as (process, child):
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=20)
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
    result = from_line(stdout)
    assert (process.returncode, result.exit) == (41, "stopped")
    assert "cancelled" in result.message
    assert "Traceback" not in stderr
    assert list((tmp_path / "store/runs/run-1/logs").glob("*/*/result.json"))


# --- secrets, with Azurite and a token server


def test_nothing_that_a_task_writes_or_prints_holds_a_secret(
    kit: Any, scene: Any, range_server: Any, azurite: Any, tmp_path: Path
) -> None:
    for file in scene.files:
        target = range_server.root / "account/container" / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    range_server.guarded = True
    sources = [range_server.url(f"account/container/{f.name}") for f in scene.files]
    bands = (kit.band("red", sources[0]), kit.band("nir", sources[1]))
    good = kit.document(bands, sources[2], access="planetary-computer")
    range_server.faults["account/container/broken.tif"] = kit.Fault(truncate=500)
    broken = kit.document(
        (bands[0], kit.band("nir", range_server.url("account/container/broken.tif"))),
        access="planetary-computer", item="scene-2",
    )  # fmt: skip
    (range_server.root / "account/container/broken.tif").write_bytes(scene.files[0].read_bytes())

    name = f"s{datetime.now(UTC):%H%M%S%f}"
    with ContainerClient(azurite.blob_endpoint, name, credential=azurite.key) as container:
        container.create_container()
        sas = generate_container_sas(
            azurite.account, name, account_key=azurite.key, permission="cw",
            expiry=datetime.now(UTC) + timedelta(minutes=10),
        )  # fmt: skip
        more = {"SCENEFLEET_STORE_SAS": sas, "PC_SDK_SAS_URL": range_server.token_service}
        store = f"{azurite.blob_endpoint}/{name}/results"
        ran = [kit.run(d, store, tmp_path / "work", **more) for d in (good, broken)]
        assert [r.code for r in ran] == [0, 12], ran[0].stderr + ran[1].stderr
        blobs = {b.name: container.download_blob(b.name).readall() for b in container.list_blobs()}
    assert {b.rpartition("/")[2] for b in blobs} == {
        "ndvi.tif", "reason.tif", "thumbnail.png", "scene-1.json", "log.txt", "result.json",
    }  # fmt: skip
    written = b"".join(blobs.values()) + "".join(r.stdout + r.stderr for r in ran).encode()
    assert len(range_server.tokens) == 2
    signature = sas.partition("sig=")[2].partition("&")[0]
    for secret in (b"TOPSECRET", b"sig=", signature.encode(), azurite.key.encode()):
        assert secret not in written
    # A copy of the item's folder is complete: what is in Blob equals what a folder store gets.
    folder = tmp_path / "folder"
    again = kit.run(good, folder, tmp_path / "work", **more)
    assert again.code == 0
    for path, data in files_of(folder).items():
        if path.startswith("products/"):
            assert blobs[f"results/{path}"] == data


# --- memory


def test_memory_is_bounded_by_the_window_not_the_scene(kit: Any, tmp_path: Path) -> None:
    """A scene twice as high costs no more: strips are all that is held.

    A full scene (10980 x 10980) peaks at about 315 MB; a wide one shows the same bound in little.
    """
    peaks = []
    for height in (2560, 5120):
        rng = np.random.default_rng(1)
        files = {}
        for name in ("red", "nir"):
            values = rng.integers(1, 9000, (height, 64)).astype(np.uint16).repeat(48, axis=1)
            files[name] = kit.write(tmp_path / f"{name}-{height}.tif", values, tile=512)
        scl = np.zeros((height // 2, 1536), np.uint8) + 4
        mask = kit.write(
            tmp_path / f"scl-{height}.tif", scl, Affine(20, 0, 600_000, 0, -20, 5_700_000), tile=512
        )
        document = kit.document(tuple(kit.band(n, f) for n, f in files.items()), mask)
        # GDAL's cache is filled by both, so that what is left to grow would be ours.
        ran = kit.run(document, tmp_path / f"store-{height}", tmp_path / "work", GDAL_CACHEMAX="16")
        assert ran.code == 0, ran.stderr
        peaks.append(ran.result.peak_memory_mb)
    assert peaks[1] < 900 * 0.5
    assert peaks[1] - peaks[0] < 20
