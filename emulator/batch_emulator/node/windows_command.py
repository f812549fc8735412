"""Commands for `cmd`, the shell of Windows nodes, as `sh` understands them.

Quickstarts and samples for Windows pools run `cmd /c` with a few words. Nodes here are this
machine: where it has no `cmd` these words are translated. Whatever else a command names is looked
for by its own name.
"""

from __future__ import annotations

import re
import shlex
import shutil

_CMD = re.compile(
    r"\s*cmd(?:\.exe)?\s+(?:/[a-z:]+\s+)*?/c\s*(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_PING = re.compile(r"\s*ping(?:\.exe)?\s.*-n\s+\d", re.IGNORECASE)
_SWITCH = re.compile(r"/[A-Za-z?](?::?\w*)?")
_VARIABLE = re.compile(r"%([A-Za-z_]\w*)%")
_BETWEEN = re.compile(r"(&&|\|\||&|\||>>|2>&1|>|<)")
_ENDS = ("&&", "||", "&", "|")
_WORDS = {
    "copy": "cp",
    "del": "rm -f",
    "dir": "ls -la",
    "md": "mkdir -p",
    "mkdir": "mkdir -p",
    "move": "mv",
    "ren": "mv",
    "type": "cat",
    "where": "command -v",
}


def as_posix(command: str) -> str:
    """Returns a command of a Windows node as one of this machine; what is not for `cmd` stays."""
    match = _CMD.fullmatch(command)
    if match is None:
        return _ping(command) if _PING.match(command) else command
    if shutil.which("cmd") is not None:
        return command
    text = match["rest"].strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return f"/bin/sh -c {shlex.quote(''.join(_parts(text)))}"


def _parts(text: str) -> list[str]:
    """The command's parts, translated, with what stands between them."""
    parts, begins = [], True
    for part in _BETWEEN.split(text):
        if part in _ENDS:
            parts.append(" ; " if part == "&" else f" {part} ")
            begins = True
        elif _BETWEEN.fullmatch(part):
            parts.append(f" {part} ")
        elif begins:
            parts.append(_simple(part.strip()))
            begins = not part.strip()
        else:
            name = part.strip()
            parts.append("/dev/null" if name.lower() == "nul" else _value(_path(name)))
    return parts


def _simple(text: str) -> str:
    """One command with its words."""
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    special = _SPECIAL.get(word.lower())
    if special is not None:
        return special(rest)
    known = _WORDS.get(word.lower())
    words = rest.split()
    if known == "ls -la" and "/b" in rest.lower().split():
        known = "ls"
    if known is not None:
        words = [one for one in words if not _SWITCH.fullmatch(one)]
    return " ".join([known or _value(_path(word)), *(_value(_path(one)) for one in words)])


def _echo(rest: str) -> str:
    return f"echo {_value(rest)}"


def _set(rest: str) -> str:
    name, equals, value = rest.partition("=")
    if equals:
        return f"{name}={_value(value)}; export {name}"
    return f"env | grep -i {shlex.quote('^' + rest)}"


def _exit(rest: str) -> str:
    return f"exit {_last_number(rest)}"


def _timeout(rest: str) -> str:
    return f"sleep {_last_number(rest)}"


def _ping(rest: str) -> str:
    """Samples wait by it: so many answers are a second apart."""
    count = re.search(r"-n\s+(\d+)", rest)
    return f"sleep {max(0, int(count[1]) - 1) if count else 3}"


def _cd(rest: str) -> str:
    folder = rest.removeprefix("/d ").strip()
    return f"cd {_value(_path(folder))}" if folder else "pwd"


def _last_number(text: str) -> str:
    return (re.findall(r"\d+", text) or ["0"])[-1]


_SPECIAL = {
    "": lambda _: ":",
    "cd": _cd,
    "echo": _echo,
    "exit": _exit,
    "ping": _ping,
    "set": _set,
    "timeout": _timeout,
}


def _path(text: str) -> str:
    return text.strip('"').replace("\\", "/")


def _value(text: str) -> str:
    """Text as `cmd` reads it: nothing but variables means anything, and there are no quotes."""
    parts = _VARIABLE.split(text)  # text and names by turns
    quoted = [f'"${{{part}}}"' if at % 2 else shlex.quote(part) for at, part in enumerate(parts)]
    return "".join(part for part in quoted if part != "''") or "''"
