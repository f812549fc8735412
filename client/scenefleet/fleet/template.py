"""Pool templates: one description of a pool, used by Bicep, Terraform and the client.

A template is a JSON file with the `properties` of Microsoft.Batch/batchAccounts/pools, API version
2025-06-01. Nothing here talks to Azure, and nothing here needs its libraries.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenefleet.errors import FleetError
from scenefleet.fleet.packaged import templates_folder
from scenefleet.fleet.pool_differences import differences
from scenefleet.fleet.pool_keys import (
    AUTO_SCALE,
    FIXED_SCALE,
    POOL,
    VIRTUAL_MACHINE,
    as_object,
    not_carried,
    translate,
)
from scenefleet.inputs import parse_json, read_text

__all__ = ["PoolTemplate", "differences", "load_template", "task_slots", "to_data_plane"]

PACKAGED = ("dedicated", "spot")
SUFFIX = ".pool.json"

CAP = re.compile(
    r"^(?P<start>[ \t]*maxNodes[ \t]*=[ \t]*)(?P<cap>\d+)(?P<end>[ \t]*;)", re.MULTILINE
)
"""The line of an autoscale formula that says how many nodes there are at most."""

_MOST_BYTES = 1_000_000
"""Of a template's file."""
INTER_NODE = {"enabled": True, "disabled": False}


@dataclass(frozen=True)
class PoolTemplate:
    """What a pool is to be, in the management plane's words."""

    name: str
    """`spot` of `spot.pool.json`."""
    source: str
    """Where it was read from, for messages."""
    properties: Mapping[str, Any]
    """The ARM `properties`."""


def load_template(name_or_path: str | Path) -> PoolTemplate:
    """The template with a packaged name (`spot`, `dedicated`), or the one in a file.

    Raises:
        FleetError: No such name or file, or it is not a template.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, str) and re.fullmatch(r"[\w-]+", text):
        return _parse(_read_packaged(text), name=text, source=f"packaged template {text!r}")
    path = Path(name_or_path)
    try:
        content = read_text(path, _MOST_BYTES)
    except OSError as error:
        raise FleetError(
            f"pool template {text}: cannot be read ({error.strerror}). Give a file, or one of the "
            f"packaged names: {', '.join(PACKAGED)}"
        ) from error
    return _parse(content, name=path.name.removesuffix(SUFFIX), source=text)


def task_slots(template: PoolTemplate) -> int:
    """The most tasks at once on a node, by the template; 1 where it says none, as in Azure Batch.

    Raises:
        FleetError: It is no whole number from 1.
    """
    given: object = template.properties.get("taskSlotsPerNode", 1)
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise FleetError(
            f"pool template {template.source}: taskSlotsPerNode is {given!r}; it must be a whole "
            "number from 1 to four times the cores of the vmSize, 256 at most"
        )
    return given


def to_data_plane(
    template: PoolTemplate,
    *,
    pool_id: str,
    image: str | None = None,
    registry_identity: str | None = None,
    max_nodes: int | None = None,
    slots: int | None = None,
) -> dict[str, Any]:
    """The REST body with which the data plane creates this pool (Batch 2025-06-01).

    Args:
        template: What the pool is to be.
        pool_id: The pool's id.
        image: The container image, best pinned by digest. Without one, and with none in the
            template, tasks run on the node itself: the container configuration is left out.
        registry_identity: Resource id of the managed identity that pulls the image. Only a pool
            deployed by Bicep can hold that identity, so the body is for comparing with one.
        max_nodes: Lowers the template's greatest number of nodes; never raises it.
        slots: Lowers the template's tasks at once on a node; never raises them.

    Raises:
        FleetError: The template holds something that the data plane cannot express.
    """
    properties = dict(template.properties)
    if slots is not None:
        properties["taskSlotsPerNode"] = min(slots, task_slots(template))
    deployment = as_object(
        properties.pop("deploymentConfiguration", None), "deploymentConfiguration"
    )
    machine = deployment.pop("virtualMachineConfiguration", None)
    for name in deployment:
        raise not_carried(f"deploymentConfiguration.{name}")
    scale = properties.pop("scaleSettings", {})
    inter_node = properties.pop("interNodeCommunication", "Disabled")
    return {
        "id": pool_id,
        **translate(properties, POOL, ""),
        "enableInterNodeCommunication": _inter_node(inter_node),
        "virtualMachineConfiguration": _machine(machine, image, registry_identity),
        **_scale(scale, max_nodes),
    }


def _read_packaged(name: str) -> str:
    if name not in PACKAGED:
        near = difflib.get_close_matches(name, PACKAGED, n=1)
        raise FleetError(
            f"pool template {name!r}: there is no packaged template of that name"
            + (f"; did you mean {near[0]!r}?" if near else "")
            + f" Packaged are {', '.join(PACKAGED)}; or give the path of a file. For a pool that "
            f"is in the account already write `pool: {{id: {name}}}`."
        )
    return (templates_folder() / f"{name}{SUFFIX}").read_text(encoding="utf-8")


def _parse(content: str, *, name: str, source: str) -> PoolTemplate:
    try:
        value: object = parse_json(content)
    except ValueError as error:
        raise FleetError(f"pool template {source}: not JSON: {error}") from error
    properties = as_object(value, source)
    if "properties" in properties:
        raise FleetError(
            f"pool template {source}: holds a whole resource; give the object under its key "
            "'properties' alone"
        )
    for needed in ("vmSize", "deploymentConfiguration"):
        if needed not in properties:
            raise FleetError(f"pool template {source}: has no {needed!r}, and no pool is without")
    return PoolTemplate(name=name, source=source, properties=properties)


def _inter_node(value: object) -> bool:
    known = INTER_NODE.get(str(value).lower())
    if known is None:
        raise FleetError(
            f"pool template: interNodeCommunication is {value!r}; it may be Enabled or Disabled"
        )
    return known


def _machine(value: object, image: str | None, registry_identity: str | None) -> dict[str, Any]:
    where = "deploymentConfiguration.virtualMachineConfiguration"
    machine = translate(value, VIRTUAL_MACHINE, where)
    container: dict[str, Any] = machine.pop("containerConfiguration", {"type": "dockerCompatible"})
    if image is not None:
        container["containerImageNames"] = [image]
    if registry_identity is not None:
        container["containerRegistries"] = [
            {
                "registryServer": _registry_of(image),
                "identityReference": {"resourceId": registry_identity},
            }
        ]
    if container.get("containerImageNames"):
        machine["containerConfiguration"] = container
    return machine


def _registry_of(image: str | None) -> str:
    # As Docker tells a registry from a folder on its own: by a dot, a port or `localhost`.
    server, slash, _ = (image or "").partition("/")
    if not slash or not ("." in server or ":" in server or server == "localhost"):
        raise FleetError(
            f"image {image!r}: to pull it by a managed identity, its name must begin with the "
            "registry, as in myregistry.azurecr.io/scenefleet-task@sha256:..."
        )
    return server


def _scale(value: object, max_nodes: int | None) -> dict[str, Any]:
    if max_nodes is not None and max_nodes < 1:
        raise FleetError(f"max_nodes is {max_nodes}; it must be 1 or more")
    settings = as_object(value, "scaleSettings")
    if set(settings) == {"autoScale"}:
        scale = translate(settings["autoScale"], AUTO_SCALE, "scaleSettings.autoScale")
        scale["autoScaleFormula"] = _cap_formula(scale.get("autoScaleFormula"), max_nodes)
        return {"enableAutoScale": True, **scale}
    if set(settings) == {"fixedScale"}:
        scale = translate(settings["fixedScale"], FIXED_SCALE, "scaleSettings.fixedScale")
        return {"enableAutoScale": False, **scale, **_cap_targets(scale, max_nodes)}
    given = ", ".join(settings) or "nothing"
    raise FleetError(
        f"pool template: scaleSettings holds {given}; it must hold either autoScale or fixedScale"
    )


def _cap_formula(formula: object, max_nodes: int | None) -> str:
    if not isinstance(formula, str):
        raise FleetError("pool template: scaleSettings.autoScale has no formula")
    if max_nodes is None:
        return formula
    found = CAP.search(formula)
    if found is None:
        raise FleetError(
            f"max_nodes is {max_nodes}, and the pool template's formula has no line "
            "'maxNodes = <number>;' to put it into. Add the line and use maxNodes in the targets, "
            "or leave max_nodes out."
        )
    cap = min(max_nodes, int(found["cap"]))
    return f"{formula[: found.start()]}{found['start']}{cap}{found['end']}{formula[found.end() :]}"


def _cap_targets(scale: Mapping[str, Any], max_nodes: int | None) -> dict[str, int]:
    dedicated = int(scale.get("targetDedicatedNodes", 0))
    spot = int(scale.get("targetLowPriorityNodes", 0))
    if max_nodes is not None:
        dedicated = min(dedicated, max_nodes)
        spot = min(spot, max_nodes - dedicated)
    return {"targetDedicatedNodes": dedicated, "targetLowPriorityNodes": spot}
