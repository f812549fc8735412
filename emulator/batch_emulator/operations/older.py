"""What only older api-versions have: answers of another form, and what the service has retired.

The latter is refused. Certificates ended in February 2024, cloud services pools in August 2024,
statistics over an account's whole life with version 2023-05-01.17.0. A remote desktop file is for
Windows nodes, an upgrade of the system for pools of cloud services.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from batch_emulator.service import Service
from batch_emulator.wire.body import read_body
from batch_emulator.wire.errors import BatchError, invalid_property
from batch_emulator.wire.former import BLOBS_UNTIL, SLOTS_UNTIL, VALIDATED_UNTIL
from batch_emulator.wire.paging import page_size
from batch_emulator.wire.reply import base_url, reply
from batch_emulator.wire.versions import has_certificates, version_of


async def add_certificate(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """Refuse a certificate: nothing here could use it."""
    _require_certificates(request)
    await read_body(request, "CertificateAddParameter")
    reason = "Certificates were retired on 29 February 2024."
    raise BatchError("InvalidRestAPIForAccountSetting", Reason=reason)


async def list_certificates(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """List certificates, of which there are none."""
    _require_certificates(request)
    page_size(request)
    metadata = f"{base_url(request)}/$metadata#certificates"
    return reply(200, body={"odata.metadata": metadata, "value": []})


async def find_certificate(service: Service, request: Request) -> Response:  # noqa: ARG001 - as all are called
    """Say that a certificate is not there, to whoever wants to see, delete or keep it."""
    _require_certificates(request)
    raise BatchError("CertificateNotFound")


async def get_remote_desktop(service: Service, request: Request) -> Response:
    """Refuse a remote desktop file: the nodes are Linux machines."""
    _require_certificates(request)
    service.account.node(request.path_params["poolId"], request.path_params["nodeId"])
    reason = "Remote desktop is for Windows nodes; see remoteloginsettings."
    raise BatchError("OperationNotValidOnNode", Reason=reason)


async def upgrade_system(service: Service, request: Request) -> Response:
    """Refuse to upgrade a pool's system: only pools of cloud services could be."""
    if version_of(request) > BLOBS_UNTIL:
        raise BatchError("InvalidUri", Reason=f"{request.method} {request.url.path}")
    service.account.pool(request.path_params["poolId"])
    await read_body(request, "PoolUpgradeOSParameter")
    reason = "Only pools of cloud services could be upgraded, and they were retired."
    raise BatchError("OperationNotValidOnPool", Reason=reason)


def counts_as_told(request: Request, counts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A job's task counts as a request's version has them, after what they are called there."""
    version = version_of(request)
    if version > SLOTS_UNTIL:
        return "taskcountsresult", counts
    validated = {"validationStatus": "validated"} if version <= VALIDATED_UNTIL else {}
    return "taskcounts", {**counts["taskCounts"], **validated}


def usage_as_told(request: Request, metrics: dict[str, Any]) -> dict[str, Any]:
    """A pool's usage as a request's version has it: early ones tell traffic too, here none."""
    if version_of(request) > BLOBS_UNTIL:
        return metrics
    return {**metrics, "dataIngressGiB": 0.0, "dataEgressGiB": 0.0}


def check_older_pool(spec: dict[str, Any]) -> None:
    """Refuses what older api-versions can say of a pool and no pool can have any more.

    Raises:
        BatchError: if a pool refers to certificates, or is to be of cloud services.
    """
    if spec.get("certificateReferences"):
        error = BatchError("InvalidCertificateReferences")
        for one in spec["certificateReferences"]:
            name = f"{one['thumbprintAlgorithm']}-{one['thumbprint']}"
            error.details[name] = "The specified certificate does not exist."
        raise error
    if "cloudServiceConfiguration" in spec:
        raise invalid_property(
            "cloudServiceConfiguration",
            spec["cloudServiceConfiguration"],
            "Cloud services pools were retired on 31 August 2024; virtualMachineConfiguration is "
            "what pools have.",
        )


def _require_certificates(request: Request) -> None:
    if not has_certificates(request):
        raise BatchError("InvalidUri", Reason=f"{request.method} {request.url.path}")
