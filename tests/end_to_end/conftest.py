"""A user's desk: the command line, a server of real or made scenes, the emulator and Azurite."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import ground_scene
import range_server
from witnessing import Witnessed, witnessing

Need = Callable[[str], Path]
TESTS = Path(__file__).resolve().parents[1]
OWN_IMAGE = "TASK_IMAGE"
"""Names an image of `docker/Dockerfile` that docker has here: tasks run in containers then."""
SCENEFLEET = str(Path(sys.executable).with_name("scenefleet"))


@pytest.fixture
def serve() -> Iterator[Callable[[Path], Any]]:
    """`serve(folder)` gives a `range_server.RangeServer` of it, which can fail in every way."""
    started: list[Any] = []

    def start(root: Path) -> Any:
        server = range_server.RangeServer(root)
        started.append(server.__enter__())
        return server

    yield start
    for server in started:
        server.__exit__()


@pytest.fixture
def fault() -> type[Any]:
    return range_server.Fault


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve small made-up scenes with their `items.json`, never written to."""
    from scenefleet.demo.archive import make_archive

    folder = tmp_path_factory.mktemp("archive")
    make_archive(folder, size=300)
    return folder


@dataclass
class Desk:
    """A folder with a recipe, and the command line in it. Keeps all that was ever printed."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    said: str = ""

    def write(self, name: str, search: str, more: str = "") -> None:
        text = f"version: 1\nname: {name}\nsearch: {search}\n{more}\n"
        (self.folder / "recipe.yaml").write_text(text)

    def run(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [SCENEFLEET, *arguments],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
        self.said += done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        if code is not None:
            assert done.returncode == code, done.stderr
        return done

    def json(self, *arguments: str, code: int | None = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        with (self.folder / "said.txt").open("w") as said:
            process = subprocess.Popen(
                [SCENEFLEET, *arguments],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                process.wait(timeout=30)
        self.said += (self.folder / "said.txt").read_text()

    @property
    def products(self) -> Path:
        return self.folder / "results/products"

    def items(self, product: str) -> dict[str, Any]:
        paths = (self.products / product).glob("*/*.json")
        items = [json.loads(path.read_text()) for path in paths]
        return {item["id"]: item for item in items}

    def _environment(self) -> dict[str, str]:
        home = str(self.folder / "home")
        return {**os.environ, "HOME": home, "XDG_STATE_HOME": f"{home}/s", **self.environment}


@pytest.fixture
def witnessed() -> Iterator[Witnessed | None]:
    """What emulators answer, whoever starts them."""
    with witnessing() as found:
        yield found


@pytest.fixture
def desk(tmp_path: Path, witnessed: Witnessed | None) -> Desk:
    return Desk(tmp_path)


@dataclass(frozen=True)
class Batch:
    """An emulator as an account on Azure, whose pools start empty.

    Containers run as processes, unless there is an image to run them of.
    """

    endpoint: str
    account: str
    key: str


@pytest.fixture
def batch(witnessed: Witnessed | None) -> Iterator[Batch]:
    key = "YS1rZXktb2YtdGhlLWVtdWxhdG9yLWZvci10ZXN0cw=="
    command = [sys.executable, "-m", "batch_emulator", "serve", "--port", "0", "--json"]
    containers = "docker" if OWN_IMAGE in os.environ else "process"
    command += ["--containers", containers, "--boot-time", "0.1", "--exit-with-parent"]
    command += ["--task-path", str(Path(sys.executable).parent), "--nodes", "2"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "BATCH_EMULATOR_KEY": key},
    ) as process:
        assert process.stdin
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        yield Batch(ready["endpoint"], ready["account"], key)
        process.stdin.close()
        process.wait(timeout=30)


@pytest.fixture
def on_azure(desk: Desk, batch: Batch, azurite: Any) -> Desk:
    """The desk of somebody with a Batch account and a storage account."""
    desk.environment |= {
        "SCENEFLEET_AZURE_BATCH_ENDPOINT": batch.endpoint,
        "SCENEFLEET_AZURE_BATCH_ACCOUNT": batch.account,
        "SCENEFLEET_AZURE_BATCH_KEY": batch.key,
        "SCENEFLEET_AZURE_STORAGE_ENDPOINT": azurite.blob_endpoint,
        "SCENEFLEET_AZURE_STORAGE_KEY": azurite.key,
        "SCENEFLEET_AZURE_IMAGE": os.environ.get(OWN_IMAGE, "registry.example/scenefleet-task:1"),
    }
    return desk


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object]], None]:
    def wait(condition: Callable[[], object], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    return wait


@pytest.fixture(scope="session")
def ground(need: Need) -> Any:
    """A real scene, as reflectance; see `ground_scene`."""
    return ground_scene.exeter(need("shared") / "data")


@pytest.fixture(scope="session")
def files(ground: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bands as COGs, in the folders `carried` and `removed`."""
    return ground.write(tmp_path_factory.mktemp("ground"))
