"""A user's script looks for secrets wherever a process can look, and finds none.

As root, and as a user without any capability, as tasks on a node mostly are: then it is only what
processes forbid each other that keeps them apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient, generate_container_sas

from scenefleet_task.environment import PASSED_ON, clean
from scenefleet_task.result import Result, from_line
from scenefleet_task.spec import Script, seal
from spying import HIDDEN, SPY, canary, told

_TO_NOBODY = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for number in range(64):
    libc.prctl(24, number, 0, 0, 0)
assert libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
libc.prctl(38, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Starts a program without any capability: of what root may do there is left what any user may."""


@dataclass
class Node:
    """Where tasks run side by side; all are gone at its end."""

    kit: Any
    folder: Path
    before: tuple[str, ...] = ()
    """Words before a task's command."""
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, document: Any, store: str, *words: str, **more: str) -> subprocess.Popen[str]:
        place = self.folder / f"node-{len(self.running)}"
        place.mkdir(parents=True)
        environment = {name: canary(name) for name in HIDDEN}
        environment |= self.kit.environment(document, store)
        process = subprocess.Popen(
            [*self.before, sys.executable, "-m", "scenefleet_task", *(words or ("run",))],
            cwd=place, env={**environment, **more}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.running.append(process)
        return process

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate()


@pytest.fixture(params=["root", "no capability"])
def node(request: Any, kit: Any, tmp_path: Path) -> Iterator[Node]:
    """As whoever runs the tests is, and without anything that root has more than others."""
    before = () if request.param == "root" else (sys.executable, "-c", _TO_NOBODY)
    with ExitStack() as stack:
        node = Node(kit, tmp_path, before)
        stack.callback(node.close)
        yield node


def scripted(kit: Any, scene: Any, folder: Path, text: str, **more: Any) -> tuple[Any, Path]:
    """A document with a script of one output, and the script's file."""
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    file = folder / f"{sha256}.py"
    file.write_text(text)
    document = kit.document((kit.band("red", more.pop("red", scene.files[0])),), **more)
    outputs = (replace(kit.NDVI, name="a", formula=None),)
    script = Script(name="spy.py", sha256=sha256, bands=("red",), overlap=0, seconds=120.0)
    return seal(replace(document, outputs=outputs, script=script, dtype="float32")), file


def sas_of(azurite: Any, container: str) -> str:
    return generate_container_sas(
        azurite.account, container, account_key=azurite.key, permission="cw",
        expiry=datetime.now(UTC) + timedelta(minutes=10),
    )  # fmt: skip


def test_a_script_finds_no_secret_of_its_own_task_or_of_another(
    node: Node, kit: Any, scene: Any, azurite: Any, range_server: Any, tmp_path: Path
) -> None:
    """Another task, with a SAS of its own, waits for its source meanwhile."""
    red, nir, _ = scene.files
    (range_server.root / "red.tif").write_bytes(red.read_bytes())
    range_server.faults["red.tif"] = kit.Fault(hang=100)
    bands = (kit.band("red", range_server.url("red.tif")), kit.band("nir", nir))
    name = f"spy{datetime.now(UTC):%H%M%S%f}"
    store = f"{azurite.blob_endpoint}/{name}"
    with ContainerClient(azurite.blob_endpoint, name, credential=azurite.key) as container:
        container.create_container()
        node.start(kit.document(bands), store, SCENEFLEET_STORE_SAS=sas_of(azurite, name))
        end = time.monotonic() + 60
        while not range_server.requests:
            assert time.monotonic() < end
            time.sleep(0.02)
        document, file = scripted(kit, scene, tmp_path, SPY)
        process = node.start(
            document, store,
            SCENEFLEET_SCRIPT=str(file), SCENEFLEET_STORE_SAS=sas_of(azurite, name),
        )  # fmt: skip
        stdout, stderr = process.communicate(timeout=150)
        assert process.returncode == 0, stderr
        assert from_line(stdout).exit == "done"
        stored = {blob.name.rpartition("/")[2] for blob in container.list_blobs()}
        assert {"a.tif", "scene-1.json"} <= stored
    spy = told(stderr)
    assert spy["found"] == []
    for who in ("parent", "other"):
        assert set(spy["seen"][f"{who} environment"]) == {"Permission denied"}, who
        assert set(spy["seen"][f"{who} memory"]) <= {"Permission denied", "Operation not permitted"}
        assert "read" not in spy["seen"][f"{who} files"], who
        assert set(spy["seen"][f"{who} command"]) == {"read"}
    assert len(spy["seen"]["other environment"]) >= 2, "the other task's two processes"
    assert spy["seen"]["self command"] == ["read"]
    if os.geteuid() == 0:
        assert spy["seen"]["self environment"] == spy["seen"]["self memory"] == ["read"]
    assert set(spy["names"]) <= PASSED_ON | _gdal_names()
    for secret in ("c4n4ry", "sig="):
        assert secret not in stdout
    assert "c4n4ry" not in stderr


def _gdal_names() -> set[str]:
    from scenefleet_task.gdal_settings import SETTINGS

    return {*SETTINGS, "GDAL_CACHEMAX", "GDAL_SKIP", "PROJ_CURL_CA_BUNDLE"}


def test_the_spy_finds_what_is_there(node: Node, kit: Any, scene: Any, tmp_path: Path) -> None:
    """What the other test looks with sees a canary that is there: in memory, and in Python."""
    left = 'KEPT = "-".join(["c4n4ry", "own", "0123456789abcdef" * 2])\n'
    document, file = scripted(kit, scene, tmp_path, left + SPY)
    process = node.start(document, str(tmp_path / "store"), SCENEFLEET_SCRIPT=str(file))
    _, stderr = process.communicate(timeout=150)
    found = {one.partition(":")[0] for one in told(stderr)["found"]}
    assert found == ({"self memory", "python"} if os.geteuid() == 0 else {"python"})


def test_a_trial_gives_a_script_no_secret_either(
    node: Node, kit: Any, scene: Any, tmp_path: Path
) -> None:
    document, file = scripted(kit, scene, tmp_path, SPY)
    process = node.start(
        document, str(tmp_path / "store"), "try", "--folder", str(tmp_path / "out"),
        SCENEFLEET_SCRIPT=str(file), SCENEFLEET_STORE_SAS=f"sig={canary('sas')}",
    )  # fmt: skip
    stdout, stderr = process.communicate(timeout=150)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["outputs"][0]["name"] == "a"
    assert told(stderr)["found"] == []
    assert set(told(stderr)["seen"]["parent environment"]) == {"Permission denied"}


def test_sources_are_signed_for_a_process_that_has_no_key(
    kit: Any, scene: Any, range_server: Any, tmp_path: Path
) -> None:
    """Tokens that expire soon are renewed by the supervisor as well; the key is in no process."""
    target = range_server.root / "account/container/red.tif"
    target.parent.mkdir(parents=True)
    target.write_bytes(scene.files[0].read_bytes())
    range_server.guarded = True
    document, file = scripted(
        kit, scene, tmp_path, SPY,
        red=range_server.url("account/container/red.tif"), access="planetary-computer",
    )  # fmt: skip
    ran = kit.run(
        document, tmp_path / "store", tmp_path / "work", SCENEFLEET_SCRIPT=str(file),
        PC_SDK_SAS_URL=range_server.token_service, PC_SDK_SUBSCRIPTION_KEY=canary("key"),
    )  # fmt: skip
    assert ran.code == 0, ran.stderr
    assert range_server.tokens
    assert [one for one in told(ran.stderr)["found"] if "c4n4ry" in one] == []
    assert not {"PC_SDK_SAS_URL", "PC_SDK_SUBSCRIPTION_KEY"} & {*told(ran.stderr)["names"]}


def test_what_is_not_known_to_be_harmless_is_not_passed_on() -> None:
    given = {**dict.fromkeys(HIDDEN, "x"), "PATH": "/bin", "GDAL_CACHEMAX": "9", "HTTPS_PROXY": "p"}
    assert clean(given) == {"PATH": "/bin", "GDAL_CACHEMAX": "9", "HTTPS_PROXY": "p"}
    words = (
        "SAS",
        "SECRET",
        "PASSWORD",
        "USERPWD",
        "TOKEN",
        "_KEY",
        "HEADER",
        "COOKIE",
        "IDENTITY",
    )
    assert not [name for name in PASSED_ON if any(word in name for word in words)]
    assert not [name for name in PASSED_ON if name.startswith(("AZ", "AWS", "MSI", "PC_SDK"))]


# --- what else a process may not


GREEDY = """
import os, resource, subprocess
BANDS, OUTPUTS = ("red",), ("a",)

def process(scene):
    status = open("/proc/self/status").read()
    started = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True).stdout
    for text in (status, started):
        fields = dict(line.split(":", 1) for line in text.splitlines())
        print("rights:", *(fields[name].strip() for name in
              ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb", "NoNewPrivs")))
    print("core:", resource.getrlimit(resource.RLIMIT_CORE)[0])
    print("oom:", open("/proc/self/oom_score_adj").read().strip())
    heirs = subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True).stdout.split()
    print("heirs:", *heirs)
    return {"a": scene["red"]}
"""


def test_a_process_keeps_no_right_that_it_does_not_need(
    kit: Any, scene: Any, tmp_path: Path
) -> None:
    """It may open files of others where root could, and no more; what it starts neither."""
    document, file = scripted(kit, scene, tmp_path, GREEDY)
    read, write = os.pipe()  # something that whoever started the task has left open
    os.set_inheritable(read, True)
    try:
        work = tmp_path / "work"
        work.mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "scenefleet_task", "run"], cwd=work,
            env=kit.environment(document, tmp_path / "store", SCENEFLEET_SCRIPT=str(file)),
            capture_output=True, text=True, pass_fds=(read,), check=False, timeout=120,
        )  # fmt: skip
    finally:
        os.close(read)
        os.close(write)
    assert done.returncode == 0, done.stderr
    lines = [line.partition("script: ")[2].split() for line in done.stderr.splitlines()]
    rights = [words[1:] for words in lines if words[:1] == ["rights:"]]
    assert len(rights) == 2
    for permitted, effective, bounding, inheritable, ambient, no_new in rights:
        assert (int(permitted, 16) | int(effective, 16)) & ~2 == 0
        assert int(inheritable, 16) == int(ambient, 16) == 0
        assert no_new == "1"
        if os.geteuid() == 0:
            assert int(bounding, 16) & ~2 == 0
    assert ["core:", "0"] in lines
    assert ["oom:", "300"] in lines
    assert ["heirs:", "0", "1", "2", "3"] in lines


def test_a_process_does_not_outlive_its_supervisor(
    kit: Any, scene: Any, range_server: Any, tmp_path: Path
) -> None:
    red, nir, _ = scene.files
    (range_server.root / "red.tif").write_bytes(red.read_bytes())
    range_server.faults["red.tif"] = kit.Fault(hang=60)
    bands = (kit.band("red", range_server.url("red.tif")), kit.band("nir", nir))
    node = Node(kit, tmp_path)
    process = node.start(kit.document(bands), str(tmp_path / "store"))
    end = time.monotonic() + 60
    while not range_server.requests:
        assert time.monotonic() < end
        time.sleep(0.02)
    [child] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    node.close()
    while Path(f"/proc/{child}").exists():
        state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            break
        assert time.monotonic() < end
        time.sleep(0.02)


# --- a process in others' hands


def hostile(kit: Any, scene: Any, folder: Path, body: str, **more: Any) -> tuple[Result, Any]:
    """The result of a task whose script speaks to the supervisor itself."""
    text = f"""
import gc, os, sys
from scenefleet_task import hand, line
BANDS, OUTPUTS = ("red",), ("a",)

def process(scene):
    files = next(one for one in gc.get_objects() if isinstance(one, hand.Files))
    asks = next(one for one in gc.get_objects() if isinstance(one, hand.Asks))
{body}
    import time
    time.sleep(100)
    return {{"a": scene["red"]}}
"""
    document, file = scripted(kit, scene, folder, text, **more)
    ran = kit.run(document, folder / "store", folder / "work", SCENEFLEET_SCRIPT=str(file))
    return ran.result, ran


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("files.begin('../../../outside.tif')", "a name that no output has"),
        ("files.begin('/tmp/outside.tif')", "a name that no output has"),
        ("files.begin('.hidden.tif')", "a name that no output has"),
        ("files.begin('outside.tif/../../x.tif')", "a name that no output has"),
        ("files.begin('script.py')", "a name that no output has"),
        ("files.begin('other.json')", "beside or after the item"),
        ("files.begin('a.tif'); files.begin('a.tif')", "twice"),
        ("files.put(b'{}', 'scene-1.json')", "before all other files were there"),
        ("files.send({'write': 99, 'stream': 0}, b'x')", "not open"),
        ("files.send({'get': 'products/other/x.tif'})", "no place here"),
        ("files.send({'write': 0, 'stream': -1}, b'x')", "no file has"),
        ("files.send({'finish': 0, 'order': 'all'})", "no order"),
        ("files.send({'result': True}, b'[]')", "one result"),
        ("files.send({'begin': []})", "number of its own"),
        ("os.write(files._line._sink, b'\\xff' * 64)", "too long"),
        ("os.write(files._line._sink, b'\\0\\0\\0\\2\\0\\0\\0\\0{]')", "not JSON"),
        ("os.write(files._line._sink, b'\\0\\0\\0\\2\\0\\0\\0\\0[]')", "no JSON object"),
        ("asks._line.send({'environment': True})", "nobody may have"),
        (
            "asks._line.send({'sign': 'https://a.blob.core.windows.net/c/x.tif'})",
            "nobody may",
        ),
    ],
)
def test_a_process_that_asks_for_more_is_ended(
    kit: Any, scene: Any, tmp_path: Path, body: str, said: str
) -> None:
    result, ran = hostile(kit, scene, tmp_path, f"    {body}")
    assert (result.exit, ran.code) == ("internal", 1)
    assert said in result.message
    assert "Traceback" not in ran.stderr
    stored = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert {path.name for path in stored} == {"log.txt", "result.json"}
    assert not list(tmp_path.rglob("outside*"))


def test_another_address_than_the_tasks_is_not_signed(
    kit: Any,
    scene: Any,
    range_server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("red", "other"):
        target = range_server.root / f"account/container/{name}.tif"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(scene.files[0].read_bytes())
    other = range_server.url("account/container/other.tif")
    monkeypatch.setenv("PC_SDK_SAS_URL", range_server.token_service)
    result, _ = hostile(
        kit, scene, tmp_path, f"    asks._line.send({{'sign': {other!r}}})",
        red=range_server.url("account/container/red.tif"), access="planetary-computer",
    )  # fmt: skip
    assert result.exit == "internal"
    assert "no source of its task" in result.message


@pytest.mark.parametrize(
    "told",
    [
        '{"exit": "DONE", "message": "", "found": {"valid_percent": 1.0, "reasons": {},'
        ' "outputs": []}}',
        '{"exit": "DONE", "message": ""}',
        '{"exit": "RICH", "message": ""}',
        '{"exit": 3}',
    ],
)
def test_a_result_that_is_not_so_is_not_believed(
    kit: Any, scene: Any, tmp_path: Path, told: str
) -> None:
    body = f"    files.send({{'result': True}}, {told.encode()!r}); os._exit(0)"
    result, ran = hostile(kit, scene, tmp_path, body)
    assert (result.exit, ran.code) == ("internal", 1)
    assert "told a result that is none, or is not so" in result.message


def test_what_a_process_says_is_bounded_and_has_no_escapes(
    kit: Any, scene: Any, tmp_path: Path
) -> None:
    body = """
    for _ in range(40):
        os.write(1, b"x" * (1 << 19))
    message = "\\x1b[31m" + "m" * 100_000 + "?sig=T0PSECRET"
    files.end({"exit": "SCRIPT", "message": message, "found": {}}); os._exit(23)
"""
    result, ran = hostile(kit, scene, tmp_path, body)
    assert (result.exit, ran.code) == ("script", 23)
    assert len(result.message) <= 8000
    assert "\x1b" not in result.message
    [log] = (tmp_path / "store").rglob("log.txt")
    assert log.stat().st_size < 1 << 25
    assert b"the log is cut here" in log.read_bytes()
