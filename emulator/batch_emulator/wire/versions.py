"""The api-versions that are taken, and what older ones have that the newest one has not.

Found by comparing the models and routes of azure-batch 14.2.0 and 15.0.0b1 (2024-02-01.19.0) and of
@azure/batch 10.2.0 for Node.js (2022-10-01.16.0) with azure-batch 15.1.0 (2025-06-01): newer
versions added properties and took away a few, and all else is the same. So an older version is
taken with every property that any of them has, and what was taken away comes back to it alone.
What has another name in versions before 2020-09-01.12.0 is in `former`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from batch_emulator.wire.errors import BatchError, invalid_query
from batch_emulator.wire.former import with_former

Json = dict[str, Any]

PARAMETER = "api-version"
NEWEST = "2025-06-01"
OLDER = (
    "2017-09-01.6.0",
    "2018-03-01.6.1",
    "2018-08-01.7.0",
    "2018-12-01.8.0",
    "2019-06-01.9.0",
    "2019-08-01.10.0",
    "2020-03-01.11.0",
    "2020-09-01.12.0",
    "2021-06-01.14.0",
    "2022-01-01.15.0",
    "2022-10-01.16.0",
    "2023-05-01.17.0",
    "2023-11-01.18.0",
    "2024-02-01.19.0",
    "2024-07-01.20.0",
)
"""From the one that azure-batch 4.0.0 sends, of 2017."""
_CERTIFICATES_UNTIL = "2024-02-01.19.0"
"""The last that has certificates and remote desktop files, and cannot deallocate a node."""
_FORMER = frozenset(
    (
        *("2017-06-01.5.1", "2017-05-01.5.0"),
        *("2017-01-01.4.0", "2016-07-01.3.1", "2016-02-01.3.0", "2015-12-01.2.2"),
        *("2015-11-01.2.1", "2015-06-01.2.0", "2015-03-01.1.1", "2014-10-01.1.0"),
    )
)
"""The service's page "REST API versioning" lists them too; no shapes of theirs are known here."""

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_TEXT: Json = {"type": "string"}
_MODE: Json = {"enum": ["default", "classic", "simplified"]}
_CERTIFICATES: Json = {"list": {"ref": "CertificateReference"}}
_TOKENS: Json = {"ref": "AuthenticationTokenSettings"}
_POOL: dict[str, Json] = {
    "applicationLicenses": {"list": _TEXT},
    "certificateReferences": _CERTIFICATES,
    "cloudServiceConfiguration": {"ref": "CloudServiceConfiguration"},
    "resourceTags": {"type": "object"},
    "targetNodeCommunicationMode": _MODE,
}
_CHANGE: dict[str, Json] = {
    "certificateReferences": _CERTIFICATES,
    "targetNodeCommunicationMode": _MODE,
}

PROPERTIES: Mapping[str, dict[str, Json]] = {
    "BatchPool": {**_POOL, "currentNodeCommunicationMode": _MODE},
    "BatchPoolCreateOptions": _POOL,
    "BatchPoolSpecification": _POOL,
    "BatchPoolUpdateOptions": _CHANGE,
    "BatchPoolReplaceOptions": _CHANGE,
    "BatchNode": {"certificateReferences": _CERTIFICATES},
    "BatchTask": {"authenticationTokenSettings": _TOKENS},
    "BatchTaskCreateOptions": {"authenticationTokenSettings": _TOKENS},
    "BatchJobManagerTask": {"authenticationTokenSettings": _TOKENS},
    "DataDisk": {
        "storageAccountType": {"enum": ["standard_lrs", "premium_lrs", "standardssd_lrs"]}
    },
}
"""What older versions have and the newest has not, by the newest's names of shapes."""
SHAPES: Mapping[str, Json] = {
    "AuthenticationTokenSettings": {"properties": {"access": {"list": {"enum": ["job"]}}}},
    "CertificateReference": {
        "properties": {
            "thumbprint": _TEXT,
            "thumbprintAlgorithm": _TEXT,
            "storeLocation": {"enum": ["currentuser", "localmachine"]},
            "storeName": _TEXT,
            "visibility": {"list": {"enum": ["starttask", "task", "remoteuser"]}},
        },
        "required": ["thumbprint", "thumbprintAlgorithm"],
    },
    "CertificateAddParameter": {
        "properties": {
            "thumbprint": _TEXT,
            "thumbprintAlgorithm": _TEXT,
            "data": _TEXT,
            "certificateFormat": {"enum": ["pfx", "cer"]},
            "password": _TEXT,
        },
        "required": ["thumbprint", "thumbprintAlgorithm", "data"],
    },
    "CloudServiceConfiguration": {
        "properties": {"osFamily": _TEXT, "osVersion": _TEXT},
        "required": ["osFamily"],
    },
}
"""Shapes that only older versions have."""
_TOKENS_OF_TASKS = "authenticationTokenSettings"
_OLDER_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "tasks": (_TOKENS_OF_TASKS,),
    "jobs": ("jobManagerTask", _TOKENS_OF_TASKS),
    "jobschedules": ("jobSpecification", "jobManagerTask", _TOKENS_OF_TASKS),
}
"""Where members of a collection may hold what the newest version does not have."""


def check_version(query: str) -> None:
    """Hold a request's query to a version that is known.

    An unknown one is refused with the code that the service gave for one that was not there yet
    (github.com/Azure/azure-sdk-for-python, issue 19224).

    Raises:
        BatchError: saying which versions are.
    """
    given = dict(parse_qsl(query)).get(PARAMETER)
    if not given:
        raise BatchError("MissingRequiredQueryParameter", QueryParameterName=PARAMETER)
    if given in _FORMER:
        raise BatchError(
            "UnsupportedRequestVersion",
            QueryParameterName=PARAMETER,
            QueryParameterValue=given,
            Reason=f"This emulator knows {_known()}.",
        )
    if given != NEWEST and given not in OLDER:
        raise invalid_query(PARAMETER, given, f"Known: {_known()}.")


def version_of(request: Request) -> str:
    """The version that a request is of."""
    return request.query_params.get(PARAMETER, NEWEST)


def is_older(request: Request) -> bool:
    """Whether a request is of an older version than the newest."""
    return version_of(request) != NEWEST


def has_certificates(request: Request) -> bool:
    """Whether a request's version has what later ones took away: certificates, remote desktop."""
    return version_of(request) <= _CERTIFICATES_UNTIL


def shapes_of(version: str, schemas: Mapping[str, Json]) -> dict[str, Json]:
    """An older version's shapes: the newest's, what any older one has beside, its own names."""
    merged = {**schemas, **SHAPES}
    for shape, properties in PROPERTIES.items():
        own = merged[shape]
        merged[shape] = {**own, "properties": {**own["properties"], **properties}}
    return with_former(merged, version)


def number_of_text(value: object, kind: str) -> object:
    """A whole number that came as text: so the Azure CLI 2.91 sends each one typed as an option."""
    if kind == "integer" and isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    return value


def as_newest(document: Mapping[str, Any], collection: str) -> Mapping[str, Any]:
    """A member of a collection without what only older versions have."""
    if collection not in _OLDER_MEMBERS:
        return document
    return _without(document, _OLDER_MEMBERS[collection])


def _without(document: Mapping[str, Any], path: tuple[str, ...]) -> Json:
    if not path or path[0] not in document:
        return dict(document)
    name, *rest = path
    if rest:
        return {**document, name: _without(document[name], tuple(rest))}
    return {key: value for key, value in document.items() if key != name}


def pool_as_told(request: Request, document: Json) -> Json:
    """A pool as a request's version has it; the order of jobs is in recordings of none so far.

    How its nodes communicate now is told once it has some: so the service answered in the recorded
    tests of the Azure CLI.
    """
    if not is_older(request):
        return {k: v for k, v in document.items() if k not in PROPERTIES["BatchPool"]}
    if version_of(request) <= _CERTIFICATES_UNTIL:
        document = _without(document, ("taskSchedulingPolicy", "jobDefaultOrder"))
    if not document["currentDedicatedNodes"] + document["currentLowPriorityNodes"]:
        return document
    target = document.get("targetNodeCommunicationMode", "default")
    return {
        **document,
        "currentNodeCommunicationMode": "simplified" if target == "default" else target,
    }


def _known() -> str:
    return ", ".join((*OLDER, NEWEST))
