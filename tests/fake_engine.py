"""A container engine for tests where none works: the commands of podman, with processes inside.

It keeps what it is asked for in a folder of its own, `CONTAINERS_FAKE`: images, containers, and a
log of all command lines. A container is a process that outlives the client that started it.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import uuid
from pathlib import Path

HOME = Path(os.environ.get("CONTAINERS_FAKE", ""))
MOUNTED = "/mnt/batch/tasks"


def main(arguments):
    with (HOME / "log").open("a") as log:
        log.write(json.dumps(arguments) + "\n")
    while arguments[0].startswith("--"):
        arguments = arguments[2:]
    verb, *rest = arguments
    act = {"info": info, "version": info, "image": image, "pull": pull, "create": create,
           "start": start, "container": inspect, "kill": kill, "wait": inspect,
           "rm": remove}  # fmt: skip
    return act[verb](rest)


def complain(text, code=125):
    sys.stderr.write(f"Error: {text}\n")
    return code


def info(_rest):
    if (HOME / "broken").exists():
        return complain("Cannot connect to the daemon")
    print("fake")
    return 0


def image(rest):
    known = json.loads((HOME / "images").read_text())
    if rest[-1] not in known:
        return complain(f"{rest[-1]}: image not known")
    print("sha256:0")
    return 0


def pull(rest):
    name = rest[-1]
    files = [Path(rest[at + 1]) for at, word in enumerate(rest) if word == "--authfile"]
    if files:
        (HOME / "credentials").write_text(files[0].read_text())
    if "private" in name and not files:
        return complain("unauthorized: authentication required")
    if "missing" in name:
        return complain(f"{name}: manifest unknown")
    known = json.loads((HOME / "images").read_text())
    (HOME / "images").write_text(json.dumps([*known, name]))
    return 0


def create(rest):
    options = [word for word in rest if word.startswith("-")]
    if "--nonsense" in options:
        return complain("unknown flag: --nonsense\nSee 'podman create --help'")
    first = next(at for at, word in enumerate(rest) if not word.startswith("-"))
    given = dict(
        word[2:].split("=", 1) for word in rest[:first] if "=" in word and "--env" not in word
    )
    environment = {}
    for word in rest[:first]:
        if word.startswith("--env="):
            name, sign, value = word[6:].partition("=")
            environment[name] = value if sign else os.environ[name]
    identity = uuid.uuid4().hex * 2
    command = [given["entrypoint"], *rest[first + 1 :]] if "entrypoint" in given else None
    container = {
        "name": given["name"],
        "command": command or ["/bin/echo", "default"],
        "env": environment,
        "root": dict(p.split("=") for p in given.get("mount", "").split(",") if "=" in p).get(
            "source"
        ),
        "workdir": given.get("workdir"),
        "state": {"Status": "created", "ExitCode": 0, "Error": ""},
    }
    save(identity, container)
    print(identity)
    return 0


def start(rest):
    path, container = load(rest[-1])

    def here(text):
        return text.replace(MOUNTED, container["root"] or MOUNTED)

    environment = {"PATH": "/bin:/usr/bin", **container["env"]}
    try:
        process = subprocess.Popen(
            [here(word) for word in container["command"]],
            cwd=here(container["workdir"] or "/"),
            env={name: here(value) for name, value in environment.items()},
            start_new_session=True,
        )
    except FileNotFoundError as error:
        return complain(f"executable file {error.filename} not found in $PATH")
    container["state"]["Status"] = "running"
    container["pid"] = process.pid
    save(path.stem, container)
    code = process.wait()
    with contextlib.suppress(FileNotFoundError):
        container["state"] = {"Status": "exited", "Error": "",
                              "ExitCode": 128 - code if code < 0 else code}  # fmt: skip
        if path.exists():
            save(path.stem, container)
    return code


def inspect(rest):
    print(json.dumps(load(rest[-1])[1]["state"]))
    return 0


def kill(rest):
    path, container = load(rest[-1])
    end(container)
    container["state"] = {"Status": "exited", "ExitCode": 137, "Error": ""}
    save(path.stem, container)
    return 0


def remove(rest):
    found = load(rest[-1])
    if found:
        found[0].unlink()
        end(found[1])
    return 0


def end(container):
    if "pid" in container:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(container["pid"], signal.SIGKILL)


def load(name):
    for path in (HOME / "containers").glob("*.json"):
        container = json.loads(path.read_text())
        if name in (path.stem, container["name"]):
            return path, container
    return None


def save(identity, container):
    path = HOME / "containers" / f"{identity}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(container))
    part.replace(path)


def install(folder, names=("podman",)):
    """Put programs of these names into a folder, and what they keep beside; returns that."""
    home = folder / "kept"
    (home / "containers").mkdir(parents=True)
    (home / "images").write_text(json.dumps(["localhost/busy"]))
    for name in names:
        program = folder / name
        line = f"exec {shlex.quote(sys.executable)} {shlex.quote(__file__)} "
        program.write_text(f'#!/bin/sh\n{line}"$@"\n')
        program.chmod(0o755)
    return home


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
