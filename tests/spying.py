"""A processing script that looks for secrets wherever a process can look."""

from __future__ import annotations

import json
import secrets
from typing import Any

SPY = """
import gc, glob, json, os, re, sys, ctypes

BANDS = ("red",)
OUTPUTS = ("a",)
MARK = re.compile(rb"c4n4ry-[a-z0-9_]+-[0-9a-f]{32}|sig=[A-Za-z0-9%]{20}")

OURS = re.compile(rb"scenefleet_task|batch_emulator|/scenefleet\\0|[.]pyz\\0")

def environment(pid):
    return open(f"/proc/{pid}/environ", "rb").read()

def memory(pid):
    found = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if "r" not in rights or start >= 1 << 63:
                continue
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except (OSError, ValueError):
                continue
            found += b" ".join(MARK.findall(data))
    return found

def command(pid):
    return open(f"/proc/{pid}/cmdline", "rb").read()

def files(pid):
    held = [f"{one} {os.readlink(one)}" for one in glob.glob(f"/proc/{pid}/fd/*")]
    os.listdir(f"/proc/{pid}/fd")
    return "\\n".join(held).encode()

def python():
    held = [repr(dict(os.environ)), repr(sys.argv), repr(sys.orig_argv)]
    frame = sys._getframe()
    while frame:
        held.append(repr(list(frame.f_locals.values()))[:1_000_000])
        frame = frame.f_back
    for one in gc.get_objects():
        if isinstance(one, dict):
            held += [value for value in list(one.values()) if isinstance(value, str)]
    return "\\n".join(held).encode(errors="replace")

def process(scene):
    seen, found = {}, []
    mine, parent = os.getpid(), os.getppid()
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            if not OURS.search(command(pid)):
                continue
        except OSError:
            continue
        who = "self" if pid == mine else "parent" if pid == parent else "other"
        for look in (environment, memory, command, files):
            try:
                data = look(pid)
            except OSError as error:
                seen.setdefault(f"{who} {look.__name__}", []).append(error.strerror)
                continue
            seen.setdefault(f"{who} {look.__name__}", []).append("read")
            found += [f"{who} {look.__name__}: {one.decode()}" for one in MARK.findall(data)]
    found += [f"python: {one.decode()}" for one in MARK.findall(python())]
    names = sorted(os.environ)
    print("seen:", json.dumps({"seen": seen, "found": sorted(set(found)), "names": names}))
    return {"a": scene["red"]}
"""


def canary(name: str) -> str:
    return f"c4n4ry-{name.lower()}-{secrets.token_hex(16)}"


HIDDEN = (
    "SCENEFLEET_STORE_IDENTITY", "PC_SDK_SUBSCRIPTION_KEY", "AZ_BATCH_AUTHENTICATION_TOKEN",
    "AZURE_CLIENT_SECRET", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_SAS_TOKEN",
    "IDENTITY_HEADER", "IDENTITY_ENDPOINT", "MSI_SECRET", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "GDAL_HTTP_HEADERS", "GDAL_HTTP_USERPWD", "GDAL_HTTP_BEARER",
    "EARTHDATA_TOKEN", "GS_SECRET_ACCESS_KEY", "SSLKEYLOGFILE", "GITHUB_TOKEN", "DATABASE_URL",
    "SCENEFLEET_AZURE_BATCH_KEY", "SOMETHING_OF_THEIR_OWN",
)  # fmt: skip
"""Variables whose values nobody but the supervisor may see."""


def told(stderr: str) -> Any:
    """What the script saw, by its line in a log."""
    [line] = [line for line in stderr.splitlines() if "script: seen:" in line]
    return json.loads(line.partition("seen:")[2])
