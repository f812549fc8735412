"""What a request of Azure Resource Manager makes of a pool, by the data plane's checks and life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from batch_emulator.arm.errors import cannot_change
from batch_emulator.arm.pool_document import identity_of
from batch_emulator.arm.translate import to_batch
from batch_emulator.operations.checks import check_id
from batch_emulator.operations.pool_checks import (
    FIXED,
    check_change,
    check_formula,
    check_pool,
    check_sizes,
    evaluation_interval,
    resize_timeout,
)
from batch_emulator.operations.sources import check_sources
from batch_emulator.scheduling.allocation import resize
from batch_emulator.scheduling.autoscaling import end_autoscale, start_autoscale
from batch_emulator.scheduling.pools import make_pool
from batch_emulator.service import Service
from batch_emulator.state.defaults import complete_pool
from batch_emulator.state.pool import Pool
from batch_emulator.wire.body import check
from batch_emulator.wire.errors import BatchError, invalid_property, missing_property
from batch_emulator.wire.secrets import public

Json = dict[str, Any]

_VERSION = "2024-02-01.19.0"
"""Of the data plane, whose shapes have all that any version of Resource Manager can say."""
_OWN = ("identity", "tags")
"""Of a pool's specification, Resource Manager's alone: the data plane cannot set them."""
_REMOVED = ("startTask", "metadata", "applicationPackageReferences")
"""What a PUT takes away where it does not give it."""
_PLAIN = {"taskSlotsPerNode": 1, "enableInterNodeCommunication": False}
_READ_ONLY = ("id", "name", "type", "etag", "systemdata")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pool as a request wants it."""

    spec: Json
    """In the data plane's words; an empty start task is one that goes."""
    scale: Json | None
    """In its words too, and `nodeDeallocationOption`."""


def read_wanted(body: Json, *, new: bool) -> Wanted:
    """Read what a request wants of a pool.

    Raises:
        BatchError: if it cannot be.
    """
    parts = {name.lower(): value for name, value in body.items() if value is not None}
    for name in body:
        if name.lower() not in ("properties", *_OWN, *_READ_ONLY):
            reason = f"Could not find member '{name}' on object of type 'Pool'."
            raise BatchError("InvalidRequestBody", PropertyName=name, Reason=reason)
    spec = to_batch(parts.get("properties", {}))
    given = spec.pop("scaleSettings", None)
    scale = None if given is None else _scale(given)
    removed = spec.get("startTask") == {}
    if removed:
        del spec["startTask"]
    # a change need not say what a new pool has to
    needed = {"id": "-"} if new else {"id": "-", "vmSize": "-"}
    checked = check({**needed, **spec}, "BatchPoolCreateOptions", version=_VERSION)
    checked = {name: value for name, value in checked.items() if name in spec}
    if removed:
        checked["startTask"] = {}
    if "identity" in parts:
        checked["identity"] = _identity(parts["identity"])
    if "tags" in parts:
        checked["tags"] = _tags(parts["tags"])
    return Wanted(checked, scale)


def create(service: Service, name: str, wanted: Wanted) -> Pool:
    """Make a pool.

    Raises:
        BatchError: if it cannot be.
    """
    check_id("id", name)
    scale = {k: v for k, v in (wanted.scale or {}).items() if k != "nodeDeallocationOption"}
    if "autoScaleFormula" in scale:
        scale["enableAutoScale"] = True
    spec = {k: v for k, v in wanted.spec.items() if not (k == "startTask" and v == {})}
    body = {**{k: v for k, v in spec.items() if k not in _OWN}, **scale}
    check_pool(body)
    check_sources(service, body.get("startTask", {}), "startTask.")
    return make_pool(service, name, {**spec, **scale})


def update(service: Service, pool: Pool, wanted: Wanted, *, whole: bool) -> None:
    """Change a pool.

    Args:
        service: the service.
        pool: the pool as it is.
        wanted: what the request gives.
        whole: whether it is all that the pool is to be, as in a PUT.

    Raises:
        BatchError: if it cannot be so.
    """
    kept = {k: v for k, v in pool.spec.items() if not (whole and k in (*_REMOVED, *_OWN))}
    spec = {**kept, **wanted.spec}
    if spec.get("startTask") == {}:
        del spec["startTask"]
    fixed = [name for name in FIXED if name in wanted.spec]
    changed = [name for name in fixed if _differs(name, spec, pool.spec)]
    if changed and pool.nodes:
        raise cannot_change(changed)
    # a pool that was read and is sent back has no secrets in it any more
    spec |= {name: pool.spec[name] for name in fixed if name not in changed and name in pool.spec}
    check_change(service, spec)
    scale = wanted.scale
    if scale is not None:
        _check_scale(scale)
    pool.spec = spec
    pool.touch(service.now())
    if scale is not None or whole:
        _rescale(service, pool, scale or {})


def _differs(name: str, spec: Json, former: Json) -> bool:
    """Tell whether a property is to change, with the defaults of all its parts."""
    new, old = ({**_PLAIN, **complete_pool(one)}.get(name) for one in (spec, former))
    if name == "vmSize":
        return str(new).lower() != str(old).lower()
    return public(new) != public(old)


def _rescale(service: Service, pool: Pool, scale: Json) -> None:
    if "autoScaleFormula" in scale:
        interval = evaluation_interval(dict(scale))
        if (scale["autoScaleFormula"], interval or pool.interval) != (pool.formula, pool.interval):
            pool.formula, pool.interval = scale["autoScaleFormula"], interval or pool.interval
            start_autoscale(service, pool)
        return
    if pool.formula is not None:
        end_autoscale(service, pool)
    dedicated = scale.get("targetDedicatedNodes", 0)
    spot = scale.get("targetLowPriorityNodes", 0)
    timeout = resize_timeout(scale.get("resizeTimeout"))
    if (dedicated, spot) != (pool.dedicated, pool.spot) or pool.resize_errors:
        deallocation = scale.get("nodeDeallocationOption", "requeue")
        resize(service, pool, dedicated=dedicated, spot=spot, deallocation=deallocation,
               timeout=timeout)  # fmt: skip
    elif timeout is not None:
        pool.resize_timeout = timeout


def _check_scale(scale: Json) -> None:
    check_sizes(scale)
    if "autoScaleFormula" in scale:
        check_formula(scale["autoScaleFormula"])


def _scale(given: Json) -> Json:
    """`scaleSettings` in the data plane's words.

    Raises:
        BatchError: unless it is one of the two kinds.
    """
    kinds = [name for name in ("fixedScale", "autoScale") if name in given]
    if len(kinds) != 1:
        reason = "fixedScale and autoScale are mutually exclusive, and one has to be specified."
        raise invalid_property("properties.scaleSettings", kinds, reason)
    if kinds == ["fixedScale"]:
        fixed: Json = given["fixedScale"]
        return _checked(fixed, "BatchPoolResizeOptions")
    scaled: Json = given["autoScale"]
    if "formula" not in scaled:
        raise missing_property("properties.scaleSettings.autoScale.formula")
    names = {"formula": "autoScaleFormula", "evaluationInterval": "autoScaleEvaluationInterval"}
    renamed = {names[name]: value for name, value in scaled.items()}
    return _checked(renamed, "BatchPoolEnableAutoScaleOptions")


def _checked(value: Json, shape: str) -> Json:
    return check(value, shape, version=_VERSION)


def _identity(value: object) -> Json:
    given = cast("Json", value) if isinstance(value, dict) else {}
    kinds = {"userassigned": "UserAssigned", "none": "None"}
    kind = kinds.get(str(given.get("type", "")).lower())
    users = given.get("userAssignedIdentities") or {}
    if kind is None or not isinstance(users, dict):
        reason = "Allowed: the types UserAssigned, with userAssignedIdentities, and None."
        raise invalid_property("identity", value, reason)
    named = cast("dict[str, object]", users)
    if (kind == "UserAssigned") != bool(named):
        reason = "userAssignedIdentities go with the type UserAssigned, and it with them."
        raise invalid_property("identity.userAssignedIdentities", users, reason)
    told = [identity_of(one) for one in named]
    return {"type": kind, **({"userAssignedIdentities": told} if told else {})}


def _tags(value: object) -> dict[str, str]:
    given = cast("dict[str, object]", value) if isinstance(value, dict) else {"": None}
    if not all(isinstance(one, str) for one in given.values()):
        raise invalid_property("tags", value, "An object of names and texts is expected.")
    return cast("dict[str, str]", given)
