"""The engines that container tasks are tested with: one that is but processes, podman, docker."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import fake_engine

IMAGE = "localhost/busy"
IMAGE_OF_A_USER = "localhost/busy-user"
BUSYBOX = Path("/bin/busybox")
PROGRAMS = ("sh", "echo", "cat", "sleep", "env", "true", "touch", "pwd")
PATIENCE = 30.0
"""Seconds for a daemon to begin and to end."""


@dataclass
class Engine:
    """An engine that emulators find in PATH, and what tests ask of it."""

    program: str
    environment: dict
    option: str
    """By which an emulator takes this engine and no other."""
    kept: Path | None = None
    """What the one that is but processes keeps."""
    daemon: subprocess.Popen | None = None

    def containers(self):
        """The names of those that there are, in whatever state."""
        if self.kept:
            return [p.stem for p in (self.kept / "containers").glob("*.json")]
        lines = self.run("ps", "--all", "--format", "{{.Names}}").stdout.split()
        return [line for line in lines if line.startswith("batch-emulator-")]

    def run(self, *arguments):
        environment = {**os.environ, **self.environment}
        return subprocess.run([self.program, *arguments], check=False, capture_output=True,
                              text=True, env=environment, timeout=60)  # fmt: skip

    def asked(self, verb):
        """The command lines with a verb."""
        lines = [json.loads(line) for line in (self.kept / "log").read_text().splitlines()]
        return [line for line in lines if verb in line]

    def close(self):
        if not self.kept:
            for name in self.containers():
                self.run("rm", "--force", name)
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait(PATIENCE)
            # the daemon leaves this mounted, which keeps its folder from being deleted
            left = (
                f"{self.environment['DOCKER_HOST'].removeprefix('unix://')}/../exec/netns/default"
            )
            subprocess.run(["umount", os.path.normpath(left)], check=False, capture_output=True)


def fake(folder, *names):
    kept = fake_engine.install(folder, names or ("podman",))
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return Engine(str(folder / (names or ("podman",))[0]),
                  {"PATH": path, "CONTAINERS_FAKE": str(kept)}, "--containers=podman",
                  kept=kept)  # fmt: skip


def podman(folder):
    """Podman with storage of its own."""
    program = _found("podman")
    storage = f'[storage]\ndriver="vfs"\nrunroot="{folder}/run"\ngraphroot="{folder}/graph"\n'
    (folder / "storage.conf").write_text(storage)
    runtime = "runc" if shutil.which("runc") else "crun"
    (folder / "containers.conf").write_text(
        f'[engine]\nruntime="{runtime}"\nevents_logger="none"\n'
    )
    engine = Engine(program, {"CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
                              "CONTAINERS_CONF": f"{folder}/containers.conf"},
                    "--containers=podman")  # fmt: skip
    return _with_image(engine, folder, "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")


def docker(folder):
    """Docker with a daemon of its own, which touches nothing of the network."""
    program, daemon = _found("docker"), _found("dockerd")
    if os.geteuid():
        pytest.skip("dockerd wants root")
    socket = f"unix://{folder}/docker.sock"
    with (folder / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(
            [daemon, f"--host={socket}", f"--data-root={folder}/data", f"--exec-root={folder}/exec",
             f"--pidfile={folder}/pid", "--storage-driver=vfs", "--bridge=none", "--iptables=false",
             "--ip6tables=false", "--config-file="],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    engine = Engine(program, {"DOCKER_HOST": socket}, "--containers=docker", daemon=process)
    try:
        until = time.monotonic() + PATIENCE
        while engine.run("version").returncode:
            if process.poll() is not None or time.monotonic() > until:
                said = (folder / "dockerd.log").read_text().splitlines()
                pytest.skip(f"dockerd does not run here: {said[-1:]}")
            time.sleep(0.1)
        return _with_image(engine, folder)
    except BaseException:
        engine.close()
        raise


def _found(name):
    program = shutil.which(name)
    if not program:
        _missing(f"{name} is not here")
    return program


def _missing(reason):
    """As the fixture `need`: what is missing is a failure in CI. What is there may not run."""
    if os.environ.get("SCENEFLEET_CI") == "1":
        pytest.fail(f"{reason}; SCENEFLEET_CI=1 allows no skip", pytrace=False)
    pytest.skip(reason)


def _with_image(engine, folder, *options):
    """The engine with an image of one static program, if it runs that; or a skip."""
    linked = subprocess.run(["ldd", BUSYBOX], check=False, capture_output=True)
    if b"not a dynamic" not in linked.stderr:
        _missing("a static busybox is not here")
    root = folder / "root"
    for name in ("bin", "tmp", "proc", "sys", "dev", "etc"):
        (root / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin")
    for name in PROGRAMS:
        (root / "bin" / name).symlink_to("busybox")
    tar = str(folder / "image.tar")
    subprocess.run(["tar", "-C", root, "-cf", tar, "."], check=True)
    engine.run("import", "--change", 'CMD ["/bin/echo","default"]', tar, IMAGE)
    user = ("--change", "USER 10001:10001")
    engine.run("import", *user, tar, IMAGE_OF_A_USER)
    tried = engine.run("run", "--rm", "--network=host", *options, IMAGE)
    if tried.stdout != "default\n":
        pytest.skip(f"{engine.program} does not run here: {tried.stderr}")
    return engine
