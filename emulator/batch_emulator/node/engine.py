"""Container engines of this machine: found when first needed, asked by their command line."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from batch_emulator.node.work import WorkError
from batch_emulator.options import Containers
from batch_emulator.state.task import Failure

Kind = Literal["podman", "docker"]
_PROBE: dict[Kind, tuple[str, ...]] = {
    "podman": ("info", "--format", "{{.Host.OCIRuntime.Name}}"),
    "docker": ("version", "--format", "{{.Server.Version}}"),
}
"""What only an engine that works answers: the client alone may be there."""
_DOCKER_HUB = "https://index.docker.io/v1/"
"""The name that Docker keeps its own registry's credentials under."""
_HELP = ("See '", "Run '", "Usage:")
_ACCESS = ("unauthorized", "authentication required", "denied")


_ENGINE_VARIABLES = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT")
_ENGINE_PREFIXES = ("CONTAINER", "DOCKER_TLS", "DOCKER_CERT")


def engine_environment() -> dict[str, str]:
    """What of this machine's environment an engine needs: where it is, and its settings are."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _ENGINE_VARIABLES or name.startswith(_ENGINE_PREFIXES)
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine said."""

    code: int
    out: str
    error: str

    @property
    def removed(self) -> bool:
        """Whether a container is not there any more: whoever comes second is told of an error."""
        return self.code == 0 or "no such container" in self.error.lower()

    @property
    def reason(self) -> str:
        """The last thing it complained of, hints at its help apart."""
        lines = [line.strip() for line in self.error.splitlines()]
        told = [line for line in lines if line and not line.startswith(_HELP)]
        return told[-1] if told else f"exit code {self.code}"


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that works."""

    kind: Kind
    program: str

    async def ask(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Answer:
        """Run one of its commands to the end; it ends with whoever waits for it."""
        process = await asyncio.create_subprocess_exec(
            self.program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**engine_environment(), **(environment or {})},
            start_new_session=True,
        )
        try:
            out, error = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            raise
        text = [stream.decode(errors="replace") for stream in (out, error)]
        return Answer(process.returncode or 0, text[0].strip(), text[1])

    async def look(self, name: str) -> dict[str, Any]:
        """A container's state, as the engine has it."""
        answer = await self.ask("container", "inspect", "--format", "{{json .State}}", name)
        if answer.code:
            raise failed("ContainerMiscError", f"The container is lost: {answer.reason}")
        return json.loads(answer.out)

    async def kill(self, name: str) -> dict[str, Any]:
        """Kill a container, and wait until the engine has seen it end; returns its state then."""
        await self.ask("kill", name)
        await self.ask("wait", name)
        return await self.look(name)

    def removal(self, name: str) -> list[str]:
        """The command line that kills a container and takes it away."""
        at_once = ["--time", "0"] if self.kind == "podman" else []
        return [self.program, "rm", "--force", "--volumes", *at_once, name]


@dataclass(slots=True, eq=False)
class Engines:
    """The engines of this machine, as far as they are known."""

    _found: dict[Kind, Engine] = field(default_factory=dict[Kind, Engine])
    _pulling: defaultdict[str, asyncio.Lock] = field(
        default_factory=lambda: defaultdict[str, asyncio.Lock](asyncio.Lock)
    )
    """One for each image: tasks that want the same one wait for one pull."""

    async def find(self, wanted: Containers) -> Engine:
        """The engine to run containers in.

        Raises:
            WorkError: `ContainerMiscError`, if there is none, or containers are refused.
        """
        if wanted in ("refuse", "process"):
            raise failed("ContainerMiscError", _HINT)
        kinds: tuple[Kind, ...] = ("docker", "podman") if wanted == "auto" else (wanted,)
        reasons: list[str] = []
        for kind in kinds:
            engine = self._found.get(kind) or await _probe(kind, reasons)
            if engine:
                self._found[kind] = engine
                return engine
        raise failed("ContainerMiscError", f"{_HINT} Tried: {'; '.join(reasons)}.")

    async def have(
        self, engine: Engine, image: str, registries: Iterable[Mapping[str, Any]]
    ) -> None:
        """Have an image here: it is pulled unless it is.

        Raises:
            WorkError: `ContainerInvalidImage` or `ContainerInvalidRegistry`, if it cannot be had.
        """
        async with self._pulling[image]:
            if (await engine.ask("image", "inspect", "--format", "{{.Id}}", image)).code == 0:
                return
            with _credentials(engine, image, registries) as options:
                before, after = options
                answer = await engine.ask(*before, "pull", "--quiet", *after, image)
        if answer.code:
            denied = any(word in answer.error.lower() for word in _ACCESS)
            code = "ContainerInvalidRegistry" if denied else "ContainerInvalidImage"
            text = f"The container image could not be pulled: {answer.reason}"
            raise WorkError(Failure(code, text, (("ContainerImage", image),)))


_HINT = (
    "This emulator runs no containers here. Where podman or docker works, --containers=auto runs "
    "them; --containers=process runs container tasks as processes of the host."
)


async def _probe(kind: Kind, reasons: list[str]) -> Engine | None:
    program = shutil.which(kind)
    if program is None:
        reasons.append(f"{kind} is not in PATH")
        return None
    engine = Engine(kind, program)
    answer = await engine.ask(*_PROBE[kind])
    if answer.code == 0 and answer.out:
        return engine
    reasons.append(f"{kind} does not work: {answer.reason}")
    return None


def failed(code: str, text: str) -> WorkError:
    """The error of a container that cannot be run."""
    return WorkError(Failure(code, text))


@contextmanager
def _credentials(
    engine: Engine, image: str, registries: Iterable[Mapping[str, Any]]
) -> Generator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Options before and after the engine's verb that give it the registry's credentials.

    They go through a file: command lines are seen by everybody.
    """
    registry = next((r for r in registries if _holds(r, image)), None)
    if registry is None:
        yield (), ()
        return
    if "identityReference" in registry:
        text = "No managed identity is on this pool: use a registry's username and password"
        raise failed("ContainerInvalidRegistry", text)
    with tempfile.TemporaryDirectory(prefix="batch-emulator-registry-") as folder:
        _write_credentials(Path(folder) / "config.json", engine, registry)
        if engine.kind == "docker":
            yield ("--config", folder), ()
        else:
            yield (), ("--authfile", f"{folder}/config.json")


def _write_credentials(file: Path, engine: Engine, registry: Mapping[str, Any]) -> None:
    server = _server(registry)
    if engine.kind == "docker" and server == "docker.io":
        server = _DOCKER_HUB
    pair = f"{registry.get('username', '')}:{registry.get('password', '')}"
    auth = base64.b64encode(pair.encode()).decode()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump({"auths": {server: {"auth": auth}}}, out)


def _server(registry: Mapping[str, Any]) -> str:
    server: str = registry.get("registryServer", "docker.io")
    return server.partition("://")[2] or server


def _holds(registry: Mapping[str, Any], image: str) -> bool:
    """Whether an image is of a registry; without a host in its name it is of Docker Hub."""
    first, slash, _ = image.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return _server(registry).rstrip("/").partition("/")[0] == (first if named else "docker.io")
