"""Templates and what becomes of them, against the models of Azure's own libraries.

The models take any key in silence, so the keys are compared with the fields they declare.
"""

import copy
import enum
import types
import typing

import pytest
from azure.batch import models as data_plane
from azure.batch.models import BatchPoolCreateOptions
from azure.mgmt.batch import models as management_plane
from azure.mgmt.batch.models import Pool

from scenefleet.fleet.template import PoolTemplate, load_template, to_data_plane

IDENTITY = "/subscriptions/0/resourceGroups/g/providers/x/userAssignedIdentities/nodes"
MACHINE = {
    "dataDisks": [{"lun": 0, "caching": "ReadOnly", "diskSizeGB": 64}],
    "nodePlacementConfiguration": {"policy": "Zonal"},
    "diskEncryptionConfiguration": {"targets": ["OsDisk", "TemporaryDisk"]},
    "securityProfile": {
        "encryptionAtHost": True,
        "securityType": "confidentialVM",
        "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
    },
    "osDisk": {
        "caching": "ReadWrite",
        "diskSizeGB": 64,
        "managedDisk": {"storageAccountType": "StandardSSD_LRS"},
    },
}
POOL = {
    "networkConfiguration": {
        "subnetId": "/subscriptions/0/subnets/s",
        "dynamicVnetAssignmentScope": "none",
        "enableAcceleratedNetworking": True,
        "publicIPAddressConfiguration": {"provision": "NoPublicIPAddresses"},
    },
    "startTask": {
        "commandLine": "/bin/sh -c 'nproc'",
        "environmentSettings": [{"name": "A", "value": "Bc"}],
        "maxTaskRetryCount": 1,
        "waitForSuccess": True,
        "userIdentity": {"autoUser": {"elevationLevel": "NonAdmin", "scope": "Pool"}},
    },
    "taskSchedulingPolicy": {"nodeFillType": "Spread", "jobDefaultOrder": "CreationTime"},
    "upgradePolicy": {"mode": "manual"},
    "interNodeCommunication": "Enabled",
}


def _wide() -> PoolTemplate:
    """A template that uses nearly every key that is carried over."""
    properties = copy.deepcopy(dict(load_template("spot").properties)) | POOL
    properties["deploymentConfiguration"]["virtualMachineConfiguration"] |= MACHINE
    return PoolTemplate(name="wide", source="wide", properties=properties)


def _fixed() -> PoolTemplate:
    scale = {"fixedScale": {"targetDedicatedNodes": 4, "resizeTimeout": "PT15M"}}
    properties = {**load_template("spot").properties, "scaleSettings": scale}
    return PoolTemplate(name="fixed", source="fixed", properties=properties)


TEMPLATES = [load_template("spot"), load_template("dedicated"), _wide(), _fixed()]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_azure_batch_declares_every_key_and_value_that_it_is_sent(template):
    body = to_data_plane(
        template, pool_id="p", image="a.io/b", registry_identity=IDENTITY, max_nodes=2
    )
    assert BatchPoolCreateOptions(body).as_dict() == body
    assert _undeclared(body, BatchPoolCreateOptions) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_azure_mgmt_batch_declares_every_key_and_value_of_a_template(template):
    resource = {"properties": dict(template.properties)}
    assert Pool(resource).as_dict() == resource
    assert _undeclared(resource, Pool) == []


def test_the_comparison_notices_an_unknown_key_and_value():
    body = {"vmSize": "s", "vmsize": 1, "taskSchedulingPolicy": {"nodeFillType": "Pack", "x": 1}}
    assert _undeclared(body, BatchPoolCreateOptions) == [
        "vmsize",
        "taskSchedulingPolicy.nodeFillType=Pack",
        "taskSchedulingPolicy.x",
    ]
    resource = {"properties": {"nodeAgentSKUId": 1, "metadata": [{"nam": "a"}]}}
    assert _undeclared(resource, Pool) == [
        "properties.nodeAgentSKUId",
        "properties.metadata.nam",
    ]


def _undeclared(value, hint, where=""):
    """Paths of keys, and of enumerated values, that a model's declaration does not have."""
    kind = _kind(hint)
    if isinstance(value, dict):
        hints = _fields(kind)
        return [
            line
            for name, inner in value.items()
            for path in [f"{where}.{name}".lstrip(".")]
            for line in (_undeclared(inner, hints[name], path) if name in hints else [path])
        ]
    if isinstance(value, list):
        (item_kind,) = typing.get_args(kind)
        return [line for item in value for line in _undeclared(item, item_kind, where)]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [] if value in {member.value for member in kind} else [f"{where}={value}"]
    return []


def _fields(model):
    """Each JSON name that a model declares, with its type."""
    model({})  # the table of fields is filled in when a model is first made
    package = next(
        package
        for package in (data_plane, management_plane)
        if getattr(package, model.__name__, None) is model
    )
    names = {**vars(package), "_models": package}
    hints = {}
    for base in reversed(model.__mro__):
        if base.__module__.startswith(package.__name__):
            hints |= typing.get_type_hints(base, names)
    return {rest._rest_name: hints[name] for name, rest in model._attr_to_rest_field.items()}


def _kind(hint):
    """The model, list or enumeration in `Optional[Union[str, X]]`."""
    if typing.get_origin(hint) not in {typing.Union, types.UnionType}:
        return hint
    found = [kind for kind in typing.get_args(hint) if kind not in {type(None), str}]
    return found[0] if found else str
