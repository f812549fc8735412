"""From the management plane's words for a pool to the data plane's.

Azure describes a pool twice. A template, Bicep and Terraform speak the management plane
(Microsoft.Batch/batchAccounts/pools 2025-06-01); the client that creates a pool speaks the data
plane (Batch 2025-06-01), which spells some keys and most enumerated values otherwise. The table
below lists every key that is carried over. A key that is not in it is refused, never dropped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from scenefleet.errors import FleetError


def _as_it_is(value: str) -> str:
    return value


def _uncapitalised(value: str) -> str:
    return value[:1].lower() + value[1:]


@dataclass(frozen=True, slots=True)
class Key:
    """How one key of the management plane is carried over."""

    name: str = ""
    """Its name on the data plane; empty where it is the same."""
    spell: Callable[[str], str] = _as_it_is
    """How an enumerated value is spelt on the data plane."""
    keys: Mapping[str, "Key"] = field(default_factory=dict[str, "Key"])
    """The keys of the object that it holds; none for a plain value."""
    many: bool = False
    """Whether it holds a list of such objects or values."""


SAME = Key()
LOWER = Key(spell=str.lower)

_IDENTITY = Key(keys={"resourceId": SAME})
_MANAGED_DISK = Key(keys={"storageAccountType": LOWER})
_PAIRS = Key(many=True, keys={"name": SAME, "value": SAME})

VIRTUAL_MACHINE: Mapping[str, Key] = {
    "imageReference": Key(
        keys={
            "publisher": SAME,
            "offer": SAME,
            "sku": SAME,
            "version": SAME,
            "id": Key("virtualMachineImageId"),
            "communityGalleryImageId": SAME,
            "sharedGalleryImageId": SAME,
        }
    ),
    "nodeAgentSkuId": Key("nodeAgentSKUId"),
    "containerConfiguration": Key(
        keys={
            "type": Key(spell=_uncapitalised),
            "containerImageNames": Key(many=True),
            # by identity: a user name and a password would be a secret in a file
            "containerRegistries": Key(
                many=True, keys={"registryServer": SAME, "identityReference": _IDENTITY}
            ),
        }
    ),
    "osDisk": Key(
        keys={
            "caching": LOWER,
            "diskSizeGB": SAME,
            "managedDisk": _MANAGED_DISK,
            "ephemeralOSDiskSettings": Key(keys={"placement": LOWER}),
        }
    ),
    "dataDisks": Key(
        many=True,
        keys={"lun": SAME, "caching": LOWER, "diskSizeGB": SAME, "managedDisk": _MANAGED_DISK},
    ),
    "nodePlacementConfiguration": Key(keys={"policy": LOWER}),
    "diskEncryptionConfiguration": Key(keys={"targets": Key(many=True, spell=str.lower)}),
    "securityProfile": Key(
        keys={
            "encryptionAtHost": SAME,
            # trustedLaunch stays as it is, confidentialVM does not
            "securityType": Key(spell=lambda value: value.replace("VM", "vm")),
            "uefiSettings": Key(keys={"secureBootEnabled": SAME, "vTpmEnabled": SAME}),
        }
    ),
}

START_TASK: Mapping[str, Key] = {
    "commandLine": SAME,
    "environmentSettings": _PAIRS,
    "maxTaskRetryCount": SAME,
    "waitForSuccess": SAME,
    "userIdentity": Key(
        keys={"autoUser": Key(keys={"elevationLevel": LOWER, "scope": LOWER})},
    ),
}

NETWORK: Mapping[str, Key] = {
    "subnetId": SAME,
    "dynamicVnetAssignmentScope": Key("dynamicVNetAssignmentScope"),
    "enableAcceleratedNetworking": SAME,
    "publicIPAddressConfiguration": Key(
        keys={"provision": LOWER, "ipAddressIds": Key(many=True)},
    ),
}

POOL: Mapping[str, Key] = {
    "displayName": SAME,
    "vmSize": SAME,
    "taskSlotsPerNode": SAME,
    "taskSchedulingPolicy": Key(keys={"nodeFillType": LOWER, "jobDefaultOrder": LOWER}),
    "metadata": _PAIRS,
    "networkConfiguration": Key(keys=NETWORK),
    "startTask": Key(keys=START_TASK),
    "upgradePolicy": Key(keys={"mode": SAME}),
}
"""The keys that both planes have in the same place; `template` moves the others."""

AUTO_SCALE: Mapping[str, Key] = {
    "formula": Key("autoScaleFormula"),
    "evaluationInterval": Key("autoScaleEvaluationInterval"),
}
FIXED_SCALE: Mapping[str, Key] = {
    "targetDedicatedNodes": SAME,
    "targetLowPriorityNodes": SAME,
    "resizeTimeout": SAME,
}


def translate(value: object, keys: Mapping[str, Key], where: str) -> dict[str, Any]:
    """The object `value` in the data plane's words.

    Args:
        value: An object of a template, as read from JSON.
        keys: What is carried over.
        where: The path to `value`, for messages, e.g. `startTask`; empty at the top.

    Raises:
        FleetError: It is no object, or has a key that `keys` does not list.
    """
    translated: dict[str, Any] = {}
    for name, inner in as_object(value, where).items():
        path = f"{where}.{name}" if where else name
        key = keys.get(name)
        if key is None:
            raise not_carried(path)
        translated[key.name or name] = _carry(inner, key, path)
    return translated


def as_object(value: object, where: str) -> dict[str, Any]:
    """A copy of `value`, if it is a JSON object.

    Raises:
        FleetError: It is something else.
    """
    if not isinstance(value, dict):
        raise FleetError(f"pool template: {where} is {value!r}; it must be an object {{...}}")
    return dict(cast("dict[str, Any]", value))


def not_carried(path: str) -> FleetError:
    """The error for a key that the data plane has no word for, or that is not in the table."""
    return FleetError(
        f"pool template: {path} cannot be carried over to a pool that the client creates, and "
        "leaving it out would make another pool than the one described. Correct its spelling, take "
        "it out, or deploy the pool by Bicep (pool_templates/main.bicep) and name that pool."
    )


def _carry(value: object, key: Key, path: str) -> object:
    if not key.many:
        return _carry_one(value, key, path)
    if not isinstance(value, list):
        raise FleetError(f"pool template: {path} must be a list [...]")
    one = Key(keys=key.keys, spell=key.spell)
    listed = cast("list[object]", value)
    return [_carry_one(item, one, f"{path}[{number}]") for number, item in enumerate(listed)]


def _carry_one(value: object, key: Key, path: str) -> object:
    if key.keys:
        return translate(value, key.keys, path)
    if isinstance(value, dict | list):
        raise FleetError(f"pool template: {path} must be a plain value, not an object or a list")
    return key.spell(value) if isinstance(value, str) else value
