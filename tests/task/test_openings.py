"""No process of a task opens a file or an address that is not its own: seen from the kernel.

`strace -f` follows every process of a task that reads a hostile file. What it opens and connects to
is held against a list of what a task may: its code, what its libraries need of the system, its
document, working folder and store, and its source.
"""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import range_server as servers
from fuzz_sources.corpus import WAYS, Case
from fuzz_sources.documents import document
from fuzz_sources.hostile import Lure, hostile, lure_in
from fuzz_sources.run import write
from fuzz_sources.seeds import CRS, TRANSFORM, made
from scenefleet_task.result import from_line
from scenefleet_task.spec import encode
from tracing import Trace, parse, traced

CODE = (
    sys.prefix,
    sys.base_prefix,
    str(Path(sys.executable).resolve().parents[1]),
    *(path for path in sys.path if Path(path).name in ("client", "task", "emulator")),
    *(str(Path(__file__).resolve().parents[2] / room) for room in ("client", "task", "emulator")),
)
"""Python, its packages (GDAL's and PROJ's own files are in them) and the project's code."""
SYSTEM = (
    "/lib/",
    "/lib64/",
    "/usr/lib/",
    "/usr/lib64/",
    "/usr/local/lib/",
    "/usr/local/lib64/gdalplugins",
    "/usr/share/locale/",
    "/usr/share/zoneinfo/",
    "/etc/ld.so.",
    "/etc/ssl/",
    "/usr/share/ca-certificates/",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu/",
)
NAMED = {
    "/dev/fd",  # listed, so that what was left open is closed
    "/dev/null",
    "/dev/urandom",
    "/etc/localtime",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/usr/local/etc/gdal/gdalrc",
    "/usr/local/ssl/openssl.cnf",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self/cgroup",
    "/proc/self/maps",
    "/proc/self/mountinfo",
    "/proc/self/oom_score_adj",
    "/proc/self/stat",
    "/proc/self/statm",
    "/proc/self/status",
    "/proc/sys/kernel/random/boot_id",  # which machine wrote a file that is not finished
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    str(Path.home() / ".gdal/gdalrc"),
}
"""What Python, the C library and GDAL read of the system they run on; no process's environment."""
SIDECARS = (".aux.xml", ".msk", ".MSK", ".ovr", ".OVR")
"""What is a source's own by its name, whatever it holds."""
BAD = (
    "VRT, raw band, environment",
    "VRT, raw band, secret",
    "VRT, raw band, sub-file",
    "VRT, local raster",
    "VRT, address",
    "VRT, nested",
    "WMS",
    "GTI",
    "MRF",
    "DIMAP",
    "XML with an entity",
    "overview file, VRT text",
    "overview file, local raster",
    "overview file, address",
    ".tif.ovr beside it",
    ".tif.msk beside it",
    ".tif.aux.xml beside it",
    "CRS that names a file",
)
"""Of the corpus."""


@dataclass(frozen=True)
class Traced:
    """A task that was followed."""

    exit: str
    trace: Trace
    may: tuple[str, ...]
    """Files and folders that are this task's own."""
    address: str
    """`HOST:PORT` of its source's server."""

    def strange(self) -> set[str]:
        """What it had no business with."""
        files = {file for file in self.trace.files if not self._own(file)}
        return files | {at for at in self.trace.addresses if at != self.address}

    def _own(self, file: str) -> bool:
        path = os.path.normpath(file)
        if path in NAMED or path.startswith((*SYSTEM, *(f"{code}/" for code in CODE))):
            return True
        whole = any(path == own or path.startswith(f"{own}/") for own in self.may)
        return whole or path in CODE


@pytest.fixture(scope="module")
def strace(need: Any) -> Path:
    program = need("strace")
    done = subprocess.run([program, "-qq", "-o", "/dev/null", "true"], check=False)
    if done.returncode:
        reason = "needs the right to trace its own processes (ptrace)"
        if os.environ.get("SCENEFLEET_CI") == "1":
            pytest.fail(f"{reason}; SCENEFLEET_CI=1 allows no skip", pytrace=False)
        pytest.skip(reason)
    return program


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Any]:
    """A server whose folder also holds what hostile files are after."""
    root = tmp_path / "served"
    root.mkdir()
    (root / "secret.txt").write_text("CANARY" * 10_000)
    # not a named pipe, as in the corpus: who opens it is seen here, and need not hang
    (root / "pipe").write_text("CANARY" * 10_000)
    with rasterio.open(
        root / "raster.tif", "w", driver="GTiff", dtype="uint8", count=1, height=750, width=720,
        crs=CRS, transform=TRANSFORM,
    ) as dataset:  # fmt: skip
        dataset.write(np.full((750, 720), 67, np.uint8), 1)
    with servers.RangeServer(root) as server:
        yield server


@pytest.fixture
def lure(served: Any) -> Lure:
    return lure_in(served.root, "http://127.0.0.1:9")


@pytest.fixture
def follow(tmp_path: Path, strace: Path, served: Any, kit: Any) -> Callable[[Case], Traced]:
    """Runs the task of a case as a node does, under strace."""

    def run(case: Case) -> Traced:
        source = write(case, served.root / "source")
        href = served.url(f"source/{case.name}") if case.way == "http" else str(source)
        store, work = tmp_path / "store", tmp_path / "work"
        work.mkdir()
        task = document(case, href)
        environment = {
            **kit.environment(task, store), "SCENEFLEET_TASK": encode(task), "TMPDIR": str(work)
        }  # fmt: skip
        done, trace = traced(
            [sys.executable, "-m", "scenefleet_task", "run"], strace, tmp_path / "trace", work,
            environment,
        )  # fmt: skip
        assert done.stdout, done.stderr
        own = () if case.way == "http" else (source, *(f"{source}{end}" for end in SIDECARS))
        may = tuple(map(str, (store, work, *own)))
        return Traced(
            exit=from_line(done.stdout).exit, trace=trace, may=may,
            address=served.address.removeprefix("http://"),
        )  # fmt: skip

    return run


def case_of(name: str, lure: Lure, way: Any) -> Case:
    one = next(one for one in hostile(lure) if one.name == name)
    return Case(0, one.name, one.seed, way, one.content, one.beside)


@pytest.mark.parametrize("way", WAYS)
def test_a_task_opens_what_is_its_own(follow: Any, way: Any) -> None:
    done = follow(Case(0, "nothing", "cog-deflate", way, made("cog-deflate")))
    assert done.exit == "done"
    assert done.strange() == set()
    # the trace is not blind: it has the source, and what was written
    if way == "http":
        assert done.address in done.trace.addresses
        assert not any(file.endswith("00000.tif") for file in done.trace.files)
    else:
        assert done.may[2] in done.trace.files
        assert not done.trace.addresses
    assert any(file.startswith(done.may[0]) and ".red.tif" in file for file in done.trace.files)


@pytest.mark.parametrize(("name", "way"), [*zip(BAD, itertools.cycle(WAYS), strict=False)])
def test_whatever_a_source_holds(follow: Any, lure: Lure, name: str, way: Any) -> None:
    assert follow(case_of(name, lure, way)).strange() == set()


def test_what_is_not_its_own_would_be_seen(
    strace: Path, tmp_path: Path, served: Any, lure: Lure
) -> None:
    """GDAL, a child of a child and a socket: each of them leaves a line in the trace."""
    child = f"open({lure.secret!r}).read()"
    words = (
        "import os, socket, subprocess, sys, rasterio\n"
        f"with rasterio.open('/vsisubfile/0_9999999,{lure.raster}') as dataset: dataset.read()\n"
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True)\n"
        "os.open('/proc/self/environ', os.O_RDONLY)\n"
        f"socket.create_connection({served.address.removeprefix('http://').split(':')!r})\n"
    )
    done, trace = traced(
        [sys.executable, "-c", words], strace, tmp_path / "trace", tmp_path, os.environ
    )
    assert done.returncode == 0, done.stderr
    seen = Traced("", trace, (), "").strange()
    address = served.address.removeprefix("http://")
    assert {lure.raster, lure.secret, "/proc/self/environ", address} <= seen


def test_lines_of_strace() -> None:
    record = "\n".join((
        '12 openat(AT_FDCWD, "/etc/a b", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file)',
        '[pid 13] openat(AT_FDCWD, "relative", O_RDONLY <unfinished ...>',
        "[pid 13] <... openat resumed>) = 3",
        r'14 open("/here/\303\251\"x", O_RDONLY) = 3',
        '14 stat("/not/opened", {st_mode=S_IFREG}) = 0',
        '15 connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("1.2.3.4")}, 16)'
        " = -1 EINPROGRESS",
        '15 connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), '
        'inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
        '15 connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1 ENOENT',
    ))  # fmt: skip
    trace = parse(record, Path("/here"))
    assert trace.files == {"/etc/a b", "/here/relative", '/here/é"x'}
    assert trace.addresses == {"1.2.3.4:80", "::1:443", "/run/nscd/socket"}
