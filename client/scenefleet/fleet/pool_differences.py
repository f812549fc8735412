"""Whether a pool that exists is the pool that is wanted, in words a person can act on."""

import re
from collections.abc import Mapping
from typing import Any, cast

NEVER_FILLED_IN = frozenset(
    {
        "applicationPackageReferences",
        "containerConfiguration",
        "dataDisks",
        "diskEncryptionConfiguration",
        "extensions",
        "mountConfiguration",
        "startTask",
        "userAccounts",
    }
)
"""Keys that change what a task meets on a node, and that the service never adds by itself."""

CASE_MATTERS = frozenset({"commandLine", "containerImageNames", "value"})
"""The service answers other strings in a case of its own: `standard_d4ds_v5`, `pack`."""

DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def differences(wanted: Mapping[str, Any], existing: Mapping[str, Any]) -> list[str]:
    """What differs, a line each; empty where the pool will do.

    What the service fills in or reports on top (state, counts, defaults, exact image version) is
    passed over; so are fewer tasks at once on a node, which who deployed the pool may have chosen.
    Values of a start task are not repeated: they may hold secrets.

    Args:
        wanted: A body by `to_data_plane`.
        existing: The pool as the data plane answers it (REST names).
    """
    return _in_object(wanted, existing, "")


def _in_object(wanted: Mapping[str, Any], existing: Mapping[str, Any], where: str) -> list[str]:
    found: list[str] = []
    for name, value in wanted.items():
        path = f"{where}.{name}" if where else name
        found += _in_value(value, existing.get(name), path)
    for name in sorted(NEVER_FILLED_IN & existing.keys() - wanted.keys()):
        if existing[name]:
            found.append(f"{where}.{name}".lstrip(".") + ": the pool has it, the template does not")
    return found


def _in_value(wanted: Any, existing: Any, path: str) -> list[str]:  # noqa: ANN401 - any JSON value
    if isinstance(wanted, Mapping) and isinstance(existing, Mapping):
        mapped = cast("Mapping[str, Any]", existing)
        return _in_object(cast("Mapping[str, Any]", wanted), mapped, path)
    if isinstance(wanted, list) and isinstance(existing, list):
        return _in_list(cast("list[object]", wanted), cast("list[object]", existing), path)
    if path == "taskSlotsPerNode":
        # the service means 1 where it answers none
        same = (cast("int | None", existing) or 1) <= cast("int", wanted)
    else:
        same = _same(cast("object", wanted), existing, path)
    return [] if same else [_told(wanted, existing, path)]


def _told(wanted: Any, existing: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
    if path.startswith("startTask"):
        return f"{path}: not the same (values of a start task are not shown)"
    if path == "taskSlotsPerNode":
        return f"{path}: the pool has {existing}, and here {wanted} is the most"
    if existing is None:
        return f"{path}: the pool has none, the template says {_shown(wanted)}"
    if path == "autoScaleFormula":
        wanted, existing = _only_here(wanted, existing), _only_here(existing, wanted)
    return f"{path}: the pool has {_shown(existing)}, the template says {_shown(wanted)}"


def _in_list(wanted: list[object], existing: list[object], path: str) -> list[str]:
    by_name, named = _by_name(wanted), _by_name(existing)
    if by_name is not None and named is not None:
        return _in_object(by_name, named, path)
    if len(wanted) != len(existing):
        return [f"{path}: the pool has {len(existing)}, the template says {len(wanted)}"]
    found: list[str] = []
    for number, (one, other) in enumerate(zip(wanted, existing, strict=True)):
        found += _in_value(one, other, f"{path}[{number}]")
    return found


def _by_name(items: list[object]) -> dict[str, Any] | None:
    """Pairs of name and value (metadata, environment), whose order says nothing."""
    named: dict[str, Any] = {}
    for item in items:
        if not isinstance(item, Mapping) or set(cast("Mapping[str, Any]", item)) != {
            "name",
            "value",
        }:
            return None
        named[item["name"]] = {"value": item["value"]}
    return named


def _same(wanted: object, existing: object, path: str) -> bool:
    if existing is None:
        return not wanted  # the service leaves out what is off, zero or empty
    if not isinstance(wanted, str) or not isinstance(existing, str):
        return wanted == existing
    if path == "autoScaleFormula":
        return _lines(wanted) == _lines(existing)
    if CASE_MATTERS & set(re.split(r"[.\[]", path)):
        return wanted == existing
    seconds = _seconds(wanted)
    if seconds is not None:
        return seconds == _seconds(existing)
    return wanted.casefold() == existing.casefold()


def _only_here(formula: str, other: str) -> str:
    elsewhere = _lines(other)
    return " ".join(line for line in _lines(formula) if line not in elsewhere) or "less"


def _lines(formula: str) -> list[str]:
    """What the service computes: no comments, no empty lines, no white space at the ends."""
    bare = (line.split("//")[0].strip() for line in formula.splitlines())
    return [line for line in bare if line]


def _seconds(text: str) -> float | None:
    """An ISO 8601 duration: `PT5M` and `PT300S` are one."""
    found = DURATION.fullmatch(text)
    if found is None or text in {"P", "PT"}:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping | list):
        return "something else"
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
